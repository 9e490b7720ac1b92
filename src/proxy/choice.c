/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cookie holds nothing but a random number: what it means is computed from it and the weights, so nothing
 * is kept of who was given which. A client that makes one up reaches no other upstream than it could by
 * chance.
 */
#include "proxy/choice.h"

#include "base/hash.h"
#include "policy/principal.h"

/* A cookie without '=' has no name (RFC 6265 section 5.2); some clients split theirs over several fields. */
static str find_cookie(const struct http_fields *fields, str name)
{
	str rest, item, its_name, value;

	for (size_t i = 0; i < fields->count; i++) {
		if (fields->at[i].removed || fields->at[i].id != HTTP_COOKIE)
			continue;
		rest = fields->at[i].value;
		while (str_next(&rest, ';', &item))
			if (str_cut(item, '=', &its_name, &value) && str_eq(its_name, name))
				return value;
	}
	return (str) { 0 };
}

static str consumer_of(const struct exchange *x)
{
	return x->view.principal ? x->view.principal->consumer : (str) { 0 };
}

/* What is known of the client by this split; empty: nothing. */
static str sticky_text(struct exchange *x, const struct sticky_config *sticky)
{
	str value;

	switch (sticky->kind) {
	case STICKY_CLIENT_IP:
		return x->view.client_ip;
	case STICKY_COOKIE:
		value = find_cookie(&x->request.head.fields, sticky->cookie);
		if (!value.len)
			value = x->sticky_cookie = exchange_token(x);
		return value;
	case STICKY_CONSUMER:
		return consumer_of(x);
	case STICKY_NONE:
		break;
	}
	return (str) { 0 };
}

void choice_make(struct exchange *x)
{
	const struct split *split = x->target->split;
	const struct effects *effects = x->view.effects;
	const struct share *share;
	str text;

	x->upstream = x->target->upstream;
	x->timeouts = x->target->timeouts;
	if (!split)
		return;
	text = sticky_text(x, &split->sticky);
	share = split_choose(split, text.len ? hash_stable(text) : effects->random(effects->self));
	x->upstream = share->upstream;
	x->timeouts = share->timeouts;
}

/* The same for an upstream. Where nobody is known, the address says more than nothing. */
static str hashed_text(const struct exchange *x, const struct balance_hash *hash)
{
	const struct http_fields *fields = &x->request.head.fields;
	const struct http_field *field;
	str consumer;

	switch (hash->by) {
	case BALANCE_BY_HEADER:
		field = http_fields_find(fields, hash->name);
		return field ? field->value : (str) { 0 };
	case BALANCE_BY_COOKIE:
		return find_cookie(fields, hash->name);
	case BALANCE_BY_CONSUMER:
		consumer = consumer_of(x);
		return consumer.len ? consumer : x->view.client_ip;
	case BALANCE_BY_CLIENT_IP:
		break;
	}
	return x->view.client_ip;
}

uint64_t choice_key(struct exchange *x)
{
	const struct balance_config *balance = &x->upstream->config->balance;
	const struct effects *effects = x->view.effects;
	str text;

	if (balance->kind != BALANCE_HASH)
		return 0;
	text = hashed_text(x, &balance->hash);
	return text.len ? hash_stable(text) : effects->random(effects->self);
}

result choice_put_cookie(struct exchange *x, struct http_fields *fields)
{
	str parts[] = { (str) { 0 },    STR("="),    x->sticky_cookie,
			STR("; Path="), (str) { 0 }, STR("; HttpOnly; SameSite=Lax"),
			(str) { 0 } };

	if (!x->sticky_cookie.len)
		return OK;
	parts[0] = x->target->split->sticky.cookie;
	parts[4] = x->target->split->cookie_path;
	if (str_eq(x->view.scheme, STR("https")))
		parts[6] = STR("; Secure");
	return http_fields_add(fields, HTTP_SET_COOKIE, STR("Set-Cookie"), arena_join(&x->arena, parts, 7));
}

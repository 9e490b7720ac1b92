/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The four kinds of conditions differ in where a request keeps its values, and in nothing else. So each kind
 * has a function that gives the next value under a name, and one loop holds them against the condition. A
 * client's address is no text and has a way of its own.
 */
#include "route/condition.h"

#include "base/hash.h"
#include "codec/uri.h"
#include "config/secret_name.h"

static const struct kind {
	const char *key; /* in `match` */
	const char *word;
} kinds[] = {
	[CONDITION_HEADER] = { "headers", "header" },
	[CONDITION_QUERY] = { "query", "query" },
	[CONDITION_COOKIE] = { "cookies", "cookie" },
	[CONDITION_CLIENT] = { "client_ip", "client_ip" },
};

static bool report(struct condition_compile *compile, const struct node *at, str why)
{
	diagnostic_error(compile->diagnostics, at, "%.*s", STR_ARG(why));
	return false;
}

/* Names of headers and cookies are tokens; a parameter of the query may have any name, it is decoded. */
static bool compile_name(struct condition_compile *compile, const struct pair *pair,
			 struct condition *condition)
{
	condition->name = pair->name;
	if (condition->subject != CONDITION_QUERY && !http_is_token(pair->name))
		return report(compile, pair->node, STR("the name is not one that a request can hold"));
	if (condition->subject == CONDITION_HEADER) {
		condition->id = http_name_find(pair->name);
		condition->is_by_text = condition->id == HTTP_NAME_OTHER ||
					!str_eq_nocase(http_name_text(condition->id), pair->name);
	}
	return true;
}

/* "*", "!" and "~" have a meaning only in front or alone: "!yes" is a value like any other. There is no way
 * to ask for the value "*" itself but a regular expression. */
static bool compile_value(struct condition_compile *compile, const struct pair *pair,
			  struct condition *condition)
{
	struct regex *regex;
	str why;

	condition->value = pair->value;
	condition->is_secret =
		(pair->node && pair->node->is_expanded) || secret_name_judge(pair->name) != SECRET_NAME_NONE;
	if (str_eq(pair->value, STR("*"))) {
		condition->test = CONDITION_PRESENT;
	} else if (str_eq(pair->value, STR("!"))) {
		condition->test = CONDITION_ABSENT;
	} else if (!str_starts(pair->value, STR("~"))) {
		condition->test = CONDITION_EQUAL;
	} else {
		condition->test = CONDITION_REGEX;
		if (!regex_compile(compile->regexes, str_skip(pair->value, 1), &regex, &why))
			return report(compile, pair->node, why);
		condition->regex = regex;
	}
	return true;
}

/* Goes on after an error, so that each wrong one is told. */
static bool compile_pairs(struct condition_compile *compile, enum condition_subject subject,
			  const struct pair_list *pairs, struct condition *conditions, size_t *count)
{
	bool good = true;

	for (size_t i = 0; i < pairs->len; i++) {
		struct condition *condition = &conditions[(*count)++];

		condition->subject = subject;
		good &= compile_name(compile, &pairs->at[i], condition) &&
			compile_value(compile, &pairs->at[i], condition);
	}
	return good;
}

/* Ranges are one condition, as they are one key: the client is in one of them. */
static bool compile_client(struct condition_compile *compile, const struct match_config *match,
			   const struct node *node, struct condition *condition)
{
	struct cidr *ranges = ARENA_ARRAY(compile->arena, struct cidr, match->client_ip.len);
	const struct node *list = node_find(node, STR("client_ip"));
	const struct node *at = list && list->kind == NODE_LIST ? list->first : list;
	bool good = true;

	*condition = (struct condition) { .subject = CONDITION_CLIENT,
					  .ranges = ranges,
					  .range_texts = match->client_ip };
	for (size_t i = 0; i < match->client_ip.len; i++, at = at ? at->next : NULL)
		if (!cidr_parse(match->client_ip.at[i], &ranges[i]))
			good = report(compile, at, STR("want an address or a range such as 10.0.0.0/8"));
	return good;
}

bool conditions_compile(struct condition_compile *compile, const struct match_config *match,
			const struct node *node, const struct condition **ret_conditions, size_t *ret_count)
{
	size_t max = match->headers.len + match->query.len + match->cookies.len + (match->client_ip.len > 0);
	struct condition *conditions = max ? ARENA_ARRAY(compile->arena, struct condition, max) : NULL;
	bool good;

	*ret_conditions = conditions;
	*ret_count = 0;
	good = compile_pairs(compile, CONDITION_HEADER, &match->headers, conditions, ret_count);
	good &= compile_pairs(compile, CONDITION_QUERY, &match->query, conditions, ret_count);
	good &= compile_pairs(compile, CONDITION_COOKIE, &match->cookies, conditions, ret_count);
	if (match->client_ip.len)
		good &= compile_client(compile, match, node, &conditions[(*ret_count)++]);
	return good;
}

/* Names of headers are the same in either case; this is for a few bytes at load time only. */
static uint64_t hash_nocase(str s, uint64_t seed)
{
	uint64_t hash = seed;

	for (size_t i = 0; i < s.len; i++)
		hash = hash_mix(hash, (unsigned char)ascii_lower(s.ptr[i]));
	return hash;
}

uint64_t condition_hash(const struct condition *condition, uint64_t seed)
{
	uint64_t hash = hash_mix(seed, condition->subject);

	/* Ranges in any order say the same: a sum. */
	for (size_t i = 0; i < condition->range_texts.len; i++)
		hash += hash_bytes(condition->range_texts.at[i], seed);
	if (condition->subject == CONDITION_HEADER)
		hash = hash_nocase(condition->name, hash);
	else
		hash = hash_bytes(condition->name, hash);
	return hash_bytes(condition->value, hash);
}

/* The values that a request holds under one name. */
struct instances {
	const struct condition *condition;
	const struct route_request *request;
	struct condition_scratch *scratch;
	size_t field;
	str rest; /* of the query, or of a Cookie field */
	bool is_too_long;
};

/* Fields are compared by number where the name has one of its own. */
static bool next_header(struct instances *in, str *ret_value)
{
	const struct condition *condition = in->condition;
	const struct http_fields *fields = in->request->fields;

	while (in->field < fields->count) {
		const struct http_field *field = &fields->at[in->field++];

		if (field->removed || field->id != condition->id)
			continue;
		if (condition->is_by_text && !str_eq_nocase(field->name, condition->name))
			continue;
		*ret_value = field->value;
		return true;
	}
	return false;
}

/* Into the room, which holds one text at a time. */
static str decode(struct instances *in, str encoded)
{
	struct buf room = buf_over(in->scratch->room, sizeof in->scratch->room);
	str text = uri_decode(encoded, true, &room);

	if (text.len == 0 && encoded.len > sizeof in->scratch->room)
		in->is_too_long = true;
	return text;
}

/* Names are decoded too: "%66ormat=csv" says the same to most services, so it must not slip past a rule. */
static bool next_parameter(struct instances *in, str *ret_value)
{
	str name, value;

	while (!in->is_too_long && uri_query_next(&in->rest, &name, &value)) {
		if (!str_eq(decode(in, name), in->condition->name))
			continue;
		*ret_value = decode(in, value);
		return true;
	}
	return false;
}

/* Some clients split their cookies over several fields (RFC 9113 section 8.2.3). */
static bool next_cookie_field(struct instances *in)
{
	const struct http_fields *fields = in->request->fields;

	while (in->field < fields->count) {
		const struct http_field *field = &fields->at[in->field++];

		if (field->removed || field->id != HTTP_COOKIE)
			continue;
		in->rest = field->value;
		return true;
	}
	return false;
}

/* A cookie without '=' has no name (RFC 6265 section 5.2), and names are told apart by case. */
static bool next_cookie(struct instances *in, str *ret_value)
{
	str item, name, value;

	do {
		while (str_next(&in->rest, ';', &item)) {
			if (!str_cut(item, '=', &name, &value) ||
			    !str_eq(str_trim(name), in->condition->name))
				continue;
			*ret_value = str_trim(value);
			return true;
		}
	} while (next_cookie_field(in));
	return false;
}

static bool next_instance(struct instances *in, str *ret_value)
{
	switch (in->condition->subject) {
	case CONDITION_HEADER:
		return next_header(in, ret_value);
	case CONDITION_QUERY:
		return next_parameter(in, ret_value);
	case CONDITION_COOKIE:
		return next_cookie(in, ret_value);
	case CONDITION_CLIENT:
		break;
	}
	return false;
}

static enum condition_outcome check_value(const struct condition *condition,
					  struct condition_scratch *scratch, str value)
{
	enum regex_outcome outcome;

	switch (condition->test) {
	case CONDITION_PRESENT:
		return CONDITION_HOLDS;
	case CONDITION_ABSENT:
		return CONDITION_FAILS;
	case CONDITION_EQUAL:
		return str_eq(value, condition->value) ? CONDITION_HOLDS : CONDITION_FAILS;
	case CONDITION_REGEX:
		break;
	}
	outcome = regex_match(condition->regex, &scratch->regex, value, 0);
	if (outcome == REGEX_LIMIT)
		return CONDITION_LIMIT;
	return outcome == REGEX_YES ? CONDITION_HOLDS : CONDITION_FAILS;
}

/* One instance that fits is enough; one that is there is too many for "absent". A limit ends it at once: what
 * cannot be read to the end cannot be said to be absent either. */
static enum condition_outcome check_instances(const struct condition *condition,
					      struct condition_scratch *scratch,
					      const struct route_request *request)
{
	struct instances in = { .condition = condition, .request = request, .scratch = scratch };
	str value;

	if (condition->subject == CONDITION_QUERY)
		in.rest = request->query;
	while (next_instance(&in, &value)) {
		enum condition_outcome outcome =
			in.is_too_long ? CONDITION_LIMIT : check_value(condition, scratch, value);

		if (outcome != CONDITION_FAILS || condition->test == CONDITION_ABSENT)
			return outcome;
	}
	if (in.is_too_long)
		return CONDITION_LIMIT;
	return condition->test == CONDITION_ABSENT ? CONDITION_HOLDS : CONDITION_FAILS;
}

/* A Unix socket has no address that could be in a range. */
static bool ip_of_address(const struct address *address, struct ip *ret_ip)
{
	if (!address)
		return false;
	if (address->any.sa_family == AF_INET)
		*ret_ip = ip_of_v4((const uint8_t *)&address->v4.sin_addr);
	else if (address->any.sa_family == AF_INET6)
		memcpy(ret_ip->bytes, &address->v6.sin6_addr, sizeof ret_ip->bytes);
	else
		return false;
	return true;
}

static enum condition_outcome check_client(const struct condition *condition,
					   const struct route_request *request)
{
	struct ip ip;

	if (!ip_of_address(request->client, &ip))
		return CONDITION_FAILS;
	if (cidr_any_has(condition->ranges, condition->range_texts.len, ip))
		return CONDITION_HOLDS;
	return CONDITION_FAILS;
}

enum condition_outcome condition_check(const struct condition *condition, struct condition_scratch *scratch,
				       const struct route_request *request)
{
	if (condition->subject == CONDITION_CLIENT)
		return check_client(condition, request);
	return check_instances(condition, scratch, request);
}

void condition_print(const struct condition *condition, FILE *to)
{
	str value = condition->is_secret ? STR("***") : condition->value;

	fprintf(to, "%s", kinds[condition->subject].word);
	for (size_t i = 0; i < condition->range_texts.len; i++)
		fprintf(to, "%s%.*s", i ? ", " : " in ", STR_ARG(condition->range_texts.at[i]));
	if (condition->subject == CONDITION_CLIENT)
		return;
	fprintf(to, " %.*s", STR_ARG(condition->name));
	switch (condition->test) {
	case CONDITION_PRESENT:
		fprintf(to, " is present");
		break;
	case CONDITION_ABSENT:
		fprintf(to, " is absent");
		break;
	case CONDITION_EQUAL:
		fprintf(to, " = \"%.*s\"", STR_ARG(value));
		break;
	case CONDITION_REGEX:
		fprintf(to, " matches %.*s", STR_ARG(value));
		break;
	}
}

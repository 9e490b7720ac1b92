/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever is left of the last trusted proxy's own word was written by somebody who may lie: it is never
 * looked at before everything right of it was found to be trusted.
 */
#include "codec/forwarded.h"

#include "codec/host.h"
#include "codec/scan.h"

/* Names are case-insensitive (RFC 7239 section 4); others than these four are legal. */
static str *parameter_of(struct forwarded *forwarded, str name)
{
	if (str_eq_nocase(name, STR("for")))
		return &forwarded->for_node;
	if (str_eq_nocase(name, STR("by")))
		return &forwarded->by_node;
	if (str_eq_nocase(name, STR("host")))
		return &forwarded->host;
	if (str_eq_nocase(name, STR("proto")))
		return &forwarded->proto;
	return NULL;
}

/* A token, or a quoted string without quoted pairs, at the start of *rest. */
static bool take_value(str *rest, str *ret_value)
{
	size_t len;

	if (str_starts(*rest, STR("\""))) {
		*rest = str_skip(*rest, 1);
		if (!str_find(*rest, '"', &len))
			return false;
		*ret_value = str_slice(*rest, 0, len);
		*rest = str_skip(*rest, len + 1);
		return http_is_field_value(*ret_value) && !str_contains(*ret_value, STR("\\"));
	}
	len = rest->len ? (size_t)(scan_token(rest->ptr, rest->ptr + rest->len) - rest->ptr) : 0;
	*ret_value = str_slice(*rest, 0, len);
	*rest = str_skip(*rest, len);
	return len > 0;
}

bool forwarded_names_client(str name)
{
	enum http_name id = http_name_find(name);

	return id == HTTP_X_FORWARDED_FOR || id == HTTP_FORWARDED || id == HTTP_X_REAL_IP;
}

bool forwarded_parse(str element, struct forwarded *ret_forwarded)
{
	str rest = str_trim(element), name, value;

	*ret_forwarded = (struct forwarded) { 0 };
	while (rest.len) {
		str *parameter;

		if (!str_cut(rest, '=', &name, &rest) || !http_is_token(name) || !take_value(&rest, &value))
			return false;
		parameter = parameter_of(ret_forwarded, name);
		if (parameter && parameter->len)
			return false;
		if (parameter)
			*parameter = value;
		rest = str_trim(rest);
		if (rest.len && rest.ptr[0] != ';')
			return false;
		rest = str_trim(str_skip(rest, 1));
	}
	return true;
}

bool forwarded_last(str *list, str *ret_element)
{
	while (list->len) {
		size_t start = list->len;
		bool in_quotes = false;

		while (start > 0 && (in_quotes || list->ptr[start - 1] != ','))
			in_quotes ^= list->ptr[--start] == '"';
		*ret_element = str_trim(str_skip(*list, start));
		list->len = start ? start - 1 : 0;
		if (ret_element->len)
			return true;
	}
	return false;
}

bool forwarded_node_ip(str node, struct ip *ret_ip)
{
	struct host host;

	if (ip_parse(node, ret_ip))
		return true;
	if (!host_parse(node, &host))
		return false;
	if (str_starts(host.name, STR("[")))
		host.name = str_slice(host.name, 1, host.name.len - 1);
	return ip_parse(host.name, ret_ip);
}

/* One element: by a proxy that is trusted, of whoever came to it. False: it does not say who that is.
 * X-Forwarded-For has bare addresses where Forwarded has parameters. */
static bool take_element(enum http_name id, str element, struct forwarded_client *client)
{
	struct forwarded forwarded = { .for_node = element };
	struct ip ip;

	if (id == HTTP_FORWARDED && !forwarded_parse(element, &forwarded))
		return false;
	client->host = forwarded.host.len ? forwarded.host : client->host;
	client->proto = forwarded.proto.len ? forwarded.proto : client->proto;
	if (!forwarded_node_ip(forwarded.for_node, &ip))
		return false;
	client->ip = ip;
	return true;
}

struct forwarded_client forwarded_client(const struct http_fields *fields, const struct cidr *trusted,
					 size_t trusted_count, struct ip peer)
{
	enum http_name id =
		http_fields_get(fields, HTTP_X_FORWARDED_FOR) ? HTTP_X_FORWARDED_FOR : HTTP_FORWARDED;
	struct forwarded_client client = { .ip = peer };

	for (size_t i = fields->count; i-- > 0;) {
		str list = fields->at[i].value, element;

		if (fields->at[i].id != id || fields->at[i].removed)
			continue;
		while (cidr_any_has(trusted, trusted_count, client.ip) && forwarded_last(&list, &element))
			if (!take_element(id, element, &client))
				return client;
		if (!cidr_any_has(trusted, trusted_count, client.ip))
			return client;
	}
	return client;
}

/* `start` is ";name="; the first parameter has no ';'. RFC 7239 section 4: a value with ':' or brackets must
 * be quoted, a token need not be. */
static void parameter_print(struct buf *out, bool is_first, str start, str value)
{
	buf_put(out, str_skip(start, is_first));
	if (http_is_token(value)) {
		buf_put(out, value);
		return;
	}
	buf_put_char(out, '"');
	buf_put(out, value);
	buf_put_char(out, '"');
}

void forwarded_print(struct buf *out, const struct forwarded *forwarded)
{
	size_t begin = out->len;

	if (forwarded->for_node.len)
		parameter_print(out, true, STR(";for="), forwarded->for_node);
	if (forwarded->by_node.len)
		parameter_print(out, out->len == begin, STR(";by="), forwarded->by_node);
	if (forwarded->host.len)
		parameter_print(out, out->len == begin, STR(";host="), forwarded->host);
	if (forwarded->proto.len)
		parameter_print(out, out->len == begin, STR(";proto="), forwarded->proto);
}

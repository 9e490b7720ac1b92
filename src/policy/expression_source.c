/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the names of an expression stand for. The same things as ${...} stands for, under CEL's names, and
 * with what is there told from what is empty.
 */
#include "codec/uri.h"
#include "policy/expression_private.h"

static struct operand missing(void)
{
	return (struct operand) { .kind = OPERAND_MISSING };
}

static struct operand text_operand(str text)
{
	return (struct operand) { .kind = OPERAND_STRING, .text = text };
}

/* Empty is as good as absent, of what the gateway itself knows. */
static struct operand text_or_missing(str text)
{
	return text.len ? text_operand(text) : missing();
}

static struct operand get_method(const struct view *view)
{
	return text_operand(view->request->method_text);
}

static struct operand get_host(const struct view *view)
{
	return text_or_missing(view->host);
}

static struct operand get_path(const struct view *view)
{
	return text_operand(view->path);
}

static struct operand get_scheme(const struct view *view)
{
	return text_operand(view->scheme);
}

static struct operand get_id(const struct view *view)
{
	return text_operand(view->request_id);
}

static struct operand get_client_ip(const struct view *view)
{
	return text_operand(view->client_ip);
}

static struct operand get_now(const struct view *view)
{
	return (struct operand) { .kind = OPERAND_TIMESTAMP, .time = view_now(view) };
}

static struct operand get_consumer(const struct view *view)
{
	return view->principal ? text_or_missing(view->principal->consumer) : missing();
}

static struct operand get_groups(const struct view *view)
{
	return view->principal ? view->principal->groups : missing();
}

static struct operand get_claims(const struct view *view)
{
	return view->principal ? view->principal->claims : missing();
}

static struct operand get_subject(const struct view *view)
{
	return view->principal ? text_or_missing(view->principal->certificate_subject) : missing();
}

/* Maps. */

static bool is_named(const struct http_field *field, str name, enum http_name id)
{
	bool is_by_text = id == HTTP_NAME_OTHER || (http_name_flags(id) & HTTP_NAME_FAMILY);

	return !field->removed && field->id == id && (!is_by_text || str_eq_nocase(field->name, name));
}

/* Lines of one name are one list (RFC 9110 section 5.3): none of them hides another. */
static struct operand find_field(const struct view *view, str key, enum http_name id, struct buf *room)
{
	const struct http_fields *fields = &view->request->fields;
	const struct http_field *first = NULL;
	size_t from = room->len;

	for (size_t i = 0; i < fields->count; i++) {
		const struct http_field *field = &fields->at[i];

		if (!is_named(field, key, id))
			continue;
		if (first) {
			if (room->len == from)
				buf_put(room, first->value);
			buf_put(room, STR(", "));
			buf_put(room, field->value);
		}
		first = first ? first : field;
	}
	if (!first)
		return missing();
	return text_operand(room->len == from ? first->value : str_skip(buf_str(room), from));
}

/* Encoded, a byte takes one or three. */
static bool may_be(str name, str key)
{
	return name.len >= key.len && name.len / 3 <= key.len;
}

/* The first one of that name, which may be encoded as well. */
static struct operand find_parameter(const struct view *view, str key, enum http_name id, struct buf *room)
{
	str rest = view->query, name, value;

	(void)id;
	while (uri_query_next(&rest, &name, &value)) {
		size_t before = room->len;
		bool is_it = may_be(name, key) && str_eq(uri_decode(name, true, room), key);

		room->len = before;
		if (is_it)
			return text_operand(uri_decode(value, true, room));
	}
	return missing();
}

static bool find_in_cookie_field(str rest, str key, str *ret_value)
{
	str item, name, value;

	while (str_next(&rest, ';', &item)) {
		if (!str_cut(item, '=', &name, &value) || !str_eq(str_trim(name), key))
			continue;
		*ret_value = str_trim(value);
		return true;
	}
	return false;
}

/* The first one, also where the client has split them over several fields. */
static struct operand find_cookie(const struct view *view, str key, enum http_name id, struct buf *room)
{
	const struct http_fields *fields = &view->request->fields;
	str value;

	(void)id;
	(void)room;
	for (size_t i = 0; i < fields->count; i++)
		if (!fields->at[i].removed && fields->at[i].id == HTTP_COOKIE &&
		    find_in_cookie_field(fields->at[i].value, key, &value))
			return text_operand(value);
	return missing();
}

static struct operand find_path_parameter(const struct view *view, str key, enum http_name id,
					  struct buf *room)
{
	(void)id;
	(void)room;
	for (size_t i = 0; i < view->parameter_count; i++)
		if (str_eq(view->parameters[i].name, key))
			return text_operand(view->parameters[i].value);
	return missing();
}

static struct operand find_label(const struct view *view, str key, enum http_name id, struct buf *room)
{
	const struct operand *labels = view->principal ? &view->principal->labels : NULL;
	struct operand value;

	(void)id;
	(void)room;
	if (!labels || labels->kind != OPERAND_MAP || !labels->map.find(labels->map.self, key, &value))
		return missing();
	return value;
}

#define TEXT(words, function, text)                                                        \
	{                                                                                  \
		.name = STR_INIT(words), .doc = text, .type = TYPE_STRING, .get = function \
	}
#define TEXTS(words, function, text)                                                            \
	{                                                                                       \
		.name = STR_INIT(words), .doc = text, .type = TYPE_MAP, .element = TYPE_STRING, \
		.find = function                                                                \
	}

const struct expression_source expression_sources[] = {
	TEXT("request.method", get_method, "The method, such as `GET`; case matters."),
	TEXT("request.host", get_host, "The host in lower case, without port."),
	TEXT("request.path", get_path, "The normalised path."),
	TEXT("request.scheme", get_scheme, "`http` or `https`."),
	TEXT("request.id", get_id, "The request's id."),
	TEXTS("request.headers", find_field, "Its fields."),
	TEXTS("request.query", find_parameter, "The parameters of its query, decoded."),
	TEXTS("request.cookies", find_cookie, "Its cookies."),
	TEXTS("path", find_path_parameter, "What `{name}` and named groups of the route's path hold."),
	TEXT("client.ip", get_client_ip, "The client's address, as the log has it."),
	{ .name = STR_INIT("now"), .doc = "The time.", .type = TYPE_TIMESTAMP, .get = get_now },
	{ .name = STR_INIT("consumer.name"),
	  .doc = "The consumer's name.",
	  .type = TYPE_STRING,
	  .is_principal = true,
	  .get = get_consumer },
	{ .name = STR_INIT("consumer.groups"),
	  .doc = "Its groups.",
	  .type = TYPE_LIST,
	  .element = TYPE_STRING,
	  .is_principal = true,
	  .get = get_groups },
	{ .name = STR_INIT("consumer.labels"),
	  .doc = "Its labels.",
	  .type = TYPE_MAP,
	  .element = TYPE_STRING,
	  .is_principal = true,
	  .find = find_label },
	{ .name = STR_INIT("claims"),
	  .doc = "What the token says.",
	  .type = TYPE_DYNAMIC,
	  .is_principal = true,
	  .get = get_claims },
	{ .name = STR_INIT("certificate.subject"),
	  .doc = "The subject of the client's certificate.",
	  .type = TYPE_STRING,
	  .get = get_subject },
	{ .name = { NULL, 0 } },
};

const struct expression_source *expression_source_find(str name)
{
	for (const struct expression_source *row = expression_sources; row->name.len; row++)
		if (str_eq(row->name, name))
			return row;
	return NULL;
}

bool expression_is_client_ip(const struct expression_node *node)
{
	return node->op == OP_SOURCE && node->source->get == get_client_ip;
}

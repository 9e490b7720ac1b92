/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_request: each field judged as it comes, then all together by the rules that HTTP/1 has for them.
 *
 * A known name is told by its number, and compared once with its lower case: that is the check for upper case
 * and for characters in one. What is decided by several fields (host, length, expectation, what may stand
 * only once) is left to h1_request_decide(), so that no rule exists twice.
 */
#include "codec/h2_request.h"

#include "codec/h1_private.h"
#include "codec/host.h"
#include "codec/scan.h"

enum {
	FIELDS_FIRST = 24,
	METHOD_MAX = 64,
	LINE_COST = 4,     /* ": " and the line's end */
	REQUEST_COST = 10, /* " " before the target, " HTTP/1.1" behind it */
};

enum h2_pseudo { METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, PSEUDOS };

static const str pseudo_names[PSEUDOS] = {
	[METHOD] = STR_INIT(":method"),       [SCHEME] = STR_INIT(":scheme"),
	[AUTHORITY] = STR_INIT(":authority"), [PATH] = STR_INIT(":path"),
	[PROTOCOL] = STR_INIT(":protocol"),
};

static bool has(const struct h2_head *head, enum h2_pseudo pseudo)
{
	return head->seen & 1u << pseudo;
}

void h2_head_init(struct h2_head *head, struct arena *arena, const struct h1_limits *limits, bool is_trailers)
{
	_Static_assert(PSEUDOS == sizeof head->pseudo / sizeof head->pseudo[0], "one for each");
	*head = (struct h2_head) { .arena = arena, .limits = limits, .is_trailers = is_trailers };
	head->fields.max = FIELDS_FIRST;
	head->fields.at = arena_raw(arena, FIELDS_FIRST * sizeof *head->fields.at);
	head->fields.arena = arena;
}

/* RFC 9113 section 8.3: known ones only, before all other fields, each once. */
static enum h1_error pseudo_add(struct h2_head *head, str name, str value)
{
	unsigned pseudo = METHOD;

	while (pseudo < PSEUDOS && !str_eq(pseudo_names[pseudo], name))
		pseudo++;
	if (pseudo == PSEUDOS || head->is_trailers || head->fields.count || has(head, pseudo))
		return H1_ERROR_PSEUDO_FIELDS;
	head->seen |= 1u << pseudo;
	head->pseudo[pseudo] = arena_str(head->arena, value);
	return H1_ERROR_NONE;
}

/* A name with its number and in the case that HTTP/1 has for it. RFC 9113 section 8.2.1. */
static enum h1_error name_read(str name, struct arena *arena, struct http_field *ret_field)
{
	str lower;

	ret_field->id = http_name_find(name);
	lower = http_name_lower(ret_field->id);
	if (lower.len) {
		ret_field->name = http_name_text(ret_field->id);
		return str_eq(name, lower) ? H1_ERROR_NONE : H1_ERROR_FIELD_CASE;
	}
	if (!http_is_token(name))
		return H1_ERROR_FIELD_NAME;
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z')
			return H1_ERROR_FIELD_CASE;
	ret_field->name = arena_str(arena, name);
	return H1_ERROR_NONE;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static enum h1_error value_read(str value, struct arena *arena, struct http_field *ret_field)
{
	if (value.len && (is_blank(value.ptr[0]) || is_blank(value.ptr[value.len - 1])))
		return H1_ERROR_FIELD_BLANK;
	if (!http_is_field_value(value))
		return H1_ERROR_FIELD_VALUE;
	ret_field->value = arena_str(arena, value);
	return H1_ERROR_NONE;
}

/* RFC 9113 section 8.2.2. HTTP2-Settings belongs to an upgrade that nobody can ask for here. */
static enum h1_error connection_check(const struct http_field *field)
{
	bool is_refused = http_name_flags(field->id) & HTTP_NAME_WIRE;

	if (field->id == HTTP_TE)
		is_refused = !str_eq_nocase(field->value, STR("trailers"));
	return is_refused ? H1_ERROR_FIELD_CONNECTION : H1_ERROR_NONE;
}

/* Crumbs of a cookie are one field of HTTP/1, and count as one. */
static enum h1_error count_check(struct h2_head *head, const struct http_field *field)
{
	if (field->id == HTTP_COOKIE && ++head->crumbs > 1)
		return H1_ERROR_NONE;
	if (head->fields.count - (head->crumbs > 1 ? head->crumbs - 1 : 0) >= head->limits->fields)
		return H1_ERROR_FIELDS_MANY;
	return H1_ERROR_NONE;
}

static enum h1_error field_add(struct h2_head *head, str name, str value)
{
	struct http_field field = { 0 };
	enum h1_error error = name_read(name, head->arena, &field);

	if (error == H1_ERROR_NONE)
		error = value_read(value, head->arena, &field);
	if (error == H1_ERROR_NONE)
		error = connection_check(&field);
	if (error == H1_ERROR_NONE)
		error = count_check(head, &field);
	if (error != H1_ERROR_NONE)
		return error;
	if (failed(http_fields_add(&head->fields, field.id, field.name, field.value)))
		return H1_ERROR_FIELDS_MANY;
	return H1_ERROR_NONE;
}

/* Before anything is copied. The path has its bound with the method. */
static enum h1_error size_check(const struct h2_head *head, str name, str value)
{
	const struct h1_limits *limits = head->limits;

	if (name.len && name.ptr[0] == ':')
		return value.len > limits->request_line ? H1_ERROR_REQUEST_LINE_LONG : H1_ERROR_NONE;
	if (name.len > limits->name)
		return H1_ERROR_FIELD_NAME_LONG;
	if (name.len + value.len + LINE_COST - 2 > limits->field)
		return H1_ERROR_FIELD_LONG;
	return head->size > limits->head ? H1_ERROR_HEAD_LONG : H1_ERROR_NONE;
}

void h2_head_add(struct h2_head *head, str name, str value)
{
	bool is_pseudo = name.len && name.ptr[0] == ':';

	/* Pseudo-fields stand in the request line, which has a bound of its own. */
	if (!is_pseudo || head->error != H1_ERROR_NONE)
		head->size += name.len + value.len + LINE_COST;
	if (head->error == H1_ERROR_NONE)
		head->error = size_check(head, name, value);
	if (head->error == H1_ERROR_NONE)
		head->error = is_pseudo ? pseudo_add(head, name, value) : field_add(head, name, value);
}

/* RFC 9113 section 8.2.3. The first crumb's place is the field's. */
static enum h1_error cookies_join(struct h2_head *head)
{
	struct http_fields *fields = &head->fields;
	struct http_field *first = NULL;
	struct buf all;
	size_t kept = 0;

	if (head->crumbs < 2)
		return H1_ERROR_NONE;
	all = arena_open(head->arena, head->size);
	for (size_t i = 0; i < fields->count; i++) {
		struct http_field *field = &fields->at[i];

		if (field->id != HTTP_COOKIE) {
			fields->at[kept++] = *field;
			continue;
		}
		buf_put(&all, first ? STR("; ") : (str) { 0 });
		buf_put(&all, field->value);
		if (!first) {
			first = &fields->at[kept++];
			*first = *field;
		}
	}
	first->value = arena_close(head->arena, &all);
	fields->count = kept;
	if (first->name.len + first->value.len + LINE_COST - 2 > head->limits->field)
		return H1_ERROR_FIELD_LONG;
	return H1_ERROR_NONE;
}

/* What the log tells also of a request that is refused; nothing that cannot stand there. */
static void take_line(const struct h2_head *head, struct http_request *request)
{
	str method = head->pseudo[METHOD], path = head->pseudo[PATH];

	request->version = HTTP_2;
	request->keep_alive = true;
	if (http_is_token(method) && method.len <= METHOD_MAX)
		request->method_text = method;
	request->method = http_method_find(request->method_text);
	if (path.len && scan_target(path.ptr, path.ptr + path.len) == path.ptr + path.len)
		request->target = path;
}

static enum h1_error method_check(const struct h2_head *head)
{
	str method = head->pseudo[METHOD];

	if (method.len > METHOD_MAX)
		return H1_ERROR_METHOD_LONG;
	return http_is_token(method) ? H1_ERROR_NONE : H1_ERROR_METHOD;
}

/* RFC 9113 section 8.5: CONNECT has an authority, and nothing else that would say what it is for. */
static enum h1_error connect_check(const struct h2_head *head, struct http_request *request)
{
	if (has(head, SCHEME) || has(head, PATH) || !has(head, AUTHORITY))
		return H1_ERROR_PSEUDO_FIELDS;
	request->target = head->pseudo[AUTHORITY];
	return request->target.len ? H1_ERROR_NONE : H1_ERROR_TARGET;
}

static bool is_http(str scheme)
{
	return str_eq_nocase(scheme, STR("https")) || str_eq_nocase(scheme, STR("http"));
}

/* RFC 9113 section 8.3.1. Origin-form, or the asterisk of OPTIONS. */
static enum h1_error line_check(const struct h2_head *head, const struct http_request *request)
{
	size_t len = request->method_text.len + head->pseudo[PATH].len + REQUEST_COST;
	bool is_asterisk = str_eq(request->target, STR("*"));

	if (!has(head, SCHEME) || !has(head, PATH))
		return H1_ERROR_PSEUDO_FIELDS;
	if (!is_http(head->pseudo[SCHEME]))
		return H1_ERROR_SCHEME;
	if (len > head->limits->request_line)
		return H1_ERROR_REQUEST_LINE_LONG;
	if (!request->target.len)
		return H1_ERROR_TARGET;
	if (request->target.ptr[0] != '/' && !(is_asterisk && request->method == HTTP_OPTIONS))
		return H1_ERROR_TARGET_FORM;
	return H1_ERROR_NONE;
}

/* RFC 8441 section 4. Only what was offered may be asked for. */
static enum h1_error protocol_check(const struct h2_head *head, const struct h2_request_options *options,
				    struct http_request *request)
{
	if (!options->has_connect_protocol || request->method != HTTP_CONNECT)
		return H1_ERROR_PSEUDO_FIELDS;
	if (!http_is_token(head->pseudo[PROTOCOL]) || !has(head, AUTHORITY))
		return H1_ERROR_PSEUDO_FIELDS;
	request->protocol = head->pseudo[PROTOCOL];
	return line_check(head, request);
}

static uint16_t port_of(const struct host *host, str scheme)
{
	if (host->has_port)
		return host->port;
	return str_eq_nocase(scheme, STR("https")) ? 443 : 80;
}

/* Two opinions about whom the request is for are a way to be let in for one and served for the other. */
static bool is_same_host(str a, str b, str scheme)
{
	struct host left, right;

	return host_parse(a, &left) && host_parse(b, &right) && str_eq_nocase(left.name, right.name) &&
	       port_of(&left, scheme) == port_of(&right, scheme);
}

/* Host is what HTTP/1 and everything behind it goes by (RFC 9113 section 8.3.1). */
static enum h1_error host_set(struct h2_head *head)
{
	const struct http_field *host = http_fields_get(&head->fields, HTTP_HOST);
	str authority = head->pseudo[AUTHORITY];
	struct host parsed;

	if (!has(head, AUTHORITY))
		return host ? H1_ERROR_NONE : H1_ERROR_HOST_MISSING;
	if (!host_parse(authority, &parsed))
		return H1_ERROR_HOST;
	if (host)
		return is_same_host(authority, host->value, head->pseudo[SCHEME]) ? H1_ERROR_NONE
										  : H1_ERROR_HOST_CONFLICT;
	if (failed(http_fields_add(&head->fields, HTTP_HOST, http_name_text(HTTP_HOST), authority)))
		return H1_ERROR_FIELDS_MANY;
	return H1_ERROR_NONE;
}

/* A length says how long the body is that there is, or else there is none of another length than 0. */
static enum h1_error framing_set(const struct h2_request_options *options, struct http_request *request)
{
	if (!options->has_body)
		return request->length ? H1_ERROR_LENGTH_CONFLICT : H1_ERROR_NONE;
	if (request->framing == HTTP_NO_BODY)
		request->framing = HTTP_CHUNKED;
	return H1_ERROR_NONE;
}

/* An extended CONNECT has a target like any other request; it is judged as what it stands for. */
static enum h1_error decide(struct http_request *request)
{
	enum http_method method = request->method;
	enum h1_error error;

	if (request->protocol.len)
		request->method = HTTP_GET;
	error = h1_request_decide(request);
	request->method = method;
	return error;
}

enum h1_error h2_request_make(struct h2_head *head, const struct h2_request_options *options,
			      struct http_request *ret_request)
{
	enum h1_error error = head->error;

	*ret_request = (struct http_request) { 0 };
	take_line(head, ret_request);
	if (error == H1_ERROR_NONE)
		error = method_check(head);
	if (error == H1_ERROR_NONE && has(head, PROTOCOL))
		error = protocol_check(head, options, ret_request);
	else if (error == H1_ERROR_NONE && ret_request->method == HTTP_CONNECT)
		error = connect_check(head, ret_request);
	else if (error == H1_ERROR_NONE)
		error = line_check(head, ret_request);
	if (error == H1_ERROR_NONE)
		error = host_set(head);
	if (error == H1_ERROR_NONE)
		error = cookies_join(head);
	ret_request->fields = head->fields;
	if (error == H1_ERROR_NONE)
		error = decide(ret_request);
	if (error == H1_ERROR_NONE)
		error = framing_set(options, ret_request);
	ret_request->keep_alive = true;
	/* The body's presence is known only here: an expectation without one asks for nothing. */
	ret_request->expects_continue = error == H1_ERROR_NONE && options->has_body &&
					http_fields_get(&ret_request->fields, HTTP_EXPECT);
	return error;
}

enum h1_error h2_trailers_make(struct h2_head *head, struct http_fields *ret_trailers)
{
	http_fields_keep_trailers(&head->fields);
	*ret_trailers = head->fields;
	return head->error;
}

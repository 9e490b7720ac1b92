/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each component is printed as it was asked for, and its value behind it. Whatever could be read in two ways,
 * a parameter that stands twice, a value with a line end, ends it.
 */
#include "codec/signature_base.h"

#include "codec/uri.h"

enum { BASE_MAX = 64 * 1024 };

static result malformed(const char *why)
{
	return error_make(ERROR_MALFORMED, why);
}

/* ---- parts of the target ---- */

/* The path and what follows it; of an absolute target behind its authority. */
static str origin_form(str target)
{
	str rest;
	size_t at;

	if (!target.len || target.ptr[0] == '/' || !str_find(target, ':', &at) ||
	    !str_starts(str_skip(target, at), STR("://")))
		return target;
	rest = str_skip(target, at + 3);
	for (at = 0; at < rest.len && rest.ptr[at] != '/' && rest.ptr[at] != '?';)
		at++;
	return str_skip(rest, at);
}

/* Section 2.2.6: an empty one is "/". */
static str path_of(str target)
{
	str origin = origin_form(target), path = origin;
	size_t at;

	if (str_find(origin, '?', &at))
		path = str_slice(origin, 0, at);
	return path.len ? path : STR("/");
}

static str query_of(str target)
{
	str origin = origin_form(target);
	size_t at;

	return str_find(origin, '?', &at) ? str_skip(origin, at + 1) : (str) { 0 };
}

/* Section 2.2.3: small letters, and no port that is the scheme's own. */
static void print_authority(const struct signature_message *message, struct buf *out)
{
	str authority = message->authority;
	str port = str_eq(message->scheme, STR("https")) ? STR(":443") : STR(":80");

	if (str_ends(authority, port))
		authority = str_slice(authority, 0, authority.len - port.len);
	for (size_t i = 0; i < authority.len; i++)
		buf_put_char(out, ascii_lower(authority.ptr[i]));
}

static void print_target_uri(const struct signature_message *message, struct buf *out)
{
	str origin = origin_form(message->target);

	buf_put(out, message->scheme);
	buf_put(out, STR("://"));
	print_authority(message, out);
	if (!origin.len || origin.ptr[0] != '/')
		buf_put_char(out, '/');
	buf_put(out, origin);
}

/* ---- a parameter of the query ---- */

static bool is_plain(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '*' ||
	       c == '-' || c == '.' || c == '_';
}

/* Section 2.2.8: decoded as a form is, and encoded again in the one way. */
static str encode_again(str text, struct arena *arena)
{
	static const char digits[] = "0123456789ABCDEF";
	struct buf room = buf_over(arena_bytes(arena, text.len), text.len), out;
	str decoded = uri_decode(text, true, &room);

	out = buf_over(arena_bytes(arena, 3 * decoded.len), 3 * decoded.len);
	for (size_t i = 0; i < decoded.len; i++) {
		unsigned char c = (unsigned char)decoded.ptr[i];

		if (is_plain(decoded.ptr[i])) {
			buf_put_char(&out, decoded.ptr[i]);
			continue;
		}
		buf_put_char(&out, '%');
		buf_put_char(&out, digits[c >> 4]);
		buf_put_char(&out, digits[c & 15]);
	}
	return buf_str(&out);
}

/* One that stands twice has no value that all would agree on. */
static result print_parameter(const struct signature_message *message, str wanted, struct arena *arena,
			      struct buf *out)
{
	str rest = query_of(message->target), name, value, found = { 0 };
	size_t count = 0;

	if (arena_left(arena) < 8 * rest.len)
		return error_make(ERROR_LIMIT, "no memory is left for a query");
	while (uri_query_next(&rest, &name, &value)) {
		if (!str_eq(encode_again(name, arena), wanted))
			continue;
		found = value;
		count++;
	}
	if (count != 1)
		return error_make(ERROR_MISSING, "the query has no such parameter, or two");
	buf_put(out, encode_again(found, arena));
	return OK;
}

/* ---- components ---- */

/* All lines of the name in one (section 2.1). An empty one is there. */
static result print_field(const struct http_fields *fields, str name, struct buf *out)
{
	size_t count = 0;

	for (size_t i = 0; i < fields->count; i++) {
		const struct http_field *field = &fields->at[i];

		if (field->removed || !str_eq_nocase(field->name, name))
			continue;
		if (count++)
			buf_put(out, STR(", "));
		buf_put(out, str_trim(field->value));
	}
	return count ? OK : error_make(ERROR_MISSING, "the request has no such field");
}

/* Section 2.2, but for what answers have (@status). */
static result print_derived(const struct signature_message *message, str name, struct buf *out)
{
	if (str_eq(name, STR("@method"))) {
		buf_put(out, message->method);
	} else if (str_eq(name, STR("@path"))) {
		buf_put(out, path_of(message->target));
	} else if (str_eq(name, STR("@query"))) {
		buf_put_char(out, '?');
		buf_put(out, query_of(message->target));
	} else if (str_eq(name, STR("@authority"))) {
		print_authority(message, out);
	} else if (str_eq(name, STR("@scheme"))) {
		buf_put(out, message->scheme);
	} else if (str_eq(name, STR("@target-uri"))) {
		print_target_uri(message, out);
	} else if (str_eq(name, STR("@request-target"))) {
		buf_put(out, message->target);
	} else {
		return malformed("there is no such component of a request");
	}
	return OK;
}

static bool is_small(str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] != ascii_lower(name.ptr[i]))
			return false;
	return name.len;
}

/* Parameters ask for another reading, of which none is known but that one. */
static result print_value(const struct signature_message *message, const struct structured_item *component,
			  struct arena *arena, struct buf *out)
{
	str name = component->bare.text;
	const struct structured_bare *parameter = structured_parameter(&component->parameters, STR("name"));

	if (str_eq(name, STR("@query-param"))) {
		if (component->parameters.count != 1 || !parameter || parameter->kind != STRUCTURED_STRING)
			return malformed("a parameter of the query is called by its name alone");
		return print_parameter(message, parameter->text, arena, out);
	}
	if (component->parameters.count || !is_small(name))
		return malformed("a component is not understood");
	return name.ptr[0] == '@' ? print_derived(message, name, out)
				  : print_field(message->fields, name, out);
}

/* The name of a parameter of the query is a part of its component's. */
static bool is_same(const struct structured_item *a, const struct structured_item *b)
{
	const struct structured_bare *x = structured_parameter(&a->parameters, STR("name"));
	const struct structured_bare *y = structured_parameter(&b->parameters, STR("name"));

	return str_eq(a->bare.text, b->bare.text) && (!x || !y || str_eq(x->text, y->text));
}

static result check_components(const struct structured_item *input)
{
	if (input->bare.kind != STRUCTURED_INNER_LIST)
		return malformed("a signature's input is a list of components");
	for (size_t i = 0; i < input->count; i++) {
		if (input->items[i].bare.kind != STRUCTURED_STRING)
			return malformed("a component is a string");
		for (size_t j = 0; j < i; j++)
			if (is_same(&input->items[i], &input->items[j]))
				return malformed("a component stands twice");
	}
	return OK;
}

/* A value with a line end would be two lines, and so another base (section 2.5 step 2.4). */
static bool has_line_end(str value)
{
	return str_contains(value, STR("\n")) || str_contains(value, STR("\r"));
}

static result print_line(const struct signature_message *message, const struct structured_item *component,
			 struct arena *arena, struct buf *out)
{
	size_t began;

	structured_item_print(component, out);
	buf_put(out, STR(": "));
	began = out->len;
	TRY(print_value(message, component, arena, out));
	if (has_line_end(str_skip(buf_str(out), began)))
		return malformed("a component has a line end");
	buf_put_char(out, '\n');
	return OK;
}

result signature_base_print(const struct signature_message *message, const struct structured_item *input,
			    struct arena *arena, str *ret_base)
{
	struct buf out;

	TRY(check_components(input));
	if (arena_left(arena) < 2 * BASE_MAX)
		return error_make(ERROR_LIMIT, "no memory is left for a signature");
	out = buf_over(arena_bytes(arena, BASE_MAX), BASE_MAX);
	for (size_t i = 0; i < input->count; i++)
		TRY(print_line(message, &input->items[i], arena, &out));
	buf_put(&out, STR("\"@signature-params\": "));
	structured_item_print(input, &out);
	if (buf_overflowed(&out))
		return error_make(ERROR_LIMIT, "what is signed is too large");
	*ret_base = buf_str(&out);
	return OK;
}

bool signature_base_covers(const struct structured_item *input, str component)
{
	for (size_t i = 0; i < input->count; i++)
		if (str_eq(input->items[i].bare.text, component) && !input->items[i].parameters.count)
			return true;
	return false;
}

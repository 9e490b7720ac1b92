/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credential: finds what a request is known by, in a field, a cookie or a parameter of the query, and takes
 * it out before the upstream sees it.
 *
 * How many there are is a part of the answer: of two the gateway and the upstream might each take
 * another one, and so neither is believed. Empty ones are as good as
 * none.
 */
#include "policy/credential.h"

#include "codec/uri.h"
#include "policy/field_edit.h"

enum {
	PARAMETER_MAX = 128, /* bytes of a parameter's name */
	ENCODED = 3,         /* what a byte may take in a URL */
};

const struct field credential_place_fields[] = {
	FIELD_STR(struct credential_place, header, "header", NULL, "A field of the request."),
	FIELD_STR(struct credential_place, cookie, "cookie", NULL, "A cookie."),
	FIELD_STR(struct credential_place, query, "query", NULL,
		  "A parameter of the query; what stands in a URL is written down in many places, so better "
		  "not."),
	FIELD_END
};

static const char *const places[] = { "header", "cookie", "query", NULL };

/* Sets the standard field where nothing is given. */
result credential_place_compile(struct policy_compile *compile, const char *key, const char *standard,
				struct credential_place *place)
{
	size_t given = (place->header.len > 0) + (place->cookie.len > 0) + (place->query.len > 0);
	const char *wrong;

	if (given > 1)
		return policy_reject_several(compile, node_find(compile->node, str_of(key)), places);
	if (!given)
		place->header = str_of(standard);
	wrong = place->header.len ? field_name_wrong(place->header) : NULL;
	if (wrong)
		return policy_reject(compile, key, wrong);
	if (place->cookie.len && !http_is_token(place->cookie))
		return policy_reject(compile, key, "want the name of a cookie");
	if (place->query.len > PARAMETER_MAX)
		return policy_reject(compile, key, "want the name of a parameter of at most 128 bytes");
	if (place->query.len && compile->hooks)
		compile->hooks->redact(compile->hooks->owner, place->query);
	place->id = http_name_find(place->header);
	return OK;
}

static str lower(struct arena *arena, str text)
{
	struct buf out = arena_open(arena, text.len);

	for (size_t i = 0; i < text.len; i++)
		buf_put_char(&out, ascii_lower(text.ptr[i]));
	return arena_close(arena, &out);
}

str credential_place_text(const struct credential_place *place, str scheme, struct arena *arena)
{
	str header[] = { STR("header "), lower(arena, place->header), STR(" "), lower(arena, scheme) };
	str cookie[] = { STR("cookie "), place->cookie };
	str query[] = { STR("query "), place->query };

	if (place->cookie.len)
		return arena_join(arena, cookie, 2);
	if (place->query.len)
		return arena_join(arena, query, 2);
	return arena_join(arena, header, place->id == HTTP_AUTHORIZATION && scheme.len ? 4 : 2);
}

/* Neither quotes nor what would end the field's line. */
result credential_check_realm(const struct policy_compile *compile, str realm)
{
	for (size_t i = 0; i < realm.len; i++)
		if ((unsigned char)realm.ptr[i] < ' ' || realm.ptr[i] == '"' || realm.ptr[i] == '\\')
			return policy_reject(compile, "realm", "want a text without quotes");
	return OK;
}

/* ---- finding ---- */

/* Counts it; empty ones are none. */
static void found(str value, enum credential_found *count, str *ret_text)
{
	if (!value.len)
		return;
	*count = *count == CREDENTIAL_NONE ? CREDENTIAL_ONE : CREDENTIAL_MANY;
	*ret_text = value;
}

static bool is_field(const struct credential_place *place, const struct http_field *field)
{
	return !field->removed && field->id == place->id &&
	       (place->id != HTTP_NAME_OTHER || str_eq_nocase(field->name, place->header));
}

static enum credential_found find_header(const struct credential_place *place, const struct view *view,
					 str *ret_text)
{
	const struct http_fields *fields = &view->request->fields;
	enum credential_found count = CREDENTIAL_NONE;

	for (size_t i = 0; i < fields->count; i++)
		if (is_field(place, &fields->at[i]))
			found(fields->at[i].value, &count, ret_text);
	return count;
}

/* RFC 6265 section 4.2.1; blanks round the pair are forgiven, as browsers' are. */
static bool is_cookie(str pair, str wanted, str *ret_value)
{
	str name;

	if (!str_cut(pair, '=', &name, ret_value) || !str_eq(str_trim(name), wanted))
		return false;
	*ret_value = str_trim(*ret_value);
	return true;
}

static enum credential_found find_cookie(const struct credential_place *place, const struct view *view,
					 str *ret_text)
{
	const struct http_fields *fields = &view->request->fields;
	enum credential_found count = CREDENTIAL_NONE;
	str rest, pair, value;

	for (size_t i = 0; i < fields->count; i++) {
		if (fields->at[i].removed || fields->at[i].id != HTTP_COOKIE)
			continue;
		rest = fields->at[i].value;
		while (str_next(&rest, ';', &pair))
			if (is_cookie(pair, place->cookie, &value))
				found(value, &count, ret_text);
	}
	return count;
}

/* Compared decoded, for the upstream decodes it, too: `%6bey` is `key`. As forms are: `+` is a blank. */
static bool is_parameter(const struct credential_place *place, str name)
{
	char bytes[ENCODED * PARAMETER_MAX];
	struct buf room = buf_over(bytes, sizeof bytes);

	return name.len >= place->query.len && name.len <= sizeof bytes &&
	       str_eq(uri_decode(name, true, &room), place->query);
}

/* What there is no room for is somebody's credential all the same, and nobody can tell whose. */
static void found_parameter(struct arena *arena, str value, enum credential_found *count, str *ret_text)
{
	struct buf room;

	if (arena_left(arena) < value.len) {
		*count = CREDENTIAL_MANY;
		return;
	}
	room = buf_over(arena_bytes(arena, value.len), value.len);
	found(uri_decode(value, true, &room), count, ret_text);
}

static enum credential_found find_parameter(const struct credential_place *place, const struct view *view,
					    str *ret_text)
{
	enum credential_found count = CREDENTIAL_NONE;
	str rest = view->query, name, value;

	while (uri_query_next(&rest, &name, &value))
		if (is_parameter(place, name))
			found_parameter(view->arena, value, &count, ret_text);
	return count;
}

enum credential_found credential_find(const struct credential_place *place, const struct view *view,
				      str *ret_text)
{
	if (place->cookie.len)
		return find_cookie(place, view, ret_text);
	if (place->query.len)
		return find_parameter(place, view, ret_text);
	return find_header(place, view, ret_text);
}

/* RFC 9110 section 11.4: schemes regardless of case. */
bool credential_in_scheme(str value, str scheme, str *ret_credential)
{
	str name, rest;

	if (!str_cut(value, ' ', &name, &rest) || !str_eq_nocase(name, scheme))
		return false;
	*ret_credential = str_trim(rest);
	return ret_credential->len;
}

enum reason credential_find_token(const struct credential_place *place, str scheme, const struct view *view,
				  str *ret_token)
{
	enum credential_found found = credential_find(place, view, ret_token);

	if (found == CREDENTIAL_NONE)
		return REASON_TOKEN_MISSING;
	if (found == CREDENTIAL_MANY)
		return REASON_TOKEN_MALFORMED;
	if (place->id == HTTP_AUTHORIZATION && !credential_in_scheme(*ret_token, scheme, ret_token))
		return REASON_TOKEN_MISSING;
	return REASON_NONE;
}

/* ---- stripping ---- */

/* The other cookies stay, in their order. Where there is no room for them, none goes on. */
static void strip_cookie(const struct credential_place *place, struct view *view, struct http_field *field)
{
	str rest = field->value, pair, value;
	size_t room = 2 * field->value.len + 2; /* a blank may come before each of them */
	struct buf out;

	field->removed = arena_left(view->arena) < room;
	if (field->removed)
		return;
	out = arena_open(view->arena, room);
	while (str_next(&rest, ';', &pair)) {
		if (is_cookie(pair, place->cookie, &value))
			continue;
		if (out.len)
			buf_put(&out, STR("; "));
		buf_put(&out, pair);
	}
	field->removed |= out.len == 0 || buf_overflowed(&out);
	field->value = arena_close(view->arena, &out);
}

static bool has_parameter(const struct credential_place *place, str pair)
{
	str name, value;

	return uri_query_next(&pair, &name, &value) && is_parameter(place, name);
}

/* The others stay as they were written; only empty pairs go. Where there is no room for them, none goes on.
 */
static void strip_parameter(const struct credential_place *place, struct view *view)
{
	str rest = view->query, pair;
	struct buf out;

	view->query = (str) { 0 };
	if (arena_left(view->arena) < rest.len)
		return;
	out = arena_open(view->arena, rest.len);
	for (bool is_last = false; !is_last;) {
		is_last = !str_cut(rest, '&', &pair, &rest);
		if (is_last)
			pair = rest;
		if (!pair.len || has_parameter(place, pair))
			continue;
		if (out.len)
			buf_put_char(&out, '&');
		buf_put(&out, pair);
	}
	view->query = arena_close(view->arena, &out);
}

/* In a report nothing is changed. */
void credential_strip(const struct credential_place *place, struct view *view)
{
	struct http_fields *fields = &view->request->fields;

	if (view->is_report)
		return;
	if (place->query.len) {
		strip_parameter(place, view);
		return;
	}
	for (size_t i = 0; i < fields->count; i++) {
		struct http_field *field = &fields->at[i];

		if (place->cookie.len && field->id == HTTP_COOKIE && !field->removed)
			strip_cookie(place, view, field);
		else if (!place->cookie.len && is_field(place, field))
			field->removed = true;
	}
}

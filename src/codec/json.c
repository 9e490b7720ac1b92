/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json: jansson parses, and what it made is copied into the arena as operands, so that claims look to the
 * rest of the gateway as any other value does, and go when the arena goes.
 *
 * What a token says must be said in one way: a name that stands twice is refused (RFC 8725 section 2.4: two
 * readers, two meanings), and so is text that is no UTF-8. Depth is counted before, because jansson calls
 * itself for each level, on a fiber's stack, which is small.
 */
#include "codec/json.h"

#include <jansson.h>

#include "base/assert.h"

/* ---- before it is parsed ---- */

/* How deep it goes, and the most that convert() takes of an arena for it. */
struct extent {
	size_t depth, deepest, room;
};

/* One character outside of strings: each begins a value, a member, or something that holds them, which may
 * have to be aligned. */
static void count(struct extent *extent, char c)
{
	enum { ALIGNING = 16 };

	if (c == '{')
		extent->room += sizeof(struct json_object) + 2 * ALIGNING;
	else if (c == '[')
		extent->room += sizeof(struct operand) + ALIGNING;
	else if (c == ',')
		extent->room += sizeof(struct operand);
	else if (c == ':')
		extent->room += sizeof(struct json_member);
	if (c == '{' || c == '[')
		extent->depth++;
	else if ((c == '}' || c == ']') && extent->depth)
		extent->depth--;
	if (extent->depth > extent->deepest)
		extent->deepest = extent->depth;
}

/* Texts take as much as is written, or less. What is no JSON may be counted wrongly, and is refused later. */
static struct extent extent_of(str text)
{
	struct extent extent = { .room = text.len };
	bool is_string = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '"')
			is_string = !is_string;
		else if (!is_string)
			count(&extent, c);
		else if (c == '\\')
			i++;
	}
	return extent;
}

/* ---- values ---- */

/* One by one: objects of tokens have a dozen members. The find function also tells maps that JSON made
 * from others (json_object_of). */
static bool find_member(const void *self, str name, struct operand *ret_value)
{
	const struct json_object *object = self;

	for (size_t i = 0; i < object->count; i++)
		if (str_eq(object->at[i].name, name)) {
			*ret_value = object->at[i].value;
			return true;
		}
	return false;
}

static struct operand convert(struct arena *arena, const json_t *json);

/* Members in the order written. Names and texts may have a NUL in them only where jansson allowed it,
 * which by its defaults is never. */
static struct operand convert_object(struct arena *arena, json_t *json)
{
	struct json_object *object = ARENA_NEW(arena, struct json_object);
	struct json_member *at = ARENA_ARRAY(arena, struct json_member, json_object_size(json));
	const char *name;
	size_t len;
	json_t *value;

	json_object_keylen_foreach(json, name, len, value)
	{
		at[object->count++] =
			(struct json_member) { arena_str(arena, (str) { name, len }), convert(arena, value) };
	}
	object->at = at;
	return (struct operand) { .kind = OPERAND_MAP, .map = { find_member, object } };
}

static struct operand convert_array(struct arena *arena, const json_t *json)
{
	size_t count = json_array_size(json);
	struct operand *at = ARENA_ARRAY(arena, struct operand, count);

	for (size_t i = 0; i < count; i++)
		at[i] = convert(arena, json_array_get(json, i));
	return (struct operand) { .kind = OPERAND_LIST, .list = { at, count } };
}

static struct operand convert_text(struct arena *arena, const json_t *json)
{
	str text = { json_string_value(json), json_string_length(json) };

	return (struct operand) { .kind = OPERAND_STRING, .text = arena_str(arena, text) };
}

/* Calls itself no deeper than JSON_DEPTH_MAX. null is as good as missing, for who asks for a value; that
 * it is there at all, map.find tells. */
static struct operand convert(struct arena *arena, const json_t *json)
{
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return convert_object(arena,
				      (json_t *)(uintptr_t)json); /* to go through it changes nothing */
	case JSON_ARRAY:
		return convert_array(arena, json);
	case JSON_STRING:
		return convert_text(arena, json);
	case JSON_INTEGER:
		return (struct operand) { .kind = OPERAND_INT, .integer = json_integer_value(json) };
	case JSON_REAL:
		return (struct operand) { .kind = OPERAND_DOUBLE, .real = json_real_value(json) };
	case JSON_TRUE:
	case JSON_FALSE:
		return (struct operand) { .kind = OPERAND_BOOL, .boolean = json_is_true(json) };
	default:
		return (struct operand) { .kind = OPERAND_MISSING };
	}
}

static const char *why_not(str text, const json_error_t *error)
{
	if (str_starts(text, STR("\xef\xbb\xbf")))
		return "JSON has no byte order mark before it";
	switch (json_error_code(error)) {
	case json_error_invalid_utf8:
		return "JSON that is not UTF-8";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "no \\u0000 may stand in a text of JSON";
	case json_error_duplicate_key:
		return "a name stands twice in an object of JSON";
	case json_error_numeric_overflow:
		return "a number of JSON does not fit";
	default:
		return "that is no JSON";
	}
}

/* All that it will take is had in one piece before jansson begins: an arena that is full ends the process. A
 * number that does not fit is an error of jansson's. */
result json_parse(struct arena *arena, str text, struct operand *ret_value)
{
	struct extent extent = extent_of(text);
	json_error_t error;
	json_t *json;

	if (extent.deepest > JSON_DEPTH_MAX)
		return error_make(ERROR_MALFORMED, "JSON is nested too deep");
	if (arena_left(arena) < extent.room)
		return error_make(ERROR_LIMIT, "no memory is left for JSON");
	json = json_loadb(text.len ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
			  &error);
	if (!json)
		return error_make(ERROR_MALFORMED, why_not(text, &error));
	arena_reserve(arena, extent.room);
	*ret_value = convert(arena, json);
	json_decref(json);
	return OK;
}

/* ---- looking ---- */

const struct json_object *json_object_of(const struct operand *value)
{
	return value->kind == OPERAND_MAP && value->map.find == find_member ? value->map.self : NULL;
}

struct operand json_find(const struct operand *object, str name)
{
	struct operand value;

	if (object->kind == OPERAND_MAP && object->map.find(object->map.self, name, &value))
		return value;
	return (struct operand) { .kind = OPERAND_MISSING };
}

/* Names may bear dots (as URLs do), so the whole comes first. */
struct operand json_find_path(const struct operand *object, str path)
{
	struct operand value = json_find(object, path);
	struct operand at = *object;
	str rest = path, name, left;

	if (value.kind != OPERAND_MISSING)
		return value;
	while (str_cut(rest, '.', &name, &left)) {
		at = json_find(&at, name);
		rest = left;
	}
	return rest.len == path.len ? value : json_find(&at, rest);
}

str json_find_text(const struct operand *object, str name)
{
	struct operand value = json_find(object, name);

	return value.kind == OPERAND_STRING ? value.text : (str) { 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expanding one scalar: its text is cut into parts, each part is kept or replaced, and all are joined.
 *
 * Parts are not looked at again, which is the whole defence against values that contain references. Which
 * parts were replaced is kept beside the text, as spans: a policy expands references of its own later, and
 * must not find one in what came from outside.
 *
 * Mistakes are pointed at in the file, not in the text: the two differ by quotes, escapes and folded lines.
 * So the reference is found again in the raw scalar, by counting.
 */
#include "config/expand.h"

#include <string.h>

#include "base/assert.h"
#include "config/file_list.h"
#include "config/character.h"

enum { NAME_MAX_LENGTH = 255 };

/* Whence a part is. */
enum origin {
	ORIGIN_TEXT,
	ORIGIN_REPLACED, /* a default, or an escaped $${: no policy's reference */
	ORIGIN_OUTSIDE,  /* the same, and it may be a secret */
};

/* A scalar on its way: what is written goes to parts, which are joined at the end. */
struct expansion {
	struct expander *expander;
	struct node *node;
	str raw; /* as in the file */
	str *parts;
	enum origin *origins; /* of each part */
	size_t count, size;   /* of parts */
	size_t reference;     /* how many "${" were met: to find the same one in raw */
};

/* The parts are counted before they are made; see expand_node(). */
static void put(struct expansion *expansion, str part, enum origin origin)
{
	ASSERT(expansion->count < expansion->size);
	expansion->parts[expansion->count] = part;
	expansion->origins[expansion->count++] = origin;
}

/* Counts the "${" of a text, and finds the nth, from 0. */
static size_t count_references(str text, size_t nth, size_t *ret_at)
{
	size_t count = 0;

	for (size_t at = 0; at + 1 < text.len; at++)
		if (text.ptr[at] == '$' && text.ptr[at + 1] == '{' && count++ == nth)
			*ret_at = at;
	return count;
}

/* Where the current reference stands. Escapes in a quoted scalar can hide a "${" or make one: then the
 * scalar's own place must do. */
static struct place place_of(const struct expansion *expansion, str reference)
{
	const struct node *node = expansion->node;
	struct place place = { node->file, node->line, node->column, (uint32_t)character_count(reference) };
	size_t at, end = 0;
	str rest = expansion->raw;
	uint32_t character;

	if (count_references(node->text, 0, &at) != count_references(rest, expansion->reference, &end))
		return (struct place) { node->file, node->line, node->column, node->width };
	while (rest.ptr < expansion->raw.ptr + end && character_take(&rest, &character)) {
		place.column++;
		if (character == '\n' || (character == '\r' && !str_starts(rest, STR("\n")))) {
			place.line++;
			place.column = 1;
		}
	}
	return place;
}

#define FAIL(expansion, reference, ...)                                                               \
	do {                                                                                          \
		struct place place_ = place_of(expansion, reference);                                 \
		diagnostic_error_place((expansion)->expander->diagnostics, (expansion)->node, place_, \
				       __VA_ARGS__);                                                  \
		(expansion)->node->is_broken = true;                                                  \
	} while (0)

static bool is_name(str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

		if (!is_letter && !(i && c >= '0' && c <= '9'))
			return false;
	}
	return name.len > 0 && name.len <= NAME_MAX_LENGTH;
}

/* Values that policies take from the request: left alone here. */
static bool is_of_policies(str name)
{
	size_t dot;

	return str_find(name, '.', &dot) || str_eq(name, STR("api")) || str_eq(name, STR("route"));
}

/* The template of the access log has names of its own, in lower case: ${client_ip}. */
static bool is_of_log(const struct node *node, str name)
{
	const struct node *access = node->parent;

	if (!access || !access->parent || !str_eq(node->key, STR("format")) ||
	    !str_eq(access->key, STR("access")) || !str_eq(access->parent->key, STR("log")))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!(name.ptr[i] >= 'a' && name.ptr[i] <= 'z') && name.ptr[i] != '_')
			return false;
	return name.len > 0;
}

/* Variables are in capitals as a rule; a name in small letters was meant for a policy's value, most likely.
 */
static bool is_small(str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] != ascii_lower(name.ptr[i]))
			return false;
	return true;
}

/* As in a shell, `:-` also replaces a variable that is set but empty; without a default, an empty one is a
 * value. A variable that is not set is an error: silence would start a gateway with an empty address or
 * secret. */
static void expand_environment(struct expansion *expansion, str reference, str name, const str *standard)
{
	struct expander *expander = expansion->expander;
	str terminated = arena_printf(expander->arena, "%.*s", STR_ARG(name));
	str value = str_of(expander->environment(terminated.ptr, expander->argument));

	if (str_is_empty(value) && standard)
		put(expansion, *standard, ORIGIN_REPLACED);
	else if (!value.ptr)
		FAIL(expansion, reference, "the environment variable %.*s is not set%s", STR_ARG(name),
		     is_small(name)
			     ? "; values of a request have a point in their name, such as ${request.id}"
			     : "");
	else if (value.len > EXPAND_VALUE_MAX || value.len > arena_left(expander->arena))
		FAIL(expansion, reference, "the environment variable %.*s is too long", STR_ARG(name));
	else if (!characters_are_valid(value))
		FAIL(expansion, reference, "the environment variable %.*s is not UTF-8", STR_ARG(name));
	else
		put(expansion, arena_str(expander->arena, value), ORIGIN_OUTSIDE);
}

static str trim_lines(str text)
{
	while (text.len && memchr(" \t\r\n", text.ptr[0], 4))
		text = str_skip(text, 1);
	while (text.len && memchr(" \t\r\n", text.ptr[text.len - 1], 4))
		text.len--;
	return text;
}

/* Trimmed, because editors and `echo` end a secret with a line end that is no part of it. */
static void expand_file(struct expansion *expansion, str reference, str path)
{
	struct expander *expander = expansion->expander;
	str text = { 0 }, full = expand_path(expander->arena, expander->folder, path);
	result_value read;

	if (str_is_empty(path)) {
		FAIL(expansion, reference, "${file:} names no file");
		return;
	}
	read = file_list_read(expander->files, full, EXPAND_VALUE_MAX, &text);
	if (failed(read))
		FAIL(expansion, reference, "%.*s %s%s%s", STR_ARG(full), read.why, read.sys ? ": " : "",
		     read.sys ? strerror(read.sys) : "");
	else if (!characters_are_valid(text) || (text.len && memchr(text.ptr, 0, text.len)))
		FAIL(expansion, reference, "%.*s is not a text in UTF-8", STR_ARG(full));
	else
		put(expansion, trim_lines(text), ORIGIN_OUTSIDE);
}

/* One ${inner}; reference is the whole of it. */
static void expand_reference(struct expansion *expansion, str reference, str inner)
{
	str name = inner, standard = { 0 };
	bool has_default = false;
	size_t colon;

	if (str_starts(inner, STR("file:"))) {
		expansion->node->is_expanded = true;
		expand_file(expansion, reference, str_skip(inner, 5));
		return;
	}
	if (str_find(inner, ':', &colon) && str_starts(str_skip(inner, colon), STR(":-"))) {
		name = str_slice(inner, 0, colon);
		standard = str_skip(inner, colon + 2);
		has_default = true;
	}
	if (is_of_policies(name) || is_of_log(expansion->node, name)) {
		put(expansion, reference, ORIGIN_TEXT);
		return;
	}
	expansion->node->is_expanded = true;
	if (!is_name(name))
		FAIL(expansion, reference,
		     "want ${NAME}, ${NAME:-default} or ${file:PATH}; write $${ for ${ itself");
	else if (str_contains(standard, STR("${")))
		FAIL(expansion, reference, "a default cannot hold another ${...}");
	else
		expand_environment(expansion, reference, name, has_default ? &standard : NULL);
}

/* From the left to the right, once. `$${` is looked for first: its second half would be a reference. */
static void expand_parts(struct expansion *expansion, str rest)
{
	while (rest.len && !expansion->node->is_broken) {
		size_t dollar, end;

		if (!str_find(rest, '$', &dollar))
			dollar = rest.len;
		put(expansion, str_slice(rest, 0, dollar), ORIGIN_TEXT);
		rest = str_skip(rest, dollar);
		if (rest.len == 0)
			break;
		if (str_starts(rest, STR("$${"))) {
			put(expansion, STR("${"), ORIGIN_REPLACED);
			rest = str_skip(rest, 3);
			expansion->reference++;
		} else if (!str_starts(rest, STR("${"))) {
			put(expansion, str_slice(rest, 0, 1), ORIGIN_TEXT);
			rest = str_skip(rest, 1);
		} else if (!str_find(rest, '}', &end)) {
			FAIL(expansion, STR("${"), "${ without its }; write $${ for ${ itself");
		} else {
			expand_reference(expansion, str_slice(rest, 0, end + 1), str_slice(rest, 2, end));
			rest = str_skip(rest, end + 1);
			expansion->reference++;
		}
	}
}

/* The literal parts as spans of the joined text. */
static const struct node_literals *literals_of(const struct expansion *expansion)
{
	struct node_literals *literals;
	size_t at = 0;

	literals = arena_alloc(expansion->expander->arena,
			       sizeof *literals + expansion->count * sizeof literals->at[0]);
	for (size_t i = 0; i < expansion->count; i++) {
		size_t end = at + expansion->parts[i].len;

		if (expansion->origins[i] != ORIGIN_TEXT)
			literals->at[literals->count++] =
				(struct node_span) { at, end, expansion->origins[i] == ORIGIN_OUTSIDE };
		at = end;
	}
	return literals;
}

/* Bounded before anything is joined: a short file may name a long one many times. */
static size_t joined_size(const struct expansion *expansion)
{
	size_t size = 0;

	for (size_t i = 0; i < expansion->count; i++)
		size += expansion->parts[i].len;
	return size;
}

void expand_node(struct expander *expander, struct node *node, str raw)
{
	struct expansion expansion = { .expander = expander, .node = node, .raw = raw };
	size_t dollars = 0, parts;

	for (size_t i = 0; i < node->text.len; i++)
		dollars += node->text.ptr[i] == '$';
	/* Before each dollar and what it stands for, and the rest. */
	parts = 2 * dollars + 1;
	/* Parts, origins and spans: 44 bytes each. */
	if (parts > arena_left(expander->arena) / 64) {
		FAIL(&expansion, raw, "the configuration is too large");
		return;
	}
	expansion.size = parts;
	expansion.parts = ARENA_ARRAY(expander->arena, str, parts);
	expansion.origins = ARENA_ARRAY(expander->arena, enum origin, parts);
	expand_parts(&expansion, node->text);
	if (node->is_broken)
		return;
	if (joined_size(&expansion) > EXPAND_VALUE_MAX + node->text.len ||
	    joined_size(&expansion) > arena_left(expander->arena) / 2) {
		FAIL(&expansion, raw, "the value is longer than 1 MiB when it is expanded");
		return;
	}
	node->literals = literals_of(&expansion);
	node->text = arena_join(expander->arena, expansion.parts, expansion.count);
}

str expand_path(struct arena *arena, str folder, str path)
{
	if (str_starts(path, STR("/")))
		return path;
	return arena_join(arena, (const str[]) { folder, path }, 2);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collecting what is wrong. Printing it is in diagnostics_print.c.
 *
 * Nothing is printed before all is known, because the order in which mistakes are found (syntax, then values,
 * then names, then clashes) is not the order in which somebody mends a file.
 *
 * Masking is done here and not by those who report: a room that quotes a value cannot know whether it came
 * from outside, and one that forgot to ask would print a password.
 */
#include "config/diagnostics.h"

#include "base/assert.h"
#include "config/diagnostics_private.h"
#include "config/character.h"
#include "config/secret_name.h"

enum {
	SOURCES_SHOWN_MAX = 200,     /* errors for which the source is looked up: that reads the file again */
	READ_SHOWN_MAX = 60,         /* bytes of a value in a message */
	MASK_ANYWHERE_MIN = 4,       /* shorter values are masked in quotes only */
	SUGGESTIONS_SEARCHED = 1000, /* names that are compared */
	SUGGESTIONS_LISTED =
		40, /* names, and the bytes of them all: what a line or three of a terminal hold */
	SUGGESTIONS_SHOWN_MAX = 400,
	MESSAGE_MAX = 2048, /* bytes; longer ones are cut */
};

struct diagnostics *diagnostics_new(struct arena *arena)
{
	struct diagnostics *diagnostics = ARENA_NEW(arena, struct diagnostics);

	diagnostics->arena = arena;
	diagnostics->last = &diagnostics->first;
	return diagnostics;
}

/* Doubles the room when it is full. */
static void grow_sources(struct diagnostics *diagnostics)
{
	size_t count = diagnostics->source_count, size = count ? 2 * count : 1;
	struct source *grown;

	if (count & (count - 1))
		return;
	grown = ARENA_ARRAY(diagnostics->arena, struct source, size);
	if (count)
		memcpy(grown, diagnostics->sources, count * sizeof *grown);
	diagnostics->sources = grown;
}

uint16_t diagnostics_add_source(struct diagnostics *diagnostics, str name, str text)
{
	ASSERT(diagnostics->source_count < DIAGNOSTICS_SOURCES_MAX);
	grow_sources(diagnostics);
	diagnostics->sources[diagnostics->source_count] = (struct source) { name, text };
	return diagnostics->source_count++;
}

str diagnostics_source_name(const struct diagnostics *diagnostics, uint16_t source)
{
	ASSERT(source < diagnostics->source_count);
	return diagnostics->sources[source].name;
}

size_t diagnostics_errors(const struct diagnostics *diagnostics)
{
	return diagnostics->errors;
}

size_t diagnostics_warnings(const struct diagnostics *diagnostics)
{
	return diagnostics->warnings;
}

/* Finds the end of the line that begins at text, and where the next one begins.
 * A line ends as it does for libfyaml, or its line numbers would not be ours. */
static size_t line_end(str text, size_t *ret_next)
{
	size_t at = 0;

	while (at < text.len && text.ptr[at] != '\n' && text.ptr[at] != '\r')
		at++;
	*ret_next = at + (at < text.len);
	if (at + 1 < text.len && text.ptr[at] == '\r' && text.ptr[at + 1] == '\n')
		*ret_next = at + 2;
	return at;
}

str source_line(str text, uint32_t line)
{
	size_t next, end = line_end(text, &next);

	while (line > 1) {
		text = str_skip(text, next);
		end = line_end(text, &next);
		line--;
	}
	return str_slice(text, 0, end);
}

/* The node's value as it stands in the file, when it fits into a message. */
static str source_of(const struct diagnostics *diagnostics, const struct node *node)
{
	str rest;
	const char *from;
	uint32_t character;

	if (diagnostics->errors > SOURCES_SHOWN_MAX)
		return STR("${...}");
	rest = source_line(diagnostics->sources[node->file].text, node->line);
	for (uint32_t column = 1; column < node->column && character_take(&rest, &character); column++)
		;
	from = rest.ptr;
	for (uint32_t width = 0; width < node->width && character_take(&rest, &character); width++)
		;
	if (rest.ptr == from || rest.ptr - from > READ_SHOWN_MAX)
		return STR("${...}");
	return (str) { from, (size_t)(rest.ptr - from) };
}

/* The source with quotes of its own around it taken off: messages bring theirs. */
static str mask_of(const struct diagnostics *diagnostics, const struct node *node)
{
	str mask = source_of(diagnostics, node);

	if (node->is_quoted && mask.len > 2 && (mask.ptr[0] == '"' || mask.ptr[0] == '\''))
		return str_slice(mask, 1, mask.len - 1);
	return mask;
}

/* Replaces the value wherever it stands whole. */
static void mask_whole(struct buf *b, str message, str value, str mask)
{
	for (size_t at = 0; at < message.len;) {
		bool may_be = value.len >= MASK_ANYWHERE_MIN || (at && message.ptr[at - 1] == '"');

		if (may_be && str_starts(str_skip(message, at), value)) {
			buf_put(b, mask);
			at += value.len;
		} else {
			buf_put_char(b, message.ptr[at++]);
		}
	}
}

/* Replaces what stands in quotes and is a part of the value. */
static void mask_quoted(struct buf *b, str message, str value, str mask)
{
	str before, quoted, rest;

	while (str_cut(message, '"', &before, &rest) && str_cut(rest, '"', &quoted, &rest)) {
		bool is_part = quoted.len && str_contains(value, quoted);

		buf_put(b, before);
		buf_put_char(b, '"');
		buf_put(b, is_part ? mask : quoted);
		buf_put_char(b, '"');
		message = rest;
	}
	buf_put(b, message);
}

static str mask_message(const struct diagnostics *diagnostics, const struct node *node, str message)
{
	char first[MESSAGE_MAX], second[MESSAGE_MAX];
	struct buf whole = buf_over(first, sizeof first), quoted = buf_over(second, sizeof second);
	str mask = mask_of(diagnostics, node);

	if (str_is_empty(node->text))
		return arena_str(diagnostics->arena, message);
	mask_whole(&whole, message, node->text, mask);
	mask_quoted(&quoted, buf_str(&whole), node->text, mask);
	if (buf_overflowed(&whole) || buf_overflowed(&quoted))
		return STR("the value is not allowed");
	return arena_str(diagnostics->arena, buf_str(&quoted));
}

/* Keeps one diagnostic. The message is made in a buffer of its own, so that a value of any length costs the
 * arena no more than a message may. */
__attribute__((format(printf, 3, 0))) static void
report(struct diagnostics *diagnostics, struct diagnostic found, const char *format, va_list arguments)
{
	struct diagnostic *kept;
	char text[MESSAGE_MAX];
	int len = vsnprintf(text, sizeof text, format, arguments);
	str message = { text, len < MESSAGE_MAX ? (size_t)len : MESSAGE_MAX - 1 };

	if (found.is_warning)
		diagnostics->warnings++;
	else
		diagnostics->errors++;
	if (diagnostics->kept == DIAGNOSTICS_KEPT_MAX ||
	    arena_left(diagnostics->arena) < sizeof *kept + 2 * (size_t)MESSAGE_MAX)
		return;
	found.order = diagnostics->kept++;
	if (found.node && found.node->is_expanded)
		found.message = mask_message(diagnostics, found.node, message);
	else
		found.message = arena_str(diagnostics->arena, message);
	kept = ARENA_NEW(diagnostics->arena, struct diagnostic);
	*kept = found;
	*diagnostics->last = kept;
	diagnostics->last = &kept->next;
}

static struct diagnostic at_value(const struct node *node)
{
	if (!node)
		return (struct diagnostic) { 0 };
	return (struct diagnostic) { .node = node,
				     .has_place = true,
				     .place = { node->file, node->line, node->column, node->width } };
}

/* What is said of a value first counts; what follows from it would only hide it. A map may have several
 * mistakes of its own. */
static void mark_broken(const struct node *at)
{
	if (at && at->kind != NODE_MAP)
		((struct node *)(uintptr_t)at)->is_broken = true;
}

void diagnostic_error(struct diagnostics *diagnostics, const struct node *at, const char *format, ...)
{
	va_list arguments;

	if (at && at->is_broken)
		return;
	va_start(arguments, format);
	report(diagnostics, at_value(at), format, arguments);
	va_end(arguments);
	mark_broken(at);
}

void diagnostic_warning(struct diagnostics *diagnostics, const struct node *at, const char *format, ...)
{
	struct diagnostic found = at_value(at);
	va_list arguments;

	if (at && at->is_broken)
		return;
	found.is_warning = true;
	va_start(arguments, format);
	report(diagnostics, found, format, arguments);
	va_end(arguments);
}

void diagnostic_error_place(struct diagnostics *diagnostics, const struct node *at, struct place place,
			    const char *format, ...)
{
	struct diagnostic found = { .node = at, .has_place = true, .place = place };
	va_list arguments;

	va_start(arguments, format);
	report(diagnostics, found, format, arguments);
	va_end(arguments);
}

void diagnostic_error_key(struct diagnostics *diagnostics, const struct node *at, const char *format, ...)
{
	struct diagnostic found = at_value(at);
	va_list arguments;

	if (at && at->key_line)
		found.place = (struct place) { at->file, at->key_line, at->key_column,
					       (uint32_t)character_count(at->key) };
	va_start(arguments, format);
	report(diagnostics, found, format, arguments);
	va_end(arguments);
}

static void keep_secret(struct diagnostics *diagnostics, struct place place)
{
	struct secret_place *kept;

	if (diagnostics->secret_count == DIAGNOSTICS_SECRETS_MAX ||
	    arena_left(diagnostics->arena) < sizeof *kept + (size_t)MESSAGE_MAX) {
		diagnostics->is_without_lines = true;
		return;
	}
	kept = ARENA_NEW(diagnostics->arena, struct secret_place);
	*kept = (struct secret_place) { diagnostics->secrets, place };
	diagnostics->secrets = kept;
	diagnostics->secret_count++;
}

/* Of a map whatever follows its first key in a line: a key may be the secret. */
void diagnostic_secret(struct diagnostics *diagnostics, const struct node *node)
{
	((struct node *)(uintptr_t)node)->is_secret = true;
	if (node->kind == NODE_SCALAR) {
		keep_secret(diagnostics,
			    (struct place) { node->file, node->line, node->column, node->width });
		return;
	}
	for (const struct node *child = node->first; child; child = child->next) {
		if (child->key_line)
			keep_secret(diagnostics,
				    (struct place) { child->file, child->key_line, child->key_column, 0 });
		diagnostic_secret(diagnostics, child);
	}
}

/* By the name that it, or the list that it is in, stands under. */
static bool is_secret(const struct node *node)
{
	const struct node *named = node;

	while (named->parent && named->parent->kind == NODE_LIST)
		named = named->parent;
	return node->is_secret || secret_name_judge(named->key) == SECRET_NAME_USUAL;
}

str diagnostic_read(struct diagnostics *diagnostics, const struct node *node)
{
	str text = node->text;

	if (node->kind == NODE_NULL)
		return STR("nothing");
	if (node->kind != NODE_SCALAR)
		return node->kind == NODE_LIST ? STR("a list") : STR("a map");
	if (node->is_expanded)
		text = mask_of(diagnostics, node);
	if (node->is_expanded)
		return arena_printf(diagnostics->arena, "what \"%.*s\" stands for", STR_ARG(text));
	if (is_secret(node))
		return STR("a text");
	if (text.len > READ_SHOWN_MAX)
		return arena_printf(diagnostics->arena, "\"%.*s...\"", READ_SHOWN_MAX, text.ptr);
	return arena_printf(diagnostics->arena, "\"%.*s\"", STR_ARG(text));
}

/* How far a word may be from what was meant: in a short one, each letter counts. */
static size_t tolerance_of(str word, str known)
{
	bool begins_alike = word.len && known.len && ascii_lower(word.ptr[0]) == ascii_lower(known.ptr[0]);

	return word.len < 4 ? 1 : word.len < 6 ? 1 + begins_alike : word.len < 10 ? 2 : 3;
}

/* The nearest of the known names. Only the first thousand are compared: a suggestion is a courtesy, and each
 * costs a table of distances. */
static bool find_nearest(str word, const str *known, size_t count, str *ret_nearest)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < count && i < SUGGESTIONS_SEARCHED; i++) {
		size_t limit = tolerance_of(word, known[i]) + 1;
		size_t distance = str_distance(word, known[i], limit);

		if (distance < limit && distance < known[i].len && distance < best) {
			best = distance;
			*ret_nearest = known[i];
		}
	}
	return best != SIZE_MAX;
}

str diagnostic_suggest(struct arena *arena, str word, const str *known, size_t count)
{
	str nearest, list = { 0 };

	if (find_nearest(word, known, count, &nearest))
		return arena_printf(arena, "; did you mean \"%.*s\"?", STR_ARG(nearest));
	if (count == 0 || count > SUGGESTIONS_LISTED)
		return (str) { 0 };
	for (size_t i = 0; i < count && list.len <= SUGGESTIONS_SHOWN_MAX; i++) {
		const char *between = i == 0 ? "" : i + 1 == count ? " and " : ", ";

		list = arena_printf(arena, "%.*s%s%.*s", STR_ARG(list), between, STR_ARG(known[i]));
	}
	if (list.len > SUGGESTIONS_SHOWN_MAX)
		return (str) { 0 };
	return arena_printf(arena, "; allowed: %.*s", STR_ARG(list));
}

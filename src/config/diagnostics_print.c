/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing diagnostics: sorted by place, each with its line and an underline.
 *
 * A line is shown as a terminal may see it. What steers a terminal or turns the direction of writing is
 * escaped, a tab becomes the spaces that it stands for, and so the underline can be placed by counting
 * columns. A long line is cut to a window around the place.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/printable.h"
#include "config/diagnostics_private.h"
#include "config/character.h"
#include "config/cover.h"

enum {
	WINDOW = 100,     /* characters of a line that are shown */
	WINDOW_LEFT = 40, /* of them before the place, when the line is longer */
	SHOWN_WIDTH = 20, /* of the value that should be seen */
	TAB_STOP = 8,
	NOT_UTF8 = 0x1000000, /* plus the byte: what is no character */
};

/* One character as a terminal may see it. */
struct cell {
	char bytes[16];
	size_t len;
	unsigned columns;
};

static void cell_escape(struct cell *cell, uint32_t character)
{
	bool is_byte = character >= NOT_UTF8 || character < 0x100;

	cell->len = (size_t)snprintf(cell->bytes, sizeof cell->bytes, is_byte ? "\\x%02x" : "\\u%04x",
				     (unsigned)(is_byte ? character & 0xff : character));
	cell->columns = (unsigned)cell->len;
}

/* Takes the next character off the line; column is where it will stand, for tabs. */
static struct cell cell_take(str *rest, unsigned column)
{
	struct cell cell = { .len = 0 };
	str before = *rest;
	uint32_t character;

	if (!character_take(rest, &character)) {
		character = NOT_UTF8 + (unsigned char)rest->ptr[0];
		*rest = str_skip(*rest, 1);
	}
	if (character == '\t') {
		cell.columns = TAB_STOP - column % TAB_STOP;
		cell.len = cell.columns;
		memset(cell.bytes, ' ', cell.len);
	} else if (printable_length(before) == 0) {
		cell_escape(&cell, character);
	} else {
		cell.len = before.len - rest->len;
		memcpy(cell.bytes, before.ptr, cell.len);
		cell.columns = character_columns(character);
	}
	return cell;
}

static void print_text(FILE *to, str text)
{
	for (unsigned column = 0; text.len;) {
		struct cell cell = cell_take(&text, column);

		fwrite(cell.bytes, 1, cell.len, to);
		column += cell.columns;
	}
}

static void print_repeated(FILE *to, char c, unsigned count)
{
	while (count--)
		fputc(c, to);
}

/* Skips to where the shown part of a long line begins; says how many characters that were. A file on a single
 * line, as programs write them, may have megabytes. */
static uint32_t window_open(str *line, uint32_t column)
{
	uint32_t skipped = 0;

	if (column + SHOWN_WIDTH <= WINDOW || character_count(*line) <= WINDOW)
		return 0;
	while (skipped + WINDOW_LEFT < column && line->len) {
		cell_take(line, 0);
		skipped++;
	}
	return skipped;
}

/* Prints the line, and counts the columns that end before the place and before its end. Where a character
 * takes two columns or none, or an escape takes six, the underline still stands beneath what it means. */
static void print_line(FILE *to, str line, const struct place *place, unsigned *ret_from, unsigned *ret_to)
{
	uint32_t index = 1 + window_open(&line, place->column);
	uint32_t last = index + WINDOW, end = place->column + (place->width ? place->width : 1);
	unsigned column = 0;

	if (index > 1)
		column += (unsigned)fprintf(to, "...");
	*ret_from = *ret_to = column;
	for (; line.len && index < last; index++) {
		struct cell cell = cell_take(&line, column);

		fwrite(cell.bytes, 1, cell.len, to);
		column += cell.columns;
		if (index < place->column)
			*ret_from = column;
		if (index < end)
			*ret_to = column;
	}
	if (line.len)
		fputs("...", to);
	fputc('\n', to);
}

static void print_snippet(FILE *to, str line, const struct place *place)
{
	unsigned from, end;

	fprintf(to, "%5u | ", (unsigned)place->line);
	print_line(to, line, place, &from, &end);
	fputs("      | ", to);
	print_repeated(to, ' ', from);
	fputc('^', to);
	print_repeated(to, '~', end > from + 1 ? end - from - 1 : 0);
	fputc('\n', to);
}

static size_t cover_places(const struct diagnostics *diagnostics, const struct place *shown, char *line,
			   size_t len)
{
	for (const struct secret_place *at = diagnostics->secrets; at; at = at->next)
		if (at->place.source == shown->source && at->place.line == shown->line)
			len = cover_place(line, len, at->place.column, at->place.width);
	return len;
}

/* A copy, as its secrets are covered in place. */
static void print_covered(const struct diagnostics *diagnostics, FILE *to, const struct place *place,
			  bool is_secret)
{
	str line = source_line(diagnostics->sources[place->source].text, place->line);
	char *copy = malloc(line.len + 1);
	size_t len;

	ASSERT(copy);
	if (line.len)
		memcpy(copy, line.ptr, line.len);
	len = cover_places(diagnostics, place, copy, line.len);
	print_snippet(to, (str) { copy, cover_secrets(copy, len, is_secret) }, place);
	free(copy);
}

/* The line with path and message, and the snippet. Names of files are text from outside as well. */
static void print_one(const struct diagnostics *diagnostics, const struct diagnostic *found, FILE *to)
{
	const struct source *source = &diagnostics->sources[found->place.source];
	str path = node_path(found->node, diagnostics->arena);

	if (found->has_place) {
		print_text(to, source->name);
		fprintf(to, ":%u:%u: ", (unsigned)found->place.line, (unsigned)found->place.column);
	}
	fputs(found->is_warning ? "warning: " : "error: ", to);
	print_text(to, path);
	fputs(path.len ? ": " : "", to);
	print_text(to, found->message);
	fputc('\n', to);
	if (found->has_place && !diagnostics->is_without_lines)
		print_covered(diagnostics, to, &found->place, cover_is_secret(path));
}

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* What has no place comes first. */
static int by_place(const void *left, const void *right)
{
	const struct diagnostic *a = *(const struct diagnostic *const *)left;
	const struct diagnostic *b = *(const struct diagnostic *const *)right;
	int order = compare(a->has_place, b->has_place);

	order = order ? order : compare(a->place.source, b->place.source);
	order = order ? order : compare(a->place.line, b->place.line);
	order = order ? order : compare(a->place.column, b->place.column);
	return order ? order : compare(a->order, b->order);
}

/* The first ones by place, as many as are printed; the caller frees them. Never NULL. */
static const struct diagnostic **sort(const struct diagnostics *diagnostics, size_t *ret_count)
{
	const struct diagnostic **sorted = calloc(diagnostics->kept + 1, sizeof *sorted);
	size_t count = 0;

	ASSERT(sorted);
	for (const struct diagnostic *found = diagnostics->first; found; found = found->next)
		sorted[count++] = found;
	qsort(sorted, count, sizeof *sorted, by_place);
	*ret_count = count > DIAGNOSTICS_PRINTED_MAX ? DIAGNOSTICS_PRINTED_MAX : count;
	return sorted;
}

void diagnostics_print(const struct diagnostics *diagnostics, FILE *to)
{
	size_t total = diagnostics->errors + diagnostics->warnings, count;
	const struct diagnostic **sorted = sort(diagnostics, &count);

	for (size_t i = 0; i < count; i++)
		print_one(diagnostics, sorted[i], to);
	if (total > count)
		fprintf(to, "and %zu more\n", total - count);
	free(sorted);
}

static str line_of(const struct diagnostics *diagnostics, const struct diagnostic *found)
{
	str path = node_path(found->node, diagnostics->arena), place = { 0 };

	if (found->has_place)
		place = arena_printf(diagnostics->arena,
				     "%.*s:%u:%u: ", STR_ARG(diagnostics->sources[found->place.source].name),
				     (unsigned)found->place.line, (unsigned)found->place.column);
	return arena_printf(diagnostics->arena, "%.*s%.*s%s%.*s", STR_ARG(place), STR_ARG(path),
			    path.len ? ": " : "", STR_ARG(found->message));
}

void diagnostics_tell(const struct diagnostics *diagnostics, diagnostics_fn tell, void *owner)
{
	size_t total = diagnostics->errors + diagnostics->warnings, count;
	const struct diagnostic **sorted = sort(diagnostics, &count);

	for (size_t i = 0; i < count; i++)
		tell(owner, sorted[i]->is_warning, line_of(diagnostics, sorted[i]));
	if (total > count)
		tell(owner, diagnostics->errors == 0,
		     arena_printf(diagnostics->arena, "and %zu more", total - count));
	free(sorted);
}

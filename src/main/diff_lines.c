/* SPDX-License-Identifier: Apache-2.0 */
#include "main/diff_lines.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/printable.h"

static const str words[RISKS] = { [RISK_PUBLIC] = STR_INIT("public"), [RISK_OPEN] = STR_INIT("open"),
				  [RISK_ROUTE] = STR_INIT("route"),   [RISK_SHADOW] = STR_INIT("shadow"),
				  [RISK_TIGHT] = STR_INIT("tight"),   [RISK_OTHER] = STR_INIT("other") };

void diff_add(struct diff_lines *lines, enum risk risk, const char *format, ...)
{
	struct diff_line *line = ARENA_NEW(lines->arena, struct diff_line);
	va_list arguments;

	va_start(arguments, format);
	line->text = arena_vprintf(lines->arena, format, arguments);
	va_end(arguments);
	line->risk = risk;
	line->next = lines->first;
	lines->first = line;
	lines->count[risk]++;
}

static int compare_lines(const void *a, const void *b)
{
	const struct diff_line *one = *(const struct diff_line *const *)a;
	const struct diff_line *other = *(const struct diff_line *const *)b;

	return one->risk != other->risk ? (int)one->risk - (int)other->risk : str_cmp(one->text, other->text);
}

/* Names and values come from the files, and nothing that they hold can make a line of its own. */
static void print_text(str text, FILE *to)
{
	while (text.len) {
		size_t length = printable_length(text);

		if (length)
			fprintf(to, "%.*s", (int)length, text.ptr);
		else
			fprintf(to, "\\x%02x", (unsigned char)text.ptr[0]);
		text = str_skip(text, length ? length : 1);
	}
}

void diff_print(struct diff_lines *lines, FILE *to)
{
	size_t count = 0, i = 0;
	struct diff_line **sorted;

	for (int risk = 0; risk < RISKS; risk++)
		count += lines->count[risk];
	sorted = ARENA_ARRAY(lines->arena, struct diff_line *, count + 1);
	for (struct diff_line *line = lines->first; line; line = line->next)
		sorted[i++] = line;
	ASSERT(i == count);
	qsort(sorted, count, sizeof *sorted, compare_lines);
	for (i = 0; i < count; i++) {
		if (i && compare_lines(&sorted[i - 1], &sorted[i]) == 0)
			continue;
		fprintf(to, "%-6s  ", words[sorted[i]->risk].ptr);
		print_text(sorted[i]->text, to);
		fputc('\n', to);
	}
}

int diff_exit_code(const struct diff_lines *lines)
{
	if (lines->count[RISK_PUBLIC] || lines->count[RISK_OPEN])
		return 4;
	return lines->count[RISK_ROUTE] || lines->count[RISK_SHADOW] ? 3 : 0;
}

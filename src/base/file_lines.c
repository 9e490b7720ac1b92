/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file_lines.h"

#include <stdio.h>
#include <string.h>

#include "base/line_reader.h"

str file_mistake_print(const struct file_mistake *mistake, const char *path, char *room, size_t size)
{
	int len = mistake->line ? snprintf(room, size, "%s:%zu: %s", path, mistake->line, mistake->why)
				: snprintf(room, size, "%s: %s", path, mistake->why);

	return (str) { room, (size_t)len < size ? (size_t)len : size - 1 };
}

static void set_mistake(struct file_mistake *mistake, size_t line, const char *why)
{
	mistake->line = line;
	snprintf(mistake->why, sizeof mistake->why, "%s", why);
}

/* What is wrong with the next line; NULL: nothing is, or there is none. */
static const char *take_next(struct line_reader *lines, file_line_fn take, void *self, result_value *ret_next)
{
	str line;

	*ret_next = line_reader_next(lines, &line);
	if (failed(*ret_next))
		return ret_next->kind == ERROR_MISSING ? NULL : ret_next->why;
	line = str_trim(line);
	return line.len ? take(self, line) : NULL;
}

result file_lines_read(const char *path, size_t max, file_line_fn take, void *self,
		       struct file_mistake *ret_mistake)
{
	FILE *from;
	struct line_reader lines;
	result_value opened = line_reader_open(path, &from);
	result_value next = OK;
	const char *why = NULL;
	size_t number = 0;

	if (failed(opened)) {
		set_mistake(ret_mistake, 0, opened.sys ? strerror(opened.sys) : opened.why);
		return opened;
	}
	line_reader_init(&lines, from, max);
	while (!why && !failed(next)) {
		why = take_next(&lines, take, self, &next);
		number++;
	}
	line_reader_fini(&lines);
	fclose(from);
	if (!why)
		return OK;
	set_mistake(ret_mistake, number, why);
	return next.kind == ERROR_SYSTEM ? next : error_make(ERROR_INVALID, "a line of the file is wrong");
}

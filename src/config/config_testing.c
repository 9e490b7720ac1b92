/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_testing.h"

#include <stdio.h>

enum { ARENA_MAX = 64 * 1024 * 1024 };

void reading_open(struct reading *reading)
{
	*reading = (struct reading) { .outcome = OK };
	arena_init(&reading->arena, NULL, ARENA_MAX);
	reading->diagnostics = diagnostics_new(&reading->arena);
}

void reading_close(struct reading *reading)
{
	free(reading->printed);
	arena_fini(&reading->arena);
}

const char *testing_environment(const char *name, void *argument)
{
	static const char *const known[][2] = {
		{ "HOST", "orders.internal" },
		{ "PORT", "8080" },
		{ "EMPTY", "" },
		{ "TRICKY", "{a: 1}\n- ${HOST} ${request.id}" },
		{ "BINARY", "\xff\xfe" },
		{ "SECRET", "hunter2hunter2" },
		{ "DOLLAR", "$" },
	};

	(void)argument;
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (strcmp(known[i][0], name) == 0)
			return known[i][1];
	return NULL;
}

void reading_parse_bytes(struct reading *reading, str text, size_t arena_max)
{
	static const struct document_options options = { .environment = testing_environment };

	reading->arena.max = arena_max;
	reading->outcome = document_parse(&reading->arena, STR("t.yaml"), text, &options,
					  reading->diagnostics, &reading->document);
}

void reading_parse(struct reading *reading, const char *text)
{
	reading_parse_bytes(reading, str_of(text), ARENA_MAX);
}

const char *reading_print(struct reading *reading)
{
	size_t size;
	FILE *to;

	free(reading->printed);
	reading->printed = NULL;
	to = open_memstream(&reading->printed, &size);
	diagnostics_print(reading->diagnostics, to);
	fclose(to);
	return reading->printed;
}

/* Lines of the snippet begin with a number or a space, and hold a bar at column 7. */
static bool is_snippet(str line)
{
	return line.len > 6 && line.ptr[6] == '|';
}

static void put_without(struct buf *b, str line, str part)
{
	const char *at = line.len ? memmem(line.ptr, line.len, part.ptr, part.len) : NULL;
	size_t before = at ? (size_t)(at - line.ptr) : line.len;

	buf_put(b, str_slice(line, 0, before));
	buf_put(b, str_skip(line, at ? before + part.len : line.len));
}

const char *reading_summary(struct reading *reading)
{
	str rest = str_of(reading_print(reading)), line;
	size_t size = rest.len + 1;
	char *summary = malloc(size);
	struct buf b = buf_over(summary, size);

	while (str_cut(rest, '\n', &line, &rest)) {
		if (is_snippet(line))
			continue;
		if (str_starts(line, STR("t.yaml:")))
			line = str_skip(line, 7);
		put_without(&b, line, STR("error: "));
		buf_put_char(&b, '\n');
	}
	b.len -= b.len > 0;
	summary[b.len] = 0;
	free(reading->printed);
	reading->printed = summary;
	return summary;
}

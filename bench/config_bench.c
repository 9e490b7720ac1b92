/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_bench: what a large configuration costs to load and to read, in bytes and in milliseconds of CPU:
 * the machine may be busy with other things.
 *
 *     config_bench [ROUTES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "config/field.h"

enum { ROUTES = 50000, LINE = 128, ROUNDS = 5 };

struct route {
	struct entry entry;
	str path, upstream;
	str_list methods;
	duration timeout;
	uint64_t body;
	int64_t weight;
	bool is_strict;
	int mode;
	struct pair_list headers;
};

struct root {
	struct {
		struct route *at;
		size_t len;
	} routes;
};

static const char *const mode_words[] = { "exact", "prefix", NULL };

static const struct field route_fields[] = {
	FIELD_STR_REQUIRED(struct route, path, "path", "A path."),
	FIELD_STR(struct route, upstream, "upstream", NULL, "A name."),
	FIELD_STRS(struct route, methods, "methods", 0, 10, "Words."),
	FIELD_DURATION(struct route, timeout, "timeout", "15s", MILLISECOND, HOUR, "A duration."),
	FIELD_SIZE(struct route, body, "body", "1MiB", 0, 1 << 30, "A size."),
	FIELD_INT(struct route, weight, "weight", "1", 0, 100, "A number."),
	FIELD_BOOL(struct route, is_strict, "strict", "true", "A flag."),
	FIELD_ENUM(struct route, mode, "mode", mode_words, "prefix", "A word."),
	FIELD_PAIRS(struct route, headers, "headers", 10, "Pairs."),
	FIELD_END,
};

static const struct field root_fields[] = {
	FIELD_MAP(struct root, routes, "routes", struct route, route_fields, 10000000, "Routes."),
	FIELD_END,
};

static str make_text(size_t routes)
{
	size_t size = (routes + 1) * LINE;
	char *text = malloc(size), line[LINE];
	struct buf b = buf_over(text, size);

	buf_put(&b, STR("routes:\n"));
	for (size_t i = 0; i < routes; i++) {
		snprintf(line, sizeof line,
			 "  r%zu: { path: /orders/%zu, methods: [GET, POST], timeout: 5s, headers: { X-A: b "
			 "} }\n",
			 i, i);
		buf_put(&b, str_of(line));
	}
	return buf_str(&b);
}

/* Milliseconds that this process has computed. */
static double spent(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static bool run(str text)
{
	struct arena arena;
	struct reader reader = { .arena = &arena };
	struct document *document;
	struct root root = { 0 };
	double start = spent(), loaded;
	size_t tree;

	arena_init(&arena, NULL, (size_t)1 << 34);
	reader.diagnostics = diagnostics_new(&arena);
	if (failed(document_parse(&arena, STR("bench.yaml"), text, NULL, reader.diagnostics, &document)))
		return false;
	loaded = spent() - start;
	tree = arena.used;
	start = spent();
	reader.document = document;
	fields_read(&reader, document_root(document), root_fields, &root);
	printf("%zu routes, %.1f MB: loaded in %.0f ms and %.1f MB, read in %.0f ms and %.1f MB more\n",
	       root.routes.len, (double)text.len / 1e6, loaded, (double)tree / 1e6, spent() - start,
	       (double)(arena.used - tree) / 1e6);
	diagnostics_print(reader.diagnostics, stderr);
	arena_fini(&arena);
	return true;
}

int main(int count, char **arguments)
{
	uint64_t routes = ROUTES;
	str text;

	if (count > 1 && !str_to_u64(str_of(arguments[1]), 10000000, &routes))
		return 2;
	text = make_text(routes);
	for (int i = 0; i < ROUNDS; i++)
		if (!run(text))
			return 1;
	free((char *)(uintptr_t)text.ptr);
	return 0;
}

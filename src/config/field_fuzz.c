/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a file, read by a table with every type: no crash, and no value that its row does not allow.
 */
#include "config/field_testing.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA_MAX = 2 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 forgets a list of chunks when what follows a quoted scalar is wrong: a few kilobytes, once
 * for a file that is refused. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml";
}

static void check_ranges(const struct everything *e)
{
	if (e->number < 1 || e->number > 10 || e->at_least < 5 || e->mode < 0 || e->mode > 3 || e->modes > 15)
		abort();
	if (e->wait < MILLISECOND || e->wait > 2 * HOUR || e->room < 512 || e->room > 1 << 30)
		abort();
}

static void check_lists(const struct everything *e)
{
	if (e->names.len > 3 || e->pairs.len > 2 || e->items.len > 4 || e->named.len > 3)
		abort();
	for (size_t i = 0; i < e->items.len; i++)
		if (e->items.at[i].weight < 0 || e->items.at[i].weight > 100)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct reader reader = { .arena = &arena };
	struct document *document;
	struct everything everything = { 0 };
	FILE *to = fopen("/dev/null", "w");

	arena_init(&arena, NULL, ARENA_MAX);
	reader.diagnostics = diagnostics_new(&arena);
	(void)!failed(document_parse(&arena, STR("f.yaml"), (str) { (const char *)data, size }, NULL,
				     reader.diagnostics, &document));
	if (document) {
		reader.document = document;
		fields_read(&reader, document_root(document), everything_fields, &everything);
		check_ranges(&everything);
		check_lists(&everything);
	}
	diagnostics_print(reader.diagnostics, to);
	fclose(to);
	arena_fini(&arena);
	return 0;
}

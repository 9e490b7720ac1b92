/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a file: no crash, no leak, no more memory than the arena may take, and a tree that holds. */
#include <stdio.h>
#include <stdlib.h>

#include "config/document.h"

enum { ARENA_MAX = 2 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 forgets a list of chunks when what follows a quoted scalar is wrong: a few kilobytes, once
 * for a file that is refused. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml";
}

static const char *environment(const char *name, void *argument)
{
	(void)argument;
	return name[0] == 'A' ? "value ${B} ${request.id}" : name[0] == 'E' ? "" : NULL;
}

/* Counts and places must be those that diagnostics rely on. */
static void walk(const struct node *node)
{
	size_t count = 0;

	for (const struct node *child = node->first; child; child = child->next, count++) {
		if (child->parent != node || child->line == 0 || child->column == 0)
			abort();
		if (node->kind == NODE_MAP && (child->key.len == 0 || node_find(node, child->key) != child))
			abort();
		walk(child);
	}
	if (count != node->count)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct document_options options = { .environment = environment };
	struct arena arena;
	struct diagnostics *diagnostics;
	struct document *document;
	FILE *to = fopen("/dev/null", "w");
	result_value outcome;

	arena_init(&arena, NULL, ARENA_MAX);
	diagnostics = diagnostics_new(&arena);
	outcome = document_parse(&arena, STR("f.yaml"), (str) { (const char *)data, size }, &options,
				 diagnostics, &document);
	if (failed(outcome) != (diagnostics_errors(diagnostics) > 0))
		abort();
	if (document)
		walk(document_root(document));
	diagnostics_print(diagnostics, to);
	fclose(to);
	arena_fini(&arena);
	return 0;
}

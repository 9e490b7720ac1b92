/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever stands in a line of a file of consumers: who is taken is found by name, and nobody is taken twice.
 */
#include <string.h>

#include "auth/consumer_line.h"
#include "base/assert.h"

enum { ARENA_MAX = 4 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(struct consumer_table *table, const struct consumer_config *config)
{
	struct consumers *consumers = consumers_new(&table, 1);
	const struct consumer *found = consumers_find(consumers, config->entry.name);
	struct consumer_clash clash;

	ASSERT(found && str_eq(found->name, config->entry.name));
	ASSERT(consumers_count(consumers) == 1 && !consumers_clash(consumers, &clash));
	consumers_unref(&consumers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct consumer_table *table = consumer_table_new(1);
	struct consumer_mistake mistake = { 0 };
	struct consumer_config config;
	struct arena arena;

	arena_init(&arena, NULL, ARENA_MAX);
	if (!consumer_line_read(&arena, (str) { (const char *)data, size }, &config)) {
		if (failed(consumer_table_add(table, &config, &mistake)))
			ASSERT(mistake.key && mistake.why);
		else
			look(table, &config);
		ASSERT(failed(consumer_table_add(table, &config, &mistake)));
	}
	arena_fini(&arena);
	consumer_table_unref(&table);
	return 0;
}

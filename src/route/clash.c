/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clash: rules that can never be told apart.
 *
 * Two rules clash when for one set of hosts their paths are the same but for the names in them, they ask the
 * same further conditions in any order, and some method is in both: for such a request nothing but their
 * order in the file would decide, and the later one could never have it. An API's own rule gives way to the
 * API's routes, so it clashes with other APIs' rules only.
 *
 * Equal host and path means the same list of the tree; equal conditions an equal hash. So one look-up a rule
 * finds its rivals.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "route/router_private.h"

struct claim {
	struct leaf *const *list;
	struct rule *rule;
	uint32_t next; /* 1 + an earlier claim with the same hash */
};

struct clash_table {
	struct claim *claims;
	uint32_t *buckets; /* 1 + the newest claim */
	size_t count, max, mask;
};

struct clash_table *clash_table_new(size_t max)
{
	struct clash_table *table = calloc(1, sizeof *table);
	size_t buckets = 16;

	ASSERT(table && max < UINT32_MAX);
	while (buckets < max)
		buckets *= 2;
	*table = (struct clash_table) {
		.claims = calloc(max + 1, sizeof *table->claims),
		.buckets = calloc(buckets, sizeof *table->buckets),
		.max = max,
		.mask = buckets - 1,
	};
	ASSERT(table->claims && table->buckets);
	return table;
}

void clash_table_free(struct clash_table **table)
{
	if (!*table)
		return;
	free((*table)->claims);
	free((*table)->buckets);
	free(*table);
	*table = NULL;
}

static bool clashes(const struct rule *a, const struct rule *b)
{
	if (a->hash != b->hash || a->weight != b->weight || a->tail != b->tail)
		return false;
	if (a->api == b->api && a->is_own != b->is_own)
		return false;
	return method_sets_share(&a->methods, &b->methods);
}

struct rule *clash_add(struct clash_table *table, struct leaf *const *list, struct rule *rule)
{
	uint32_t *bucket = &table->buckets[hash_mix((uintptr_t)list, rule->hash) & table->mask];

	for (uint32_t i = *bucket; i; i = table->claims[i - 1].next) {
		const struct claim *claim = &table->claims[i - 1];

		if (claim->list == list && clashes(claim->rule, rule))
			return claim->rule;
	}
	ASSERT(table->count < table->max);
	table->claims[table->count] = (struct claim) { list, rule, *bucket };
	*bucket = (uint32_t)++table->count;
	return NULL;
}

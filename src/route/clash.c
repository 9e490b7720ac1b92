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
#include "base/assert.h"
#include "base/hash.h"
#include "route/router_private.h"

struct claim {
	struct leaf *const *list;
	struct rule *rule;
	uint32_t next; /* 1 + an earlier claim with the same hash */
};

struct clash_table {
	struct arena *arena;
	struct claim *claims;
	uint32_t *buckets; /* 1 + the newest claim */
	size_t count, max; /* max is a power of two, as arena_widen() has it */
};

struct clash_table *clash_table_new(struct arena *arena)
{
	struct clash_table *table = ARENA_NEW(arena, struct clash_table);

	table->arena = arena;
	return table;
}

static bool clashes(const struct rule *a, const struct rule *b)
{
	if (a->hash != b->hash || a->weight != b->weight || a->tail != b->tail)
		return false;
	if (a->api == b->api && a->is_own != b->is_own)
		return false;
	return method_sets_share(&a->methods, &b->methods);
}

static uint32_t *bucket_of(const struct clash_table *table, struct leaf *const *list, const struct rule *rule)
{
	return &table->buckets[hash_mix((uintptr_t)list, rule->hash) & (table->max - 1)];
}

/* Twice the room, and the claims in their new buckets. */
static void grow(struct clash_table *table)
{
	table->claims =
		arena_widen(table->arena, table->claims, table->count, sizeof *table->claims, &table->max);
	table->buckets = ARENA_ARRAY(table->arena, uint32_t, table->max);
	ASSERT(table->max < UINT32_MAX);
	for (size_t i = 0; i < table->count; i++) {
		struct claim *claim = &table->claims[i];
		uint32_t *bucket = bucket_of(table, claim->list, claim->rule);

		claim->next = *bucket;
		*bucket = (uint32_t)i + 1;
	}
}

struct rule *clash_add(struct clash_table *table, struct leaf *const *list, struct rule *rule)
{
	uint32_t *bucket;

	if (table->count == table->max)
		grow(table);
	bucket = bucket_of(table, list, rule);
	for (uint32_t i = *bucket; i; i = table->claims[i - 1].next) {
		const struct claim *claim = &table->claims[i - 1];

		if (claim->list == list && clashes(claim->rule, rule))
			return claim->rule;
	}
	table->claims[table->count] = (struct claim) { list, rule, *bucket };
	*bucket = (uint32_t)++table->count;
	return NULL;
}

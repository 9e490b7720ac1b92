/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shares by weight, few keys that move, and the same table on every node. The names are fixed, so what is
 * counted is the same in each run.
 */
#include "upstream/maglev.h"

#include <stdio.h>

#include "base/testing.h"

enum { MEMBERS_MAX = 1000, NAME_MAX_LEN = 24 };

struct bench {
	char names[MEMBERS_MAX][NAME_MAX_LEN];
	struct maglev_member members[MEMBERS_MAX];
	size_t counts[MEMBERS_MAX];
};

/* Member i is 10.0.0.i:80 with the weight i modulo `weights` plus 1. */
static struct maglev *make(struct bench *bench, size_t count, uint32_t weights)
{
	for (size_t i = 0; i < count; i++) {
		int len = snprintf(bench->names[i], NAME_MAX_LEN, "10.0.%zu.%zu:80", i / 256, i % 256);

		bench->members[i] = (struct maglev_member) { { bench->names[i], (size_t)len },
							     (uint32_t)i % weights + 1,
							     (uint16_t)i };
	}
	return maglev_new(bench->members, count);
}

static void count(struct bench *bench, const struct maglev *maglev)
{
	memset(bench->counts, 0, sizeof bench->counts);
	for (uint32_t i = 0; i < maglev->size; i++)
		bench->counts[maglev->slots[i]]++;
}

static const struct {
	size_t count;
	uint32_t weights, size;
	unsigned within; /* of its share, in percent */
} share_rows[] = {
	{ 1, 1, 251, 0 },     { 2, 1, 251, 2 },     { 10, 1, 1021, 2 },    { 10, 5, 4093, 2 },
	{ 100, 1, 16381, 2 }, { 100, 9, 65537, 2 }, { 1000, 1, 65537, 3 }, { 1000, 10, 65537, 9 },
};

static void slots_are_shared_out_by_weight(void **state)
{
	static struct bench bench;

	(void)state;
	for (size_t row = 0; row < COUNT_OF(share_rows); row++) {
		struct maglev *maglev = make(&bench, share_rows[row].count, share_rows[row].weights);
		uint64_t total = 0;

		assert_row(maglev->size == share_rows[row].size, row, "size");
		for (size_t i = 0; i < share_rows[row].count; i++)
			total += bench.members[i].weight;
		count(&bench, maglev);
		for (size_t i = 0; i < share_rows[row].count; i++) {
			double share = (double)maglev->size * ((double)(i % share_rows[row].weights) + 1) /
				       (double)total;
			double off = 100 * ((double)bench.counts[i] - share) / share;

			assert_row(off <= share_rows[row].within && off >= -(double)share_rows[row].within,
				   row, "share");
		}
		maglev_free(&maglev);
	}
}

/* One of a hundred leaves: its keys move, and few others. */
static void few_keys_move_when_one_leaves(void **state)
{
	static struct bench bench;
	struct maglev *all = make(&bench, 100, 1), *less;
	size_t moved = 0, others = 0;

	(void)state;
	for (size_t i = 0, at = 0; i < 100; i++)
		if (bench.members[i].index != 42)
			bench.members[at++] = bench.members[i];
	less = maglev_new(bench.members, 99);
	assert_int_equal(all->size, less->size);
	for (uint32_t i = 0; i < all->size; i++) {
		moved += all->slots[i] != less->slots[i];
		others += all->slots[i] != less->slots[i] && all->slots[i] != 42;
		assert_true(less->slots[i] != 42);
	}
	assert_in_range(moved, all->size / 100, all->size * 3 / 100);
	assert_in_range(others, 0, all->size * 2 / 100);
	maglev_free(&all);
	maglev_free(&less);
}

static void the_order_does_not_matter(void **state)
{
	static struct bench bench;
	struct maglev *first = make(&bench, 50, 3), *again;

	(void)state;
	for (size_t i = 0; i < 25; i++) {
		struct maglev_member kept = bench.members[i];

		bench.members[i] = bench.members[49 - i];
		bench.members[49 - i] = kept;
	}
	again = maglev_new(bench.members, 50);
	assert_int_equal(first->size, again->size);
	assert_memory_equal(first->slots, again->slots, first->size * sizeof first->slots[0]);
	maglev_free(&first);
	maglev_free(&again);
}

/* Other nodes, and versions to come, must choose the same. */
static void a_table_is_the_same_for_ever(void **state)
{
	static struct bench bench;
	struct maglev *maglev = make(&bench, 10, 1);
	char text[11] = "";

	(void)state;
	for (unsigned step = 0; step < 10; step++)
		text[step] = (char)('0' + maglev_find(maglev, 12345, step));
	assert_string_equal(text, "8479130363");
	maglev_free(&maglev);
}

/* The heaviest and the lightest that a configuration allows, and twice the same name. */
static void extremes_are_fine(void **state)
{
	struct maglev_member members[] = { { STR("a"), 1, 0 }, { STR("b"), 1000, 1 }, { STR("b"), 1000, 2 } };
	struct maglev *maglev = maglev_new(members, 3);
	size_t counts[3] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < maglev->size; i++)
		counts[maglev->slots[i]]++;
	assert_in_range(counts[0], 20, 50); /* 65537 / 2001 is 33 */
	assert_in_range(counts[1], 32000, 33500);
	assert_in_range(counts[2], 32000, 33500);
	maglev_free(&maglev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_are_shared_out_by_weight),
		cmocka_unit_test(few_keys_move_when_one_leaves),
		cmocka_unit_test(the_order_does_not_matter),
		cmocka_unit_test(a_table_is_the_same_for_ever),
		cmocka_unit_test(extremes_are_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

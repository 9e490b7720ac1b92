/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a roster keeps, and until when.
 */
#include "upstream/roster.h"

#include "base/testing.h"

static struct roster *make(struct endpoints *endpoints, const char *const *texts, const uint32_t *weights)
{
	struct roster_member members[4] = { 0 };
	size_t count = 0;

	for (; texts[count]; count++) {
		assert_int_equal(
			endpoints_get(endpoints, str_of(texts[count]), &members[count].endpoint).kind,
			ERROR_NONE);
		members[count].weight = weights[count];
		members[count].is_backup = weights[count] > 100;
	}
	return roster_new(members, count);
}

static void endpoints_are_there_as_long_as_a_roster_names_them(void **state)
{
	static const char *const old_texts[] = { "a:1", "b:1", NULL };
	static const char *const new_texts[] = { "b:1", "c:1", NULL };
	static const uint32_t weights[] = { 1, 1 };
	struct endpoints *endpoints = endpoints_new();
	struct roster *old = make(endpoints, old_texts, weights), *new, *again;
	struct endpoint *b = old->members[1].endpoint;

	(void)state;
	new = make(endpoints, new_texts, weights);
	assert_int_equal(endpoints_count(endpoints), 3);
	assert_ptr_equal(new->members[0].endpoint, b);
	assert_int_equal(b->rosters, 2);
	again = roster_ref(old);
	roster_unref(&old);
	assert_null(old);
	assert_int_equal(endpoints_count(endpoints), 3);
	roster_unref(&again);
	assert_int_equal(endpoints_count(endpoints), 2);
	assert_int_equal(b->rosters, 1);
	assert_true(endpoint_is_listed(b));
	endpoint_ref(b);
	roster_unref(&new);
	roster_unref(&new); /* of nothing */
	assert_int_equal(endpoints_count(endpoints), 1);
	assert_false(endpoint_is_listed(b)); /* it is still there for who has it, but nobody names it */
	endpoint_unref(&b);
	endpoints_free(&endpoints);
}

static void nobody_may_serve(void **state)
{
	struct roster *roster = roster_new(NULL, 0);

	(void)state;
	assert_int_equal(roster->count, 0);
	roster_unref(&roster);
	assert_null(roster);
}

static const struct {
	const char *name, *texts[4];
	uint32_t weights[3];
	bool is_same;
} rows[] = {
	{ "itself", { "a:1", "b:1", NULL }, { 1, 2 }, true },
	{ "another weight", { "a:1", "b:1", NULL }, { 1, 3 }, false },
	{ "a backup now", { "a:1", "b:1", NULL }, { 1, 200 }, false },
	{ "another endpoint", { "a:1", "c:1", NULL }, { 1, 2 }, false },
	{ "one more", { "a:1", "b:1", "c:1", NULL }, { 1, 2, 3 }, false },
	{ "one less", { "a:1", NULL }, { 1 }, false },
	{ "none", { NULL }, { 0 }, false },
	{ "another order", { "b:1", "a:1", NULL }, { 2, 1 }, false },
};

static void the_same_is_told_from_another(void **state)
{
	struct endpoints *endpoints = endpoints_new();
	struct roster *first = make(endpoints, rows[0].texts, rows[0].weights);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct roster *other = make(endpoints, rows[i].texts, rows[i].weights);

		assert_row(roster_is_same(first, other) == rows[i].is_same, i, rows[i].name);
		assert_row(roster_is_same(other, first) == rows[i].is_same, i, rows[i].name);
		roster_unref(&other);
	}
	roster_unref(&first);
	endpoints_free(&endpoints);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoints_are_there_as_long_as_a_roster_names_them),
		cmocka_unit_test(nobody_may_serve),
		cmocka_unit_test(the_same_is_told_from_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

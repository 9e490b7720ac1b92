/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets copies, and of how many requests. */
#include "base/testing.h"
#include "policy/policy_testing.h"

struct world {
	uint64_t number;
	unsigned ordered, compared;
	const struct destination *to;
};

static uint64_t number(void *self)
{
	return ((struct world *)self)->number;
}

static void order(void *self, struct view *view, const struct destination *to, bool compares)
{
	struct world *world = self;

	(void)view;
	world->ordered++;
	world->compared += compares;
	world->to = to;
}

static void ask(struct bench *bench, struct world *world)
{
	bench_ask(bench, "GET /", "");
	bench->effects.random = number;
	bench->effects.mirror = order;
	bench->effects.self = world;
	assert_int_equal(bench_request(bench), POLICY_CONTINUE);
}

static void a_share_is_copied(void **state)
{
	static const struct {
		const char *policies;
		unsigned ordered, compared; /* of a hundred */
	} rows[] = {
		{ "[ mirror: { upstream: next } ]", 100, 0 },
		{ "[ mirror: { upstream: next, percent: 0 } ]", 0, 0 },
		{ "[ mirror: { upstream: next, percent: 1 } ]", 1, 0 },
		{ "[ { mirror: { upstream: next }, report: true } ]", 0, 0 },
		{ "[ mirror: { upstream: next, percent: 99, compare: true } ]", 99, 99 },
		{ "[ mirror: { upstream: next }, mirror: { upstream: third, compare: true } ]", 200, 100 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench *bench = bench_new(rows[i].policies);
		struct world world = { 0 };

		assert_string_equal(bench_errors(bench), "");
		for (; world.number < 100; world.number++)
			ask(bench, &world);
		assert_row(world.ordered == rows[i].ordered, i, rows[i].policies);
		assert_row(world.compared == rows[i].compared, i, rows[i].policies);
		assert_row(!world.to == !world.ordered, i, rows[i].policies);
		bench_free(&bench);
	}
}

static void where_nothing_is_copied_the_request_goes_on(void **state)
{
	struct bench *bench = bench_new("[ mirror: { upstream: next } ]");

	(void)state;
	bench_ask(bench, "GET /", "");
	bench->effects.mirror = NULL;
	assert_int_equal(bench_request(bench), POLICY_CONTINUE);
	bench_free(&bench);
}

static void mistakes_are_reported(void **state)
{
	static const struct bench_check bad[] = {
		{ "[ mirror: {} ]", "upstream" },
		{ "[ mirror: { upstream: nobody } ]", "nobody is there" },
		{ "[ mirror: { upstream: next, percent: -1 } ]", "percent" },
		{ "[ mirror: { upstream: next, percent: 101 } ]", "percent" },
		{ "[ mirror: { upstream: next, percent: 0.5 } ]", "percent" },
		{ "[ mirror: { upstream: next, compare: body } ]", "compare" },
		{ "[ mirror: { upstream: next, to: x } ]", "to" },
	};

	(void)state;
	bench_assert_checks(bad, COUNT_OF(bad));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_share_is_copied),
		cmocka_unit_test(where_nothing_is_copied_the_request_goes_on),
		cmocka_unit_test(mistakes_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

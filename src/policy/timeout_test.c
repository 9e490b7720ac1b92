/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: timeouts, and what holds after all of them. */
#include "base/testing.h"
#include "policy/policy_testing.h"

#define TIMEOUT(options) "[ timeout: { " options " } ]"

static const struct {
	const char *what, *policies;
	duration want;
} cases[] = {
	{ "none", "[]", 0 },
	{ "one", TIMEOUT("total: 5s"), 5 * SECOND },
	{ "the shortest there is", TIMEOUT("total: 1ms"), MILLISECOND },
	{ "the longest there is", TIMEOUT("total: 1d"), DAY },
	{ "the shorter one first", "[ { timeout: { total: 1s } }, { timeout: { total: 1m } } ]", SECOND },
	{ "the shorter one last", "[ { timeout: { total: 1m } }, { timeout: { total: 1s } } ]", SECOND },
	{ "told only", "[ { timeout: { total: 1m } }, { timeout: { total: 1s }, report: true } ]", MINUTE },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct bench *bench = bench_new(cases[i].policies);

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, "GET /", "");
		assert_int_equal(bench_request(bench), POLICY_CONTINUE);
		if (bench->view.total_timeout != cases[i].want)
			fail_msg("%s", cases[i].what);
		bench_free(&bench);
	}
}

static void mistakes_are_reported(void **state)
{
	static const struct bench_check bad[] = {
		{ "[ timeout: {} ]", "the key \"total\" is missing" },
		{ "[ timeout: ]", "the key \"total\" is missing" },
		{ "[ timeout: 5s ]", "want the policy's options as a map" },
		{ TIMEOUT("total: 0s"), "total" },
		{ TIMEOUT("total: -1s"), "total" },
		{ TIMEOUT("total: 5"), "want a duration" },
		{ TIMEOUT("total: 2d"), "want a duration from" },
		{ TIMEOUT("total: never"), "want a duration" },
		{ TIMEOUT("connect: 1s"), "connect" },
	};

	(void)state;
	bench_assert_checks(bad, COUNT_OF(bad));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(mistakes_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

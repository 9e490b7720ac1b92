/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: faults, and what happens to the request for which 4 is drawn. */
#include "base/testing.h"
#include "policy/policy_testing.h"

#define FAULT(options) "[ fault: { " options " } ]"

static const struct {
	const char *what, *policies;
	int want_status; /* 0: it goes on */
	duration want_slept;
} cases[] = {
	{ "refused", FAULT("abort: 503"), 503, 0 },
	{ "refused for another reason", FAULT("abort: 429"), 429, 0 },
	{ "delayed", FAULT("delay: 300ms"), 0, 300 * MILLISECOND },
	{ "delayed and refused", FAULT("delay: 1s, abort: 500"), 500, SECOND },
	{ "among five of a hundred", FAULT("delay: 1s, abort: 500, percent: 5"), 500, SECOND },
	{ "not among four", FAULT("delay: 1s, abort: 500, percent: 4"), 0, 0 },
	{ "nobody", FAULT("delay: 1s, abort: 500, percent: 0"), 0, 0 },
	{ "no delay", FAULT("delay: 0s"), 0, 0 },
	{ "one behind the other", "[ { fault: { delay: 1s } }, { fault: { delay: 2s, abort: 502 } } ]", 502,
	  3 * SECOND },
	{ "told only", "[ { fault: { delay: 1s, abort: 500 }, report: true } ]", 0, 0 },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct bench *bench = bench_new(cases[i].policies);
		enum verdict verdict;

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, "GET /", "");
		verdict = bench_request(bench);
		if ((verdict == POLICY_ANSWERED) != (cases[i].want_status != 0) ||
		    bench->view.answer.status != cases[i].want_status || bench->slept != cases[i].want_slept)
			fail_msg("%s: %d", cases[i].what, bench->view.answer.status);
		if (cases[i].want_status)
			assert_int_equal(bench->view.answer.reason, REASON_FAULT_INJECTED);
		bench_free(&bench);
	}
}

static void a_client_that_goes_ends_it(void **state)
{
	static const char *const policies[] = {
		FAULT("delay: 1s"),
		FAULT("delay: 1s, abort: 503"),
		"[ { fault: { delay: 1s } }, { respond: {} } ]",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(policies); i++) {
		struct bench *bench = bench_new(policies[i]);

		bench->is_over = true;
		bench_ask(bench, "GET /", "");
		assert_int_equal(bench_request(bench), POLICY_ANSWERED);
		assert_int_equal(bench->view.answer.reason, REASON_NONE);
		assert_int_equal(bench->view.answer.status, 0);
		bench_free(&bench);
	}
}

static void mistakes_are_reported(void **state)
{
	static const struct bench_check bad[] = {
		{ "[ fault: {} ]", "want `delay`, `abort` or both" },
		{ "[ fault: ]", "policies[0].fault: want `delay`, `abort` or both" },
		{ FAULT("percent: 10"), "want `delay`, `abort` or both" },
		{ FAULT("abort: 200"), "abort" },
		{ FAULT("abort: 399"), "abort" },
		{ FAULT("abort: 600"), "abort" },
		{ FAULT("abort: yes"), "abort" },
		{ FAULT("abort: [503]"), "abort" },
		{ FAULT("delay: 6m"), "delay" },
		{ FAULT("delay: 300"), "want a duration" },
		{ FAULT("abort: 503, percent: 101"), "percent" },
		{ FAULT("abort: 503, percent: -1"), "percent" },
		{ FAULT("abort: 503, percent: 0.5"), "percent" },
		{ FAULT("status: 503"), "status" },
	};

	(void)state;
	bench_assert_checks(bad, COUNT_OF(bad));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(a_client_that_goes_ends_it),
		cmocka_unit_test(mistakes_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

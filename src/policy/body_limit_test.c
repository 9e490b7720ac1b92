/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: limits, a request, and whether it is refused at once or how much of it may come. */
#include "base/testing.h"
#include "policy/policy_testing.h"

#define LIMIT(options) "[ body_limit: { " options " } ]"

static const struct {
	const char *what, *policies;
	enum http_framing framing;
	uint64_t length;
	enum reason want;
	uint64_t want_max;
} cases[] = {
	{ "no body", LIMIT("size: 10"), HTTP_NO_BODY, 0, REASON_NONE, 10 },
	{ "just as large", LIMIT("size: 10"), HTTP_LENGTH, 10, REASON_NONE, 10 },
	{ "a byte more", LIMIT("size: 10"), HTTP_LENGTH, 11, REASON_BODY_TOO_LARGE, UINT64_MAX },
	{ "a byte where none may be", LIMIT("size: 0"), HTTP_LENGTH, 1, REASON_BODY_TOO_LARGE, UINT64_MAX },
	{ "a body of no bytes there", LIMIT("size: 0"), HTTP_LENGTH, 0, REASON_NONE, 0 },
	{ "the largest there is", LIMIT("size: 1KiB"), HTTP_LENGTH, UINT64_MAX, REASON_BODY_TOO_LARGE,
	  UINT64_MAX },
	{ "of unknown size", LIMIT("size: 1KiB"), HTTP_CHUNKED, 0, REASON_NONE, 1024 },
	{ "the smaller one first", "[ { body_limit: { size: 5 } }, { body_limit: { size: 10 } } ]",
	  HTTP_CHUNKED, 0, REASON_NONE, 5 },
	{ "the smaller one last", "[ { body_limit: { size: 10 } }, { body_limit: { size: 5 } } ]",
	  HTTP_CHUNKED, 0, REASON_NONE, 5 },
	{ "refused by the second", "[ { body_limit: { size: 10 } }, { body_limit: { size: 5 } } ]",
	  HTTP_LENGTH, 6, REASON_BODY_TOO_LARGE, 10 },
	{ "told only", "[ { body_limit: { size: 5 }, report: true } ]", HTTP_LENGTH, 6, REASON_NONE,
	  UINT64_MAX },
	{ "told only, of unknown size", "[ { body_limit: { size: 5 }, report: true } ]", HTTP_CHUNKED, 0,
	  REASON_NONE, UINT64_MAX },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct bench *bench = bench_new(cases[i].policies);
		enum verdict verdict;

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, "POST /orders", "");
		bench->request.framing = cases[i].framing;
		bench->request.length = cases[i].length;
		verdict = bench_request(bench);
		if ((verdict == POLICY_ANSWERED) != (cases[i].want != REASON_NONE) ||
		    bench->view.answer.reason != cases[i].want || bench->view.body_max != cases[i].want_max)
			fail_msg("%s", cases[i].what);
		bench_free(&bench);
	}
}

static void mistakes_are_reported(void **state)
{
	static const struct bench_check bad[] = {
		{ "[ body_limit: {} ]", "the key \"size\" is missing" },
		{ "[ body_limit: ]", "the key \"size\" is missing" },
		{ "[ body_limit: 10MiB ]", "want the policy's options as a map" },
		{ LIMIT("size: -1"), "size" },
		{ LIMIT("size: 10MB"), "size" },
		{ LIMIT("size: large"), "size" },
		{ LIMIT("size: [1]"), "size" },
		{ LIMIT("limit: 10"), "limit" },
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

/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: options, what the service said, and what the browser is told. */
#include "base/testing.h"
#include "policy/policy_testing.h"

#define SECURITY(options) "[ security_headers: { " options " } ]"
#define OTHERS "frame: off, nosniff: false, referrer: off"
#define HSTS "Strict-Transport-Security: "

static const struct {
	const char *what, *policies, *scheme, *fields, *want;
} cases[] = {
	{ "what is standard", SECURITY(""), "https", "A: 1\n",
	  "A: 1\n" HSTS "max-age=31536000\nX-Frame-Options: DENY\nX-Content-Type-Options: nosniff\n"
	  "Referrer-Policy: no-referrer\n" },
	{ "not over TLS", SECURITY(""), "http", "",
	  "X-Frame-Options: DENY\nX-Content-Type-Options: nosniff\nReferrer-Policy: no-referrer\n" },
	{ "nothing", SECURITY("hsts: off, " OTHERS), "https", "A: 1\n", "A: 1\n" },
	{ "a day", SECURITY("hsts: 1d, " OTHERS), "https", "", HSTS "max-age=86400\n" },
	{ "forget it", SECURITY("hsts: 0s, " OTHERS), "https", "", HSTS "max-age=0\n" },
	{ "the service's is replaced", SECURITY("hsts: 1h, " OTHERS), "https", HSTS "max-age=1\n",
	  HSTS "max-age=3600\n" },
	{ "and has no place elsewhere", SECURITY("hsts: 1h, " OTHERS), "http", HSTS "max-age=1\n", "" },
	{ "the service's is its own when off", SECURITY("hsts: off, " OTHERS), "http", HSTS "max-age=1\n",
	  HSTS "max-age=1\n" },
	{ "frames of the same site", SECURITY("hsts: off, frame: sameorigin, nosniff: false, referrer: off"),
	  "https", "x-frame-options: DENY\nX-Frame-Options: ALLOWALL\n", "X-Frame-Options: SAMEORIGIN\n" },
	{ "all that is off is the service's", SECURITY("hsts: off, " OTHERS), "https",
	  "X-Frame-Options: A\nReferrer-Policy: origin\nX-Content-Type-Options: none\n",
	  "X-Frame-Options: A\nReferrer-Policy: origin\nX-Content-Type-Options: none\n" },
	{ "where it came from", SECURITY("hsts: off, frame: off, nosniff: false, referrer: unsafe-url"),
	  "https", "Referrer-Policy: origin\n", "Referrer-Policy: unsafe-url\n" },
	{ "the longest word",
	  SECURITY("hsts: off, frame: off, nosniff: false, referrer: strict-origin-when-cross-origin"),
	  "https", "", "Referrer-Policy: strict-origin-when-cross-origin\n" },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct bench *bench = bench_new(cases[i].policies);
		const char *got;

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, "GET /", "");
		bench->view.scheme = str_of(cases[i].scheme);
		assert_int_equal(bench_request(bench), POLICY_CONTINUE);
		bench_answer(bench, cases[i].fields);
		got = bench_fields(bench, &bench->response.fields);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: got\n%s", cases[i].what, got);
		bench_free(&bench);
	}
}

static void mistakes_are_reported(void **state)
{
	static const struct bench_check bad[] = {
		{ SECURITY("hsts: on"), "hsts" },
		{ SECURITY("hsts: 365"), "want a duration" },
		{ SECURITY("hsts: -1s"), "hsts" },
		{ SECURITY("hsts: 4000d"), "want a duration from" },
		{ SECURITY("hsts: [1d]"), "hsts" },
		{ SECURITY("frame: none"), "frame" },
		{ SECURITY("frame: DENY"), "did you mean \"deny\"?" },
		{ SECURITY("frame: [deny]"), "frame" },
		{ SECURITY("nosniff: off"), "nosniff" },
		{ SECURITY("nosniff: nosniff"), "nosniff" },
		{ SECURITY("referrer: none"), "referrer" },
		{ SECURITY("referrer: no-referer"), "did you mean \"no-referrer\"?" },
		{ SECURITY("referer: off"), "did you mean \"referrer\"?" },
	};

	(void)state;
	bench_assert_checks(bad, COUNT_OF(bad));
}

static void an_answer_without_room_goes_as_it_is(void **state)
{
	struct bench *bench = bench_new(SECURITY(""));

	(void)state;
	bench_ask(bench, "GET /", "");
	bench_answer(bench, "");
	bench->response.fields.max = bench->response.fields.count = 1;
	policy_chain_response(&bench->chain, &bench->view);
	assert_int_equal(bench->response.fields.count, 1);
	bench_free(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(mistakes_are_reported),
		cmocka_unit_test(an_answer_without_room_goes_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

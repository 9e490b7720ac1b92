/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: a time, and the window that it lies in. */
#include "store/quota_window.h"

#include "base/testing.h"

static const struct {
	const char *at;
	int64_t period;
	const char *begin, *end;
} rows[] = {
	{ "2026-02-27T12:00:00Z", 86400, "2026-02-27T00:00:00Z", "2026-02-28T00:00:00Z" },
	{ "2026-02-27T00:00:00Z", 86400, "2026-02-27T00:00:00Z", "2026-02-28T00:00:00Z" },
	{ "2026-02-27T23:59:59.999999Z", 86400, "2026-02-27T00:00:00Z", "2026-02-28T00:00:00Z" },
	{ "1970-01-31T00:00:00Z", 30 * 86400, "1970-01-31T00:00:00Z", "1970-03-02T00:00:00Z" },
	{ "2026-01-01T00:00:59Z", 60, "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z" },
	{ "2026-02-01T00:00:00Z", 0, "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z" },
	{ "2028-02-29T23:59:59Z", 0, "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z" },
	{ "2026-12-31T23:59:59Z", 0, "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z" },
	{ "1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z", "1970-02-01T00:00:00Z" },
};

static int64_t second_of(const char *text)
{
	wall_time time;

	assert_true(time_parse_rfc3339(str_of(text), &time));
	return time / SECOND;
}

static void windows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct quota_window window;
		wall_time at;

		assert_true(time_parse_rfc3339(str_of(rows[i].at), &at));
		window = quota_window_of(rows[i].period, at);
		assert_row(window.begin == second_of(rows[i].begin), i, rows[i].at);
		assert_row(window.end == second_of(rows[i].end), i, rows[i].at);
	}
}

static void a_clock_that_was_never_set(void **state)
{
	(void)state;
	assert_int_equal(quota_window_of(60, -5 * SECOND).begin, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows),
		cmocka_unit_test(a_clock_that_was_never_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

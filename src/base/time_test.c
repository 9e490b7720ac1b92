/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "base/time.h"

static void clocks_go_forward(void **state)
{
	deadline first = time_monotonic(), second = time_monotonic();

	(void)state;
	assert_true(second >= first && first > 0);
	assert_true(time_wall() > 1700000000 * SECOND);
}

static void deadlines_do_not_wrap(void **state)
{
	(void)state;
	assert_true(deadline_after(5 * SECOND, 2 * SECOND) == 7 * SECOND);
	assert_true(deadline_after(5 * SECOND, -2 * SECOND) == 3 * SECOND);
	assert_true(deadline_after(DEADLINE_NEVER, 1) == DEADLINE_NEVER);
	assert_true(deadline_after(5, INT64_MAX) == DEADLINE_NEVER);
	assert_true(deadline_min(3, DEADLINE_NEVER) == 3);
	assert_true(deadline_min(DEADLINE_NEVER, DEADLINE_NEVER) == DEADLINE_NEVER);
}

static void units_are_what_they_say(void **state)
{
	(void)state;
	assert_true(MICROSECOND == 1000 && MILLISECOND == 1000000 && SECOND == 1000000000);
	assert_true(MINUTE == 60 * SECOND && HOUR == 3600 * SECOND && DAY == 86400 * SECOND);
}

struct time_row {
	int64_t seconds, nanoseconds;
	const char *text;
};

static void prints_rfc_3339(void **state)
{
	static const struct time_row rows[] = {
		{ 0, 0, "1970-01-01T00:00:00.000000Z" },
		{ 0, 1999, "1970-01-01T00:00:00.000001Z" },
		{ 0, -1, "1970-01-01T00:00:00.000000Z" },
		{ 1767225599, 999999999, "2025-12-31T23:59:59.999999Z" },
		{ 1767323045, 678901000, "2026-01-02T03:04:05.678901Z" },
		{ 951782400, 0, "2000-02-29T00:00:00.000000Z" },
		{ 4107456000, 0, "2100-02-28T00:00:00.000000Z" },
		{ 4107542400, 0, "2100-03-01T00:00:00.000000Z" },
		{ 1709164800, 0, "2024-02-29T00:00:00.000000Z" },
		{ 9223372036, 854775807, "2262-04-11T23:47:16.854775Z" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char out[TIME_RFC3339_LEN];

		assert_int_equal(time_print_rfc3339(rows[i].seconds * SECOND + rows[i].nanoseconds, out),
				 TIME_RFC3339_LEN);
		assert_text(((str) { out, sizeof out }), rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clocks_go_forward),
		cmocka_unit_test(deadlines_do_not_wrap),
		cmocka_unit_test(units_are_what_they_say),
		cmocka_unit_test(prints_rfc_3339),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

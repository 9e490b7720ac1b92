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

static const struct {
	const char *text;
	int64_t seconds, nanoseconds;
} good_times[] = {
	{ "1970-01-01T00:00:00Z", 0, 0 },
	{ "2026-01-02T03:04:05Z", 1767323045, 0 },
	{ "2026-01-02T03:04:05.678901Z", 1767323045, 678901000 },
	{ "2026-01-02T03:04:05.5Z", 1767323045, 500000000 },
	{ "2026-01-02T03:04:05.000000001Z", 1767323045, 1 },
	{ "2026-01-02T04:04:05+01:00", 1767323045, 0 },
	{ "2026-01-01T21:34:05-05:30", 1767323045, 0 },
	{ "2000-02-29T00:00:00Z", 951782400, 0 },
	{ "2100-03-01T00:00:00Z", 4107542400, 0 },
	{ "2261-12-31T23:59:59Z", 9214646399, 0 },
};

static const char *const bad_times[] = {
	"",
	"2026",
	"2026-01-02",
	"2026-01-02T03:04:05",
	"2026-01-02T03:04:05z",
	"2026-01-02t03:04:05Z",
	"2026-01-02 03:04:05Z",
	"2026-01-02T03:04Z",
	"2026-01-02T03:04:05.Z",
	"2026-01-02T03:04:05.1234567890Z",
	"2026-01-02T03:04:05Z ",
	"2026-01-02T03:04:05+1:00",
	"2026-01-02T03:04:05+01",
	"2026-01-02T03:04:05+24:00",
	"2026-01-02T03:04:05+00:60",
	"2026-01-02T03:04:05+01:00Z",
	"2026-02-29T00:00:00Z",
	"2100-02-29T00:00:00Z",
	"2026-04-31T00:00:00Z",
	"2026-00-01T00:00:00Z",
	"2026-13-01T00:00:00Z",
	"2026-01-00T00:00:00Z",
	"2026-01-32T00:00:00Z",
	"2026-01-02T24:00:00Z",
	"2026-01-02T00:60:00Z",
	"2026-01-02T00:00:60Z",
	"1969-12-31T23:59:59Z",
	"1970-01-01T00:00:00+00:01",
	"2262-01-01T00:00:00Z",
	"+026-01-02T03:04:05Z",
	"2026-+1-02T03:04:05Z",
};

static void reads_rfc_3339(void **state)
{
	wall_time time;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good_times); i++) {
		assert_true(time_parse_rfc3339(str_of(good_times[i].text), &time));
		assert_int_equal(time, good_times[i].seconds * SECOND + good_times[i].nanoseconds);
	}
	for (size_t i = 0; i < COUNT_OF(bad_times); i++)
		if (time_parse_rfc3339(str_of(bad_times[i]), &time))
			fail_msg("%s was taken for a time", bad_times[i]);
}

/* Every day there is, there and back. */
static void reads_what_it_prints(void **state)
{
	(void)state;
	for (int64_t day = 0; day < 106600; day++) {
		char text[TIME_RFC3339_LEN];
		wall_time time = day * DAY + 12345678 * MICROSECOND, back;

		time_print_rfc3339(time, text);
		assert_true(time_parse_rfc3339((str) { text, sizeof text }, &back));
		assert_int_equal(back, time);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clocks_go_forward),       cmocka_unit_test(deadlines_do_not_wrap),
		cmocka_unit_test(units_are_what_they_say), cmocka_unit_test(prints_rfc_3339),
		cmocka_unit_test(reads_rfc_3339),          cmocka_unit_test(reads_what_it_prints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

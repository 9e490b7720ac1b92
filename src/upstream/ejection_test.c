/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For how long, and how many: by a clock of the test's own.
 */
#include "base/testing.h"
#include "upstream/ejection.h"

static const duration once = 30 * SECOND;

static void each_lasts_longer_up_to_ten_times(void **state)
{
	struct ejection ejection = { 0 };
	deadline now = HOUR;

	(void)state;
	for (int64_t n = 1; n <= 15; n++) {
		int64_t times = n < 10 ? n : 10;

		assert_int_equal(ejection_begin(&ejection, once, now), times * once);
		assert_int_equal(ejection.until, now + times * once);
		now = ejection.until;
		ejection_end(&ejection, now);
		assert_int_equal(ejection.until, 0);
	}
}

static void good_time_takes_off(void **state)
{
	static const struct {
		int64_t served, want; /* in ejections' lengths */
	} rows[] = { { 0, 4 }, { 1, 3 }, { 2, 2 }, { 3, 1 }, { 4, 1 }, { 1000, 1 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct ejection ejection = { 0 };
		deadline now = HOUR;

		for (int n = 0; n < 3; n++) {
			ejection_begin(&ejection, once, now);
			now = ejection.until;
			ejection_end(&ejection, now);
		}
		now += rows[i].served * once + SECOND;
		assert_row(ejection_begin(&ejection, once, now) == rows[i].want * once, i, "after good time");
	}
}

/* Whoever was not ejected is not back. */
static void ending_what_has_not_begun_is_nothing(void **state)
{
	struct ejection ejection = { .served = 5 };

	(void)state;
	ejection_end(&ejection, HOUR);
	assert_int_equal(ejection.served, 5);
}

static void how_many(void **state)
{
	static const struct {
		size_t ejected, members;
		int64_t max_percent;
		bool want;
	} rows[] = {
		{ 0, 1, 50, false }, { 0, 1, 100, true },   { 0, 2, 50, true },   { 1, 2, 50, false },
		{ 1, 2, 100, true }, { 0, 3, 50, true },    { 1, 3, 50, false },  { 1, 4, 50, true },
		{ 2, 4, 50, false }, { 0, 2, 1, true },     { 0, 100, 1, true },  { 1, 100, 1, false },
		{ 1, 100, 2, true }, { 0, 2, 0, false },    { 0, 100, 0, false }, { 0, 0, 50, false },
		{ 9, 20, 50, true }, { 10, 20, 50, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row(ejection_is_allowed(rows[i].ejected, rows[i].members, rows[i].max_percent) ==
				   rows[i].want,
			   i, "allowed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_lasts_longer_up_to_ten_times),
		cmocka_unit_test(good_time_takes_off),
		cmocka_unit_test(ending_what_has_not_begun_is_nothing),
		cmocka_unit_test(how_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the script may return, and all else that a Redis could. The script itself runs on one in
 * tests/test_quota_redis.py. */
#include "store/redis_quota.h"

#include "base/testing.h"

static const int64_t march = 1772323200, april = 1775001600, day_end = 1772409600; /* 2026, UTC */

static const struct {
	const char *what;
	int64_t period, at[4];
	size_t count;
	bool is_good;
} rows[] = {
	{ "admitted", 0, { 1, 9, 1775001600, 5000000 }, 4, true },
	{ "refused", 0, { 0, 10, 1775001600, 1 }, 4, true },
	{ "all of a month", 0, { 1, 0, 1775001600, INT64_C(2678400000000) }, 4, true },
	{ "a day", 86400, { 1, 9, 1772409600, INT64_C(86400000000) }, 4, true },
	{ "three", 0, { 1, 9, 1775001600 }, 3, false },
	{ "five", 0, { 1, 9, 1775001600, 5000000 }, 5, false },
	{ "none", 0, { 0 }, 0, false },
	{ "neither", 0, { 2, 9, 1775001600, 5000000 }, 4, false },
	{ "less than neither", 0, { -1, 9, 1775001600, 5000000 }, 4, false },
	{ "left more than there is", 0, { 1, 11, 1775001600, 5000000 }, 4, false },
	{ "left less than nothing", 0, { 1, -1, 1775001600, 5000000 }, 4, false },
	{ "in the middle of a month", 0, { 1, 9, 1775001599, 5000000 }, 4, false },
	{ "in the middle of a day", 86400, { 1, 9, 1772409599, 5000000 }, 4, false },
	{ "before all times", 0, { 1, 9, 0, 5000000 }, 4, false },
	{ "long before", 86400, { 1, 9, INT64_MIN, 5000000 }, 4, false },
	{ "after all times", 86400, { 1, 9, INT64_MAX, 5000000 }, 4, false },
	{ "over", 0, { 1, 9, 1775001600, 0 }, 4, false },
	{ "over for long", 0, { 1, 9, 1775001600, INT64_MIN }, 4, false },
	{ "more than a month", 0, { 1, 9, 1775001600, INT64_C(2678400000001) }, 4, false },
	{ "more than a day", 86400, { 1, 9, 1772409600, INT64_C(86400000001) }, 4, false },
	{ "for ever", 0, { 1, 9, 1775001600, INT64_MAX }, 4, false },
};

static void what_can_be_its_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct redis_quota_ask ask = { .period = rows[i].period, .limit = 10, .cost = 1 };
		struct redis_answer answer = { .count = rows[i].count };
		struct redis_quota_taken taken;

		memcpy(answer.at, rows[i].at, sizeof rows[i].at);
		assert_row(redis_quota_read(&ask, &answer, &taken) == rows[i].is_good, i, rows[i].what);
	}
}

static void what_it_means(void **state)
{
	struct redis_quota_ask ask = { .limit = 10, .cost = 3 };
	struct redis_answer answer = { { 1, 7, april, 1500000 }, 4 };
	struct redis_quota_taken taken;

	(void)state;
	assert_true(redis_quota_read(&ask, &answer, &taken));
	assert_true(taken.standing.is_admitted);
	assert_int_equal(taken.standing.left, 7);
	assert_int_equal(taken.window.begin, march);
	assert_int_equal(taken.window.end, april);
	assert_int_equal(taken.until_end, 1500 * MILLISECOND);
	ask.period = 86400;
	answer = (struct redis_answer) { { 0, 2, day_end, 1 }, 4 };
	assert_true(redis_quota_read(&ask, &answer, &taken));
	assert_false(taken.standing.is_admitted);
	assert_int_equal(taken.window.begin, march);
	assert_int_equal(taken.until_end, MICROSECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_can_be_its_answer),
		cmocka_unit_test(what_it_means),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

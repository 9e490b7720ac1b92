/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h2_calm.h"

#include "base/testing.h"

/* How many can be spent at this instant. */
static unsigned spend_all(struct h2_calm *calm, enum h2_account account, deadline now)
{
	unsigned spent = 0;

	while (h2_calm_spend(calm, account, now))
		spent++;
	return spent;
}

static void ends_a_flood(void **state)
{
	struct h2_calm calm;

	(void)state;
	h2_calm_init(&calm, 5 * SECOND);
	assert_int_equal(spend_all(&calm, H2_RESETS, 5 * SECOND), 150);
	assert_int_equal(spend_all(&calm, H2_CONTROLS, 5 * SECOND), 1000);
	assert_false(h2_calm_spend(&calm, H2_RESETS, 5 * SECOND));
}

/* The bound of ten seconds of attack: what there is at first, and what time pays. */
static void lets_through_fewer_than_200_in_ten_seconds(void **state)
{
	struct h2_calm calm;
	unsigned spent = 0;

	(void)state;
	h2_calm_init(&calm, 0);
	for (deadline now = 0; now <= 10 * SECOND; now += MILLISECOND)
		spent += spend_all(&calm, H2_RESETS, now);
	assert_in_range(spent, 150, 199);
}

static void is_paid_by_time_and_by_work(void **state)
{
	struct h2_calm calm;

	(void)state;
	h2_calm_init(&calm, 0);
	spend_all(&calm, H2_RESETS, 0);
	spend_all(&calm, H2_CONTROLS, 0);
	assert_int_equal(spend_all(&calm, H2_RESETS, SECOND - 1), 0);
	assert_int_equal(spend_all(&calm, H2_RESETS, SECOND), 4);
	assert_int_equal(spend_all(&calm, H2_CONTROLS, SECOND), 100);
	assert_int_equal(spend_all(&calm, H2_RESETS, 2 * SECOND + SECOND / 2), 4);
	assert_int_equal(spend_all(&calm, H2_RESETS, 3 * SECOND), 4);
	h2_calm_earn(&calm, H2_RESETS, 7);
	assert_int_equal(spend_all(&calm, H2_RESETS, 3 * SECOND), 7);
	assert_int_equal(spend_all(&calm, H2_CONTROLS, 3 * SECOND), 200);
}

static void saves_no_more_than_it_began_with(void **state)
{
	struct h2_calm calm;

	(void)state;
	h2_calm_init(&calm, 0);
	h2_calm_earn(&calm, H2_RESETS, 1000);
	assert_int_equal(spend_all(&calm, H2_RESETS, DAY), 150);
	assert_int_equal(spend_all(&calm, H2_RESETS, 365 * DAY), 150);
	assert_int_equal(spend_all(&calm, H2_CONTROLS, 365 * DAY), 1000);
}

static void does_not_mind_a_clock_that_stands(void **state)
{
	struct h2_calm calm;

	(void)state;
	h2_calm_init(&calm, 10 * SECOND);
	assert_true(h2_calm_spend(&calm, H2_RESETS, 9 * SECOND));
	assert_int_equal(spend_all(&calm, H2_RESETS, 10 * SECOND), 149);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_a_flood),
		cmocka_unit_test(lets_through_fewer_than_200_in_ten_seconds),
		cmocka_unit_test(is_paid_by_time_and_by_work),
		cmocka_unit_test(saves_no_more_than_it_began_with),
		cmocka_unit_test(does_not_mind_a_clock_that_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

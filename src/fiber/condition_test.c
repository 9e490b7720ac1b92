/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fiber/condition.h"
#include "fiber/testing.h"

struct waiter {
	struct condition *condition;
	struct fiber *fiber;
	deadline until;
	result_value got;
	unsigned order, rounds;
	unsigned *turn; /* shared: numbers the ends */
};

static void waits(struct fiber *self, void *argument)
{
	struct waiter *waiter = argument;

	waiter->fiber = self;
	do
		waiter->got = condition_wait(waiter->condition, self, waiter->until);
	while (waiter->rounds-- > 0);
	waiter->order = ++*waiter->turn;
	waiter->fiber = NULL;
}

enum { WAITERS = 4 };

struct group {
	struct world world;
	struct condition condition;
	struct waiter at[WAITERS];
	unsigned turn;
};

static void group_open(struct group *group)
{
	*group = (struct group) { .turn = 0 };
	world_open(&group->world);
	for (unsigned i = 0; i < WAITERS; i++) {
		group->at[i] = (struct waiter) { .condition = &group->condition,
						 .until = DEADLINE_NEVER,
						 .turn = &group->turn };
		world_start(&group->world, waits, &group->at[i]);
	}
}

static void group_close(struct group *group)
{
	assert_null(group->condition.first);
	assert_null(group->condition.last);
	assert_int_equal(fibers_alive(group->world.fibers), 0);
	world_close(&group->world);
}

static void waiters_are_served_in_order(void **state)
{
	struct group group;

	(void)state;
	group_open(&group);
	for (unsigned i = 0; i < WAITERS; i++) {
		assert_true(condition_signal(&group.condition));
		assert_int_equal(group.at[i].order, i + 1);
		assert_false(failed(group.at[i].got));
	}
	assert_false(condition_signal(&group.condition));
	group_close(&group);
}

static void a_broadcast_reaches_everybody_once(void **state)
{
	struct group group;

	(void)state;
	group_open(&group);
	group.at[1].rounds = 1; /* comes back to wait for the next */
	condition_broadcast(&group.condition);
	assert_int_equal(group.turn, WAITERS - 1);
	assert_non_null(group.at[1].fiber);
	condition_broadcast(&group.condition);
	assert_int_equal(group.turn, WAITERS);
	condition_broadcast(&group.condition); /* nobody is there */
	group_close(&group);
}

static void the_cancelled_leave_the_line(void **state)
{
	struct group group;

	(void)state;
	group_open(&group);
	fiber_cancel(group.at[0].fiber);
	fiber_cancel(group.at[2].fiber);
	fiber_cancel(group.at[3].fiber);
	assert_int_equal(group.at[2].got.kind, ERROR_CANCELLED);
	assert_true(condition_signal(&group.condition));
	assert_int_equal(group.at[1].order, WAITERS);
	assert_false(condition_signal(&group.condition));
	group_close(&group);
}

static void the_late_leave_the_line(void **state)
{
	struct world world;
	struct condition condition = { NULL, NULL };
	unsigned turn = 0;
	struct waiter early = { .condition = &condition, .turn = &turn }, late = early;

	(void)state;
	world_open(&world);
	early.until = world_in(&world, 2 * MILLISECOND);
	late.until = DEADLINE_NEVER;
	world_start(&world, waits, &early);
	world_start(&world, waits, &late);
	while (!early.order)
		loop_turn(world.loop, DEADLINE_NEVER);
	assert_int_equal(early.got.kind, ERROR_TIMEOUT);
	assert_true(condition_signal(&condition));
	assert_int_equal(late.order, 2);
	world_close(&world);
}

/* From a fiber: signals the first waiter, and cancels it before it has run. */
static void signals_and_cancels(struct fiber *self, void *argument)
{
	struct group *group = argument;

	(void)self;
	condition_signal(&group->condition);
	fiber_cancel(group->at[0].fiber);
}

static void a_signal_to_one_that_is_cancelled_goes_on(void **state)
{
	struct group group;

	(void)state;
	group_open(&group);
	world_start(&group.world, signals_and_cancels, &group);
	assert_int_equal(group.at[0].got.kind, ERROR_CANCELLED);
	assert_false(failed(group.at[1].got));
	assert_int_equal(group.at[1].order, 2);
	assert_int_equal(group.at[2].order, 0);
	condition_broadcast(&group.condition);
	group_close(&group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waiters_are_served_in_order),
		cmocka_unit_test(a_broadcast_reaches_everybody_once),
		cmocka_unit_test(the_cancelled_leave_the_line),
		cmocka_unit_test(the_late_leave_the_line),
		cmocka_unit_test(a_signal_to_one_that_is_cancelled_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

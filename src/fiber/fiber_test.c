/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fiber/fiber.h"
#include "fiber/fiber_private.h"
#include "fiber/parker_testing.h"

static void runs_at_once_from_the_loop(void **state)
{
	struct world world;
	struct parker parker = { .until = DEADLINE_NEVER, .parks = 1 };

	(void)state;
	world_open(&world);
	assert_null(fiber_current(world.fibers));
	world_start(&world, parker_run, &parker);
	assert_non_null(parker.fiber);
	assert_ptr_equal(fiber_fibers(parker.fiber), world.fibers);
	assert_null(fiber_current(world.fibers));
	assert_int_equal(fibers_alive(world.fibers), 1);
	fiber_wake(parker.fiber);
	assert_int_equal(parker.done, 1);
	assert_int_equal(fibers_alive(world.fibers), 0);
	world_close(&world);
}

struct trace {
	struct world *world;
	char text[16];
	size_t len;
	struct fiber *sleeper;
};

static void trace_put(struct trace *trace, char c)
{
	ASSERT(trace->len < sizeof trace->text - 1);
	trace->text[trace->len++] = c;
	trace->text[trace->len] = 0;
}

static void traced_child(struct fiber *self, void *argument)
{
	struct trace *trace = argument;

	(void)self;
	trace_put(trace, 'c');
}

static void traced_sleeper(struct fiber *self, void *argument)
{
	struct trace *trace = argument;

	trace->sleeper = self;
	trace_put(trace, 's');
	assert_false(failed(fiber_park(self, DEADLINE_NEVER)));
	trace_put(trace, 'w');
}

static void traced_parent(struct fiber *self, void *argument)
{
	struct trace *trace = argument;

	trace_put(trace, 'a');
	world_start(trace->world, traced_child, trace);
	fiber_wake(trace->sleeper);
	fiber_wake(trace->sleeper); /* is no longer parked: nothing */
	trace_put(trace, 'b');
	assert_ptr_equal(fiber_current(trace->world->fibers), self);
}

static void starts_and_wakes_from_a_fiber_wait_their_turn(void **state)
{
	struct world world;
	struct trace trace = { .world = &world };

	(void)state;
	world_open(&world);
	world_start(&world, traced_sleeper, &trace);
	world_start(&world, traced_parent, &trace);
	assert_string_equal(trace.text, "sabcw");
	assert_int_equal(fibers_alive(world.fibers), 0);
	world_close(&world);
}

enum what { WAKE, CANCEL, NOTHING, WAKE_AND_CANCEL };

static const struct {
	const char *name;
	duration until; /* from now; -1: never */
	enum what what;
	enum error_kind want;
} park_cases[] = {
	{ "a wake-up is fine", -1, WAKE, ERROR_NONE },
	{ "a wake-up in time", SECOND, WAKE, ERROR_NONE },
	{ "cancelled", -1, CANCEL, ERROR_CANCELLED },
	{ "cancelled in time", SECOND, CANCEL, ERROR_CANCELLED },
	{ "nobody comes", 2 * MILLISECOND, NOTHING, ERROR_TIMEOUT },
	{ "a deadline now", 0, NOTHING, ERROR_TIMEOUT },
	{ "a deadline in the past", -HOUR, NOTHING, ERROR_TIMEOUT },
	{ "a past deadline does not hide a wake-up", -HOUR, WAKE, ERROR_NONE },
	{ "a past deadline does not hide that it is cancelled", -HOUR, CANCEL, ERROR_CANCELLED },
};

static void parks_end_for_the_right_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof park_cases / sizeof *park_cases; i++) {
		struct parker parker = { .parks = 1 };
		struct world world;

		world_open(&world);
		parker.until =
			park_cases[i].until == -1 ? DEADLINE_NEVER : world_in(&world, park_cases[i].until);
		world_start(&world, parker_run, &parker);
		assert_int_equal(parker.done, 0); /* it always yields */
		if (park_cases[i].what == WAKE)
			fiber_wake(parker.fiber);
		else if (park_cases[i].what == CANCEL)
			fiber_cancel(parker.fiber);
		world_run(&world);
		if (parker.got[0].kind != park_cases[i].want)
			fail_msg("%s: %s", park_cases[i].name, error_name(parker.got[0].kind));
		world_close(&world);
	}
}

static void a_cancelled_fiber_is_told_once(void **state)
{
	struct world world;
	struct parker parker = { .until = DEADLINE_NEVER, .parks = 3 };

	(void)state;
	world_open(&world);
	world_start(&world, parker_run, &parker);
	fiber_cancel(parker.fiber);
	assert_int_equal(parker.done, 1);
	fiber_wake(parker.fiber);
	assert_int_equal(parker.done, 2);
	fiber_wake(parker.fiber);
	assert_int_equal(parker.got[0].kind, ERROR_CANCELLED);
	assert_int_equal(parker.got[1].kind, ERROR_NONE);
	assert_int_equal(parker.got[2].kind, ERROR_NONE);
	world_close(&world);
}

static void cancels_itself(struct fiber *self, void *argument)
{
	struct parker *parker = argument;

	fiber_cancel(self);
	parker->got[0] = fiber_park(self, DEADLINE_NEVER);
	parker->got[1] = fiber_park(self, loop_now(parker->world->loop) + MILLISECOND);
	parker->done = 2;
}

static void cancelled_while_it_runs_it_hears_at_the_next_park(void **state)
{
	struct world world;
	struct parker parker = { .world = &world };

	(void)state;
	world_open(&world);
	world_start(&world, cancels_itself, &parker);
	world_run(&world);
	assert_int_equal(parker.got[0].kind, ERROR_CANCELLED);
	assert_int_equal(parker.got[1].kind, ERROR_TIMEOUT);
	world_close(&world);
}

/* Wakes, then cancels, a parked fiber before that has run: it is told now, not at some later park. */
static void wakes_and_cancels(struct fiber *self, void *argument)
{
	struct parker *parker = argument;

	(void)self;
	fiber_wake(parker->fiber);
	fiber_cancel(parker->fiber);
}

static void cancelled_between_wake_up_and_run(void **state)
{
	struct world world;
	struct parker parker = { .until = DEADLINE_NEVER, .parks = 1 };

	(void)state;
	world_open(&world);
	world_start(&world, parker_run, &parker);
	world_start(&world, wakes_and_cancels, &parker);
	assert_int_equal(parker.got[0].kind, ERROR_CANCELLED);
	world_close(&world);
}

struct waker {
	struct timer timer;
	struct parker *parker;
	bool cancel;
};

static void waker_on_due(struct timer *timer)
{
	struct waker *waker = (struct waker *)(void *)timer;

	if (!waker->parker->fiber)
		return;
	if (waker->cancel)
		fiber_cancel(waker->parker->fiber);
	else
		fiber_wake(waker->parker->fiber);
}

static const struct {
	const char *name;
	duration waker; /* when the waker is due; the fiber's deadline is 5 ms */
	bool cancel;
	enum error_kind want;
} race_cases[] = {
	{ "woken first", 2 * MILLISECOND, false, ERROR_NONE },
	{ "late first", 8 * MILLISECOND, false, ERROR_TIMEOUT },
	{ "cancelled first", 2 * MILLISECOND, true, ERROR_CANCELLED },
};

/* Both happen in one turn. Whichever was first counts, and what came second does not end a later park. */
static void wake_up_and_deadline_in_one_turn(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof race_cases / sizeof *race_cases; i++) {
		struct parker parker = { .parks = 2 };
		struct waker waker = { .timer.on_due = waker_on_due,
				       .parker = &parker,
				       .cancel = race_cases[i].cancel };
		struct world world;
		deadline now;

		world_open(&world);
		now = loop_now(world.loop);
		parker.until = now + 5 * MILLISECOND;
		timer_set(world.loop, &waker.timer, now + race_cases[i].waker);
		world_start(&world, parker_run, &parker);
		parker.until = DEADLINE_NEVER;
		clock_pass(now + 12 * MILLISECOND);
		world_turn(&world);
		if (parker.got[0].kind != race_cases[i].want)
			fail_msg("%s: %s", race_cases[i].name, error_name(parker.got[0].kind));
		if (race_cases[i].want == ERROR_TIMEOUT) {
			/* the late wake-up is a hint to the second park, which was begun before it */
			assert_int_equal(parker.done, 2);
		} else {
			assert_int_equal(parker.done, 1);
			world_turn(&world);
			assert_int_equal(parker.done, 1);
			fiber_wake(parker.fiber);
		}
		assert_int_equal(parker.got[1].kind, ERROR_NONE);
		timer_clear(&waker.timer);
		world_close(&world);
	}
}

static void sleeps_through_wake_ups(struct fiber *self, void *argument)
{
	struct parker *parker = argument;

	parker->fiber = self;
	parker->got[0] = fiber_sleep(self, parker->until);
	parker->done = loop_now(parker->world->loop) >= parker->until;
}

static void sleeping_takes_its_time(void **state)
{
	struct world world;
	struct parker parker = { .world = &world };

	(void)state;
	world_open(&world);
	parker.until = world_in(&world, 3 * MILLISECOND);
	world_start(&world, sleeps_through_wake_ups, &parker);
	fiber_wake(parker.fiber);
	fiber_wake(parker.fiber);
	assert_int_equal(fibers_alive(world.fibers), 1);
	world_run(&world);
	assert_false(failed(parker.got[0]));
	assert_true(parker.done);
	world_start(&world, sleeps_through_wake_ups, &parker); /* the deadline is past by now */
	assert_int_equal(fibers_alive(world.fibers), 1);
	world_turn(&world);
	assert_false(failed(parker.got[0]));
	parker.until = DEADLINE_NEVER;
	world_start(&world, sleeps_through_wake_ups, &parker);
	fiber_cancel(parker.fiber);
	assert_int_equal(parker.got[0].kind, ERROR_CANCELLED);
	world_close(&world);
}

static void counts_its_switches(struct fiber *self, void *argument)
{
	struct world *world = argument;
	uint64_t before = fiber_switches(world->fibers);

	assert_int_equal(fiber_switches(world->fibers), before);
	assert_false(failed(fiber_sleep(self, 0)));
	assert_true(fiber_switches(world->fibers) > before);
}

static void a_yield_can_be_seen(void **state)
{
	struct world world;

	(void)state;
	world_open(&world);
	world_start(&world, counts_its_switches, &world);
	world_run(&world);
	world_close(&world);
}

struct pair {
	struct fiber *fiber[2];
	bool stop;
};

static void wakes_the_other(struct fiber *self, void *argument)
{
	struct pair *pair = argument;
	unsigned me = pair->fiber[0] ? 1 : 0;

	pair->fiber[me] = self;
	while (!pair->stop) {
		if (pair->fiber[!me])
			fiber_wake(pair->fiber[!me]);
		assert_false(failed(fiber_park(self, DEADLINE_NEVER)));
	}
	if (pair->fiber[!me])
		fiber_wake(pair->fiber[!me]);
	pair->fiber[me] = NULL;
}

struct stopper {
	struct timer timer;
	struct pair *pair;
};

static void stopper_on_due(struct timer *timer)
{
	((struct stopper *)(void *)timer)->pair->stop = true;
}

static void fibers_that_wake_each_other_do_not_hold_up_the_loop(void **state)
{
	struct pair pair = { .stop = false };
	struct stopper stopper = { .timer.on_due = stopper_on_due, .pair = &pair };
	struct world world;

	(void)state;
	world_open(&world);
	timer_set(world.loop, &stopper.timer, world_in(&world, 5 * MILLISECOND));
	world_start(&world, wakes_the_other, &pair);
	world_start(&world, wakes_the_other, &pair);
	world_run(&world);
	assert_true(pair.stop);
	world_close(&world);
}

/* So many are woken that some wait for the next turn but one; meanwhile their deadline passes. */
enum { CROWD = 2500 };

struct crowd {
	struct parker at[CROWD];
};

static void wakes_a_crowd(struct fiber *self, void *argument)
{
	struct crowd *crowd = argument;

	(void)self;
	for (unsigned i = 0; i < CROWD; i++)
		fiber_wake(crowd->at[i].fiber);
}

static void woken_in_time_but_run_late_is_not_late(void **state)
{
	struct crowd *crowd = calloc(1, sizeof *crowd);
	struct world world;
	deadline until;

	(void)state;
	world_open(&world);
	until = world_in(&world, 2 * MILLISECOND);
	for (unsigned i = 0; i < CROWD; i++) {
		crowd->at[i] = (struct parker) { .parks = 1, .until = until };
		world_start(&world, parker_run, &crowd->at[i]);
	}
	world_start(&world, wakes_a_crowd, crowd);
	assert_int_equal(fibers_alive(world.fibers), CROWD - 1000);
	clock_pass(until + MILLISECOND);
	world_run(&world);
	for (unsigned i = 0; i < CROWD; i++)
		assert_false(failed(crowd->at[i].got[0]));
	world_close(&world);
	free(crowd);
}

static void the_nth_park_fails_on_demand(void **state)
{
	(void)state;
	for (uint64_t nth = 0; nth <= 4; nth++) {
		struct parker parker = { .parks = 3, .until = 0 };
		struct world world;

		world_open(&world);
		fibers_fail_park(world.fibers, nth);
		world_start(&world, parker_run, &parker);
		world_run(&world);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(parker.got[i].kind, i + 1 == nth ? ERROR_CANCELLED : ERROR_TIMEOUT);
		world_close(&world);
	}
}

/* ---- stepping aside ---- */

struct stepper {
	struct timer timer;
	struct world *world;
	struct trace *trace;
	struct fiber *fiber;
	char before, after;
};

static void steps_aside(struct fiber *self, void *argument)
{
	struct stepper *stepper = argument;

	stepper->fiber = self;
	trace_put(stepper->trace, stepper->before);
	fiber_step_aside(self);
	trace_put(stepper->trace, stepper->after);
}

static void starts_stepper(struct timer *timer)
{
	struct stepper *stepper = (struct stepper *)(void *)timer;

	world_start(stepper->world, steps_aside, stepper);
}

static void starts_stepper_by_post(void *argument)
{
	starts_stepper(&((struct stepper *)argument)->timer);
}

/* Whatever runs the fiber before it steps aside, a timer, a post or nobody's turn, it goes on without a wait.
 */
static void who_steps_aside_goes_on_in_the_same_turn(void **state)
{
	enum { BY_TIMER, BY_POST, BY_NONE, WAYS };

	(void)state;
	for (unsigned way = 0; way < WAYS; way++) {
		struct trace trace = { .len = 0 };
		struct world world;
		struct stepper a = { { .on_due = starts_stepper }, &world, &trace, NULL, 'a', 'A' };
		struct stepper b = { { .on_due = starts_stepper }, &world, &trace, NULL, 'b', 'B' };

		world_open(&world);
		if (way == BY_TIMER) {
			timer_set(world.loop, &a.timer, loop_now(world.loop) + MILLISECOND);
			timer_set(world.loop, &b.timer, loop_now(world.loop) + 3 * MILLISECOND);
			clock_pass(loop_now(world.loop) + 5 * MILLISECOND);
		} else if (way == BY_POST) {
			assert_false(failed(loop_post(world.loop, starts_stepper_by_post, &a)));
			assert_false(failed(loop_post(world.loop, starts_stepper_by_post, &b)));
		} else {
			starts_stepper(&a.timer);
			starts_stepper(&b.timer);
			assert_string_equal(trace.text, "ab");
		}
		loop_turn(world.loop, DEADLINE_NEVER);
		assert_string_equal(trace.text, "abAB");
		world_close(&world);
	}
}

static void aside_it_is_neither_woken_nor_told_that_it_is_cancelled(void **state)
{
	struct trace trace = { .len = 0 };
	struct world world;
	struct stepper a = { { .on_due = NULL }, &world, &trace, NULL, 'a', 'A' };

	(void)state;
	world_open(&world);
	starts_stepper(&a.timer);
	fiber_wake(a.fiber);
	fiber_cancel(a.fiber);
	assert_string_equal(trace.text, "a");
	world_turn(&world);
	assert_string_equal(trace.text, "aA");
	assert_int_equal(fibers_alive(world.fibers), 0);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_at_once_from_the_loop),
		cmocka_unit_test(starts_and_wakes_from_a_fiber_wait_their_turn),
		cmocka_unit_test(parks_end_for_the_right_reason),
		cmocka_unit_test(a_cancelled_fiber_is_told_once),
		cmocka_unit_test(cancelled_while_it_runs_it_hears_at_the_next_park),
		cmocka_unit_test(cancelled_between_wake_up_and_run),
		cmocka_unit_test(wake_up_and_deadline_in_one_turn),
		cmocka_unit_test(sleeping_takes_its_time),
		cmocka_unit_test(a_yield_can_be_seen),
		cmocka_unit_test(fibers_that_wake_each_other_do_not_hold_up_the_loop),
		cmocka_unit_test(woken_in_time_but_run_late_is_not_late),
		cmocka_unit_test(the_nth_park_fails_on_demand),
		cmocka_unit_test(who_steps_aside_goes_on_in_the_same_turn),
		cmocka_unit_test(aside_it_is_neither_woken_nor_told_that_it_is_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"

#include <pthread.h>

#include "main/control.h"

static int control_set_up(void **state)
{
	struct control *control = calloc(1, sizeof *control);

	assert_false(failed(control_init(control, NULL)));
	*state = control;
	return 0;
}

static int control_tear_down(void **state)
{
	struct control *control = *state;

	control_fini(control);
	free(control);
	return 0;
}

static void *stop_from_elsewhere(void *control)
{
	control_stop(control);
	return NULL;
}

static void test_runs_until_another_thread_stops_it(void **state)
{
	struct control *control = *state;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, stop_from_elsewhere, control), 0);
	control_run(control);
	pthread_join(thread, NULL);
}

struct sleeper {
	struct control *control;
	result_value slept;
	bool has_ended;
};

static void sleep_on(struct fiber *self, void *argument)
{
	struct sleeper *sleeper = argument;

	sleeper->slept = fiber_sleep(self, deadline_after(loop_now(sleeper->control->loop), 5 * MILLISECOND));
	sleeper->has_ended = true;
}

static void test_settles_when_its_fibers_have_ended(void **state)
{
	struct control *control = *state;
	struct sleeper sleeper = { .control = control };

	assert_false(failed(fiber_start(control->fibers, sleep_on, &sleeper)));
	assert_false(sleeper.has_ended);
	control_settle(control);
	assert_true(sleeper.has_ended);
	assert_false(failed(sleeper.slept));
}

static void note(void *argument)
{
	*(bool *)argument = true;
}

static void test_settles_what_was_posted(void **state)
{
	struct control *control = *state;
	bool is_done = false;

	assert_false(failed(loop_post(control->loop, note, &is_done)));
	control_settle(control);
	assert_true(is_done);
}

static void resolve(struct fiber *self, void *argument)
{
	struct control *control = argument;
	struct dns_answer answer;

	(void)self;
	assert_false(failed(dns_resolve(control->dns, STR("127.0.0.1"), 80, DEADLINE_NEVER, &answer)));
	assert_int_equal(answer.count, 1);
}

static void test_has_names(void **state)
{
	struct control *control = *state;

	assert_false(failed(fiber_start(control->fibers, resolve, control)));
	control_settle(control);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, control_set_up, control_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_runs_until_another_thread_stops_it),
		TEST(test_settles_when_its_fibers_have_ended),
		TEST(test_settles_what_was_posted),
		TEST(test_has_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

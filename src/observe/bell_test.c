/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: how the thread rests, who rings, and whether it is woken. */
#include "observe/bell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>

static const struct {
	enum bell_state state;
	bool is_urgent;
	enum bell_state want;
} cases[] = {
	{ BELL_AWAKE, false, BELL_AWAKE },   { BELL_AWAKE, true, BELL_AWAKE },
	{ BELL_DOZING, false, BELL_DOZING }, { BELL_DOZING, true, BELL_AWAKE },
	{ BELL_ASLEEP, false, BELL_AWAKE },  { BELL_ASLEEP, true, BELL_AWAKE },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bell bell = { 0 };

		bell_settle(&bell, cases[i].state);
		bell_ring(&bell, cases[i].is_urgent);
		assert_int_equal(atomic_load(&bell.state), cases[i].want);
	}
}

/* It was rung between settling and waiting: an hour would be too long for this test. */
static void a_ring_before_the_wait_is_not_lost(void **state)
{
	struct bell bell = { 0 };

	(void)state;
	bell_settle(&bell, BELL_ASLEEP);
	bell_ring(&bell, false);
	bell_wait(&bell, BELL_ASLEEP, HOUR);
	assert_int_equal(atomic_load(&bell.state), BELL_AWAKE);
}

static void a_wait_ends_by_itself(void **state)
{
	struct bell bell = { 0 };
	deadline began = time_monotonic();

	(void)state;
	bell_settle(&bell, BELL_DOZING);
	bell_wait(&bell, BELL_DOZING, 5 * MILLISECOND);
	assert_true(time_monotonic() >= began + 5 * MILLISECOND);
	assert_int_equal(atomic_load(&bell.state), BELL_AWAKE);
}

static void *sleep_long(void *argument)
{
	struct bell *bell = argument;

	bell_wait(bell, BELL_ASLEEP, HOUR);
	return NULL;
}

static void a_sleeper_is_woken(void **state)
{
	struct bell bell = { 0 };
	pthread_t thread;

	(void)state;
	bell_settle(&bell, BELL_ASLEEP);
	assert_int_equal(pthread_create(&thread, NULL, sleep_long, &bell), 0);
	bell_ring(&bell, false);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(a_ring_before_the_wait_is_not_lost),
		cmocka_unit_test(a_wait_ends_by_itself),
		cmocka_unit_test(a_sleeper_is_woken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

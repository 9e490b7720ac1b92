/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"

#include <errno.h>
#include <unistd.h>

#include "loop/signals.h"

/* A loop that counts two signals. */
struct probe {
	struct loop *loop;
	struct signals signals;
	unsigned users, hangups;
	bool closes; /* itself, when the first one comes */
};

static void on_signal(struct signals *signals, int signal)
{
	struct probe *probe = signals->owner;

	assert_ptr_equal(signals, &probe->signals);
	probe->users += signal == SIGUSR1;
	probe->hangups += signal == SIGHUP;
	if (probe->closes)
		signals_close(signals);
}

static int probe_set_up(void **state)
{
	struct probe *probe = calloc(1, sizeof *probe);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	assert_false(failed(loop_new(&probe->loop)));
	assert_false(failed(signals_open(&probe->signals, probe->loop, &set, on_signal, probe)));
	*state = probe;
	return 0;
}

static int probe_tear_down(void **state)
{
	struct probe *probe = *state;
	const struct timespec none = { 0 };
	sigset_t set;

	signals_close(&probe->signals);
	loop_free(&probe->loop);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGHUP);
	while (sigtimedwait(&set, NULL, &none) > 0)
		continue;
	free(probe);
	return 0;
}

static void turn(struct probe *probe)
{
	loop_turn(probe->loop, deadline_after(loop_now(probe->loop), 20 * MILLISECOND));
}

static void test_tells_each_signal(void **state)
{
	struct probe *probe = *state;

	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGHUP);
	turn(probe);
	assert_int_equal(probe->users, 1);
	assert_int_equal(probe->hangups, 1);
}

static void test_tells_again_after_a_turn(void **state)
{
	struct probe *probe = *state;

	for (unsigned i = 1; i <= 3; i++) {
		kill(getpid(), SIGUSR1);
		turn(probe);
		assert_int_equal(probe->users, i);
	}
}

/* The same signal twice before anybody looked is one. */
static void test_merges_what_is_pending(void **state)
{
	struct probe *probe = *state;

	kill(getpid(), SIGHUP);
	kill(getpid(), SIGHUP);
	turn(probe);
	assert_int_equal(probe->hangups, 1);
}

static void test_tells_nothing_without_a_signal(void **state)
{
	struct probe *probe = *state;

	turn(probe);
	assert_int_equal(probe->users + probe->hangups, 0);
}

static void test_may_be_closed_by_what_it_calls(void **state)
{
	struct probe *probe = *state;

	probe->closes = true;
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGHUP);
	turn(probe);
	turn(probe);
	assert_int_equal(probe->users + probe->hangups, 1);
}

static void test_closes_twice_and_unopened(void **state)
{
	struct probe *probe = *state;
	struct signals never = { 0 };

	signals_close(&probe->signals);
	signals_close(&probe->signals);
	signals_close(&never);
	kill(getpid(), SIGUSR1);
	turn(probe);
	assert_int_equal(probe->users, 0);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, probe_set_up, probe_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_tells_each_signal),
		TEST(test_tells_again_after_a_turn),
		TEST(test_merges_what_is_pending),
		TEST(test_tells_nothing_without_a_signal),
		TEST(test_may_be_closed_by_what_it_calls),
		TEST(test_closes_twice_and_unopened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The budget of retries over reloads and between workers: never more than was earned.
 */
#include "upstream/upstream_state.h"

#include <pthread.h>

#include "base/testing.h"

enum { THREADS = 4, REQUESTS = 20000, BUDGET = 20, SAVED = 10 };

static unsigned spend_all(struct upstream_state *state)
{
	unsigned spent = 0;

	while (upstream_state_spend(state, BUDGET_RETRIES))
		spent++;
	return spent;
}

static void a_budget_outlives_those_who_use_it(void **state)
{
	struct upstream_states *states = upstream_states_new();
	struct upstream_state *old = upstream_states_get(states, STR("orders")), *new, *other;

	(void)state;
	assert_int_equal(spend_all(old), SAVED);
	new = upstream_states_get(states, STR("orders"));
	upstream_state_unref(&old);
	assert_null(old);
	assert_int_equal(spend_all(new), 0);
	other = upstream_states_get(states, STR("users"));
	assert_int_equal(spend_all(other), SAVED);
	upstream_state_unref(&new);
	upstream_state_unref(&other);
	new = upstream_states_get(states, STR("orders"));
	assert_int_equal(spend_all(new), SAVED); /* it was gone: a new one begins full */
	upstream_state_unref(&new);
	upstream_states_free(&states);
	assert_null(states);
	upstream_states_free(&states);
}

static const struct {
	const char *name;
	uint32_t hundredths;
	unsigned requests, want;
} rows[] = {
	{ "nothing earned", 0, 1000, 0 },
	{ "not quite one", 33, 3, 0 },
	{ "one", 34, 3, 1 },
	{ "one for each", 100, 4, 4 },
	{ "at most ten", 100, 11, 10 },
	{ "at most ten, in one", 5000, 1, 10 },
	{ "ten, from both sides", 99, 11, 10 },
};

static void what_is_earned_can_be_spent(void **state)
{
	struct upstream_states *states = upstream_states_new();
	struct upstream_state *one = upstream_states_get(states, STR("u"));

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		atomic_store(&one->tokens[BUDGET_RETRIES], 0);
		for (unsigned n = 0; n < rows[i].requests; n++)
			upstream_state_earn(one, BUDGET_RETRIES, rows[i].hundredths);
		assert_row(spend_all(one) == rows[i].want, i, rows[i].name);
	}
	upstream_state_unref(&one);
	upstream_states_free(&states);
}

/* A service that fails everything, asked 1,000 times a second, each time up to three times, for a minute: in
 * no second of its time, wherever it begins, does it see more than 1,210. */
static void a_failing_service_is_not_asked_three_times(void **state)
{
	enum { RATE = 1000, SECONDS = 60, ATTEMPTS = 3, MOST = 1210 };
	struct upstream_states *states = upstream_states_new();
	struct upstream_state *one = upstream_states_get(states, STR("u"));
	static unsigned seen[RATE * SECONDS]; /* in each millisecond */
	unsigned in_second = 0;

	(void)state;
	for (unsigned now = 0; now < RATE * SECONDS; now++) {
		upstream_state_earn(one, BUDGET_RETRIES, BUDGET);
		seen[now] = 1;
		while (seen[now] < ATTEMPTS && upstream_state_spend(one, BUDGET_RETRIES))
			seen[now]++;
		in_second += seen[now];
		if (now >= RATE)
			in_second -= seen[now - RATE];
		assert_true(in_second <= MOST);
	}
	assert_int_equal(in_second, 1200);
	upstream_state_unref(&one);
	upstream_states_free(&states);
}

struct user {
	pthread_t thread;
	struct upstream_state *state;
	unsigned spent;
};

static void *use(void *argument)
{
	struct user *user = argument;

	for (unsigned i = 0; i < REQUESTS; i++) {
		upstream_state_earn(user->state, BUDGET_RETRIES, BUDGET);
		user->spent += upstream_state_spend(user->state, BUDGET_RETRIES);
	}
	return NULL;
}

/* Not a hundredth is earned or spent twice. */
static void threads_share_one_budget(void **state)
{
	struct upstream_states *states = upstream_states_new();
	struct user users[THREADS] = { 0 };
	unsigned spent = 0;

	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		users[i].state = upstream_states_get(states, STR("u"));
		assert_int_equal(pthread_create(&users[i].thread, NULL, use, &users[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(users[i].thread, NULL);
		spent += users[i].spent;
	}
	assert_in_range(spent, 1, THREADS * REQUESTS * BUDGET / 100 + SAVED);
	for (unsigned i = 0; i < THREADS; i++)
		upstream_state_unref(&users[i].state);
	upstream_states_free(&states);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_budget_outlives_those_who_use_it),
		cmocka_unit_test(what_is_earned_can_be_spent),
		cmocka_unit_test(a_failing_service_is_not_asked_three_times),
		cmocka_unit_test(threads_share_one_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failures that several threads count at once: each limit of them is told exactly once.
 */
#include <pthread.h>

#include "base/testing.h"
#include "upstream/standing.h"

enum { THREADS = 4, FAILURES = 20000, LIMIT = 5 };

struct crowd {
	struct standings *standings;
	struct standing *standing;
	atomic_int words;
};

static void on_failing(void *owner)
{
	atomic_fetch_add(&((struct crowd *)owner)->words, 1);
}

static void *add_failures(void *argument)
{
	struct crowd *crowd = argument;

	for (int i = 0; i < FAILURES; i++)
		standing_fail(crowd->standing, LIMIT, 503);
	return NULL;
}

static void *look(void *argument)
{
	struct crowd *crowd = argument;

	for (int i = 0; i < FAILURES; i++) {
		struct standing *standing = standings_get(crowd->standings, STR("app"), STR("a:1"));

		assert_ptr_equal(standing, crowd->standing);
		assert_int_equal(standing_health(standing), HEALTH_UNKNOWN);
		standing_unref(&standing);
	}
	return NULL;
}

static void crowd_run(struct crowd *crowd, void *(*first)(void *), void *(*others)(void *))
{
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, i ? others : first, crowd), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void crowd_open(struct crowd *crowd)
{
	*crowd = (struct crowd) { .standings = standings_new() };
	crowd->standing = standings_get(crowd->standings, STR("app"), STR("a:1"));
	standings_tell(crowd->standings, on_failing, crowd);
}

static void crowd_close(struct crowd *crowd)
{
	standing_unref(&crowd->standing);
	standings_free(&crowd->standings);
}

static void each_limit_is_told_once(void **state)
{
	struct crowd crowd;

	(void)state;
	crowd_open(&crowd);
	crowd_run(&crowd, add_failures, add_failures);
	assert_int_equal(atomic_load(&crowd.standing->failures), THREADS * FAILURES);
	assert_int_equal(atomic_load(&crowd.words), THREADS * FAILURES / LIMIT);
	crowd_close(&crowd);
}

static void *succeed(void *argument)
{
	struct crowd *crowd = argument;

	for (int i = 0; i < FAILURES; i++)
		standing_succeed(crowd->standing);
	return NULL;
}

/* Nothing to be exact about, but for TSan; and the last word is the last one's. */
static void successes_and_failures_at_once(void **state)
{
	struct crowd crowd;

	(void)state;
	crowd_open(&crowd);
	crowd_run(&crowd, look, add_failures);
	crowd_run(&crowd, add_failures, succeed);
	standing_succeed(crowd.standing);
	assert_int_equal(atomic_load(&crowd.standing->failures), 0);
	crowd_close(&crowd);
}

/* Both names make it, and neither alone. */
static void names_are_told_apart(void **state)
{
	struct standings *standings = standings_new();
	struct standing *one = standings_get(standings, STR("app"), STR("a:1"));
	struct standing *two = standings_get(standings, STR("app"), STR("a:2"));
	struct standing *three = standings_get(standings, STR("appa"), STR(":1"));
	struct standing *again = standings_get(standings, STR("app"), STR("a:1"));

	(void)state;
	assert_ptr_equal(one, again);
	assert_ptr_not_equal(one, two);
	assert_ptr_not_equal(one, three);
	standing_unref(&one);
	standing_unref(&two);
	standing_unref(&three);
	standing_unref(&again);
	assert_null(again);
	standing_unref(&again);
	standings_free(&standings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_limit_is_told_once),
		cmocka_unit_test(successes_and_failures_at_once),
		cmocka_unit_test(names_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

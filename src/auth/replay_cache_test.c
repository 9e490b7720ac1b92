/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/replay_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/testing.h"

enum { SMALL = 4096, THREADS = 4, THINGS = 2000 };

#define NOW (1000 * SECOND)

static enum reason add(struct replay_cache *cache, str key, int number, wall_time until, wall_time now)
{
	char text[16];
	str parts[] = { key, { text, (size_t)snprintf(text, sizeof text, "%d", number) } };

	return replay_cache_add(cache, parts, 2, until, now);
}

static void a_thing_is_good_once(void **state)
{
	struct replay_cache *cache = replay_cache_new(0);

	(void)state;
	assert_int_equal(add(cache, STR("key"), 1, NOW + MINUTE, NOW), REASON_NONE);
	assert_int_equal(add(cache, STR("key"), 1, NOW + MINUTE, NOW), REASON_TOKEN_REPLAYED);
	assert_int_equal(add(cache, STR("key"), 2, NOW + MINUTE, NOW), REASON_NONE);
	assert_int_equal(add(cache, STR("other"), 1, NOW + MINUTE, NOW), REASON_NONE);
	assert_int_equal(add(cache, STR("key"), 1, NOW + MINUTE, NOW + 59 * SECOND), REASON_TOKEN_REPLAYED);
	replay_cache_free(&cache);
	assert_null(cache);
	replay_cache_free(&cache);
}

/* Where one part ends and the next begins matters. */
static void parts_do_not_run_together(void **state)
{
	struct replay_cache *cache = replay_cache_new(0);
	str one[] = { STR_INIT("ab"), STR_INIT("c") }, two[] = { STR_INIT("a"), STR_INIT("bc") };

	(void)state;
	assert_int_equal(replay_cache_add(cache, one, 2, NOW + MINUTE, NOW), REASON_NONE);
	assert_int_equal(replay_cache_add(cache, two, 2, NOW + MINUTE, NOW), REASON_NONE);
	replay_cache_free(&cache);
}

/* To the last moment of it, and not for ever. */
static void is_remembered_until_then(void **state)
{
	struct replay_cache *cache = replay_cache_new(0);

	(void)state;
	assert_int_equal(add(cache, STR("key"), 1, NOW + SECOND / 2, NOW), REASON_NONE);
	assert_int_equal(add(cache, STR("key"), 1, NOW + SECOND / 2, NOW + SECOND / 2),
			 REASON_TOKEN_REPLAYED);
	assert_int_equal(add(cache, STR("key"), 1, NOW + MINUTE, NOW + 2 * SECOND), REASON_NONE);
	assert_int_equal(add(cache, STR("key"), 1, NOW + MINUTE, NOW + 2 * SECOND), REASON_TOKEN_REPLAYED);
	replay_cache_free(&cache);
}

/* What is there stays there: who finds no room is told so. */
static void nothing_is_forgotten_when_it_is_full(void **state)
{
	struct replay_cache *cache = replay_cache_new(SMALL);
	bool *is_taken = calloc(3 * SMALL, 1);
	size_t taken = 0;

	(void)state;
	assert_non_null(is_taken);
	for (int i = 0; i < 3 * SMALL; i++) {
		enum reason reason = add(cache, STR("key"), i, NOW + MINUTE, NOW);

		assert_true(reason == REASON_NONE || reason == REASON_AUTH_UNAVAILABLE);
		is_taken[i] = reason == REASON_NONE;
		taken += is_taken[i];
	}
	assert_int_equal(taken, SMALL);
	for (int i = 0; i < 3 * SMALL; i++)
		assert_int_equal(add(cache, STR("key"), i, NOW + MINUTE, NOW + SECOND),
				 is_taken[i] ? REASON_TOKEN_REPLAYED : REASON_AUTH_UNAVAILABLE);
	assert_int_equal(add(cache, STR("later"), 1, NOW + HOUR, NOW + 2 * MINUTE), REASON_NONE);
	free(is_taken);
	replay_cache_free(&cache);
}

struct crowd {
	struct replay_cache *cache;
	atomic_int taken;
};

static void *add_all(void *argument)
{
	struct crowd *crowd = argument;

	for (int i = 0; i < THINGS; i++)
		if (add(crowd->cache, STR("key"), i, NOW + MINUTE, NOW) == REASON_NONE)
			atomic_fetch_add(&crowd->taken, 1);
	return NULL;
}

/* Who comes at the same time as another is either the first or not. */
static void threads_take_each_once(void **state)
{
	struct crowd crowd = { .cache = replay_cache_new(16 * SMALL) };
	pthread_t threads[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_all, &crowd), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(crowd.taken, THINGS);
	replay_cache_free(&crowd.cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thing_is_good_once),
		cmocka_unit_test(parts_do_not_run_together),
		cmocka_unit_test(is_remembered_until_then),
		cmocka_unit_test(nothing_is_forgotten_when_it_is_full),
		cmocka_unit_test(threads_take_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

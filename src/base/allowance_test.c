/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "base/allowance.h"
#include "base/block_pool.h"
#include "base/testing.h"

enum { STEP = ALLOWANCE_STEP, THREADS = 4, ROUNDS = 20000 };

static void what_is_taken_is_drawn_in_steps(void **state)
{
	struct memory_bound bound = { .max = 4 * STEP };
	struct allowance mine;

	(void)state;
	allowance_init(&mine, &bound);
	assert_int_equal(allowance_left(&mine), 4 * STEP);
	assert_true(allowance_take(&mine, 1));
	assert_int_equal(bound.drawn, STEP);
	assert_true(allowance_take(&mine, STEP - 1));
	assert_int_equal(bound.drawn, STEP);
	assert_true(allowance_take(&mine, STEP + 1));
	assert_int_equal(bound.drawn, 3 * STEP);
	assert_int_equal(allowance_left(&mine), 2 * STEP - 1);
	allowance_give(&mine, 2 * STEP + 1);
	assert_int_equal(bound.drawn, STEP); /* one is kept */
	allowance_give(&mine, mine.used);
	allowance_fini(&mine);
	assert_int_equal(bound.drawn, 0);
}

static void nothing_is_taken_beyond_the_bound_but_what_is_needed(void **state)
{
	struct memory_bound bound = { .max = 2 * STEP };
	struct allowance mine, other;

	(void)state;
	allowance_init(&mine, &bound);
	allowance_init(&other, &bound);
	assert_true(allowance_take(&mine, 1));
	assert_false(allowance_take(&other, STEP + 1));
	assert_int_equal(bound.drawn, STEP);
	assert_true(allowance_take(&other, STEP));
	assert_false(allowance_take(&other, 1));
	assert_int_equal(allowance_left(&other), 0);
	allowance_need(&other, 1);
	assert_int_equal(bound.drawn, 3 * STEP);
	assert_int_equal(allowance_left(&other), STEP - 1); /* what it has drawn is its own */
	allowance_give(&mine, mine.used);
	allowance_give(&other, other.used);
	allowance_fini(&mine);
	allowance_fini(&other);
	assert_int_equal(bound.drawn, 0);
}

static void it_is_short_before_it_is_used_up(void **state)
{
	struct memory_bound bound = { .max = 16 * STEP };
	struct allowance mine;

	(void)state;
	allowance_init(&mine, &bound);
	assert_true(allowance_take(&mine, 14 * STEP));
	assert_false(allowance_is_short(&mine));
	assert_true(allowance_take(&mine, 1));
	assert_true(allowance_is_short(&mine));
	atomic_store(&bound.max, 8 * STEP); /* a reload */
	assert_int_equal(allowance_left(&mine), STEP - 1);
	assert_true(allowance_is_short(&mine));
	allowance_give(&mine, mine.used);
	allowance_fini(&mine);
}

static void without_a_bound_there_is_always_more(void **state)
{
	struct allowance mine;

	(void)state;
	allowance_init(&mine, NULL);
	assert_true(allowance_take(&mine, SIZE_MAX / 2));
	allowance_need(&mine, SIZE_MAX / 2);
	assert_int_equal(allowance_left(&mine), SIZE_MAX);
	assert_false(allowance_is_short(&mine));
	allowance_give(&mine, 1);
	allowance_fini(&mine);
}

static void a_pool_is_charged_for_what_it_keeps_too(void **state)
{
	struct memory_bound bound = { .max = 2 * STEP };
	struct block *large[3], *small;
	struct allowance mine;
	struct block_pool pool;

	(void)state;
	allowance_init(&mine, &bound);
	block_pool_init(&pool, 4, SIZE_MAX / 2);
	block_pool_charge(&pool, &mine);
	for (size_t i = 0; i < 3; i++)
		assert_false(failed(block_take(&pool, BLOCK_LARGE / 2, &large[i])));
	assert_int_equal(mine.used, 3 * BLOCK_LARGE);
	for (size_t i = 0; i < 3; i++)
		block_give(&pool, &large[i]);
	assert_int_equal(mine.used, 3 * BLOCK_LARGE);
	assert_int_equal(block_pool_left(&pool), 2 * STEP - 3 * sizeof(struct block));

	/* A size of its own, for which the kept ones make room. */
	assert_false(failed(block_take(&pool, STEP + 1, &small)));
	assert_int_equal(mine.used, STEP + 1 + sizeof(struct block));
	assert_true(failed(block_take(&pool, STEP, &large[0])));
	large[0] = block_need(&pool, STEP);
	assert_int_equal(block_pool_left(&pool), ALLOWANCE_STEP - 1 - 2 * sizeof(struct block));
	block_give(&pool, &small);
	block_give(&pool, &large[0]);
	assert_int_equal(mine.used, 0);
	block_pool_fini(&pool);
	allowance_fini(&mine);
}

static void what_nobody_needs_for_a_while_goes_back(void **state)
{
	struct memory_bound bound = { .max = 16 * STEP };
	struct block *blocks[3];
	struct allowance mine;
	struct block_pool pool;

	(void)state;
	allowance_init(&mine, &bound);
	block_pool_init(&pool, 4, SIZE_MAX / 2);
	block_pool_charge(&pool, &mine);
	for (size_t i = 0; i < 3; i++)
		blocks[i] = block_need(&pool, 1);
	for (size_t i = 0; i < 3; i++)
		block_give(&pool, &blocks[i]);
	block_pool_rest(&pool); /* all three were needed since it began */
	assert_int_equal(mine.used, 3 * BLOCK_SMALL);
	blocks[0] = block_need(&pool, 1);
	block_give(&pool, &blocks[0]);
	block_pool_rest(&pool);
	assert_int_equal(mine.used, BLOCK_SMALL);
	block_pool_rest(&pool);
	assert_int_equal(mine.used, 0);
	block_pool_fini(&pool);
	allowance_fini(&mine);
}

static void *take_and_give(void *argument)
{
	struct allowance mine;
	size_t have = 0;

	allowance_init(&mine, argument);
	for (size_t i = 0; i < ROUNDS; i++) {
		size_t size = (i * 7919) % (2 * STEP);

		if (allowance_take(&mine, size)) {
			assert_true(atomic_load(&mine.bound->drawn) >= mine.used);
			have += size;
		} else {
			allowance_give(&mine, have);
			have = 0;
		}
	}
	allowance_give(&mine, have);
	allowance_fini(&mine);
	return NULL;
}

static void threads_leave_nothing_behind(void **state)
{
	struct memory_bound bound = { .max = 32 * STEP };
	pthread_t threads[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &bound), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&bound.drawn), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_is_drawn_in_steps),
		cmocka_unit_test(nothing_is_taken_beyond_the_bound_but_what_is_needed),
		cmocka_unit_test(it_is_short_before_it_is_used_up),
		cmocka_unit_test(without_a_bound_there_is_always_more),
		cmocka_unit_test(a_pool_is_charged_for_what_it_keeps_too),
		cmocka_unit_test(what_nobody_needs_for_a_while_goes_back),
		cmocka_unit_test(threads_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

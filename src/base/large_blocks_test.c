/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each test has its own, and ends with all of them back.
 */
#include <pthread.h>

#include "base/large_blocks.c"
#include "base/testing.h"

#define UNIT LARGE_BLOCK_LEAST

static int begin(void **state)
{
	*state = large_blocks_new();
	return 0;
}

static int end(void **state)
{
	struct large_blocks *blocks = *state;

	assert_int_equal(blocks->used, 0);
	assert_int_equal(blocks->unused, 0);
	assert_null(blocks->fresh);
	assert_null(blocks->stale);
	large_blocks_free(&blocks);
	assert_null(blocks);
	return 0;
}

static void what_was_given_back_is_taken_again(void **state)
{
	struct large_blocks *blocks = *state;
	struct block *held = large_block_take(blocks, 3 * UNIT),
		     *first = large_block_take(blocks, 3 * UNIT - 1), *second;

	assert_int_equal(large_block_size(first), 3 * UNIT);
	assert_int_equal((uintptr_t)first % UNIT, 0);
	memset(first->bytes, 1, first->size);
	large_block_give(blocks, first);
	second = large_block_take(blocks, 3 * UNIT);
	assert_ptr_equal(second, first);
	memset(second->bytes, 2, second->size); /* all of it may be touched again */
	large_block_give(blocks, second);
	large_block_give(blocks, held);
}

/* So that what an arena counts is the same, whatever was there. */
static void only_of_the_same_size(void **state)
{
	struct large_blocks *blocks = *state;
	struct block *held = large_block_take(blocks, 9 * UNIT), *two = large_block_take(blocks, 2 * UNIT),
		     *five = large_block_take(blocks, 5 * UNIT), *three;

	large_block_give(blocks, two);
	large_block_give(blocks, five);
	three = large_block_take(blocks, 3 * UNIT);
	assert_int_equal(large_block_size(three), 3 * UNIT);
	assert_ptr_equal(large_block_take(blocks, 2 * UNIT), two);
	large_block_give(blocks, two);
	large_block_give(blocks, three);
	large_block_give(blocks, held);
	assert_int_equal(blocks->unused, 0); /* nobody uses any */
}

/* As when one configuration takes the place of another, again and again. */
static void no_more_is_there_than_was_used_at_once(void **state)
{
	struct large_blocks *blocks = *state;
	struct block *now = large_block_take(blocks, 40 * UNIT);

	for (size_t size = 40; size > 3; size -= 3) {
		struct block *next = large_block_take(blocks, size * UNIT);

		large_block_give(blocks, now);
		now = next;
		assert_true(blocks->used + blocks->unused <= blocks->most);
		assert_true(blocks->unused <= blocks->used);
		assert_int_equal(blocks->most, 80 * UNIT);
	}
	large_block_give(blocks, now);
}

static void what_nobody_takes_goes(void **state)
{
	struct large_blocks *blocks = *state;
	struct block *block = large_block_take(blocks, UNIT),
		     *other = large_block_take(blocks, UNIT); /* is in use */
	struct block *again;

	large_block_give(blocks, block);
	large_blocks_age(blocks);
	assert_int_equal(blocks->unused, UNIT);
	again = large_block_take(blocks, UNIT);
	assert_ptr_equal(again, block); /* it is stale, and there */
	large_block_give(blocks, again);
	large_blocks_age(blocks);
	large_blocks_age(blocks);
	assert_int_equal(blocks->unused, 0);
	assert_int_equal(blocks->most, UNIT);
	large_block_give(blocks, other);
}

static void *takes_and_gives(void *argument)
{
	struct large_blocks *blocks = argument;

	for (size_t i = 0; i < 200; i++) {
		struct block *block = large_block_take(blocks, (1 + i % 3) * UNIT);

		block->bytes[i] = 1;
		large_block_give(blocks, block);
		if (i % 10 == 0)
			large_blocks_age(blocks);
	}
	return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
	struct large_blocks *blocks = *state;
	pthread_t threads[4];

	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, takes_and_gives, blocks), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void without_any_they_come_from_the_system(void **state)
{
	struct block *block = large_block_take(NULL, UNIT + 1);

	(void)state;
	assert_int_equal(large_block_size(block), 2 * UNIT);
	memset(block->bytes, 1, block->size);
	large_block_give(NULL, block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_given_back_is_taken_again, begin, end),
		cmocka_unit_test_setup_teardown(only_of_the_same_size, begin, end),
		cmocka_unit_test_setup_teardown(no_more_is_there_than_was_used_at_once, begin, end),
		cmocka_unit_test_setup_teardown(what_nobody_takes_goes, begin, end),
		cmocka_unit_test_setup_teardown(threads_do_not_disturb_each_other, begin, end),
		cmocka_unit_test(without_any_they_come_from_the_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

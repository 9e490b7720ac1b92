/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blocks of this process: each test begins and ends with none.
 */
#include <pthread.h>

#include "base/large_block.c"
#include "base/testing.h"

#define UNIT LARGE_BLOCK_LEAST

static int forget(void **state)
{
	(void)state;
	large_blocks_rest();
	large_blocks_rest();
	large_blocks_rest();
	assert_int_equal(blocks.used, 0);
	assert_int_equal(blocks.unused, 0);
	assert_int_equal(blocks.most, 0);
	assert_null(blocks.kept);
	assert_null(blocks.rested);
	return 0;
}

static void what_was_given_back_is_taken_again(void **state)
{
	struct block *held = large_block_take(3 * UNIT), *first = large_block_take(3 * UNIT - 1), *second;

	(void)state;
	assert_int_equal(large_block_size(first), 3 * UNIT);
	assert_int_equal((uintptr_t)first % UNIT, 0);
	memset(first->bytes, 1, first->size);
	large_block_give(first);
	second = large_block_take(3 * UNIT);
	assert_ptr_equal(second, first);
	memset(second->bytes, 2, second->size); /* all of it may be touched again */
	large_block_give(second);
	large_block_give(held);
}

/* So that what an arena counts is the same, whatever was there. */
static void only_of_the_same_size(void **state)
{
	struct block *held = large_block_take(9 * UNIT), *two = large_block_take(2 * UNIT),
		     *five = large_block_take(5 * UNIT), *three;

	(void)state;
	large_block_give(two);
	large_block_give(five);
	three = large_block_take(3 * UNIT);
	assert_int_equal(large_block_size(three), 3 * UNIT);
	assert_ptr_equal(large_block_take(2 * UNIT), two);
	large_block_give(two);
	large_block_give(three);
	large_block_give(held);
	assert_int_equal(blocks.unused, 0); /* nobody uses any */
}

/* As when one configuration takes the place of another, again and again. */
static void no_more_is_there_than_was_used_at_once(void **state)
{
	struct block *now = large_block_take(40 * UNIT);

	(void)state;
	for (size_t size = 40; size > 3; size -= 3) {
		struct block *next = large_block_take(size * UNIT);

		large_block_give(now);
		now = next;
		assert_true(blocks.used + blocks.unused <= blocks.most);
		assert_true(blocks.unused <= blocks.used);
		assert_int_equal(blocks.most, 80 * UNIT);
	}
	large_block_give(now);
}

static void what_nobody_takes_goes(void **state)
{
	struct block *block = large_block_take(UNIT), *other = large_block_take(UNIT); /* is in use */

	(void)state;
	large_block_give(block);
	large_blocks_rest();
	assert_int_equal(blocks.unused, UNIT);
	assert_ptr_equal(large_block_take(UNIT), block); /* it rests, and is there */
	large_block_give(block);
	large_blocks_rest();
	large_blocks_rest();
	assert_int_equal(blocks.unused, 0);
	assert_int_equal(blocks.most, UNIT);
	large_block_give(other);
}

static void *takes_and_gives(void *argument)
{
	(void)argument;
	for (size_t i = 0; i < 200; i++) {
		struct block *block = large_block_take((1 + i % 3) * UNIT);

		block->bytes[i] = 1;
		large_block_give(block);
		if (i % 10 == 0)
			large_blocks_rest();
	}
	return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, takes_and_gives, NULL), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_given_back_is_taken_again, forget, forget),
		cmocka_unit_test_setup_teardown(only_of_the_same_size, forget, forget),
		cmocka_unit_test_setup_teardown(no_more_is_there_than_was_used_at_once, forget, forget),
		cmocka_unit_test_setup_teardown(what_nobody_takes_goes, forget, forget),
		cmocka_unit_test_setup_teardown(threads_do_not_disturb_each_other, forget, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/block_pool.h"

#define HEADER sizeof(struct block)

static const struct {
	size_t size, want;
} size_cases[] = {
	{ 0, BLOCK_SMALL - HEADER },
	{ 1, BLOCK_SMALL - HEADER },
	{ BLOCK_SMALL - HEADER, BLOCK_SMALL - HEADER },
	{ BLOCK_SMALL - HEADER + 1, BLOCK_MEDIUM - HEADER },
	{ BLOCK_MEDIUM - HEADER, BLOCK_MEDIUM - HEADER },
	{ BLOCK_MEDIUM - HEADER + 1, BLOCK_LARGE - HEADER },
	{ BLOCK_LARGE - HEADER, BLOCK_LARGE - HEADER },
	{ BLOCK_LARGE - HEADER + 1, BLOCK_LARGE - HEADER + 1 },
	{ 1000 * 1000, 1000 * 1000 },
};

static void a_block_is_the_smallest_that_fits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof size_cases / sizeof *size_cases; i++) {
		struct block_pool pool;
		struct block *block;

		block_pool_init(&pool, 4, 16 * 1024 * 1024);
		assert_false(failed(block_take(&pool, size_cases[i].size, &block)));
		assert_int_equal(block->size, size_cases[i].want);
		assert_int_equal(pool.in_use, block->size);
		assert_null(block->next);
		memset(block->bytes, 'x', block->size);
		block_give(&pool, &block);
		assert_null(block);
		assert_int_equal(pool.in_use, 0);
		block_pool_fini(&pool);
	}
}

static void the_last_one_given_back_is_the_first_one_taken(void **state)
{
	struct block *a, *b, *again;
	struct block_pool pool;

	(void)state;
	block_pool_init(&pool, 4, 1024 * 1024);
	assert_false(failed(block_take(&pool, 1, &a)));
	assert_false(failed(block_take(&pool, 1, &b)));
	again = a;
	block_give(&pool, &b);
	block_give(&pool, &a);
	assert_int_equal(pool.free_count[0], 2);
	assert_false(failed(block_take(&pool, 1, &a)));
	assert_ptr_equal(a, again);
	assert_null(a->next);
	block_give(&pool, &a);
	block_give(&pool, &a); /* NULL by now */
	block_pool_fini(&pool);
}

static void a_class_does_not_serve_another(void **state)
{
	struct block *small, *medium;
	struct block_pool pool;

	(void)state;
	block_pool_init(&pool, 4, 1024 * 1024);
	assert_false(failed(block_take(&pool, BLOCK_SMALL, &medium)));
	block_give(&pool, &medium);
	assert_int_equal(pool.free_count[1], 1);
	assert_false(failed(block_take(&pool, 1, &small)));
	assert_int_equal(small->size, BLOCK_SMALL - HEADER);
	assert_int_equal(pool.free_count[1], 1);
	block_give(&pool, &small);
	block_pool_fini(&pool);
}

static void no_more_is_handed_out_than_the_maximum(void **state)
{
	enum { MAX = BLOCK_MEDIUM };
	struct block *at[4] = { NULL };
	struct block_pool pool;
	struct block *none = NULL;

	(void)state;
	block_pool_init(&pool, 4, MAX);
	assert_int_equal(block_take(&pool, MAX + 1, &none).kind, ERROR_LIMIT);
	assert_int_equal(block_take(&pool, SIZE_MAX, &none).kind, ERROR_LIMIT);
	for (unsigned i = 0; i < 4; i++)
		assert_false(failed(block_take(&pool, 100, &at[i])));
	assert_int_equal(block_take(&pool, 100, &none).kind, ERROR_LIMIT);
	assert_null(none);
	assert_int_equal(block_pool_left(&pool), MAX - pool.in_use);
	none = block_need(&pool, MAX);
	assert_true(pool.in_use > MAX);
	assert_int_equal(block_pool_left(&pool), 0);
	assert_int_equal(block_take(&pool, 1, &at[0]).kind, ERROR_LIMIT);
	block_give(&pool, &none);
	block_give(&pool, &at[1]);
	assert_int_equal(block_take(&pool, BLOCK_SMALL, &none).kind, ERROR_LIMIT); /* of the next class */
	assert_false(failed(block_take(&pool, 100, &at[1])));
	for (unsigned i = 0; i < 4; i++)
		block_give(&pool, &at[i]);
	assert_false(failed(block_take(&pool, MAX - HEADER, &at[3])));
	block_give(&pool, &at[3]);
	block_pool_fini(&pool);
}

static void only_so_many_are_kept(void **state)
{
	struct block *at[5], *huge;
	struct block_pool pool;

	(void)state;
	block_pool_init(&pool, 2, 1024 * 1024);
	for (unsigned i = 0; i < 5; i++)
		assert_false(failed(block_take(&pool, 100, &at[i])));
	for (unsigned i = 0; i < 5; i++)
		block_give(&pool, &at[i]);
	assert_int_equal(pool.free_count[0], 2);
	assert_false(failed(block_take(&pool, BLOCK_LARGE * 2, &huge)));
	block_give(&pool, &huge); /* of no class: goes at once */
	assert_int_equal(pool.free_count[2], 0);
	block_pool_trim(&pool);
	assert_int_equal(pool.free_count[0], 0);
	assert_null(pool.free[0]);
	block_pool_trim(&pool);
	block_pool_fini(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_is_the_smallest_that_fits),
		cmocka_unit_test(the_last_one_given_back_is_the_first_one_taken),
		cmocka_unit_test(a_class_does_not_serve_another),
		cmocka_unit_test(no_more_is_handed_out_than_the_maximum),
		cmocka_unit_test(only_so_many_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/large_blocks.h"
#include "base/testing.h"

enum { MAX = 1024 * 1024, POOL_MAX = 4 * 1024 * 1024 };

static void memory_is_zeroed_and_aligned(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, MAX);
	memset(arena_bytes(&arena, 100), 0xff, 100);
	for (size_t size = 1; size < 3000; size += 97) {
		unsigned char *at = arena_alloc(&arena, size);

		assert_int_equal((uintptr_t)at % 16, 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(at[i], 0);
		memset(at, 0xff, size);
		arena_bytes(&arena, 1);
	}
	arena_fini(&arena);
}

static void pieces_never_overlap(void **state)
{
	struct arena arena;
	char *pieces[200];

	(void)state;
	arena_init(&arena, NULL, MAX);
	for (size_t i = 0; i < COUNT_OF(pieces); i++) {
		pieces[i] = arena_bytes(&arena, i * 13 + 1);
		memset(pieces[i], (int)i, i * 13 + 1);
	}
	for (size_t i = 0; i < COUNT_OF(pieces); i++)
		for (size_t j = 0; j < i * 13 + 1; j++)
			assert_int_equal((unsigned char)pieces[i][j], i);
	arena_fini(&arena);
}

static void holds_what_is_larger_than_a_block(void **state)
{
	struct arena arena;
	char *at;

	(void)state;
	arena_init(&arena, NULL, MAX);
	at = arena_bytes(&arena, 500000);
	memset(at, 1, 500000);
	assert_non_null(arena_alloc(&arena, 16));
	arena_fini(&arena);
}

static size_t count_blocks(const struct arena *arena)
{
	size_t count = 0;

	for (const struct block *block = arena->blocks; block; block = block->next)
		count++;
	return count;
}

static void a_large_one_has_few_blocks(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, SIZE_MAX / 2);
	for (size_t i = 0; i < 100 * 1024; i++)
		memset(arena_raw(&arena, 1000), 1, 1000);
	assert_true(count_blocks(&arena) < 20);
	assert_true(arena.used < 300 * 1024 * 1024);
	arena_fini(&arena);
}

/* One configuration, and the next one when it is gone. */
static void leaves_its_large_blocks_to_the_next_one(void **state)
{
	struct large_blocks *large = large_blocks_new();
	struct arena arena, other;
	char *bytes;

	(void)state;
	arena_init_over(&other, large, SIZE_MAX / 2);
	arena_bytes(&other, LARGE_BLOCK_LEAST);
	arena_init_over(&arena, large, SIZE_MAX / 2);
	bytes = arena_bytes(&arena, LARGE_BLOCK_LEAST);
	arena_fini(&arena);
	arena_init_beside(&arena, &other);
	assert_ptr_equal(arena_bytes(&arena, LARGE_BLOCK_LEAST), bytes);
	arena_fini(&arena);
	arena_fini(&other);
	large_blocks_free(&large);
}

static void what_is_much_is_a_large_block(void **state)
{
	struct arena arena;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		arena_init(&arena, NULL, SIZE_MAX / 2);
		for (size_t j = 0; i == 0 && j < 6; j++)
			arena_bytes(&arena, 100 * 1000); /* bit by bit, and at once */
		arena_bytes(&arena, 500 * 1000);
		assert_true(large_block_size(arena.blocks) == LARGE_BLOCK_LEAST);
		arena_fini(&arena);
	}
}

static void grows_no_further_than_its_maximum(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, MAX);
	while (arena_left(&arena) >= 1000)
		memset(arena_bytes(&arena, 1000), 1, 1000);
	assert_true(arena.used <= MAX);
	arena_fini(&arena);
}

static void gives_its_blocks_back(void **state)
{
	struct block_pool pool;
	struct arena arena;

	(void)state;
	block_pool_init(&pool, 4, POOL_MAX);
	arena_init(&arena, &pool, MAX);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 20; i++)
			memset(arena_bytes(&arena, 3000), 1, 3000);
		assert_true(pool.in_use >= 60000);
		arena_fini(&arena);
		assert_int_equal(pool.in_use, 0);
	}
	block_pool_fini(&pool);
}

/* Whoever asks first never meets the end, of the arena or of its pool. */
static void tells_what_is_left(void **state)
{
	struct block_pool pool;
	struct arena arena, other;
	size_t before;

	(void)state;
	block_pool_init(&pool, 4, POOL_MAX);
	arena_init(&arena, &pool, MAX);
	arena_init(&other, &pool, POOL_MAX);
	before = arena_left(&arena);
	assert_in_range(before, 1, MAX);
	while (arena_left(&other) >= 100000)
		arena_bytes(&other, 100000);
	assert_true(arena_left(&arena) < before);
	while (arena_left(&arena) >= 1000)
		memset(arena_bytes(&arena, 1000), 1, 1000);
	assert_in_range(arena.used, 0, MAX);
	arena_fini(&arena);
	arena_fini(&other);
	block_pool_fini(&pool);
}

/* Whoever did not ask gets what it wants, and is the last one to. */
static void an_exchange_is_not_the_end_of_all(void **state)
{
	struct block_pool pool;
	struct arena arena;

	(void)state;
	block_pool_init(&pool, 4, POOL_MAX);
	arena_init(&arena, &pool, MAX);
	memset(arena_bytes(&arena, MAX + 1), 1, MAX + 1);
	assert_int_equal(arena_left(&arena), 0);
	memset(arena_bytes(&arena, POOL_MAX), 1, POOL_MAX);
	assert_int_equal(arena_left(&arena), 0);
	assert_int_equal(block_pool_left(&pool), 0);
	arena_fini(&arena);
	assert_int_equal(pool.in_use, 0);
	block_pool_fini(&pool);
}

static void takes_over_another(void **state)
{
	struct block_pool pool;
	struct arena arena, other;
	str kept;
	char *own;

	(void)state;
	block_pool_init(&pool, 4, 1 << 20);
	for (int is_first = 0; is_first < 2; is_first++) {
		arena_init(&arena, &pool, 1 << 20);
		arena_init(&other, &pool, 1 << 20);
		own = is_first ? NULL : arena_bytes(&arena, 10);
		kept = arena_str(&other, STR("kept"));
		arena_bytes(&other, BLOCK_LARGE);
		arena_adopt(&arena, &other);
		assert_int_equal(other.used, 0);
		assert_true(arena.used > BLOCK_LARGE);
		if (own)
			assert_ptr_equal(arena_bytes(&arena, 10), own + 10);
		arena_bytes(&other, 100);
		arena_fini(&other);
		arena_bytes(&arena, 100);
		assert_text(kept, "kept");
		arena_fini(&arena);
	}
	arena_init(&arena, &pool, 1 << 20);
	arena_adopt(&arena, &other); /* nothing from nothing */
	assert_int_equal(pool.in_use, 0);
	block_pool_fini(&pool);
}

static void makes_text(void **state)
{
	struct arena arena;
	str parts[] = { STR("ab"), { 0 }, STR("c") };
	str copy;

	(void)state;
	arena_init(&arena, NULL, MAX);
	copy = arena_str(&arena, parts[0]);
	assert_text(copy, "ab");
	assert_ptr_not_equal(copy.ptr, parts[0].ptr);
	assert_text(arena_join(&arena, parts, COUNT_OF(parts)), "abc");
	assert_text(arena_join(&arena, NULL, 0), "");
	assert_text(arena_join_list(&arena, &(str_list) { parts, COUNT_OF(parts) }, STR(", ")), "ab, , c");
	assert_text(arena_join_list(&arena, &(str_list) { 0 }, STR(", ")), "");
	assert_text(arena_str(&arena, (str) { 0 }), "");
	copy = arena_printf(&arena, "%d %.*s", 42, STR_ARG(parts[0]));
	assert_text(copy, "42 ab");
	assert_int_equal(copy.ptr[copy.len], '\0');
	arena_fini(&arena);
}

/* A writer takes what the block has left, and gives back what it did not use. */
static void widens_an_array(void **state)
{
	struct arena arena;
	int *at = NULL, *before;
	size_t max = 0;

	(void)state;
	arena_init(&arena, NULL, 1024 * 1024);
	for (int i = 0; i < 1000; i++) {
		before = at;
		at = arena_widen(&arena, at, (size_t)i, sizeof *at, &max);
		assert_true(max > (size_t)i);
		assert_true(at == before || i == 0 || (i & (i - 1)) == 0);
		at[i] = i;
	}
	for (int i = 0; i < 1000; i++)
		assert_int_equal(at[i], i);
	arena_fini(&arena);
}

static void lends_a_writer(void **state)
{
	struct arena arena;
	struct buf b;
	str first, second;

	(void)state;
	arena_init(&arena, NULL, MAX);
	arena_bytes(&arena, 1);
	b = arena_open(&arena, 100);
	assert_true(b.max >= 100);
	buf_put(&b, STR("first"));
	first = arena_close(&arena, &b);
	second = arena_str(&arena, STR("second"));
	assert_text(first, "first");
	assert_ptr_equal(second.ptr, first.ptr + first.len);
	b = arena_open(&arena, 300000);
	assert_true(b.max >= 300000);
	memset(b.bytes, 1, b.max);
	assert_text(arena_close(&arena, &b), "");
	assert_text(first, "first");
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_and_aligned),
		cmocka_unit_test(pieces_never_overlap),
		cmocka_unit_test(holds_what_is_larger_than_a_block),
		cmocka_unit_test(a_large_one_has_few_blocks),
		cmocka_unit_test(leaves_its_large_blocks_to_the_next_one),
		cmocka_unit_test(what_is_much_is_a_large_block),
		cmocka_unit_test(grows_no_further_than_its_maximum),
		cmocka_unit_test(gives_its_blocks_back),
		cmocka_unit_test(tells_what_is_left),
		cmocka_unit_test(an_exchange_is_not_the_end_of_all),
		cmocka_unit_test(takes_over_another),
		cmocka_unit_test(makes_text),
		cmocka_unit_test(lends_a_writer),
		cmocka_unit_test(widens_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

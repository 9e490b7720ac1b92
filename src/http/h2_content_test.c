/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that wait: in any pieces in, in any pieces out, the same bytes; and no block is left behind.
 */
#include "base/random.h"
#include "base/testing.h"
#include "http/h2_content.h"

enum { BODY = 700 * 1000, POOL_MAX = 4 * 1024 * 1024, HEAD = 100 };

struct bench {
	struct block_pool pool;
	struct h2_content content;
	char *body;
	size_t in, out;
};

static void bench_open(struct bench *bench, size_t max)
{
	*bench = (struct bench) { .body = malloc(BODY) };
	assert_non_null(bench->body);
	for (size_t i = 0; i < BODY; i++)
		bench->body[i] = (char)(i * 7 + i / 251);
	block_pool_init(&bench->pool, 4, max);
}

static void bench_close(struct bench *bench)
{
	h2_content_fini(&bench->content, &bench->pool);
	assert_int_equal(bench->content.len, 0);
	assert_int_equal(bench->pool.in_use, 0);
	block_pool_fini(&bench->pool);
	free(bench->body);
}

static void add(struct bench *bench, size_t n)
{
	str bytes = str_slice((str) { bench->body, BODY }, bench->in, bench->in + n);

	assert_int_equal(h2_content_add(&bench->content, &bench->pool, bytes).kind, ERROR_NONE);
	bench->in += bytes.len;
	assert_int_equal(bench->content.len, bench->in - bench->out);
}

/* A head is written in front, as far as there is room, which must change nothing. */
static void take(struct bench *bench, size_t n)
{
	size_t headroom;
	str piece = h2_content_peek(&bench->content, &headroom);

	assert_int_equal(piece.len == 0, bench->in == bench->out);
	if (headroom >= HEAD)
		memset((char *)(uintptr_t)piece.ptr - HEAD, '#', HEAD);
	n = n < piece.len ? n : piece.len;
	if (n)
		assert_memory_equal(piece.ptr, bench->body + bench->out, n);
	h2_content_consume(&bench->content, &bench->pool, n);
	bench->out += n;
}

static void what_comes_in_goes_out(void **state)
{
	struct random random;

	(void)state;
	random_init(&random);
	for (unsigned round = 0; round < 20; round++) {
		struct bench bench;

		bench_open(&bench, POOL_MAX);
		while (bench.out < BODY) {
			if (random_below(&random, 2))
				add(&bench, random_below(&random, round % 2 ? 100 * 1000 : 3000));
			else
				take(&bench, random_below(&random, 60 * 1000));
		}
		bench_close(&bench);
	}
}

static void few_bytes_take_a_small_block(void **state)
{
	struct bench bench;
	size_t headroom;

	(void)state;
	bench_open(&bench, POOL_MAX);
	add(&bench, 1);
	assert_true(bench.pool.in_use <= BLOCK_SMALL);
	assert_int_equal(h2_content_peek(&bench.content, &headroom).len, 1);
	assert_true(headroom >= HEAD);
	add(&bench, 10);
	assert_int_equal(h2_content_peek(&bench.content, &headroom).len, 11);
	take(&bench, 11);
	assert_int_equal(bench.pool.in_use, 0);
	bench_close(&bench);
}

static void what_nobody_takes_is_dropped(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, POOL_MAX);
	for (unsigned i = 0; i < 20; i++)
		add(&bench, 16 * 1024);
	take(&bench, 5);
	bench_close(&bench);
}

static void no_memory_is_told(void **state)
{
	struct bench bench;
	str more;

	(void)state;
	bench_open(&bench, BLOCK_MEDIUM);
	add(&bench, 10 * 1000);
	more = (str) { bench.body, 10 * 1000 };
	assert_int_equal(h2_content_add(&bench.content, &bench.pool, more).kind, ERROR_LIMIT);
	take(&bench, 10); /* what is there is good */
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_in_goes_out),
		cmocka_unit_test(few_bytes_take_a_small_block),
		cmocka_unit_test(what_nobody_takes_is_dropped),
		cmocka_unit_test(no_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

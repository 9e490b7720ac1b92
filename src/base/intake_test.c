/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/intake.h"

/* What one connection can read into an empty scratch. */
enum { SCRATCH_ROOM = SCRATCH_SIZE - SCRATCH_HEADROOM };

struct bench {
	struct block_pool pool;
	struct scratch scratch;
};

static void bench_open(struct bench *bench, size_t max)
{
	block_pool_init(&bench->pool, 4, max);
	scratch_init(&bench->scratch, &bench->pool);
}

static void bench_close(struct bench *bench)
{
	assert_null(bench->scratch.holder);
	assert_int_equal(bench->pool.in_use, 0);
	scratch_fini(&bench->scratch);
	block_pool_fini(&bench->pool);
}

static void put(struct intake *in, str bytes)
{
	result_value room;
	size_t size;
	char *at;

	room = intake_room(in, &at, &size);
	assert_false(failed(room));
	assert_true(size >= bytes.len);
	memcpy(at, bytes.ptr, bytes.len);
	intake_add(in, bytes.len);
}

static void holds(const struct intake *in, const char *want)
{
	if (!str_eq(intake_data(in), str_of(want)))
		fail_msg("%.*s, not %s", STR_ARG(intake_data(in)), want);
}

static void bytes_are_read_in_the_scratch(void **state)
{
	struct bench bench;
	struct intake in;

	(void)state;
	bench_open(&bench, 1); /* not a block to be had, and none is needed */
	intake_init(&in, &bench.scratch);
	holds(&in, "");
	put(&in, STR("GET / "));
	put(&in, STR("HTTP/1.1"));
	holds(&in, "GET / HTTP/1.1");
	assert_ptr_equal(in.at, bench.scratch.bytes + SCRATCH_HEADROOM);
	intake_consume(&in, 4);
	holds(&in, "/ HTTP/1.1");
	intake_shrink(&in, 8);
	holds(&in, "/ ");
	assert_ptr_equal(bench.scratch.holder, &in);
	intake_consume(&in, 2);
	assert_null(bench.scratch.holder);
	holds(&in, "");
	put(&in, STR("again"));
	assert_ptr_equal(in.at, bench.scratch.bytes + SCRATCH_HEADROOM);
	intake_shrink(&in, 5);
	assert_null(bench.scratch.holder);
	intake_consume(&in, 0);
	intake_fini(&in);
	bench_close(&bench);
}

static void only_the_unread_survive_a_wait(void **state)
{
	struct bench bench;
	struct intake in;

	(void)state;
	bench_open(&bench, 1024 * 1024);
	intake_init(&in, &bench.scratch);
	put(&in, STR("readunread"));
	intake_consume(&in, 4);
	scratch_evacuate(&bench.scratch);
	assert_null(bench.scratch.holder);
	holds(&in, "unread");
	assert_non_null(in.block);
	assert_int_equal(in.block->size, BLOCK_SMALL - sizeof(struct block));
	put(&in, STR(" more"));
	assert_null(bench.scratch.holder); /* goes on where it is */
	holds(&in, "unread more");
	intake_consume(&in, in.len);
	assert_null(in.block);
	put(&in, STR("fresh"));
	assert_ptr_equal(bench.scratch.holder, &in);
	intake_fini(&in);
	bench_close(&bench);
}

/* What is before the unread bytes belongs to nobody: first the room left free, then also what was read. */
static void a_head_has_room_before_unread_bytes(void **state)
{
	struct bench bench;
	struct intake in;

	(void)state;
	bench_open(&bench, 64 * 1024);
	intake_init(&in, &bench.scratch);
	assert_int_equal(intake_headroom(&in), 0);
	put(&in, STR("head and content"));
	assert_int_equal(intake_headroom(&in), SCRATCH_HEADROOM);
	intake_consume(&in, 9);
	assert_int_equal(intake_headroom(&in), SCRATCH_HEADROOM + 9);
	memset(in.at - intake_headroom(&in), 'x', intake_headroom(&in));
	holds(&in, "content");
	scratch_evacuate(&bench.scratch);
	assert_int_equal(intake_headroom(&in), 0);
	intake_consume(&in, 3);
	assert_int_equal(intake_headroom(&in), 3);
	intake_consume(&in, 4);
	assert_int_equal(intake_headroom(&in), 0);
	intake_fini(&in);
	bench_close(&bench);
}

static void nothing_unread_costs_nothing(void **state)
{
	struct bench bench;
	struct intake in;
	size_t size;
	char *at;

	(void)state;
	bench_open(&bench, 1);
	intake_init(&in, &bench.scratch);
	scratch_evacuate(&bench.scratch);
	assert_false(failed(intake_room(&in, &at, &size)));
	assert_int_equal(size, SCRATCH_ROOM);
	assert_ptr_equal(bench.scratch.holder, &in);
	scratch_evacuate(&bench.scratch); /* room was asked for, but nothing came */
	assert_null(bench.scratch.holder);
	holds(&in, "");
	intake_fini(&in);
	bench_close(&bench);
}

static void another_that_needs_the_scratch_gets_it(void **state)
{
	struct bench bench;
	struct intake a, b;

	(void)state;
	bench_open(&bench, 1024 * 1024);
	intake_init(&a, &bench.scratch);
	intake_init(&b, &bench.scratch);
	put(&a, STR("of a"));
	put(&b, STR("of b"));
	assert_ptr_equal(bench.scratch.holder, &b);
	holds(&a, "of a");
	holds(&b, "of b");
	put(&a, STR(" still"));
	holds(&a, "of a still");
	holds(&b, "of b");
	intake_fini(&a);
	intake_fini(&b);
	bench_close(&bench);
}

/* What was read is kept; nothing more is read into a scratch that could not be cleared within the bound. */
static void a_pool_that_is_used_up_takes_nothing_more_in(void **state)
{
	struct bench bench;
	struct intake a, b;
	size_t size;
	char *at;

	(void)state;
	bench_open(&bench, 100);
	intake_init(&a, &bench.scratch);
	intake_init(&b, &bench.scratch);
	put(&a, STR("of a"));
	scratch_evacuate(&bench.scratch);
	assert_true(bench.pool.in_use > bench.pool.max);
	holds(&a, "of a");
	assert_int_equal(intake_room(&b, &at, &size).kind, ERROR_LIMIT);
	put(&a, STR(" still"));
	holds(&a, "of a still");
	intake_consume(&a, a.len);
	put(&b, STR("of b"));
	holds(&b, "of b");
	intake_fini(&a);
	intake_fini(&b);
	bench_close(&bench);
}

static void fill_up(struct intake *in, size_t until)
{
	while (in->len < until) {
		result_value room;
		size_t size;
		char *at;

		room = intake_room(in, &at, &size);
		assert_false(failed(room));
		assert_true(size >= 1024);
		size = size < until - in->len ? size : until - in->len;
		for (size_t i = 0; i < size; i++)
			at[i] = (char)((in->len + i) % 253);
		intake_add(in, size);
	}
}

static void is_filled(const struct intake *in, size_t first)
{
	for (size_t i = 0; i < in->len; i++)
		if (in->at[i] != (char)((first + i) % 253))
			fail_msg("byte %zu of %zu", i, in->len);
}

static void what_is_larger_than_the_scratch_moves_to_blocks(void **state)
{
	struct bench bench;
	struct intake in;

	(void)state;
	bench_open(&bench, 4 * 1024 * 1024);
	intake_init(&in, &bench.scratch);
	fill_up(&in, SCRATCH_ROOM);
	assert_ptr_equal(bench.scratch.holder, &in);
	fill_up(&in, SCRATCH_ROOM + 1);
	assert_null(bench.scratch.holder);
	is_filled(&in, 0);
	fill_up(&in, 5 * SCRATCH_ROOM);
	is_filled(&in, 0);
	intake_consume(&in, 4 * SCRATCH_ROOM);
	is_filled(&in, 4 * SCRATCH_ROOM);
	intake_fini(&in);
	bench_close(&bench);
}

/* The scratch is full and no block is left: it is told, and keeps what it has until it gives up. */
static void a_full_scratch_without_a_block_keeps_its_bytes(void **state)
{
	struct bench bench;
	struct intake in;
	size_t size;
	char *at;

	(void)state;
	bench_open(&bench, SCRATCH_ROOM);
	intake_init(&in, &bench.scratch);
	fill_up(&in, SCRATCH_ROOM);
	assert_int_equal(intake_room(&in, &at, &size).kind, ERROR_LIMIT);
	assert_ptr_equal(bench.scratch.holder, &in);
	is_filled(&in, 0);
	intake_consume(&in, in.len);
	fill_up(&in, 10);
	intake_fini(&in);
	bench_close(&bench);
}

static void a_block_without_room_moves_what_is_unread(void **state)
{
	struct bench bench;
	struct intake in;
	struct block *before;

	(void)state;
	bench_open(&bench, 64 * 1024);
	intake_init(&in, &bench.scratch);
	fill_up(&in, 100);
	scratch_evacuate(&bench.scratch);
	before = in.block;
	fill_up(&in, before->size);
	assert_ptr_equal(in.block, before);
	intake_consume(&in, before->size - 10);
	fill_up(&in, 100);
	assert_int_equal(in.len, 100);
	assert_int_equal(in.block->size, BLOCK_SMALL - sizeof(struct block));
	intake_fini(&in);
	bench_close(&bench);
}

/* ---- against a plain queue of bytes ---- */

enum { INTAKES = 3, MODEL_SIZE = 64 * 1024, STEPS = 20000 };

struct model {
	struct intake in;
	char bytes[MODEL_SIZE];
	size_t len;
};

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void model_put(struct model *model, uint64_t *seed)
{
	size_t size, want = next_random(seed) % 5000;
	result_value room;
	char *at;

	if (model->len + want > MODEL_SIZE)
		return;
	room = intake_room(&model->in, &at, &size);
	assert_false(failed(room));
	want = want < size ? want : size;
	for (size_t i = 0; i < want; i++)
		at[i] = model->bytes[model->len + i] = (char)next_random(seed);
	intake_add(&model->in, want);
	model->len += want;
}

static void model_step(struct bench *bench, struct model *model, uint64_t *seed)
{
	size_t n = model->len ? next_random(seed) % (model->len + 1) : 0;

	switch (next_random(seed) % 6) {
	case 0:
		scratch_evacuate(&bench->scratch);
		return;
	case 1:
		n = model->len; /* all of it */
		__attribute__((fallthrough));
	case 2:
		intake_consume(&model->in, n);
		memmove(model->bytes, model->bytes + n, model->len - n);
		model->len -= n;
		return;
	case 3:
		intake_shrink(&model->in, n / 4);
		model->len -= n / 4;
		return;
	default:
		model_put(model, seed);
	}
}

static void intakes_are_queues_of_bytes(void **state)
{
	struct model *models = calloc(INTAKES, sizeof *models);
	uint64_t seed = 0x9e3779b97f4a7c15;
	struct bench bench;

	(void)state;
	bench_open(&bench, 16 * 1024 * 1024);
	for (unsigned i = 0; i < INTAKES; i++)
		intake_init(&models[i].in, &bench.scratch);
	for (unsigned step = 0; step < STEPS; step++) {
		model_step(&bench, &models[next_random(&seed) % INTAKES], &seed);
		for (unsigned i = 0; i < INTAKES; i++)
			assert_true(
				str_eq(intake_data(&models[i].in), (str) { models[i].bytes, models[i].len }));
	}
	for (unsigned i = 0; i < INTAKES; i++)
		intake_fini(&models[i].in);
	bench_close(&bench);
	free(models);
}

/* Wherever the bytes lie. */
static void bytes_are_handed_over_as_they_lie(void **state)
{
	struct intake first, second, third;
	struct bench bench;
	const char *at;

	(void)state;
	bench_open(&bench, 1 << 20);
	intake_init(&first, &bench.scratch);
	intake_init(&second, &bench.scratch);
	intake_init(&third, &bench.scratch);
	intake_hand_over(&first, &second); /* nothing is also something */
	assert_int_equal(second.len, 0);
	put(&first, STR("in the scratch"));
	at = first.at;
	intake_hand_over(&first, &second);
	holds(&first, "");
	holds(&second, "in the scratch");
	assert_ptr_equal(second.at, at);
	scratch_evacuate(&bench.scratch); /* it is the new holder that is moved */
	holds(&second, "in the scratch");
	at = second.at;
	intake_hand_over(&second, &third);
	holds(&third, "in the scratch");
	assert_ptr_equal(third.at, at);
	put(&first, STR("again"));
	holds(&first, "again");
	intake_fini(&first);
	intake_fini(&second);
	intake_fini(&third);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_read_in_the_scratch),
		cmocka_unit_test(only_the_unread_survive_a_wait),
		cmocka_unit_test(a_head_has_room_before_unread_bytes),
		cmocka_unit_test(nothing_unread_costs_nothing),
		cmocka_unit_test(another_that_needs_the_scratch_gets_it),
		cmocka_unit_test(a_pool_that_is_used_up_takes_nothing_more_in),
		cmocka_unit_test(what_is_larger_than_the_scratch_moves_to_blocks),
		cmocka_unit_test(a_full_scratch_without_a_block_keeps_its_bytes),
		cmocka_unit_test(a_block_without_room_moves_what_is_unread),
		cmocka_unit_test(bytes_are_handed_over_as_they_lie),
		cmocka_unit_test(intakes_are_queues_of_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

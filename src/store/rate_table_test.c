/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table beside a model of one bucket for each key, at the edges of what may be configured, and under
 * threads: what is admitted is counted, and is exactly what it should be.
 */
#include "store/rate_table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/random.h"
#include "base/testing.h"

#define NOW ((wall_time)1767323045 * SECOND)

static struct gcra make(int64_t number, duration period, uint64_t burst)
{
	struct gcra gcra;

	assert_true(gcra_make((struct rate) { number, period }, burst, &gcra));
	return gcra;
}

static uint64_t key_of(uint64_t number)
{
	return hash_mix(number, 0x5bd1e9955bd1e995);
}

/* How many of so many requests at one instant get in. */
static size_t admitted(struct rate_table *table, uint64_t key, wall_time now, const struct gcra *gcra,
		       size_t tries)
{
	size_t count = 0;

	for (size_t i = 0; i < tries; i++)
		count += rate_table_take(table, key, now, gcra, 1).is_admitted;
	return count;
}

static void a_burst_and_then_the_rate(void **state)
{
	struct rate_table *table = rate_table_new(64);
	struct gcra gcra = make(10, SECOND, 3);
	struct rate_standing standing;

	(void)state;
	standing = rate_table_take(table, 1, NOW, &gcra, 1);
	assert_true(standing.is_admitted && standing.left == 2);
	assert_int_equal(standing.until_whole, 100 * MILLISECOND);
	assert_int_equal(admitted(table, 1, NOW, &gcra, 100), 2);
	standing = rate_table_take(table, 1, NOW, &gcra, 1);
	assert_true(!standing.is_admitted && standing.left == 0);
	assert_int_equal(standing.until_whole, 300 * MILLISECOND);
	assert_int_equal(standing.until_enough, 100 * MILLISECOND);
	assert_int_equal(admitted(table, 1, NOW + 100 * MILLISECOND - 1, &gcra, 1), 0);
	assert_int_equal(admitted(table, 1, NOW + 100 * MILLISECOND, &gcra, 5), 1);
	assert_int_equal(admitted(table, 2, NOW, &gcra, 5), 3);
	assert_int_equal(admitted(table, 1, NOW + HOUR, &gcra, 5), 3);
	assert_int_equal(rate_table_evictions(table), 0);
	rate_table_free(&table);
	assert_null(table);
	rate_table_free(&table);
}

static void what_a_request_costs(void **state)
{
	struct rate_table *table = rate_table_new(64);
	struct gcra gcra = make(10, SECOND, 10);
	struct rate_standing standing;

	(void)state;
	standing = rate_table_take(table, 1, NOW, &gcra, 7);
	assert_true(standing.is_admitted && standing.left == 3);
	standing = rate_table_take(table, 1, NOW, &gcra, 4);
	assert_true(!standing.is_admitted && standing.left == 3);
	assert_int_equal(standing.until_enough, 100 * MILLISECOND);
	assert_true(rate_table_take(table, 1, NOW, &gcra, 3).is_admitted);
	standing = rate_table_take(table, 1, NOW, &gcra, 0);
	assert_true(standing.is_admitted && standing.left == 0);
	standing = rate_table_take(table, 2, NOW, &gcra, 11);
	assert_true(!standing.is_admitted && standing.left == 10);
	assert_int_equal(standing.until_enough, -1);
	assert_false(rate_table_take(table, 2, NOW, &gcra, UINT64_MAX).is_admitted);
	assert_true(rate_table_take(table, 2, NOW, &gcra, 10).is_admitted);
	rate_table_free(&table);
}

/* Debts that run off, one for each key, in nanoseconds. */
enum { MODEL_KEYS = 5 };

struct model {
	duration interval, debt[MODEL_KEYS];
	int64_t burst;
};

static bool model_take(struct model *model, size_t key, int64_t cost)
{
	if (cost && model->debt[key] + cost * model->interval > model->burst * model->interval)
		return false;
	model->debt[key] += cost * model->interval;
	return true;
}

static void model_pass(struct model *model, duration time)
{
	for (size_t i = 0; i < MODEL_KEYS; i++)
		model->debt[i] = model->debt[i] > time ? model->debt[i] - time : 0;
}

static void model_give_back(struct model *model, size_t key, int64_t cost)
{
	duration back = cost * model->interval;

	model->debt[key] = model->debt[key] > back ? model->debt[key] - back : 0;
}

static void compare_with_model(struct random *random, struct rate rate, int64_t burst)
{
	struct rate_table *table = rate_table_new(1024);
	struct model model = { .interval = rate.period / rate.number, .burst = burst };
	struct gcra gcra = make(rate.number, rate.period, (uint64_t)burst);
	wall_time now = NOW;

	for (size_t i = 0; i < 20000; i++) {
		size_t key = random_below(random, MODEL_KEYS);
		int64_t cost = (int64_t)random_below(random, 4) ? 1 : (int64_t)random_below(random, 5);
		duration passed = (duration)random_below(random, (uint64_t)model.interval);
		struct rate_standing standing;
		bool is_admitted = model_take(&model, key, cost);

		standing = rate_table_take(table, key_of(key), now, &gcra, (uint64_t)cost);
		assert_row(standing.is_admitted == is_admitted, i, "admitted");
		assert_row(standing.until_whole == model.debt[key], i, "until whole");
		assert_row((duration)standing.left ==
				   burst - (model.debt[key] + model.interval - 1) / model.interval,
			   i, "left");
		if (is_admitted && cost && random_below(random, 8) == 0) {
			rate_table_give_back(table, key_of(key), now, &gcra, (uint64_t)cost);
			model_give_back(&model, key, cost);
		}
		if (random_below(random, 3) == 0) {
			now += passed;
			model_pass(&model, passed);
		}
	}
	rate_table_free(&table);
}

static void agrees_with_the_model(void **state)
{
	struct random random = { 11, 7 };

	(void)state;
	compare_with_model(&random, (struct rate) { 1000, SECOND }, 20);
	compare_with_model(&random, (struct rate) { 1, SECOND }, 1);
	compare_with_model(&random, (struct rate) { 8, MILLISECOND }, 3);
	compare_with_model(&random, (struct rate) { 1000000, 30 * DAY }, 100);
	compare_with_model(&random, (struct rate) { 1, 7 * DAY }, 10);
	compare_with_model(&random, (struct rate) { 1000000000, SECOND }, 7);
}

/* Rates that no whole number of nanoseconds gives: bursts are exact, and a long time adds nothing. */
static const struct {
	struct rate rate;
	uint64_t burst, cost; /* cost: of each request that is tried */
} odd_rates[] = {
	{ { 3, SECOND }, 3, 1 },
	{ { 7, SECOND }, 7, 1 },
	{ { 70000, SECOND }, 70000, 1 },
	{ { 999983, SECOND }, 999983, 10 },
	{ { 600000000, SECOND }, 600000000, 5000 },
	{ { 1000000, 30 * DAY }, 1000000, 10 },
	{ { 11, 13 * MILLISECOND }, 11, 1 },
};

static void odd_rates_are_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(odd_rates); i++) {
		struct rate rate = odd_rates[i].rate;
		struct gcra gcra = make(rate.number, rate.period, odd_rates[i].burst);
		struct rate_table *table = rate_table_new(64);
		uint64_t taken = 0, cost = odd_rates[i].cost;

		for (size_t period = 0; period <= 60; period++) {
			while (rate_table_take(table, 1, NOW + (duration)period * rate.period, &gcra, cost)
				       .is_admitted)
				taken += cost;
			if (period == 0)
				assert_row(taken == odd_rates[i].burst / cost * cost, i, "burst");
		}
		assert_row(taken <= odd_rates[i].burst + 60 * (uint64_t)rate.number, i, "too much");
		assert_row(taken + taken / 50000 + 61 * cost >=
				   odd_rates[i].burst + 60 * (uint64_t)rate.number,
			   i, "too little");
		rate_table_free(&table);
	}
}

/* A hundred times too much for a minute: each second gets its thousand, to one. */
static void overload_leaves_the_rate(void **state)
{
	struct rate_table *table = rate_table_new(64);
	struct gcra gcra = make(1000, SECOND, 1000);

	(void)state;
	assert_int_equal(admitted(table, 1, NOW, &gcra, 2000), 1000);
	for (int second = 0; second < 10; second++) {
		size_t count = 0;

		for (int i = 1; i <= 100000; i++)
			count += admitted(table, 1, NOW + second * SECOND + i * 10 * MICROSECOND, &gcra, 1);
		assert_in_range(count, 999, 1001);
	}
	rate_table_free(&table);
}

/* The edges of what may be configured. */
static void nothing_overflows(void **state)
{
	static const wall_time clocks[] = { INT64_MIN, -1, 0, 1, NOW, INT64_MAX };
	static const struct {
		struct rate rate;
		uint64_t burst;
		bool is_good;
	} rows[] = {
		{ { 1, 365 * DAY }, 100, true },
		{ { 1, 365 * DAY }, 101, false },
		{ { 1, 365 * DAY }, 1000000000, false },
		{ { 1000000000, SECOND }, 1000000000, true },
		{ { 1000000000, SECOND }, 1, true },
		{ { 1000000, MILLISECOND }, 1000000000, true },
		{ { 1000, SECOND }, 1000000000000, true },
		{ { 1, MILLISECOND }, 1, true },
		{ { 1, MILLISECOND }, 1000000000, true },
		{ { INT64_C(31536000000000000), 365 * DAY }, 1, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct gcra gcra;
		bool is_good = gcra_make(rows[i].rate, rows[i].burst, &gcra);

		assert_row(is_good == rows[i].is_good, i, "is good");
		for (size_t j = 0; is_good && j < COUNT_OF(clocks); j++) {
			struct rate_table *table = rate_table_new(4);
			struct rate_standing standing;

			standing = rate_table_take(table, 1, clocks[j], &gcra, rows[i].burst);
			assert_row(standing.is_admitted && standing.left == 0, i, "all of it");
			assert_row(standing.until_whole > 0 && standing.until_whole <= RATE_WHOLE_MAX, i,
				   "whole");
			standing = rate_table_take(table, 1, clocks[j], &gcra, rows[i].burst);
			assert_row(!standing.is_admitted && standing.until_enough > 0, i, "no more");
			assert_row(!rate_table_take(table, 1, clocks[j], &gcra, UINT64_MAX).is_admitted, i,
				   "huge");
			rate_table_give_back(table, 1, clocks[j], &gcra, rows[i].burst);
			standing = rate_table_take(table, 1, clocks[j], &gcra, 1);
			assert_row(standing.is_admitted && standing.left == rows[i].burst - 1, i,
				   "given back");
			rate_table_free(&table);
		}
	}
}

static void give_back(struct rate_table *table, uint64_t key, wall_time now, const struct gcra *gcra)
{
	rate_table_give_back(table, key, now, gcra, 1);
}

/* However many gateways there are: a year for one becomes a thousand. */
static void a_share_is_paid_back_within_the_bound(void **state)
{
	struct gcra whole = make(1, 365 * DAY, 100), share = gcra_share(&whole, 1000, 100);
	struct rate_table *table = rate_table_new(4);
	struct rate_standing standing;

	(void)state;
	standing = rate_table_take(table, 1, NOW, &share, 100);
	assert_true(standing.is_admitted && standing.left == 0);
	assert_in_range(standing.until_whole, RATE_WHOLE_MAX - DAY, RATE_WHOLE_MAX);
	rate_table_free(&table);
	whole = make(10, SECOND, 9);
	share = gcra_share(&whole, 3, 1);
	assert_true(share.burst == 3 && share.interval == 3 * whole.interval);
}

/* Never more than was taken, also when it comes late, or to a key that is not there any more. */
static void what_is_given_back_is_there_again(void **state)
{
	struct rate_table *table = rate_table_new(4);
	struct gcra gcra = make(1, SECOND, 2);

	(void)state;
	assert_int_equal(admitted(table, key_of(1), NOW, &gcra, 5), 2);
	give_back(table, key_of(1), NOW, &gcra);
	assert_int_equal(admitted(table, key_of(1), NOW, &gcra, 5), 1);
	give_back(table, key_of(1), NOW + HOUR, &gcra);
	assert_int_equal(admitted(table, key_of(1), NOW + HOUR, &gcra, 5), 2);
	for (int i = 0; i < 5; i++)
		give_back(table, key_of(1), NOW + HOUR, &gcra);
	assert_int_equal(admitted(table, key_of(1), NOW + HOUR, &gcra, 5), 2);
	give_back(table, key_of(2), NOW + HOUR, &gcra);
	assert_int_equal(admitted(table, key_of(2), NOW + HOUR, &gcra, 5), 2);
	rate_table_free(&table);
}

/* A table of one set. */
static void what_is_paid_back_first_makes_room(void **state)
{
	struct rate_table *table = rate_table_new(4);
	struct gcra slow = make(1, HOUR, 5), quick = make(1, SECOND, 5);

	(void)state;
	for (uint64_t key = 1; key <= 4; key++)
		assert_int_equal(admitted(table, key_of(key), NOW, key == 3 ? &quick : &slow, 9), 5);
	assert_int_equal(rate_table_evictions(table), 0);
	assert_int_equal(admitted(table, key_of(5), NOW, &slow, 9), 5);
	assert_int_equal(rate_table_evictions(table), 1);
	assert_int_equal(admitted(table, key_of(1), NOW, &slow, 9), 0);
	assert_int_equal(admitted(table, key_of(2), NOW, &slow, 9), 0);
	assert_int_equal(admitted(table, key_of(4), NOW, &slow, 9), 0);
	assert_int_equal(admitted(table, key_of(6), NOW + DAY, &slow, 9), 5);
	assert_int_equal(rate_table_evictions(table), 1);
	rate_table_free(&table);
}

/* Who is refused at once takes no cell from anybody. */
static void a_refusal_makes_no_room(void **state)
{
	struct rate_table *table = rate_table_new(4);
	struct gcra gcra = make(1, HOUR, 1);

	(void)state;
	for (uint64_t key = 1; key <= 4; key++)
		assert_int_equal(admitted(table, key_of(key), NOW, &gcra, 1), 1);
	for (uint64_t key = 5; key <= 50; key++)
		assert_false(rate_table_take(table, key_of(key), NOW, &gcra, 2).is_admitted);
	for (uint64_t key = 1; key <= 4; key++)
		assert_int_equal(admitted(table, key_of(key), NOW, &gcra, 1), 0);
	assert_int_equal(rate_table_evictions(table), 0);
	rate_table_free(&table);
}

static void more_keys_than_cells_are_counted(void **state)
{
	struct rate_table *table = rate_table_new(1024);
	struct gcra gcra = make(1, HOUR, 1);
	uint64_t keys = 200000, first = 0;

	(void)state;
	for (uint64_t key = 0; key < keys; key++)
		first += admitted(table, key_of(key), NOW, &gcra, 1);
	assert_int_equal(first, keys);
	assert_in_range(rate_table_evictions(table), keys - 1024, keys - 512);
	rate_table_free(&table);
}

/* From an hour ahead to now: nobody waits for that hour. */
static void a_clock_that_is_set_back_locks_nobody_out(void **state)
{
	struct rate_table *table = rate_table_new(64);
	struct gcra gcra = make(1, SECOND, 10);
	struct rate_standing standing;

	(void)state;
	assert_int_equal(admitted(table, 1, NOW + HOUR, &gcra, 20), 10);
	standing = rate_table_take(table, 1, NOW, &gcra, 1);
	assert_true(!standing.is_admitted);
	assert_int_equal(standing.until_enough, SECOND);
	assert_int_equal(standing.until_whole, 10 * SECOND);
	assert_int_equal(admitted(table, 1, NOW + SECOND, &gcra, 20), 1);
	assert_int_equal(admitted(table, 1, NOW + 11 * SECOND, &gcra, 20), 10);
	rate_table_free(&table);
}

/* Clocks of workers differ by a little: that is nothing to be put right. */
static void a_clock_that_is_a_little_behind_forgives_nothing(void **state)
{
	struct rate_table *table = rate_table_new(64);
	struct gcra gcra = make(1000, SECOND, 10);

	(void)state;
	assert_int_equal(admitted(table, 1, NOW, &gcra, 20), 10);
	assert_int_equal(admitted(table, 1, NOW - 500 * MILLISECOND, &gcra, 20), 0);
	assert_true(rate_table_take(table, 1, NOW - 500 * MILLISECOND, &gcra, 0).is_admitted);
	assert_int_equal(admitted(table, 1, NOW + 2 * MILLISECOND, &gcra, 20), 2);
	rate_table_free(&table);
}

static void seeds_differ(void **state)
{
	struct rate_table *one = rate_table_new(4), *other = rate_table_new(4);

	(void)state;
	assert_true(rate_table_seed(one) != rate_table_seed(other));
	rate_table_free(&one);
	rate_table_free(&other);
}

/* ---- threads ---- */

enum { THREADS = 4, MANY = 256, EACH = 50, ROUNDS = 300 };

struct crowd {
	struct rate_table *table;
	struct gcra gcra;
	size_t keys, tries;
	atomic_uint taken[MANY];
	pthread_barrier_t barrier;
	size_t rounds;
};

static void take_all(struct crowd *crowd, size_t round)
{
	wall_time now = NOW + (duration)round * DAY;

	for (size_t i = 0; i < crowd->tries; i++)
		for (size_t key = 0; key < crowd->keys; key++)
			if (rate_table_take(crowd->table, key_of(round * crowd->keys + key), now,
					    &crowd->gcra, 1)
				    .is_admitted)
				atomic_fetch_add(&crowd->taken[key], 1);
}

/* In each round everything is paid back, and other keys come to the same cells. */
static void *run_rounds(void *argument)
{
	struct crowd *crowd = argument;

	for (size_t round = 0; round < crowd->rounds; round++) {
		pthread_barrier_wait(&crowd->barrier);
		take_all(crowd, round);
	}
	return NULL;
}

static void run_crowd(struct crowd *crowd)
{
	pthread_t threads[THREADS];

	assert_int_equal(pthread_barrier_init(&crowd->barrier, NULL, THREADS), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_rounds, crowd), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&crowd->barrier);
	for (size_t key = 0; key < crowd->keys; key++)
		assert_int_equal(crowd->taken[key], crowd->rounds * crowd->gcra.burst);
	assert_int_equal(rate_table_evictions(crowd->table), 0);
	rate_table_free(&crowd->table);
}

static void threads_share_one_key_exactly(void **state)
{
	struct crowd crowd = { .table = rate_table_new(64), .gcra = make(1, HOUR, 1000) };

	(void)state;
	crowd.keys = 1;
	crowd.tries = 25000;
	crowd.rounds = 1;
	run_crowd(&crowd);
}

static void threads_share_many_keys_exactly(void **state)
{
	struct crowd crowd = { .table = rate_table_new(RATE_CELLS), .gcra = make(1, MINUTE, EACH) };

	(void)state;
	crowd.keys = MANY;
	crowd.tries = 2 * EACH;
	crowd.rounds = 1;
	run_crowd(&crowd);
}

/* Four new keys for the four cells of a table, at once, again and again. */
static void threads_never_give_a_key_two_cells(void **state)
{
	struct crowd crowd = { .table = rate_table_new(4), .gcra = make(1, MINUTE, 3) };

	(void)state;
	crowd.keys = 4;
	crowd.tries = 4;
	crowd.rounds = ROUNDS;
	run_crowd(&crowd);
}

/* Whoever takes gives back: at the end all is there. */
static void *take_and_give_back(void *argument)
{
	struct crowd *crowd = argument;

	for (size_t i = 0; i < crowd->tries; i++)
		if (rate_table_take(crowd->table, 1, NOW, &crowd->gcra, 1).is_admitted)
			rate_table_give_back(crowd->table, 1, NOW, &crowd->gcra, 1);
	return NULL;
}

static void threads_give_back_exactly(void **state)
{
	struct crowd crowd = { .table = rate_table_new(4), .gcra = make(1, HOUR, 3), .tries = 20000 };
	pthread_t threads[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_give_back, &crowd), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(admitted(crowd.table, 1, NOW, &crowd.gcra, 10), 3);
	rate_table_free(&crowd.table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_and_then_the_rate),
		cmocka_unit_test(what_a_request_costs),
		cmocka_unit_test(agrees_with_the_model),
		cmocka_unit_test(odd_rates_are_exact),
		cmocka_unit_test(overload_leaves_the_rate),
		cmocka_unit_test(nothing_overflows),
		cmocka_unit_test(a_share_is_paid_back_within_the_bound),
		cmocka_unit_test(what_is_given_back_is_there_again),
		cmocka_unit_test(what_is_paid_back_first_makes_room),
		cmocka_unit_test(a_refusal_makes_no_room),
		cmocka_unit_test(more_keys_than_cells_are_counted),
		cmocka_unit_test(a_clock_that_is_set_back_locks_nobody_out),
		cmocka_unit_test(a_clock_that_is_a_little_behind_forgives_nothing),
		cmocka_unit_test(seeds_differ),
		cmocka_unit_test(threads_share_one_key_exactly),
		cmocka_unit_test(threads_share_many_keys_exactly),
		cmocka_unit_test(threads_never_give_a_key_two_cells),
		cmocka_unit_test(threads_give_back_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

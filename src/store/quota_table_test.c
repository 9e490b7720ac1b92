/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted, what is lost when there is no room, and what is told to whoever writes it down. */
#include "store/quota_table.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/testing.h"

enum { NOW = 1000, END = 2000, ONE_SET = 1, PART_MAX = 64 };

/* Of so many tries, how many are admitted. */
static int admitted(struct quota_table *table, uint64_t key, uint64_t limit, int tries)
{
	int count = 0;

	for (int i = 0; i < tries; i++)
		count += quota_table_take(table, &(struct quota_ask) { key, END, NOW, limit, 1 }).is_admitted;
	return count;
}

static struct quota_standing ask(struct quota_table *table, uint64_t key, int64_t end, uint64_t cost)
{
	return quota_table_take(table, &(struct quota_ask) { key, end, end - 1, 10, cost });
}

/* All that has changed, and it is said to have been written: each total is what it was known as, and what
 * came to it, and what `others` have counted. */
static int64_t write_all(struct quota_table *table, int64_t others)
{
	struct quota_change changes[PART_MAX];
	int64_t sum = 0;

	for (size_t part = 0; part < QUOTA_PARTS; part++) {
		size_t count = quota_table_changes(table, part, changes, PART_MAX);

		for (size_t i = 0; i < count; i++) {
			sum += changes[i].delta;
			quota_table_written(table, &changes[i], changes[i].known + changes[i].delta + others);
		}
	}
	return sum;
}

static void as_much_as_may_be_and_no_more(void **state)
{
	struct quota_table *table = quota_table_new(ONE_SET);

	(void)state;
	assert_int_equal(admitted(table, 0, 5, 20), 5);
	assert_int_equal(admitted(table, 1, 7, 20), 7);
	assert_int_equal(ask(table, 2, END, 11).left, 10);
	assert_false(ask(table, 2, END, 11).is_admitted);
	assert_int_equal(ask(table, 2, END, 4).left, 6);
	assert_false(ask(table, 2, END, 7).is_admitted);
	assert_int_equal(ask(table, 2, END, 0).left, 6);
	assert_int_equal(ask(table, 2, END, 6).left, 0);
	assert_int_equal(ask(table, 2, END + 1000, 1).left, 9);
	assert_int_equal(ask(table, 2, END, 2).left, 7); /* a clock that is a little behind */
	assert_int_equal(ask(table, 2, END + 1000, 0).left, 7);
	assert_int_equal(admitted(table, 2, 10, 20), 10); /* the clock was set back: that window is gone */
	quota_table_free(&table);
}

static void what_is_given_back_is_there_again(void **state)
{
	struct quota_table *table = quota_table_new(ONE_SET);
	struct quota_ask taken = { 1, END, NOW, 10, 4 };

	(void)state;
	assert_true(quota_table_take(table, &taken).is_admitted);
	quota_table_give_back(table, &taken);
	assert_int_equal(ask(table, 1, END, 0).left, 10);
	assert_int_equal(write_all(table, 0), 0);
	assert_int_equal(ask(table, 1, END + 9, 1).left, 9);
	quota_table_give_back(table, &taken); /* of a window that is over */
	assert_int_equal(ask(table, 1, END + 9, 0).left, 9);
	quota_table_free(&table);
}

/* A table of one set in each part; keys of one part, in one set. */
static uint64_t key_of(uint64_t i)
{
	return (i + 1) << 8;
}

static void what_is_worth_least_makes_room(void **state)
{
	struct quota_table *table = quota_table_new(ONE_SET);

	(void)state;
	for (uint64_t i = 0; i < 8; i++)
		assert_int_equal(admitted(table, key_of(i), 100, (int)i + 3), i + 3);
	assert_int_equal(admitted(table, key_of(8), 0, 1), 0); /* a refusal makes no room */
	assert_int_equal(quota_table_evictions(table), 0);
	assert_int_equal(admitted(table, key_of(8), 100, 20), 20);
	assert_int_equal(quota_table_evictions(table), 1);
	assert_int_equal(admitted(table, key_of(1), 4, 10), 0); /* the first had the smallest count */
	assert_int_equal(write_all(table, 0), 4 + 5 + 6 + 7 + 8 + 9 + 10 + 20);
	assert_int_equal(admitted(table, key_of(9), 100, 1), 1); /* what is written is not lost */
	assert_int_equal(quota_table_evictions(table), 1);
	assert_true(
		quota_table_take(table, &(struct quota_ask) { key_of(10), 3 * END, END, 9, 1 }).is_admitted);
	assert_int_equal(quota_table_evictions(table), 1); /* nor what is over */
	quota_table_free(&table);
}

static void what_others_have_counted_is_heard_of(void **state)
{
	struct quota_table *table = quota_table_new(ONE_SET);

	(void)state;
	assert_int_equal(admitted(table, 1, 10, 3), 3);
	assert_int_equal(write_all(table, 2), 3);
	assert_int_equal(ask(table, 1, END, 0).left, 5);
	assert_int_equal(write_all(table, 2), 0);
	assert_int_equal(admitted(table, 1, 10, 20), 5);
	assert_int_equal(write_all(table, 0), 5);
	quota_table_free(&table);
}

/* While it is being written more comes to it; and it may fail. */
static void what_comes_meanwhile_is_not_lost(void **state)
{
	struct quota_table *table = quota_table_new(ONE_SET);
	struct quota_change change;

	(void)state;
	assert_int_equal(admitted(table, 1, 10, 3), 3);
	assert_int_equal(quota_table_changes(table, 1, &change, 1), 1);
	assert_int_equal(admitted(table, 1, 10, 2), 2);
	quota_table_not_written(table, &change);
	assert_int_equal(quota_table_changes(table, 1, &change, 1), 1);
	assert_int_equal(change.delta, 5);
	assert_int_equal(admitted(table, 1, 10, 1), 1);
	quota_table_written(table, &change, 7);
	assert_int_equal(ask(table, 1, END, 0).left, 2);
	assert_int_equal(write_all(table, 0), 1);
	quota_table_free(&table);
}

static void what_is_being_written_keeps_its_cell(void **state)
{
	struct quota_table *table = quota_table_new(ONE_SET);
	struct quota_change changes[8];

	(void)state;
	for (uint64_t i = 0; i < 8; i++)
		assert_int_equal(admitted(table, key_of(i), 100, 1), 1);
	assert_int_equal(quota_table_changes(table, 0, changes, 8), 8);
	assert_int_equal(admitted(table, key_of(9), 1, 3), 3); /* nobody is refused for want of room */
	assert_int_equal(quota_table_evictions(table), 3);
	for (size_t i = 0; i < 8; i++)
		quota_table_written(table, &changes[i], 1);
	assert_int_equal(admitted(table, key_of(9), 1, 3), 1);
	quota_table_free(&table);
}

static void another_file_begins_with_all_or_with_nothing(void **state)
{
	struct quota_table *table = quota_table_new(ONE_SET);
	uint64_t seed = quota_table_seed(table);

	(void)state;
	assert_int_equal(admitted(table, 1, 10, 3), 3);
	quota_table_begin(table, seed, true);
	assert_int_equal(write_all(table, 0), 3);
	quota_table_begin(table, seed, false);
	assert_int_equal(write_all(table, 0), 0);
	quota_table_begin(table, seed, true);
	assert_int_equal(write_all(table, 0), 3);
	quota_table_begin(table, seed + 1, false);
	assert_int_equal(quota_table_seed(table), seed + 1);
	assert_int_equal(write_all(table, 0), 0);
	assert_int_equal(ask(table, 1, END, 0).left, 10);
	quota_table_load(table, 1, END, NOW, 8);
	assert_int_equal(admitted(table, 1, 10, 20), 2);
	assert_int_equal(write_all(table, 0), 2);
	quota_table_free(&table);
}

/* ---- threads ---- */

enum { THREADS = 4, TRIES = 20000, KEYS = 8, LIMIT = 30000 };

struct crowd {
	struct quota_table *table;
	atomic_int taken[KEYS];
	atomic_bool is_over;
	int64_t written;
};

static void *take_all(void *argument)
{
	struct crowd *crowd = argument;

	for (int i = 0; i < TRIES; i++)
		for (uint64_t key = 0; key < KEYS; key++)
			atomic_fetch_add(&crowd->taken[key], admitted(crowd->table, key_of(key), LIMIT, 1));
	return NULL;
}

static void *keep_writing(void *argument)
{
	struct crowd *crowd = argument;

	while (!atomic_load(&crowd->is_over))
		crowd->written += write_all(crowd->table, 0);
	return NULL;
}

static void threads_count_exactly_while_one_writes(void **state)
{
	struct crowd crowd = { .table = quota_table_new(ONE_SET) };
	pthread_t threads[THREADS], writer;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, keep_writing, &crowd), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_all, &crowd), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&crowd.is_over, true);
	pthread_join(writer, NULL);
	crowd.written += write_all(crowd.table, 0);
	for (size_t key = 0; key < KEYS; key++)
		assert_int_equal(crowd.taken[key], LIMIT);
	assert_int_equal(crowd.written, KEYS * LIMIT);
	quota_table_free(&crowd.table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_much_as_may_be_and_no_more),
		cmocka_unit_test(what_is_given_back_is_there_again),
		cmocka_unit_test(what_is_worth_least_makes_room),
		cmocka_unit_test(what_others_have_counted_is_heard_of),
		cmocka_unit_test(what_comes_meanwhile_is_not_lost),
		cmocka_unit_test(what_is_being_written_keeps_its_cell),
		cmocka_unit_test(another_file_begins_with_all_or_with_nothing),
		cmocka_unit_test(threads_count_exactly_while_one_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

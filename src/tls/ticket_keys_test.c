/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/ticket_keys.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void rotation_moves_each_key_on(void **state)
{
	struct ticket_keys *keys = ticket_keys_new();
	struct ticket_reader reader;
	struct ticket_key seen[TICKET_KEYS];

	(void)state;
	ticket_reader_init(&reader, keys);
	memcpy(&seen[TICKET_CURRENT], ticket_reader_current(&reader), sizeof *seen);
	memcpy(seen, reader.copy, sizeof seen);
	for (int i = 0; i < TICKET_KEYS; i++)
		assert_non_null(ticket_reader_find(&reader, seen[i].name));
	ticket_keys_rotate(keys);
	assert_memory_equal(ticket_reader_current(&reader), &seen[TICKET_NEXT], sizeof *seen);
	assert_memory_equal(ticket_reader_find(&reader, seen[TICKET_CURRENT].name), &seen[TICKET_CURRENT],
			    sizeof *seen);
	assert_null(ticket_reader_find(&reader, seen[TICKET_PREVIOUS].name));
	ticket_keys_rotate(keys);
	assert_null(ticket_reader_find(&reader, seen[TICKET_CURRENT].name));
	assert_non_null(ticket_reader_find(&reader, seen[TICKET_NEXT].name));
	ticket_reader_fini(&reader);
	ticket_keys_free(&keys);
	assert_null(keys);
	ticket_keys_free(&keys);
}

static void keys_are_all_different(void **state)
{
	struct ticket_keys *keys = ticket_keys_new();
	unsigned char saved[TICKET_KEYS_SIZE];
	const size_t part = 16;

	(void)state;
	ticket_keys_save(keys, saved);
	for (size_t i = 1; i + part <= sizeof saved; i += part)
		for (size_t k = i + part; k + part <= sizeof saved; k += part)
			assert_memory_not_equal(saved + i, saved + k, part);
	ticket_keys_free(&keys);
}

static void what_was_saved_is_loaded(void **state)
{
	struct ticket_keys *from = ticket_keys_new(), *to = ticket_keys_new();
	unsigned char saved[TICKET_KEYS_SIZE], again[TICKET_KEYS_SIZE];
	struct ticket_reader reader;
	result_value loaded;

	(void)state;
	ticket_reader_init(&reader, to);
	ticket_reader_current(&reader);
	ticket_keys_save(from, saved);
	loaded = ticket_keys_load(to, (str) { (char *)saved, sizeof saved });
	assert_false(failed(loaded));
	ticket_keys_save(to, again);
	assert_memory_equal(saved, again, sizeof saved);
	/* A reader that has a copy hears of it. */
	assert_memory_equal(ticket_reader_current(&reader),
			    saved + 1 + TICKET_CURRENT * sizeof(struct ticket_key),
			    sizeof(struct ticket_key));
	ticket_reader_fini(&reader);
	ticket_keys_free(&from);
	ticket_keys_free(&to);
}

static void what_was_not_saved_is_refused(void **state)
{
	struct ticket_keys *keys = ticket_keys_new();
	unsigned char saved[TICKET_KEYS_SIZE + 1] = { 0 }, before[TICKET_KEYS_SIZE], after[TICKET_KEYS_SIZE];
	static const size_t lengths[] = { 0, 1, TICKET_KEYS_SIZE - 1, TICKET_KEYS_SIZE + 1 };
	result_value loaded;

	(void)state;
	ticket_keys_save(keys, before);
	memcpy(saved, before, sizeof before);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		loaded = ticket_keys_load(keys, (str) { (char *)saved, lengths[i] });
		assert_int_equal(loaded.kind, ERROR_MALFORMED);
	}
	saved[0]++; /* of another version */
	loaded = ticket_keys_load(keys, (str) { (char *)saved, TICKET_KEYS_SIZE });
	assert_int_equal(loaded.kind, ERROR_MALFORMED);
	ticket_keys_save(keys, after);
	assert_memory_equal(before, after, sizeof before);
	ticket_keys_free(&keys);
}

/* ---- threads ---- */

enum { ROTATIONS = 2000 };

struct pair_of_threads {
	struct ticket_keys *keys;
	_Atomic bool is_over;
};

/* Each copy is of one moment: the key that was next is current after one rotation, and never half of it. */
static void *reads(void *argument)
{
	struct pair_of_threads *pair = argument;
	struct ticket_reader reader;
	uint64_t torn = 0;

	ticket_reader_init(&reader, pair->keys);
	while (!atomic_load(&pair->is_over)) {
		struct ticket_key next;
		uint64_t edition;

		ticket_reader_current(&reader);
		next = reader.copy[TICKET_NEXT];
		edition = reader.edition;
		ticket_reader_current(&reader);
		if (reader.edition == edition + 1)
			torn += memcmp(&next, &reader.copy[TICKET_CURRENT], sizeof next) != 0;
	}
	ticket_reader_fini(&reader);
	return (void *)(uintptr_t)torn;
}

static void readers_see_whole_sets(void **state)
{
	struct pair_of_threads pair = { .keys = ticket_keys_new() };
	pthread_t reader;
	void *torn;

	(void)state;
	assert_int_equal(pthread_create(&reader, NULL, reads, &pair), 0);
	for (int i = 0; i < ROTATIONS; i++)
		ticket_keys_rotate(pair.keys);
	atomic_store(&pair.is_over, true);
	pthread_join(reader, &torn);
	assert_null(torn);
	ticket_keys_free(&pair.keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rotation_moves_each_key_on), cmocka_unit_test(keys_are_all_different),
		cmocka_unit_test(what_was_saved_is_loaded),   cmocka_unit_test(what_was_not_saved_is_refused),
		cmocka_unit_test(readers_see_whole_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter of two bits in one word a window stands in front of the hash table: sixteen bits an expression, so
 * that ten thousand of them take 20 KiB and stay in the cache while nearly every window of a path is turned
 * away there. What comes through is looked up, and all expressions filed there are marked, without a closer
 * look at their texts: the expression itself is the closer look.
 *
 * Choosing the window matters more than finding it. "/api/internal/" may be in every expression of a file,
 * and an expression filed under it would be tried with every path; "t4711/" is in one.
 */
#include "route/literal_set.h"

#include <stdlib.h>

#include "base/assert.h"

enum { SIZES = 3, FILTER_BITS = 16, COUNTERS = 64, COUNTERS_MIN = 4096, WORD_BITS = 64 };

static const size_t window_sizes[SIZES] = { 8, 4, 2 }; /* the most telling first */

struct window_slot {
	uint64_t key;
	uint32_t first;  /* 1 + an expression that is filed here, or 0: the slot is free */
	uint32_t others; /* 1 + the first of the others, or 0 */
};

struct literal_set {
	struct window_slot *slots;
	uint64_t *filter; /* two bits of one word a window */
	uint32_t *next;   /* by expression: 1 + the next of the others in the same slot, or 0 */
	uint32_t *always;
	size_t always_count;
	size_t slot_mask, filter_mask;
	uintptr_t expected; /* where the caller's array begins; 0: there is none */
	size_t expected_size;
	bool has_size[SIZES];
};

/* Only while the set is made: how many texts have a window. Windows may share a counter, which makes them
 * look more popular than they are and does no other harm. */
struct popularity {
	uint32_t *counts;
	size_t mask;
};

/* Bit 5 makes lower case of upper case; what else it makes equal costs a needless try. */
static uint64_t window_value(const char *at, size_t size)
{
	const uint64_t fold = 0x2020202020202020;
	uint16_t two;
	uint32_t four;
	uint64_t eight;

	switch (size) {
	case 2:
		memcpy(&two, at, sizeof two);
		return two | (fold & UINT16_MAX);
	case 4:
		memcpy(&four, at, sizeof four);
		return four | (fold & UINT32_MAX);
	default:
		memcpy(&eight, at, sizeof eight);
		return eight | fold;
	}
}

/* Different sizes have different values but for leading zeros, which no text has. */
static uint64_t window_key(const char *at, size_t size)
{
	uint64_t key = window_value(at, size) * 0x9e3779b97f4a7c15;

	return (key ^ key >> 32) * 0xd6e8feb86659fd93;
}

/* Of the upper bits of the key; the lower ones choose the word and the slot. */
static uint64_t filter_bits(uint64_t key)
{
	return 1ull << (key >> 58) | 1ull << (key >> 52 & 63);
}

static size_t slots_for(size_t count)
{
	size_t slots = 8;

	while (slots < count)
		slots *= 2;
	return slots;
}

static void count_windows(struct popularity *popularity, const struct required *required)
{
	for (size_t i = 0; i < required->count; i++)
		for (size_t s = 0; s < SIZES; s++)
			for (size_t at = 0; at + window_sizes[s] <= required->texts[i].len; at++)
				popularity->counts[window_key(required->texts[i].ptr + at, window_sizes[s]) &
						   popularity->mask]++;
}

struct window {
	uint64_t key;
	size_t size; /* index of window_sizes */
	uint32_t count;
};

/* The rarest window of the texts, of those the largest; false when no text is long enough for any. */
static bool choose_window(const struct popularity *popularity, const struct required *required,
			  struct window *ret_window)
{
	*ret_window = (struct window) { .count = UINT32_MAX };
	for (size_t s = 0; s < SIZES; s++)
		for (size_t i = 0; i < required->count; i++)
			for (size_t at = 0; at + window_sizes[s] <= required->texts[i].len; at++) {
				uint64_t key = window_key(required->texts[i].ptr + at, window_sizes[s]);
				uint32_t count = popularity->counts[key & popularity->mask];

				if (count < ret_window->count)
					*ret_window = (struct window) { key, s, count };
			}
	return ret_window->count != UINT32_MAX;
}

static struct window_slot *slot_of(const struct literal_set *set, uint64_t key)
{
	size_t i = key & set->slot_mask;

	while (set->slots[i].first && set->slots[i].key != key)
		i = (i + 1) & set->slot_mask;
	return &set->slots[i];
}

static uint64_t *filter_word(const struct literal_set *set, uint64_t key)
{
	return &set->filter[key >> 20 & set->filter_mask];
}

/* The order of the others does not matter: marks are taken from the lowest on. */
static void file_under(struct literal_set *set, const struct window *window, size_t index)
{
	struct window_slot *slot = slot_of(set, window->key);

	if (slot->first) {
		set->next[index] = slot->others;
		slot->others = (uint32_t)index + 1;
	} else {
		*slot = (struct window_slot) { window->key, (uint32_t)index + 1, 0 };
	}
	*filter_word(set, window->key) |= filter_bits(window->key);
	set->has_size[window->size] = true;
}

static void file_all(struct literal_set *set, size_t count, required_fn *required, const void *context)
{
	size_t counters = slots_for(count * COUNTERS + COUNTERS_MIN);
	struct popularity popularity = { calloc(counters, sizeof(uint32_t)), counters - 1 };
	struct required texts;
	struct window window;

	ASSERT(popularity.counts);
	for (size_t i = 0; i < count; i++) {
		required(context, i, &texts);
		count_windows(&popularity, &texts);
	}
	for (size_t i = 0; i < count; i++) {
		required(context, i, &texts);
		if (choose_window(&popularity, &texts, &window))
			file_under(set, &window, i);
		else
			set->always[set->always_count++] = (uint32_t)i;
	}
	free(popularity.counts);
}

struct literal_set *literal_set_new(struct arena *arena, size_t count, required_fn *required,
				    const void *context)
{
	struct literal_set *set = ARENA_NEW(arena, struct literal_set);
	size_t slots = slots_for(count * 2), words = slots_for(count * FILTER_BITS / WORD_BITS);

	ASSERT(count <= MARKS_MAX);
	*set = (struct literal_set) {
		.slots = ARENA_ARRAY(arena, struct window_slot, slots),
		.filter = ARENA_ARRAY(arena, uint64_t, words),
		.next = ARENA_ARRAY(arena, uint32_t, count),
		.always = ARENA_ARRAY(arena, uint32_t, count),
		.slot_mask = slots - 1,
		.filter_mask = words - 1,
	};
	file_all(set, count, required, context);
	return set;
}

void literal_set_expect(struct literal_set *set, const void *first, size_t size)
{
	set->expected = (uintptr_t)first;
	set->expected_size = size;
}

/* All of a slot are marked together, so the first one tells whether they are. */
static void mark_slot(const struct literal_set *set, uint64_t key, struct marks *marks)
{
	const struct window_slot *slot = slot_of(set, key);

	if (!slot->first || marks_has(marks, slot->first - 1))
		return;
	__builtin_prefetch((const void *)(set->expected + (slot->first - 1) * set->expected_size));
	marks_add(marks, slot->first - 1);
	for (uint32_t index = slot->others; index; index = set->next[index - 1])
		marks_add(marks, index - 1);
}

/* The hot loop. size is a constant where it is called, so a window is one load, and a key two
 * multiplications. */
static void scan_size(const struct literal_set *set, str subject, size_t size, struct marks *marks)
{
	for (size_t at = 0; at + size <= subject.len; at++) {
		uint64_t key = window_key(subject.ptr + at, size), bits = filter_bits(key);

		if ((*filter_word(set, key) & bits) == bits)
			mark_slot(set, key, marks);
	}
}

void literal_set_scan(const struct literal_set *set, str subject, struct marks *marks)
{
	for (size_t i = 0; i < set->always_count; i++)
		marks_add(marks, set->always[i]);
	/* The compiler makes a loop of each size. */
	if (set->has_size[0])
		scan_size(set, subject, 8, marks);
	if (set->has_size[1])
		scan_size(set, subject, 4, marks);
	if (set->has_size[2])
		scan_size(set, subject, 2, marks);
}

size_t literal_set_always(const struct literal_set *set)
{
	return set->always_count;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maglev: each member prefers the slots in an order of its own, and they take turns in taking the best one
 * that is left. A turn is worth the member's weight, and a slot costs the mean of the weights: so each round
 * fills about as many slots as there are members, however much they differ.
 */
#include "upstream/maglev.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"

enum { SLOTS_EACH = 100 };

static const uint32_t sizes[] = { 251, 1021, 4093, 16381, 65537 };

struct seat {
	uint32_t next, step; /* of its order of preference */
	uint64_t weight, credit;
	uint16_t index;
};

static uint64_t sum_weights(const struct maglev_member *members, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += members[i].weight;
	return sum;
}

static uint32_t choose_size(const struct maglev_member *members, size_t count)
{
	uint64_t lightest = members[0].weight, wanted;
	size_t at = 0;

	for (size_t i = 1; i < count; i++)
		lightest = members[i].weight < lightest ? members[i].weight : lightest;
	wanted = sum_weights(members, count) / lightest * SLOTS_EACH;
	while (at + 1 < sizeof sizes / sizeof sizes[0] && sizes[at] < wanted)
		at++;
	return sizes[at];
}

static int compare_names(const void *a, const void *b)
{
	return str_cmp(((const struct maglev_member *)a)->name, ((const struct maglev_member *)b)->name);
}

static struct seat seat_of(const struct maglev_member *member, uint32_t size)
{
	uint64_t hash = hash_stable(member->name);

	return (struct seat) { .next = (uint32_t)(hash % size),
			       .step = (uint32_t)(hash_scatter(hash + 1) % (size - 1)) + 1,
			       .weight = member->weight,
			       .index = member->index };
}

/* The step and the size have no common divisor, so it comes by each slot once. */
static void take_slot(struct maglev *maglev, bool *is_taken, struct seat *seat)
{
	while (is_taken[seat->next])
		seat->next = (uint32_t)(((uint64_t)seat->next + seat->step) % maglev->size);
	is_taken[seat->next] = true;
	maglev->slots[seat->next] = seat->index;
}

static void fill(struct maglev *maglev, bool *is_taken, struct seat *seats, size_t count, uint64_t price)
{
	size_t filled = 0;

	for (size_t i = 0; filled < maglev->size; i = i + 1 < count ? i + 1 : 0) {
		struct seat *seat = &seats[i];

		for (seat->credit += seat->weight; seat->credit >= price && filled < maglev->size; filled++) {
			take_slot(maglev, is_taken, seat);
			seat->credit -= price;
		}
	}
}

struct maglev *maglev_new(struct maglev_member *members, size_t count)
{
	uint32_t size = choose_size(members, count);
	struct maglev *maglev = calloc(1, sizeof *maglev + size * sizeof maglev->slots[0]);
	struct seat *seats = calloc(count, sizeof *seats);
	bool *is_taken = calloc(size, sizeof *is_taken);

	ASSERT(maglev && seats && is_taken);
	maglev->size = size;
	qsort(members, count, sizeof *members, compare_names);
	for (size_t i = 0; i < count; i++)
		seats[i] = seat_of(&members[i], size);
	fill(maglev, is_taken, seats, count, (sum_weights(members, count) + count - 1) / count);
	free(is_taken);
	free(seats);
	return maglev;
}

void maglev_free(struct maglev **maglev)
{
	free(*maglev);
	*maglev = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map: names to values, for what is built once and read often.
 *
 * Open addressing in an arena; growing leaves the old table to the arena. No removal. Keys are borrowed:
 * they must live as long as the map.
 */
#pragma once

#include "base/arena.h"

struct map_slot {
	str key;
	uint64_t hash;
	void *value; /* NULL: the slot is free */
};

struct map {
	struct arena *arena;
	struct map_slot *slots;
	size_t count, mask, max;
	uint64_t seed;
};

void map_init(struct map *map, struct arena *arena, size_t max);

void map_reserve(struct map *map, size_t count);
/* Room for so many at once, where it is empty yet: nothing is then left behind by growing. */

void *map_get(const struct map *map, str key);
/* NULL without one. */

bool map_add(struct map *map, str key, void *value);
/* value must not be NULL. False, and nothing changed, when the key is there already or the map is full. */

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/random.h"

enum { FIRST_SLOTS = 8 };

void map_init(struct map *map, struct arena *arena, size_t max)
{
	*map = (struct map) { .arena = arena, .max = max, .seed = random_u64() };
}

/* The key's slot, or the free one where it belongs. There is always a free one. */
static struct map_slot *slot_of(const struct map *map, str key, uint64_t hash)
{
	size_t i = hash & map->mask;

	while (map->slots[i].value && !(map->slots[i].hash == hash && str_eq(map->slots[i].key, key)))
		i = (i + 1) & map->mask;
	return &map->slots[i];
}

void *map_get(const struct map *map, str key)
{
	if (!map->slots)
		return NULL;
	return slot_of(map, key, hash_bytes(key, map->seed))->value;
}

static void map_grow(struct map *map, size_t slots)
{
	struct map old = *map;

	map->slots = ARENA_ARRAY(map->arena, struct map_slot, slots);
	map->mask = slots - 1;
	for (size_t i = 0; old.slots && i <= old.mask; i++)
		if (old.slots[i].value)
			*slot_of(map, old.slots[i].key, old.slots[i].hash) = old.slots[i];
}

static bool is_full(size_t count, size_t slots)
{
	return (count + 1) * 4 > slots * 3;
}

void map_reserve(struct map *map, size_t count)
{
	size_t slots = FIRST_SLOTS;

	while (is_full(count, slots))
		slots *= 2;
	if (!map->slots)
		map_grow(map, slots);
}

bool map_add(struct map *map, str key, void *value)
{
	struct map_slot *slot;
	uint64_t hash = hash_bytes(key, map->seed);

	ASSERT(value);
	if (!map->slots)
		map_grow(map, FIRST_SLOTS);
	else if (is_full(map->count, map->mask + 1))
		map_grow(map, (map->mask + 1) * 2);
	slot = slot_of(map, key, hash);
	if (slot->value || map->count == map->max)
		return false;
	*slot = (struct map_slot) { .key = key, .hash = hash, .value = value };
	map->count++;
	return true;
}

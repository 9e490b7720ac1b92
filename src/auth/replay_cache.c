/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/replay_cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/random.h"

enum {
	SHARDS = 64, /* each with a lock of its own */
	PROBES = 64, /* slots that a thing may stand in */
	ENTRIES_MIN = SHARDS * PROBES,
};

/* Nothing but a hash: what was shown is a credential, and is not kept. */
struct slot {
	uint64_t hash;
	int64_t until; /* seconds since 1970: free from then on */
};

/* On a line of the cache of its own: workers that take different locks do not slow each other down. */
struct shard {
	pthread_mutex_t lock;
	struct slot *slots;
} __attribute__((aligned(64)));

struct replay_cache {
	uint64_t seed;
	size_t mask; /* of one shard's slots */
	struct slot *slots;
	struct shard shards[SHARDS];
};

/* The slots are one allocation of zeroes, which the system gives when they are touched. */
struct replay_cache *replay_cache_new(size_t entries)
{
	struct replay_cache *cache = aligned_alloc(64, sizeof *cache);
	size_t size = ENTRIES_MIN;

	ASSERT(cache);
	while (size < entries)
		size *= 2;
	*cache = (struct replay_cache) { .seed = random_u64(),
					 .mask = size / SHARDS - 1,
					 .slots = calloc(size, sizeof *cache->slots) };
	ASSERT(cache->slots);
	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&cache->shards[i].lock, NULL);
		cache->shards[i].slots = cache->slots + i * (size / SHARDS);
	}
	return cache;
}

void replay_cache_free(struct replay_cache **cache)
{
	struct replay_cache *gone = *cache;

	*cache = NULL;
	if (!gone)
		return;
	for (size_t i = 0; i < SHARDS; i++)
		pthread_mutex_destroy(&gone->shards[i].lock);
	free(gone->slots);
	free(gone);
}

/* The slots of a thing are looked through to the end: one that is free again may stand before its own. */
static enum reason shard_add(struct shard *shard, size_t mask, struct slot wanted, int64_t now)
{
	struct slot *room = NULL;

	for (size_t i = 0; i < PROBES; i++) {
		struct slot *slot = &shard->slots[((wanted.hash >> 8) + i) & mask];

		if (slot->until <= now)
			room = room ? room : slot;
		else if (slot->hash == wanted.hash)
			return REASON_TOKEN_REPLAYED;
	}
	if (!room)
		return REASON_AUTH_UNAVAILABLE;
	*room = wanted;
	return REASON_NONE;
}

/* The hash of one part is the seed of the next, so that where one ends matters. */
enum reason replay_cache_add(struct replay_cache *cache, const str *parts, size_t count, wall_time until,
			     wall_time now)
{
	struct slot wanted = { .hash = cache->seed, .until = until / SECOND + 1 };
	struct shard *shard;
	enum reason added;

	for (size_t i = 0; i < count; i++)
		wanted.hash = hash_bytes(parts[i], wanted.hash);
	shard = &cache->shards[wanted.hash % SHARDS];
	pthread_mutex_lock(&shard->lock);
	added = shard_add(shard, cache->mask, wanted, now / SECOND);
	pthread_mutex_unlock(&shard->lock);
	return added;
}

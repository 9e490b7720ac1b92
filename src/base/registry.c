/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry: chained buckets under a lock, and counts beside it.
 *
 * The step from one reference to none is taken under the lock alone: so whoever finds something in the
 * table can be sure that nobody is about to free it.
 */
#include "base/registry.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/random.h"

enum { FIRST_BUCKETS = 16 };

void registry_init(struct registry *registry, size_t max, registry_make_fn make, registry_free_fn free,
		   void *owner)
{
	*registry = (struct registry) {
		.max = max, .seed = random_u64(), .make = make, .free = free, .owner = owner
	};
	pthread_mutex_init(&registry->lock, NULL);
	registry->mask = FIRST_BUCKETS - 1;
	registry->buckets = calloc(FIRST_BUCKETS, sizeof(struct registered *));
	registry->free_numbers = calloc(FIRST_BUCKETS, sizeof *registry->free_numbers);
	ASSERT(registry->buckets && registry->free_numbers);
}

void registry_fini(struct registry *registry)
{
	ASSERT(registry->count == 0);
	free(registry->buckets);
	free(registry->free_numbers);
	pthread_mutex_destroy(&registry->lock);
}

/* There are as many places for free numbers as buckets, which are never fewer than what was registered at a
 * time. */
static void registry_grow(struct registry *registry)
{
	size_t old = registry->mask + 1;
	struct registered **buckets = calloc(old * 2, sizeof(struct registered *));

	registry->free_numbers = realloc(registry->free_numbers, old * 2 * sizeof *registry->free_numbers);
	ASSERT(buckets && registry->free_numbers);
	for (size_t i = 0; i < old; i++) {
		struct registered *next;

		for (struct registered *each = registry->buckets[i]; each; each = next) {
			struct registered **bucket = &buckets[each->hash & (old * 2 - 1)];

			next = each->next;
			each->next = *bucket;
			*bucket = each;
		}
	}
	free(registry->buckets);
	registry->buckets = buckets;
	registry->mask = old * 2 - 1;
}

/* Numbers are 0 to count - 1 and those that are free. */
static unsigned number_take(struct registry *registry)
{
	if (registry->free_count)
		return registry->free_numbers[--registry->free_count];
	return (unsigned)registry->count;
}

static result registry_add(struct registry *registry, str name, uint64_t hash, struct registered **ret_made)
{
	struct registered **bucket, *made;

	if (registry->count == registry->max)
		return error_make(ERROR_LIMIT, "there are too many already");
	TRY(registry->make(registry->owner, name, &made));
	if (registry->count > registry->mask)
		registry_grow(registry);
	made->registry = registry;
	made->hash = hash;
	made->number = number_take(registry);
	atomic_init(&made->references, 1);
	bucket = &registry->buckets[hash & registry->mask];
	made->next = *bucket;
	*bucket = made;
	registry->count++;
	*ret_made = made;
	return OK;
}

static struct registered *registry_find(const struct registry *registry, str name, uint64_t hash)
{
	struct registered *each = registry->buckets[hash & registry->mask];

	while (each && !(each->hash == hash && str_eq(each->name, name)))
		each = each->next;
	return each;
}

result registry_get(struct registry *registry, str name, struct registered **ret_registered)
{
	uint64_t hash = hash_bytes(name, registry->seed);
	result_value got = OK;

	pthread_mutex_lock(&registry->lock);
	*ret_registered = registry_find(registry, name, hash);
	if (*ret_registered)
		registered_ref(*ret_registered);
	else
		got = registry_add(registry, name, hash, ret_registered);
	pthread_mutex_unlock(&registry->lock);
	return got;
}

void registered_ref(struct registered *registered)
{
	atomic_fetch_add_explicit(&registered->references, 1, memory_order_relaxed);
}

static void registry_remove(struct registry *registry, struct registered *registered)
{
	struct registered **link = &registry->buckets[registered->hash & registry->mask];

	while (*link != registered)
		link = &(*link)->next;
	*link = registered->next;
	registry->free_numbers[registry->free_count++] = registered->number;
	registry->count--;
}

/* False when it may be the last. */
static bool unref_one_of_many(struct registered *registered)
{
	uint32_t references = atomic_load_explicit(&registered->references, memory_order_relaxed);

	while (references > 1)
		if (atomic_compare_exchange_weak_explicit(&registered->references, &references,
							  references - 1, memory_order_release,
							  memory_order_relaxed))
			return true;
	return false;
}

void registered_unref(struct registered *registered)
{
	struct registry *registry = registered->registry;
	bool is_last;

	if (unref_one_of_many(registered))
		return;
	pthread_mutex_lock(&registry->lock);
	is_last = atomic_fetch_sub_explicit(&registered->references, 1, memory_order_acq_rel) == 1;
	if (is_last)
		registry_remove(registry, registered);
	pthread_mutex_unlock(&registry->lock);
	if (is_last)
		registry->free(registered);
}

size_t registry_count(struct registry *registry)
{
	size_t count;

	pthread_mutex_lock(&registry->lock);
	count = registry->count;
	pthread_mutex_unlock(&registry->lock);
	return count;
}

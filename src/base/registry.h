/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry: things by name that live as long as somebody refers to them.
 *
 * What has to outlive a configuration (an endpoint's load, an upstream's budget) is found here by its name
 * when the next one is compiled, and is gone when nobody has it any more: what has come and gone costs
 * nothing, however often it does. Each has a small number for tables beside it; the number of one that is
 * gone is given to another.
 *
 * Embedded first in what is registered. From any thread; holding and letting go is one atomic operation,
 * but for the last letting go.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/result.h"
#include "base/str.h"

struct registered {
	struct registered *next; /* in its bucket */
	struct registry *registry;
	uint64_t hash;
	str name; /* the maker's copy */
	unsigned number;
	_Atomic uint32_t references;
};

typedef result (*registry_make_fn)(void *owner, str name, struct registered **ret_made);
/* Something new, of which registered.name is a copy of name. Under the registry's lock. */

typedef void (*registry_free_fn)(struct registered *registered);

struct registry {
	pthread_mutex_t lock;
	struct registered **buckets;
	size_t mask, count, max;
	unsigned *free_numbers;
	size_t free_count;
	uint64_t seed;
	registry_make_fn make;
	registry_free_fn free;
	void *owner;
};

void registry_init(struct registry *registry, size_t max, registry_make_fn make, registry_free_fn free,
		   void *owner);
/* At most max at a time. owner: make()'s. */

void registry_fini(struct registry *registry);
/* Nobody may have any of it. */

result registry_get(struct registry *registry, str name, struct registered **ret_registered);
/* Finds or makes it; the caller has it until registered_unref(). make()'s errors; ERROR_LIMIT: there are max
 * already. */

void registered_ref(struct registered *registered);
/* One more has it. Only who has it already may say so. */

void registered_unref(struct registered *registered);
/* The last one frees it. */

size_t registry_count(struct registry *registry);

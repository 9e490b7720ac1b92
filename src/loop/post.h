/* SPDX-License-Identifier: Apache-2.0 */
/*
 * post: calls that other threads ask a loop to make: a bounded ring under a mutex.
 *
 * The loop looks at the count, an atomic, once a turn and takes the lock only when there is something.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "loop/loop.h"

enum { POSTS_MAX = 4096 };

struct post {
	post_fn fn;
	void *argument;
};

struct posts {
	pthread_mutex_t lock;
	atomic_uint count; /* changed under the lock only */
	unsigned first;
	struct post *ring;
};

void posts_init(struct posts *posts);
void posts_fini(struct posts *posts);
/* What was not run is forgotten. */

result posts_put(struct posts *posts, struct post post, bool *ret_was_empty);
/* ERROR_LIMIT. */

static inline bool posts_waiting(const struct posts *posts)
{
	return atomic_load_explicit(&posts->count, memory_order_relaxed) != 0;
}

void posts_run(struct posts *posts);
/* Makes the calls that wait now; what these post comes in the next turn. */

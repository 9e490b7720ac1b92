/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mutex, because posts are rare beside what a loop does otherwise: it is held for a few stores, and the
 * loop takes it only when the count says that something is there.
 */
#include "loop/post.h"

#include <stdlib.h>

#include "base/assert.h"

void posts_init(struct posts *posts)
{
	posts->first = 0;
	posts->ring = calloc(POSTS_MAX, sizeof *posts->ring);
	ASSERT(posts->ring);
	atomic_init(&posts->count, 0);
	ASSERT(pthread_mutex_init(&posts->lock, NULL) == 0);
}

void posts_fini(struct posts *posts)
{
	pthread_mutex_destroy(&posts->lock);
	free(posts->ring);
	posts->ring = NULL;
}

result posts_put(struct posts *posts, struct post post, bool *ret_was_empty)
{
	result_value put = OK;
	unsigned count;

	pthread_mutex_lock(&posts->lock);
	count = atomic_load_explicit(&posts->count, memory_order_relaxed);
	*ret_was_empty = count == 0;
	if (count < POSTS_MAX) {
		posts->ring[(posts->first + count) % POSTS_MAX] = post;
		atomic_store_explicit(&posts->count, count + 1, memory_order_relaxed);
	} else {
		put = error_make(ERROR_LIMIT, "too much is posted to the loop");
	}
	pthread_mutex_unlock(&posts->lock);
	return put;
}

static struct post posts_take(struct posts *posts)
{
	struct post post;

	pthread_mutex_lock(&posts->lock);
	post = posts->ring[posts->first];
	posts->first = (posts->first + 1) % POSTS_MAX;
	atomic_fetch_sub_explicit(&posts->count, 1, memory_order_relaxed);
	pthread_mutex_unlock(&posts->lock);
	return post;
}

/* Not under the lock: what is called may post. */
void posts_run(struct posts *posts)
{
	for (unsigned n = atomic_load_explicit(&posts->count, memory_order_relaxed); n > 0; n--) {
		struct post post = posts_take(posts);

		post.fn(post.argument);
	}
}

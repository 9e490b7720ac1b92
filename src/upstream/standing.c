/* SPDX-License-Identifier: Apache-2.0 */
/*
 * standing: a count that all workers share. Failures are added by one atomic step, so that limit of them in a
 * row are noticed once, by whoever adds the last.
 */
#include "upstream/standing.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "observe/metrics.h"

struct standings {
	struct registry by_name;
	pthread_mutex_t lock; /* of whom to tell */
	void (*on_failing)(void *owner);
	void *owner;
};

static result standing_make(void *owner, str name, struct registered **ret_made)
{
	struct standing *standing = calloc(1, sizeof *standing + name.len);
	char *room;

	ASSERT(standing);
	room = (char *)(standing + 1);
	memcpy(room, name.ptr, name.len);
	standing->registered.name = (str) { room, name.len };
	standing->standings = owner;
	standing->record.since = time_wall();
	atomic_init(&standing->health, HEALTH_UNKNOWN);
	*ret_made = &standing->registered;
	return OK;
}

static void standing_release(struct registered *registered)
{
	struct standing *standing = (struct standing *)registered;

	metric_series_unref(&standing->record.series);
	free(standing);
}

struct standings *standings_new(void)
{
	struct standings *standings = calloc(1, sizeof *standings);

	ASSERT(standings);
	pthread_mutex_init(&standings->lock, NULL);
	registry_init(&standings->by_name, SIZE_MAX, standing_make, standing_release, standings);
	return standings;
}

void standings_free(struct standings **standings)
{
	if (!*standings)
		return;
	registry_fini(&(*standings)->by_name);
	pthread_mutex_destroy(&(*standings)->lock);
	free(*standings);
	*standings = NULL;
}

void standings_tell(struct standings *standings, void (*on_failing)(void *owner), void *owner)
{
	pthread_mutex_lock(&standings->lock);
	standings->on_failing = on_failing;
	standings->owner = owner;
	pthread_mutex_unlock(&standings->lock);
}

/* A line end is in neither of them. */
struct standing *standings_get(struct standings *standings, str upstream, str endpoint)
{
	char *text = malloc(upstream.len + endpoint.len + 1);
	struct buf name = buf_over(text, upstream.len + endpoint.len + 1);
	struct registered *registered;

	ASSERT(text);
	buf_put(&name, upstream);
	buf_put_char(&name, '\n');
	buf_put(&name, endpoint);
	ASSERT(!failed(registry_get(&standings->by_name, buf_str(&name), &registered)));
	free(text);
	return (struct standing *)registered;
}

void standing_unref(struct standing **standing)
{
	if (*standing)
		registered_unref(&(*standing)->registered);
	*standing = NULL;
}

const char *health_word(enum health_state health)
{
	static const char *const words[] = { "healthy", "unknown", "ejected", "unhealthy" };

	return words[health];
}

static void tell(struct standings *standings)
{
	pthread_mutex_lock(&standings->lock);
	if (standings->on_failing)
		standings->on_failing(standings->owner);
	pthread_mutex_unlock(&standings->lock);
}

/* The cause is written first: whoever looks at the count has it. */
void standing_fail(struct standing *standing, uint32_t limit, int cause)
{
	uint32_t before;

	atomic_store_explicit(&standing->cause, cause, memory_order_relaxed);
	before = atomic_fetch_add_explicit(&standing->failures, 1, memory_order_release);
	if ((before + 1) % limit == 0)
		tell(standing->standings);
}

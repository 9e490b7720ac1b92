/* SPDX-License-Identifier: Apache-2.0 */
/*
 * breaker: counts that are compared and changed in one step, and a queue for each worker.
 *
 * A connection that goes makes room for the desk that has the fewest, so that workers come to have equal
 * shares, and connections do not wander between them. Nobody is forgotten: who waits has counted himself
 * before he looks for room a last time, and who makes room looks for waiters after that (both in the one
 * order of all threads).
 */
#include "upstream/breaker.h"

#include "base/assert.h"
#include "base/container.h"

struct breaker_waiter {
	struct breaker_waiter *next, **link; /* NULL link: in no queue */
	struct fiber *fiber;
	const struct breaker_bounds *bounds;
	bool is_called, has_entered;
};

/* ---- counts ---- */

static bool count_up(_Atomic uint32_t *count, int64_t max)
{
	uint32_t now = atomic_load(count);

	while (now < max)
		if (atomic_compare_exchange_weak(count, &now, now + 1))
			return true;
	return false;
}

static void count_down(_Atomic uint32_t *count)
{
	uint32_t before = atomic_fetch_sub(count, 1);

	ASSERT(before > 0);
}

void breaker_init(struct breaker *breaker)
{
	ASSERT(pthread_mutex_init(&breaker->lock, NULL) == 0);
}

void breaker_fini(struct breaker *breaker)
{
	ASSERT(!breaker->desks && !atomic_load(&breaker->connections) && !atomic_load(&breaker->pending));
	pthread_mutex_destroy(&breaker->lock);
}

bool breaker_begin_request(struct breaker *breaker, const struct breaker_bounds *bounds)
{
	return !bounds->requests || count_up(&breaker->requests, bounds->requests);
}

void breaker_end_request(struct breaker *breaker, const struct breaker_bounds *bounds)
{
	if (bounds->requests)
		count_down(&breaker->requests);
}

/* ---- queues ---- */

static void queue_append(struct breaker_queue *queue, struct breaker_waiter *waiter)
{
	waiter->next = NULL;
	waiter->link = queue->end;
	*queue->end = waiter;
	queue->end = &waiter->next;
}

static void queue_prepend(struct breaker_queue *queue, struct breaker_waiter *waiter)
{
	waiter->next = queue->first;
	waiter->link = &queue->first;
	if (waiter->next)
		waiter->next->link = &waiter->next;
	else
		queue->end = &waiter->next;
	queue->first = waiter;
}

static void queue_remove(struct breaker_queue *queue, struct breaker_waiter *waiter)
{
	*waiter->link = waiter->next;
	if (waiter->next)
		waiter->next->link = waiter->link;
	else
		queue->end = waiter->link;
	waiter->link = NULL;
}

/* ---- desks ---- */

/* On the desk's thread: wakes those who were called, none of them under the lock. */
static void desk_turn(struct breaker_desk *desk)
{
	struct breaker_waiter *waiter;
	bool is_asked;

	pthread_mutex_lock(&desk->breaker->lock);
	is_asked = desk->is_asked;
	desk->is_posted = desk->is_asked = false;
	while ((waiter = desk->called.first)) {
		struct fiber *fiber = waiter->fiber;

		queue_remove(&desk->called, waiter);
		pthread_mutex_unlock(&desk->breaker->lock);
		fiber_wake(fiber);
		pthread_mutex_lock(&desk->breaker->lock);
	}
	pthread_mutex_unlock(&desk->breaker->lock);
	if (is_asked)
		desk->on_asked(desk);
}

static void on_post(void *argument)
{
	desk_turn(argument);
}

static void on_turn_end(struct turn_end *end)
{
	desk_turn(CONTAINER_OF(end, struct breaker_desk, turn_end));
}

/* Under the lock, from the thread of `by`. Where no more can be posted, those who wait find out by
 * themselves, when their time is up. */
static void desk_ring(struct breaker_desk *desk, const struct breaker_desk *by)
{
	struct loop *loop = fibers_loop(desk->fibers);

	if (desk->is_posted)
		return;
	desk->is_posted = true;
	if (desk == by)
		loop_at_turn_end(loop, &desk->turn_end);
	else
		desk->is_posted = !failed(loop_post(loop, on_post, desk));
}

void breaker_desk_open(struct breaker_desk *desk, struct breaker *breaker, struct fibers *fibers,
		       void (*on_asked)(struct breaker_desk *desk))
{
	*desk = (struct breaker_desk) { .breaker = breaker, .fibers = fibers, .on_asked = on_asked };
	desk->waiting.end = &desk->waiting.first;
	desk->called.end = &desk->called.first;
	desk->turn_end.on_end = on_turn_end;
	pthread_mutex_lock(&breaker->lock);
	desk->next = breaker->desks;
	breaker->desks = desk;
	pthread_mutex_unlock(&breaker->lock);
}

void breaker_desk_deafen(struct breaker_desk *desk)
{
	pthread_mutex_lock(&desk->breaker->lock);
	desk->is_posted = false;
	pthread_mutex_unlock(&desk->breaker->lock);
}

bool breaker_desk_close(struct breaker_desk *desk)
{
	struct breaker_desk **at = &desk->breaker->desks;
	bool is_unused;

	pthread_mutex_lock(&desk->breaker->lock);
	is_unused = !atomic_load(&desk->connections) && !desk->waiting.first && !desk->called.first &&
		    !desk->is_posted;
	while (is_unused && *at != desk)
		at = &(*at)->next;
	if (is_unused)
		*at = desk->next;
	pthread_mutex_unlock(&desk->breaker->lock);
	return is_unused;
}

/* ---- who is served ---- */

/* With somebody waiting, and the fewest connections; NULL: nobody waits. */
static struct breaker_desk *poorest(const struct breaker *breaker)
{
	struct breaker_desk *best = NULL;

	for (struct breaker_desk *desk = breaker->desks; desk; desk = desk->next)
		if (desk->waiting.first &&
		    (!best || atomic_load(&desk->connections) < atomic_load(&best->connections)))
			best = desk;
	return best;
}

static void stop_waiting(struct breaker_desk *desk, struct breaker_waiter *waiter)
{
	queue_remove(&desk->waiting, waiter);
	count_down(&desk->queued);
	count_down(&desk->breaker->pending);
}

static void call_first(struct breaker_desk *desk, const struct breaker_desk *by, bool has_entered)
{
	struct breaker_waiter *waiter = desk->waiting.first;

	stop_waiting(desk, waiter);
	queue_append(&desk->called, waiter);
	waiter->is_called = true;
	waiter->has_entered = has_entered;
	desk_ring(desk, by);
}

/* Under the lock: as long as there is room. */
static void serve(struct breaker_desk *by)
{
	struct breaker_desk *desk;

	while ((desk = poorest(by->breaker)) && breaker_desk_enter(desk, desk->waiting.first->bounds))
		call_first(desk, by, true);
}

bool breaker_desk_enter(struct breaker_desk *desk, const struct breaker_bounds *bounds)
{
	if (!count_up(&desk->breaker->connections, bounds->connections ? bounds->connections : UINT32_MAX))
		return false;
	atomic_fetch_add(&desk->connections, 1);
	return true;
}

void breaker_desk_leave(struct breaker_desk *desk)
{
	count_down(&desk->connections);
	count_down(&desk->breaker->connections);
	if (!breaker_desk_is_wanted(desk))
		return;
	pthread_mutex_lock(&desk->breaker->lock);
	serve(desk);
	pthread_mutex_unlock(&desk->breaker->lock);
}

bool breaker_desk_call(struct breaker_desk *desk)
{
	struct breaker_desk *other;
	bool is_called = false;

	if (!breaker_desk_is_wanted(desk))
		return false;
	pthread_mutex_lock(&desk->breaker->lock);
	other = poorest(desk->breaker);
	if (desk->waiting.first && atomic_load(&desk->connections) <= atomic_load(&other->connections) + 1) {
		call_first(desk, desk, false);
		is_called = true;
	}
	pthread_mutex_unlock(&desk->breaker->lock);
	return is_called;
}

/* ---- waiting ---- */

/* Under the lock: another worker may have one that it does not use, or more than it should have. */
static void ask_others(struct breaker_desk *desk)
{
	struct breaker_desk *richest = NULL;
	uint32_t most = 0;

	for (struct breaker_desk *other = desk->breaker->desks; other; other = other->next) {
		uint32_t has = atomic_load(&other->idle);

		if (!has && !atomic_load(&desk->connections))
			has = atomic_load(&other->connections) > 0;
		if (other != desk && has > most) {
			most = has;
			richest = other;
		}
	}
	if (!richest)
		return;
	richest->is_asked = true;
	desk_ring(richest, desk);
}

/* Under the lock. False: too many wait. */
static bool join(struct breaker_desk *desk, struct breaker_waiter *waiter, bool is_first)
{
	int64_t max = is_first ? UINT32_MAX : waiter->bounds->pending; /* it was counted before */

	if (!count_up(&desk->breaker->pending, max))
		return false;
	atomic_fetch_add(&desk->queued, 1);
	if (is_first)
		queue_prepend(&desk->waiting, waiter);
	else
		queue_append(&desk->waiting, waiter);
	serve(desk);
	if (!waiter->is_called)
		ask_others(desk);
	return true;
}

/* Under the lock. What it was called for goes to another, be it another worker's, for whom it must be parted
 * with here. */
static void give_up(struct breaker_desk *desk, struct breaker_waiter *waiter)
{
	if (waiter->link && waiter->is_called) {
		queue_remove(&desk->called, waiter);
	} else if (waiter->link) {
		stop_waiting(desk, waiter);
	}
	if (waiter->has_entered) {
		count_down(&desk->connections);
		count_down(&desk->breaker->connections);
		serve(desk);
	} else if (waiter->is_called && desk->waiting.first) {
		call_first(desk, desk, false);
	} else if (waiter->is_called && poorest(desk->breaker)) {
		desk->is_asked = true;
		desk_ring(desk, desk);
	}
}

static bool was_called(struct breaker_desk *desk, const struct breaker_waiter *waiter)
{
	bool is_called;

	pthread_mutex_lock(&desk->breaker->lock);
	is_called = waiter->is_called && !waiter->link;
	pthread_mutex_unlock(&desk->breaker->lock);
	return is_called;
}

result breaker_desk_wait(struct breaker_desk *desk, const struct breaker_bounds *bounds, bool is_first,
			 deadline until, bool *ret_has_entered)
{
	struct breaker_waiter waiter = { .fiber = fiber_current(desk->fibers), .bounds = bounds };
	result_value waited;
	bool has_joined;

	*ret_has_entered = false;
	pthread_mutex_lock(&desk->breaker->lock);
	has_joined = join(desk, &waiter, is_first);
	pthread_mutex_unlock(&desk->breaker->lock);
	if (!has_joined)
		return error_make(ERROR_BUSY, "too many wait for a connection");
	do {
		waited = fiber_park(waiter.fiber, until);
	} while (!failed(waited) && !was_called(desk, &waiter));
	if (failed(waited)) {
		pthread_mutex_lock(&desk->breaker->lock);
		give_up(desk, &waiter);
		pthread_mutex_unlock(&desk->breaker->lock);
	}
	*ret_has_entered = !failed(waited) && waiter.has_entered;
	return waited.kind == ERROR_TIMEOUT ? error_make(ERROR_BUSY, "no connection became free in time")
					    : waited;
}

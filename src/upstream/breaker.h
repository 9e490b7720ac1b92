/* SPDX-License-Identifier: Apache-2.0 */
/*
 * breaker: how much of an upstream may be under way at a time, over all workers: requests, connections, and
 * requests that wait for one of these.
 *
 * Counted by the upstream's name, exactly: a request or a connection is counted before it begins, or does not
 * begin. Where no bound is set nothing is counted, and nothing is looked at. Connections belong to the worker
 * that made them, so each worker has a desk where its requests wait. The lock is taken only while somebody
 * waits, and when a worker's first connection comes or its last one goes.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "fiber/fiber.h"

/* `circuit_breaker` of an upstream. 0: no bound; of pending: nobody waits. */
struct breaker_bounds {
	int64_t requests, connections, pending;
};

struct breaker_desk;

struct breaker {
	_Atomic uint32_t requests;    /* under way, where they have a bound */
	_Atomic uint32_t connections; /* in use and idle, where they have a bound */
	_Atomic uint32_t pending;
	pthread_mutex_t lock; /* of the desks and their queues */
	struct breaker_desk *desks;
};

void breaker_init(struct breaker *breaker);
void breaker_fini(struct breaker *breaker);
/* No desk may be open. */

bool breaker_begin_request(struct breaker *breaker, const struct breaker_bounds *bounds);
/* One more is under way, until breaker_end_request() by the same bounds. False, and nothing counted, when
 * there are as many as may be. */

void breaker_end_request(struct breaker *breaker, const struct breaker_bounds *bounds);

/* In order; under the breaker's lock. */
struct breaker_waiter;

struct breaker_queue {
	struct breaker_waiter *first, **end;
};

/* A worker's; embedded in what the worker has of the upstream. */
struct breaker_desk {
	struct breaker *breaker;
	struct fibers *fibers;
	struct breaker_desk *next;    /* under the lock */
	_Atomic uint32_t connections; /* of this worker */
	_Atomic uint32_t idle;        /* that it could let go of; written by its worker only */
	_Atomic uint32_t queued;      /* how many are in waiting */
	struct breaker_queue waiting, called;
	bool is_posted, is_asked; /* under the lock */
	struct turn_end turn_end;
	void (*on_asked)(struct breaker_desk *desk);
};

void breaker_desk_open(struct breaker_desk *desk, struct breaker *breaker, struct fibers *fibers,
		       void (*on_asked)(struct breaker_desk *desk));
/* on_asked: from the loop; a worker that needs it more waits for a connection: one should be let go of. */

bool breaker_desk_close(struct breaker_desk *desk);
/* False, and it stays open, while it has a connection, somebody waits, or another thread has just called. */

void breaker_desk_deafen(struct breaker_desk *desk);
/* Its loop turns no more: what others have posted is forgotten. Then breaker_desk_close(). */

static inline bool breaker_desk_has_queue(const struct breaker_desk *desk)
/* Somebody waits here: who comes now is behind him. */
{
	return atomic_load(&desk->queued) > 0;
}

static inline bool breaker_desk_is_wanted(const struct breaker_desk *desk)
/* Somebody waits, here or elsewhere, for what this one could give. */
{
	return atomic_load(&desk->breaker->pending) > 0;
}

bool breaker_desk_enter(struct breaker_desk *desk, const struct breaker_bounds *bounds);
/* The caller may open one connection, which counts until breaker_desk_leave(). False when there are as many
 * as may be. */

void breaker_desk_leave(struct breaker_desk *desk);
/* A connection is closed, or did not come about. Whoever waits is served, on whichever worker. */

result breaker_desk_wait(struct breaker_desk *desk, const struct breaker_bounds *bounds, bool is_first,
			 deadline until, bool *ret_has_entered);
/* Yields. OK: it is the caller's turn. *ret_has_entered: as by breaker_desk_enter(); otherwise something of
 * this worker's has become free, and the caller looks for it, and may wait again as the first. ERROR_BUSY:
 * too many wait already, or nothing came free until then. ERROR_CANCELLED. */

bool breaker_desk_call(struct breaker_desk *desk);
/* Something of this worker's has become free: calls the first that waits here. False: nobody does, or a
 * worker with fewer connections should have it: it is not to be kept if anybody waits. */

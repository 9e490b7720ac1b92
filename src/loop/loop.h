/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop: one thread's epoll, clock, timers and wake-ups.
 *
 * Descriptors are registered once, edge-triggered, and their readiness is remembered in the source, so
 * that nobody tries a read that cannot have data. The clock is read once a turn. A source is never freed
 * while the batch of events that may name it is still being worked through: see source_close().
 * One thread only, but for loop_post() and loop_stop().
 */
#pragma once

#include "base/result.h"
#include "base/time.h"

struct loop;
struct source;
struct timer;

enum ready {
	READY_READ = 1, /* bytes, or the end, can be read */
	READY_WRITE = 2,
	READY_HANGUP = 4, /* the peer will send no more (RDHUP), or all is over (HUP, ERR) */
};

typedef void (*source_fn)(struct source *source);
/* New readiness was or-ed into source->ready. May close the source, start or wake fibers. */

/* A registered descriptor; embedded in the thing that owns it. */
struct source {
	int fd;             /* -1: closed */
	unsigned ready;     /* bits of enum ready; the owner clears them when a call would block */
	source_fn on_ready; /* may be replaced at any time */
	struct loop *loop;
};

typedef void (*timer_fn)(struct timer *timer);

/* A deadline in the loop's wheel; embedded in the thing that waits. Zero is a valid idle timer. Moving it
 * later is one store; the wheel's entry follows when its bucket comes round. */
struct timer {
	struct timer *next, **link; /* the wheel's; NULL link: not armed */
	deadline due;               /* what the owner wants; DEADLINE_NEVER: nothing */
	deadline bucket;            /* where the wheel holds it */
	timer_fn on_due;            /* not before due; at most a tick (0.1 ms) or a turn late */
};

typedef void (*post_fn)(void *argument);

result loop_new(struct loop **ret_loop);
void loop_free(struct loop **loop);
/* Every source must be closed and every timer disarmed. */

void loop_run(struct loop *loop);
/* Turns until loop_stop(). */

void loop_turn(struct loop *loop, deadline until);
/* One turn: waits for events at most until then, delivers them, fires timers, runs what was posted. */

/* Something to be done when the events at hand are delivered; embedded in whoever wants it. */
struct turn_end {
	struct turn_end *next;
	bool is_set;
	void (*on_end)(struct turn_end *end);
};

void loop_at_turn_end(struct loop *loop, struct turn_end *end);
/* end->on_end is called once, in this turn: after the last of its events, or, where a timer or a post sets
 * it, after those. Set outside a turn, it is called in the next, which does not wait. Setting it again before
 * that changes nothing. */

void loop_stop(struct loop *loop);
/* From any thread or signal handler. */

result loop_post(struct loop *loop, post_fn fn, void *argument);
/* From any thread: fn(argument) runs on the loop's thread. ERROR_LIMIT when 4096 are waiting. */

duration loop_lag(const struct loop *loop);
/* How long what becomes ready has to wait lately until it is served. */

deadline loop_now(const struct loop *loop);
/* The instant at which this turn began. */

wall_time loop_wall(const struct loop *loop);
/* The same instant as wall-clock time; follows adjustments of the clock within a second. */

result source_open(struct loop *loop, struct source *source, int fd, source_fn on_ready);
/* Registers fd, which must be non-blocking and now belongs to the source. Assume nothing ready: the first
 * events come with the next turn. ERROR_SYSTEM leaves fd open and with the caller. */

result source_open_level(struct loop *loop, struct source *source, int fd, source_fn on_ready);
/* For listening sockets: level-triggered, EPOLLEXCLUSIVE, reads only. */

void source_pause(struct source *source);
void source_resume(struct source *source);
/* Level-triggered sources only: no events while paused. */

result source_move(struct source *from, struct source *to, source_fn on_ready);
/* Hands the descriptor to another source, which hears anew of all that is ready; `from` is closed then, and
 * `to` on_ready is called in a later turn. Edge-triggered sources only. ERROR_SYSTEM changes nothing. */

void source_close(struct source *source);
/* Closes the descriptor now. No event is delivered to the source after that, even if one is in the batch
 * under way. The memory must stay until loop_retire() lets it go. */

void loop_retire(struct loop *loop, void *memory, void (*release)(void *memory));
/* release(memory) at the end of this turn: the graveyard for what holds a source. */

/* What lives on in the loop without an owner, such as a connection that lingers; embedded. */
struct loop_orphan {
	struct loop_orphan *next, **link;
	void (*dispose)(struct loop_orphan *orphan); /* closes, disowns and retires it */
};

void loop_adopt(struct loop *loop, struct loop_orphan *orphan);
void loop_disown(struct loop_orphan *orphan);
/* loop_free() disposes of what is still adopted. */

void timer_set(struct loop *loop, struct timer *timer, deadline due);
/* Arms or moves it; DEADLINE_NEVER disarms it by one store, but leaves it in the wheel, so its memory must
 * stay until timer_clear(). A due time in the past fires in the next turn, never inside the call. */

void timer_clear(struct timer *timer);
/* It will not fire, and its memory may go. */

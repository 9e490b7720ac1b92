/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fiber: a function with a stack of its own that can wait without holding up its thread.
 *
 * A waiting call parks its fiber until somebody wakes it, its deadline passes or it is cancelled; all of
 * them are plain returns, so ordinary C clean-up runs and nobody is killed on a stack. Fibers stay on
 * their thread. Stacks come in slabs with guard pages; running over one is caught and named.
 *
 * Before a fiber parks, the scratch is evacuated (base/intake.h).
 */
#pragma once

#include "base/allowance.h"
#include "base/intake.h"
#include "base/result.h"
#include "base/time.h"
#include "loop/loop.h"

struct fiber;
struct fibers; /* all fibers of one thread */
struct fiber_guard;

typedef void (*fiber_fn)(struct fiber *self, void *argument);

struct fibers_options {
	size_t stack_size; /* bytes of a stack without its guard; 0: 64 KiB (256 KiB under sanitizers) */
	size_t max;        /* fibers at a time; 0: 65536 */
	struct allowance *allowance;     /* what stacks that are not cold are charged to; NULL: nothing is */
	const struct fiber_guard *guard; /* fiber/guard.h; NULL: running over a stack is a plain SIGSEGV */
};

result fibers_new(struct loop *loop, struct scratch *scratch, const struct fibers_options *options,
		  struct fibers **ret_fibers);
void fibers_free(struct fibers **fibers);
/* No fiber may be left. */

void fibers_save(struct fibers *fibers);
/* Gives back stacks that nobody has needed since the last time, also those that are kept free otherwise: for
 * whoever is short of memory, from the loop. */

struct loop *fibers_loop(const struct fibers *fibers);
struct scratch *fibers_scratch(const struct fibers *fibers);
size_t fibers_alive(const struct fibers *fibers);

struct fiber *fiber_current(const struct fibers *fibers);
/* NULL in the loop itself. */

struct fibers *fiber_fibers(const struct fiber *fiber);

result fiber_start(struct fibers *fibers, fiber_fn fn, void *argument);
/* From the loop: runs it at once, until it first parks. From a fiber: it runs later in this turn (or in the
 * next, after a thousand others), the caller goes on. ERROR_LIMIT at the maximum or the allowance's bound,
 * ERROR_SYSTEM when no stack can be had. */

result fiber_park(struct fiber *self, deadline until);
/* Yields. OK when woken, ERROR_TIMEOUT, ERROR_CANCELLED. Whoever parks re-checks what it waits for: a wake-up
 * is only a hint. A fiber that was cancelled while it ran is told at its next park; told once, it may park
 * again to clean up. */

void fiber_step_aside(struct fiber *self);
/* Yields. Goes on later in this turn, when its events are delivered: so that the sends of a turn come one
 * after the other, and find a peer that the first of them has woken. A cancellation is told by the next park.
 */

void fiber_wake(struct fiber *fiber);
/* From the loop: runs it at once. From a fiber: later in this turn. Nothing if it is not parked. Its own
 * thread only. */

void fiber_cancel(struct fiber *fiber);
/* Its park returns ERROR_CANCELLED, this one or else the next. */

result fiber_sleep(struct fiber *self, deadline until);
/* Yields. OK at the deadline, ERROR_CANCELLED. */

uint64_t fiber_switches(const struct fibers *fibers);
/* Counts switches: a section that must not yield asserts that it has not changed. */

void fibers_fail_park(struct fibers *fibers, uint64_t nth);
/* For tests: the nth park from now (1 is the next) returns ERROR_CANCELLED without waiting. 0: none. */

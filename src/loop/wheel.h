/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wheel: the timers of one loop, by the tick at which each must be looked at.
 *
 * Eight levels of 64 slots: a slot of level L spans 64^L ticks, which covers the whole clock, so no
 * timer is too far away. A timer is filed at the lowest level whose slot tells it from the present; when
 * the present reaches that slot, it moves down, fires, or (its owner has moved it later since) is filed
 * anew. So moving a timer later touches only the timer, and most deadlines of a busy server never fire.
 */
#pragma once

#include "loop/loop.h"

enum {
	WHEEL_LEVELS = 8,
	WHEEL_BITS = 6,
	WHEEL_SLOTS = 1 << WHEEL_BITS,
};

/* A hedge after a millisecond should not begin after two. */
#define WHEEL_TICK (100 * MICROSECOND)

struct wheel {
	struct timer *slots[WHEEL_LEVELS][WHEEL_SLOTS];
	uint64_t used[WHEEL_LEVELS]; /* slots that may hold a timer; cleared timers leave the bit behind */
	uint64_t tick;               /* every slot up to and with this one has been looked at */
	uint64_t soonest;            /* no slot that holds a timer begins before it */
	struct timer *past;          /* were due when they were set: they fire in the next turn */
	struct timer *firing;        /* taken out of their slot, their turn is now */
};

void wheel_init(struct wheel *wheel, deadline now);

void wheel_set(struct wheel *wheel, struct timer *timer, deadline due, deadline now);
/* See timer_set(). */

deadline wheel_next(const struct wheel *wheel);
/* When the wheel must be looked at again: never after the first due time, but before it where timers were
 * cleared. 0: at once. DEADLINE_NEVER. */

void wheel_turn(struct wheel *wheel);
/* The timers set to the past until now are to fire at the next wheel_fire(). */

void wheel_fire(struct wheel *wheel, deadline now);
/* Calls on_due of every timer that is due, and moves the rest to where it belongs. */

bool wheel_is_empty(const struct wheel *wheel);

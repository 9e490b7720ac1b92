/* SPDX-License-Identifier: Apache-2.0 */
/*
 * condition: fibers of one thread wait here until something they care about has changed.
 *
 * As with every condition variable: check what you wait for in a loop around the wait. There is no
 * lock to give up, because nothing else runs until a fiber yields. Waiters are served in order.
 */
#pragma once

#include "fiber/fiber.h"

struct condition_waiter;

/* Zero is a valid condition that nobody waits for. */
struct condition {
	struct condition_waiter *first, *last;
};

result condition_wait(struct condition *condition, struct fiber *self, deadline until);
/* Yields. OK when signalled, and sometimes without; ERROR_TIMEOUT, ERROR_CANCELLED. A signal meant for a
 * waiter that was cancelled goes to the next one. */

bool condition_signal(struct condition *condition);
/* Wakes the first waiter. From the loop it runs inside this call. False when there is none. */

void condition_broadcast(struct condition *condition);
/* Wakes those that wait now. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bell: wakes one thread that many others have work for, hardly ever by a system call.
 *
 * While there is traffic the thread dozes: it comes back by itself every few milliseconds, and whoever has
 * work only looks at the state. It is woken from a doze for what is urgent, and from its sleep for anything.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/time.h"

enum bell_state { BELL_AWAKE, BELL_DOZING, BELL_ASLEEP };

struct bell {
	atomic_uint state;
};

void bell_ring(struct bell *bell, bool is_urgent);
/* From any thread, after the work is there to be seen (by an atomic store in sequential order). */

void bell_settle(struct bell *bell, enum bell_state state);
/* The thread says how it is going to rest. Then it looks once more for work, and then: */

void bell_wait(struct bell *bell, enum bell_state state, duration longest);
/* Rests until the time is over or somebody rings; may also end for no reason. The state is AWAKE then.
 * With BELL_AWAKE nobody rings. */

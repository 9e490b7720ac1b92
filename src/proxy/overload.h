/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overload: when a worker takes in no more, so that what it has taken in is served.
 *
 * Two things tell: memory is short (base/allowance.h), or the loop is late (loop_lag()) and has been for a
 * while. Then new requests are refused as soon as their head is read, and accepts pause: who is not let in
 * waits in the kernel's queue, where waiting costs nothing. A listener of high priority is left out of it.
 */
#pragma once

#include "proxy/door.h"

struct exchange;

void overload_begin(struct worker *worker);
void overload_end(struct worker *worker);
/* On its thread, before and after it serves. */

bool overload_refuses(struct exchange *x);
/* A request whose head was read: it is to be answered with REASON_OVERLOADED. Counts it. */

void overload_accepted(struct door *door);
/* A connection was let in: the next ones may have to wait for a moment. */

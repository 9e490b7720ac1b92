/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overload: when a worker takes in no more, so that what it has taken in is served.
 *
 * Two things tell. Where memory is short (base/allowance.h), new requests are refused as soon as their head
 * is read, and accepts pause: who is not let in waits in the kernel's queue, where waiting costs nothing.
 * Where the worker is late and has been for a while, those are refused who have waited for long, and all are
 * let in, so that they learn it at once. It is as late as the loop (loop_lag()) or as those who come in have
 * waited before the door. A listener of high priority is left out of it.
 */
#pragma once

#include "proxy/connection.h"

struct exchange;

void overload_begin(struct worker *worker);
void overload_end(struct worker *worker);
/* On its thread, before and after it serves. */

bool overload_refuses(struct exchange *x);
/* A request whose head was read: it is to be answered with REASON_OVERLOADED. Counts it. */

bool overload_turns_away(const struct session *session);
/* One whose connection has not shaken hands yet, which would cost more than a request: it is to be closed.
 * Counts it. */

void overload_accepted(struct door *door);
/* A connection was let in: the next ones may have to wait for a moment. */

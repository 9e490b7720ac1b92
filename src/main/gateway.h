/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway: the running whole: a snapshot, its listening sockets, a worker on each of its threads, and the
 * log.
 *
 * It either starts as a whole or not at all: no client is served before every listener is bound and every
 * worker stands. What it does then is up to whoever holds it: drain, stop, or wait until it is done.
 */
#pragma once

#include "base/journal.h"
#include "proxy/snapshot.h"

struct gateway;

result gateway_start(struct snapshot *snapshot, struct journal *journal, struct gateway **ret_gateway);
/* Binds every listener, says in the journal where, and starts the workers. ERROR_SYSTEM or ERROR_LIMIT: the
 * journal has the words. The snapshot and its endpoints stay the caller's and must live until gateway_free().
 */

void gateway_drain(struct gateway *gateway);
/* Stops accepting; what is in flight finishes. Does not wait: see gateway_is_done(). */

void gateway_stop(struct gateway *gateway);
/* Cuts what is in flight. Does not wait either. */

bool gateway_is_done(const struct gateway *gateway);
/* Every worker has ended. */

void gateway_reopen_logs(struct gateway *gateway);
/* The next line goes to a file newly opened by its name. */

void gateway_free(struct gateway **gateway);
/* Every worker must have ended. Writes what is left of the log. */

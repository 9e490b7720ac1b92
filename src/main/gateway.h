/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway: the running whole: a snapshot, its listening sockets, a worker on each of its threads, and the
 * log.
 *
 * It either starts as a whole or not at all: no client is served before every listener is bound and every
 * worker stands. It is told what to do by the control thread: drain, stop. When the last worker has ended,
 * that thread hears of it.
 */
#pragma once

#include "main/control.h"
#include "proxy/snapshot.h"

struct gateway;

struct gateway_options {
	struct control *control;
	void (*on_done)(void *owner); /* on the control thread: every worker has ended */
	void *owner;
};

result gateway_start(struct snapshot *snapshot, const struct gateway_options *options,
		     struct gateway **ret_gateway);
/* Binds every listener, says in the journal where, and starts the workers. ERROR_SYSTEM or ERROR_LIMIT: the
 * journal has the words. The options, the snapshot and its endpoints stay the caller's and must live until
 * gateway_free(). */

void gateway_drain(struct gateway *gateway);
/* Stops accepting; what is in flight finishes. Does not wait. */

void gateway_stop(struct gateway *gateway);
/* Cuts what is in flight. Does not wait either. */

void gateway_reopen_logs(struct gateway *gateway);
/* The next line goes to a file newly opened by its name. */

void gateway_free(struct gateway **gateway);
/* Every worker must have ended. Writes what is left of the log. */

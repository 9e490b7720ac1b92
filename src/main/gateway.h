/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway: the running whole: what is in force, its listening sockets, a worker on each of its threads, and
 * the log.
 *
 * It either starts as a whole or not at all: no client is served before every listener is bound and every
 * worker stands. It is told what to do by the control thread: take another configuration, drain, stop. When
 * the last worker has ended, that thread hears of it. Everything here is called on the control thread.
 */
#pragma once

#include "main/control.h"
#include "main/sockets.h"
#include "proxy/edition.h"

struct gateway;

struct gateway_options {
	struct control *control;
	struct inheritance *inherited;   /* sockets to begin with; NULL: none */
	void (*on_edition)(void *owner); /* another edition is in force, and no worker has it yet */
	void (*on_done)(void *owner);    /* on the control thread: every worker has ended */
	void *owner;
};

result gateway_start(struct snapshot *snapshot, const struct gateway_options *options,
		     struct gateway **ret_gateway);
/* Binds every listener, says in the journal where, and starts the workers. ERROR_SYSTEM or ERROR_LIMIT: the
 * journal has the words. The options must live until gateway_free(), and so must what the snapshot's
 * identities are; of the snapshot it takes a reference. */

result gateway_apply(struct gateway *gateway, struct fiber *self, struct snapshot *snapshot);
/* Yields until every worker has it: requests that begin then have the new configuration. It becomes the next
 * generation, and the gateway takes a reference. ERROR_SYSTEM or ERROR_LIMIT, when a listener cannot be bound
 * or the access log not be opened, and ERROR_CLOSED when it drains: the old one stays in force, and the
 * journal has the words. Once it has been told to the workers it goes on also when cancelled. One at a time.
 */

void gateway_refresh(struct gateway *gateway);
/* Discovery has found other endpoints: the same configuration with them. Does not wait. */

struct edition *gateway_edition(const struct gateway *gateway);
/* What is in force. Valid until the next yield; hold it to keep it. */

const struct sockets *gateway_sockets(const struct gateway *gateway);
/* Where it listens. Valid until the next yield. */

void gateway_drain(struct gateway *gateway);
/* Stops accepting; what is in flight finishes. Does not wait. */

void gateway_retire(struct gateway *gateway);
/* The same when somebody else has the sockets now: what waits in their queues is left to them, and
 * connections that are idle may ask once more. */

void gateway_stop(struct gateway *gateway);
/* Cuts what is in flight. Does not wait either. */

bool gateway_is_draining(const struct gateway *gateway);

void gateway_reopen_logs(struct gateway *gateway);
/* The next line goes to a file newly opened by its name. */

uint64_t gateway_log_dropped(const struct gateway *gateway);
/* Lines of the access log that could not be written. */

void gateway_free(struct gateway **gateway);
/* Every worker must have ended. Writes what is left of the log. */

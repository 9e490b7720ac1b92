/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener: a listening socket of one worker.
 *
 * Every worker has its own, bound with SO_REUSEPORT, so the kernel spreads the connections. When descriptors
 * run out it pauses for 100 ms and says so, instead of spinning; the same while its owner's bound on
 * connections is reached.
 */
#pragma once

#include <stdbool.h>

#include "io/address.h"
#include "loop/loop.h"

struct listener;

typedef void (*listener_fn)(struct listener *listener, int fd, const struct address *peer);
/* A new connection, non-blocking, close-on-exec, TCP_NODELAY set. fd belongs to the callee. */

typedef void (*listener_trouble_fn)(struct listener *listener, result_value why);
/* accept said no (descriptors, memory): accepts pause. */

struct listener {
	struct source source;
	struct timer pause;
	listener_fn on_accept;
	listener_trouble_fn on_trouble;
	void *owner;
	bool is_paused;
};

result listener_probe(const struct address *at);
/* ERROR_SYSTEM with EADDRINUSE when somebody listens there already. listener_bind() would share the port with
 * them, as it does among workers, and each would get a part of the clients. For TCP; a Unix socket's path is
 * never shared. */

result listener_bind(const struct address *at, int *ret_fd, struct address *ret_bound);
/* Socket, SO_REUSEADDR, SO_REUSEPORT, bind and listen (backlog 4096); a stale Unix socket that nobody listens
 * on is replaced. ret_bound has the real port. */

result listener_open(struct listener *listener, struct loop *loop, int fd, listener_fn on_accept,
		     listener_trouble_fn on_trouble, void *owner);

void listener_pause(struct listener *listener, deadline until);
/* No accepts until then, DEADLINE_NEVER: until it is closed. */

void listener_finish(struct listener *listener);
/* Accepts what waits in the queue, which would be reset otherwise, and closes it. */

void listener_close(struct listener *listener);
/* Nothing if it is closed already. Its memory must stay until the end of the loop's turn. */

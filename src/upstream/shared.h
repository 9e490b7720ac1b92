/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared: a worker's HTTP/2 sessions to an endpoint, and the requests that share them.
 *
 * A request gets a stream of the oldest session that has room, so that few sessions carry all and the others
 * run into their timeout; another is opened only where none has. While one connects, who comes along waits
 * for it instead of connecting too. A session that its peer ends by GOAWAY, or whose endpoint is gone from
 * the configuration, gets no more requests and is closed when those that it has are over.
 */
#pragma once

#include "upstream/pool_private.h"

bool shared_may_be(const struct pool *pool, const struct upstream *upstream);
/* HTTP/2 is spoken to it, or may be if ALPN says so. */

result shared_take(struct pool *pool, const struct pool_wish *wish, struct pool_connection **ret_connection);
/* Yields while one connects. A stream of a session; where ALPN has agreed on HTTP/1, a connection for that.
 * Unless wish->is_repeatable, the kernel is asked for the peer's last word first. Errors of pool_take(),
 * and ERROR_INVALID: the peer does not speak HTTP/2. */

void shared_give(struct pool_connection *taken);
/* The stream is over, or given up; if it was the last of its session, that one is kept for a while. */

size_t shared_sweep(struct idle_list *list);
/* Leaves sessions that nobody may be given any more. How many things there are still. */

bool shared_part(struct idle_list *list, const struct pool_desk *desk, bool may_be_busy);
/* Lets one of the desk's sessions go, so that another worker can have a connection: an idle one, or, where
 * that may be, one that goes when its requests are over. False: there is none. */

void shared_close(struct idle_list *list);
/* All of them. No stream may be open. */

size_t shared_sessions(struct pool *pool, const struct endpoint *endpoint);
/* How many may get a request; for tests. */

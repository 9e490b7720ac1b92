/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socket: the stream at the bottom: TCP or Unix, non-blocking, edge-triggered.
 *
 * Embedded in the connection that owns it. While a fiber is parked in one of its calls, readiness wakes that
 * fiber; while none is, the watch function hears of it: an idle connection starts a fiber there, a pooled one
 * closes, an exchange that waits for its upstream learns that its client is gone.
 */
#pragma once

#include "io/address.h"
#include "io/stream.h"

struct socket;

typedef void (*socket_watch_fn)(struct socket *socket);

struct socket {
	struct stream stream;
	struct source source;
	struct fiber *reader, *writer; /* parked on it */
	socket_watch_fn watch;         /* NULL: nobody */
	void (*release)(
		struct socket *socket); /* frees what it is embedded in, after close; NULL: nothing to free */
};

result socket_open(struct socket *socket, struct fibers *fibers, int fd);
/* fd is connected and non-blocking; the socket owns it from here on. ERROR_SYSTEM leaves it with the caller.
 */

result socket_connect(struct socket *socket, struct fibers *fibers, const struct address *to, deadline until);
/* Yields. TCP_NODELAY. ERROR_REFUSED with the cause in sys, ERROR_TIMEOUT, ERROR_CANCELLED; ERROR_LIMIT when
 * descriptors are used up. */

void socket_set_watch(struct socket *socket, socket_watch_fn watch);
/* Called from the loop when the socket is readable or hung up and no fiber is parked in stream_fill() on it.
 * What is ready already is told by socket_is_readable(), not by the watch. */

void socket_watch_all(struct socket *socket, socket_watch_fn watch);
/* From here on the watch is called whatever the socket is ready for, also to be written to, and fibers are
 * not woken any more: for who uses the stream with STREAM_AT_ONCE. */

void socket_keep_alive(struct socket *socket);
/* For connections that may be silent for hours: a peer that does not answer the system's own probes, or that
 * has taken nothing of what was sent, is given up after two minutes. Has no effect on a Unix socket. */

static inline bool socket_is_readable(const struct socket *socket)
/* Bytes or the end are waiting. For a pooled connection: it is stale. */
{
	return socket->source.ready & (READY_READ | READY_HANGUP);
}

static inline bool socket_is_hung_up(const struct socket *socket)
{
	return socket->source.ready & READY_HANGUP;
}

bool socket_peek_stale(struct socket *socket);
/* Asks the kernel (one call): true when bytes or the end are there, and socket_is_readable() from then on.
 * For requests that must not be sent twice. */

bool socket_waited(const struct socket *socket, duration *ret_waited);
/* Asks the kernel (one call): how long ago the last bytes came, read or not, or the connection if none has;
 * by its own clock, whose ticks are 1 to 10 ms. False where it cannot tell, as of a Unix socket. */

void socket_reset_on_close(struct socket *socket);
/* Closing it will break the connection (RST), so that the peer cannot take what it got for all there is. What
 * was not sent yet is dropped. Has no effect on a Unix socket. */

void socket_linger_close(struct socket *socket, deadline until);
/* Closes the way RFC 9112 section 9.6 asks: stops sending, reads and drops what comes until the peer closes,
 * at most until then and at most 256 KiB, then closes. Does not yield: the loop does it. The socket is not to
 * be touched again. */

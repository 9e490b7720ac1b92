/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool: one worker's connections to endpoints: kept while idle, last in first out.
 *
 * An idle connection that becomes readable is finished (its end, or bytes that nobody asked for) and is
 * closed by the loop at once, so a taken one was alive a moment ago. A request that must not be sent twice
 * has the kernel asked once more, and gets none that has been idle for half as long as its peer was seen to
 * keep one: it may be closing it at this moment. On one with TLS there may be a ticket for a later session
 * instead, which is taken and changes nothing.
 *
 * A connection serves only requests that want the same endpoint and the same TLS identity, or none.
 *
 * No lock, and no bound on connections in use but the upstream's own (upstream/breaker.h): the listeners
 * bound the requests, and each uses one. Connections of an upstream with a bound serve no other. A taken
 * connection is the taker's alone until it is given back or dropped.
 */
#pragma once

#include "http/h1_client.h"
#include "io/dns.h"
#include "io/socket.h"
#include "tls/client_context.h"
#include "upstream/upstream.h"

struct pool;

struct pool_desk;
struct shared_session;

enum { POOL_CONNECTION_BYTES = 2048 }; /* what one is charged, without TLS and HTTP/2 */

struct pool_connection {
	struct socket socket;  /* first */
	struct stream *stream; /* the socket's, or TLS above it */
	struct client *client; /* what it is used by */
	/* HTTP/2 (upstream/shared.h): not NULL for one that is taken: the client is a stream of it, and all
	 * else that this connection has belongs to others. */
	struct shared_session *session;
	struct h1_client h1;
	struct intake in; /* what came and is not read yet; empty while idle */
	struct pool *pool;
	struct allowance *allowance; /* the worker's: when memory is freed the pool may be gone */
	struct endpoint *endpoint;
	struct pool_desk *desk;      /* where it is counted; NULL: it is not */
	struct tls_stream tls;       /* where peer.identity is set */
	struct tls_client_peer peer; /* identity NULL: nothing is encrypted */
	struct timer idle;           /* set while idle */
	deadline idle_since;
	struct pool_connection *next, **link; /* while idle */
	bool is_reused;                       /* it has carried an exchange before */
	void *taker;                          /* the taker's own, to find by the socket what uses it */
};

/* Who makes new connections instead of DNS and TCP: for a rehearsal, where stand-ins answer. */
struct pool_connector {
	result (*connect)(void *self, const struct endpoint *endpoint, int *ret_fd);
	/* A connected, non-blocking stream socket, which is the pool's from here on. Does not yield. */
	void *self;
};

struct pool *pool_new(struct fibers *fibers, struct dns *dns, struct tls_scratch *tls);
/* On the worker's thread, as everything here. All must outlive it. */

void pool_set_connector(struct pool *pool, const struct pool_connector *connector);
/* Copied. Connections that are kept stay as they are. What it makes is not encrypted: it does not leave the
 * process. */

void pool_free(struct pool **pool);
/* Closes what is idle; nothing may be taken. Clears the address, accepts NULL. */

result pool_take(struct pool *pool, const struct upstream *upstream, struct endpoint *endpoint,
		 bool is_repeatable, deadline until, struct pool_connection **ret_connection);
/* Yields when it connects, or waits for a connection to come free. is_repeatable: the request may be sent
 * again if the connection proves dead; otherwise a kept one is checked by a call to the kernel.
 * ERROR_REFUSED, ERROR_TIMEOUT, ERROR_CANCELLED, ERROR_MISSING (no such name), ERROR_LIMIT, ERROR_BUSY (the
 * upstream's bound); of the TLS handshake, before which nothing is sent and nothing believed:
 * ERROR_UNTRUSTED, ERROR_DENIED, ERROR_MALFORMED. */

result pool_connect(struct pool *pool, const struct upstream *upstream, struct endpoint *endpoint,
		    deadline until, struct pool_connection **ret_connection);
/* Yields. A new connection, whatever is kept: for a request that met a dead one already. Errors as above. */

result pool_connect_h1(struct pool *pool, const struct upstream *upstream, struct endpoint *endpoint,
		       deadline until, struct pool_connection **ret_connection);
/* The same, and HTTP/1 is spoken on it though ALPN might agree on more: for what only that can do. */

void pool_give(struct pool_connection **connection, const struct upstream_connections *options,
	       duration idle_timeout);
/* After a complete exchange: keeps it, or closes it when enough are kept. idle_timeout: the shorter of the
 * options' and the peer's. */

void pool_drop(struct pool_connection **connection);
/* Closes it. Clears the address, accepts NULL. */

void pool_linger(struct pool_connection **connection, deadline until);
/* The same, and lets the peer read what it was sent last: socket_linger_close(). */

size_t pool_idle_count(const struct pool *pool, const struct endpoint *endpoint);
/* How many are kept for it. */

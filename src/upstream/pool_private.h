/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool: what the pool and the sessions that it shares have to do with each other.
 */
#pragma once

#include "upstream/pool.h"

struct shared;

/* What a worker has of an upstream whose connections have a bound. */
struct pool_desk {
	struct breaker_desk desk; /* first */
	struct pool *pool;
	struct upstream_state *state;
	size_t users; /* beside its connections and who waits */
};

/* What is asked of a pool. */
struct pool_wish {
	const struct upstream *upstream;
	struct endpoint *endpoint;
	struct pool_desk *desk; /* NULL: there is no bound */
	bool is_repeatable, is_new, wants_h1;
	deadline until;
};

/* What a worker has of one endpoint. */
struct idle_list {
	struct pool_connection *first;
	int64_t count;
	duration closes_after; /* how long it keeps an idle connection, as far as it has shown; 0: it has not
				*/
	deadline closed;       /* when it has shown that last */
	struct shared *shared; /* one for each identity in which HTTP/2 may be spoken to it */
};

struct pool {
	struct fibers *fibers;
	struct dns *dns;
	struct tls_scratch *tls;
	struct tls_clients *tls_clients;
	struct pool_connector connector; /* without a function: DNS and TCP */
	struct idle_list *idle;          /* by the endpoint's number */
	size_t endpoints;
	struct pool_desk **desks; /* by the number of the upstream's state */
	size_t desk_room;
	struct timer sweep;
	bool is_sweeping;
};

struct idle_list *pool_list(struct pool *pool, const struct endpoint *endpoint);
/* Valid until it is asked for another. */

struct pool_connection *pool_take_idle(struct pool *pool, const struct pool_wish *wish);
/* NULL: none is kept that would do. */

result pool_open(struct pool *pool, const struct pool_wish *wish, struct pool_connection **ret_connection);
/* Yields. A connection, through its handshake, that nobody speaks on yet. Where there is a bound the caller
 * has a place for it (breaker_desk_enter()), which is the connection's then, or is given up when it fails. */

void pool_use_h1(struct pool_connection *connection);

void pool_close(struct pool_connection *connection);
/* Which is in no list. */

bool pool_is_listed(const struct endpoint *endpoint, const struct tls_client_identity *identity);
/* Requests may still come for it, as this identity or NULL. */

void pool_sweep_later(struct pool *pool);
/* Something is kept that may have to be let go. */

void pool_close_idle(struct pool_connection *connection);
/* Which is kept. */

/* ---- where connections have a bound (pool_desk.c) ---- */

struct pool_desk *pool_desk(struct pool *pool, const struct upstream *upstream);
/* NULL where they have none. Stays while it has connections or users, or somebody waits. */

result pool_seek_place(const struct pool_wish *wish, bool *is_next, bool *ret_has_place);
/* Yields. One step towards a place for a new connection: it is there, or something has changed and the caller
 * looks for what is kept, and comes again. *is_next: false at first; it is the caller's turn. ERROR_BUSY,
 * ERROR_CANCELLED. */

void pool_offer(struct pool_desk *desk, bool is_idle);
/* A connection, or room on one, has become free. is_idle: it may be let go of for another worker. */

size_t pool_desks_sweep(struct pool *pool);
/* Lets go of those that are of no use. How many are left. */

void pool_desks_free(struct pool *pool);
/* No connection is left. */

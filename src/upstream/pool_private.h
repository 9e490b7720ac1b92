/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool: what the pool and the sessions that it shares have to do with each other.
 */
#pragma once

#include "upstream/pool.h"

struct shared;

/* What a worker has of one endpoint. */
struct idle_list {
	struct pool_connection *first;
	int64_t count;
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
	struct timer sweep;
	bool is_sweeping;
};

struct idle_list *pool_list(struct pool *pool, const struct endpoint *endpoint);
/* Valid until it is asked for another. */

result pool_open(struct pool *pool, const struct upstream *upstream, struct endpoint *endpoint, bool wants_h1,
		 deadline until, struct pool_connection **ret_connection);
/* Yields. A connection, through its handshake, that nobody speaks on yet. wants_h1: that must be HTTP/1. */

void pool_use_h1(struct pool_connection *connection);

void pool_close(struct pool_connection *connection);
/* Which is in no list. */

bool pool_is_listed(const struct endpoint *endpoint, const struct tls_client_identity *identity);
/* Requests may still come for it, as this identity or NULL. */

void pool_sweep_later(struct pool *pool);
/* Something is kept that may have to be let go. */

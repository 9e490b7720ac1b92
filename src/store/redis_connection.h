/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_connection: one connection to a Redis, which the fibers of a worker share.
 *
 * Many ask at a time: what they send leaves together at the end of a turn of the loop, and replies are theirs
 * in the order in which they asked. Each waits to its own deadline; what comes for one that has gone is
 * dropped in its turn.
 *
 * It connects by itself, in a fiber of its own, and again after every end. While it cannot be had nobody
 * waits: asking fails at once. A connection that breaks fails all that wait for it at once; one on which
 * several calls in a row, over some time, had no answer is given up. What brings it back is that it can be
 * made anew and answers in time, which is tried with growing pauses.
 */
#pragma once

#include "base/journal.h"
#include "base/random.h"
#include "codec/resp.h"
#include "io/dns.h"
#include "store/redis_place.h"
#include "tls/client_context.h"

enum { REDIS_REPLY_MAX = 1 << 20, REDIS_VALUES_MAX = 32768, REDIS_IN_FLIGHT_MAX = 1024 };

/* What all connections of a worker use. */
struct redis_means {
	struct fibers *fibers;
	struct dns *dns;
	struct tls_scratch *tls;
	struct tls_clients *tls_clients;
	struct journal *journal;
	struct random *random;
	struct resp_value *values; /* REDIS_VALUES_MAX, for one reply at a time */
};

struct redis_connection;

struct redis_connection *redis_connection_new(const struct redis_means *means, struct redis_place *place,
					      const str *addresses, size_t count);
/* Begins to connect: to the first of the addresses that answers. The means must outlive it. */

void redis_connection_stop(struct redis_connection **connection);
/* Ends it: who waits is told ERROR_CLOSED. Its fiber unwinds in the loop, after which nothing is left of it.
 * Clears the address, accepts NULL. Never yields. */

void redis_connection_dismiss(struct redis_connection **connection);
/* The same of a node that its cluster does not name any more; where it was missed, the journal says so. */

void redis_connection_hold(struct redis_connection *connection);
void redis_connection_release(struct redis_connection *connection);
/* It stays in between, also when it is stopped. */

struct redis_question {
	const str *words;
	size_t count;
	bool is_asking; /* behind ASKING: of a slot that is on its way to this node */
	/* Of the reply, which is valid during the call only. Never yields. Not called when nobody waits any
	 * more. */
	void (*take)(void *self, const struct resp_value *reply);
	void *self;
};

result redis_connection_ask(struct redis_connection *connection, const struct redis_question *question,
			    deadline until);
/* Yields. OK: take() was called. ERROR_REFUSED: it cannot be had now; ERROR_TIMEOUT; ERROR_LIMIT: too many
 * wait; ERROR_CLOSED, ERROR_RESET, ERROR_MALFORMED: it broke; ERROR_CANCELLED. */

bool redis_connection_is_up(const struct redis_connection *connection);

void redis_connection_distrust(struct redis_connection *connection, const char *why);
/* It answers, but not as who it should be: given up, and the next of its addresses is tried. why lives for
 * ever. */

str redis_connection_host(const struct redis_connection *connection);
/* Of the address that it is connected to, or tries to be. */

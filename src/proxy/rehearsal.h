/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rehearsal: an exchange as in live traffic, with nobody outside: for explain, test and diff.
 *
 * exchange_run() itself runs, on a worker of its own whose client is the rehearsal and whose upstreams are
 * stand-ins; nothing is listened on, connected to or looked up. What policies do to the world is replaced as
 * well: the clock stands still, random numbers come from a seed, a sleep returns at once. So what it shows
 * is what the gateway would do.
 */
#pragma once

#include "proxy/exchange.h"
#include "proxy/stand_in.h"

struct rehearsal;

struct rehearsal_options {
	struct snapshot *snapshot;
	struct edition *edition; /* of that snapshot, in force; NULL: it serves nobody */
	wall_time clock;         /* what the time is, until rehearsal_advance() */
	uint64_t seed;           /* of all random numbers; 0: another one each time */
	bool stops_at_upstream;  /* none is asked: where a request would go is all that is wanted */

	/* Who is told; each may be NULL. */
	const struct stand_in *(*stand_in)(void *self, str upstream); /* NULL, or without one: a plain 200 */
	void (*admitted)(void *self, const struct exchange *x, enum reason reason);
	void (*finished)(void *self, const struct exchange *x, const struct exchange_facts *facts);
	void (*decided)(void *self, const struct policy_instance *instance, enum decision decision);
	void (*told)(void *self, const char *text); /* by a policy, of a refusal or of trouble */
	void *self;
};

struct rehearsal_request {
	str head;                       /* as it would stand on the wire, with the empty line */
	str body;                       /* as it would follow */
	str client_ip;                  /* empty: 127.0.0.1 */
	const struct principal *client; /* by a certificate that is taken for good; NULL: it shows none */
	bool is_secure;                 /* it came by https */
};

/* What came of it; lives until the next run. */
struct rehearsed {
	bool is_answered; /* otherwise the connection was closed without a word */
	struct http_response answer;
	str body;
	enum reason reason;
	str api, route, consumer, upstream; /* empty where there is none */
	const struct target *target;
	const struct stand_in_request *forwarded; /* what the upstream got last; NULL: nothing */
};

result rehearsal_new(const struct rehearsal_options *options, struct rehearsal **ret_rehearsal);
/* The snapshot and what self points to must outlive it. ERROR_SYSTEM, ERROR_LIMIT: descriptors or memory. */

void rehearsal_free(struct rehearsal **rehearsal);
/* Clears the address, accepts NULL. */

void rehearsal_advance(struct rehearsal *rehearsal, duration time);
/* The clock goes on so far. */

result rehearsal_run(struct rehearsal *rehearsal, const struct rehearsal_request *request,
		     struct rehearsed *ret_rehearsed);
/* One request on a connection of its own. What the worker keeps (limits, caches) it keeps for the next one.
 * ERROR_INVALID: client_ip is no address. ERROR_TIMEOUT: it did not end within ten seconds of real time. Not
 * from a fiber. */

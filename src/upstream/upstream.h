/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream: a named group of endpoints that serve the same, as a snapshot holds it; and the choice of one
 * of them.
 *
 * Immutable. Who serves it is a roster, the turn of round_robin each worker's own (struct upstream_turns);
 * the load of an endpoint and the retry budget are shared and atomic. Choosing never waits and never
 * connects: whether the chosen one can be reached shows itself in the attempt.
 */
#pragma once

#include "base/random.h"
#include "upstream/roster.h"
#include "upstream/upstream_config.h"
#include "upstream/upstream_state.h"

struct tls_client_identity;

struct upstream {
	str name;
	const struct upstream_config *config;
	struct roster *roster; /* of fixed endpoints; NULL: it is discovered */
	struct discovery *discovery;
	struct upstream_state *state;
	struct tls_client_identity *tls; /* as whom TLS is spoken to its endpoints; NULL: it is not */
	size_t index;                    /* among the snapshot's upstreams */
};

/* What an upstream finds by name; the process's. */
struct upstream_identities {
	struct endpoints *endpoints;
	struct upstream_states *states;
	struct discoveries *discoveries;
	struct tls_client_identities *tls;
};

result upstream_compile(struct reader *reader, const struct upstream_identities *identities,
			const struct upstream_config *config, size_t index, struct upstream **ret_upstream);
/* Reports bad addresses, an upstream without endpoints or discovery, or in which none has a weight. In the
 * reader's arena; what it refers to is let go by upstream_fini(). NULL when it failed. */

void upstream_fini(struct upstream *upstream);
/* Lets go of roster, state and TLS identity. Accepts NULL. */

struct roster *upstream_roster(const struct upstream *upstream);
/* Who serves it at this moment. A reference, the caller's. */

/* One worker's changing half of an upstream and its roster. All zero is where it begins. */
struct upstream_turns {
	int64_t *credit; /* round_robin: one for each member; NULL: nobody has been chosen yet */
	size_t first;    /* where the search begins, so that each worker and each reload begins elsewhere */
};

/* Which members this request has tried: those are asked again only when no other is left. */
enum { UPSTREAM_TRIED_MAX = 10 };

struct upstream_tried {
	const struct endpoint *at[UPSTREAM_TRIED_MAX];
	size_t count;
};

/* What choosing changes; the worker's. */
struct upstream_choosing {
	struct upstream_turns *turns;
	struct arena *arena; /* of the turns: their credit is made at the first choice */
	struct random *random;
};

struct endpoint *upstream_pick(const struct upstream *upstream, const struct roster *roster,
			       const struct upstream_choosing *choosing, const struct upstream_tried *tried);
/* By the upstream's balance; backups only when every other member was tried. NULL when no member has a
 * weight and is not drained. */

void upstream_retry_earn(const struct upstream *upstream);
/* A request begins: it earns its percentage of a retry. */

bool upstream_retry_spend(const struct upstream *upstream);
/* Takes one retry off the budget; false, and nothing taken, when it is used up. */

bool upstream_retries_on(const struct upstream *upstream, enum retry_cause cause);
/* Whether the configuration has this tried again. */

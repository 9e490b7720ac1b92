/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream: a named group of endpoints that serve the same, as a snapshot holds it.
 *
 * Immutable. Who serves it is a roster, which of them gets a request is for balance.h to say; the load of an
 * endpoint and the retry budget are shared and atomic.
 */
#pragma once

#include "upstream/serving.h"
#include "upstream/upstream_config.h"
#include "upstream/upstream_state.h"

struct tls_client_identity;

struct upstream {
	str name;
	const struct upstream_config *config;
	struct roster *roster; /* of fixed endpoints; NULL: it is discovered */
	struct discovery *discovery;
	struct upstream_state *state;
	struct tls_client_identity *tls;         /* as whom TLS is spoken to its endpoints; NULL: it is not */
	const struct health_check_config *check; /* how its endpoints are asked; NULL: they are not */
	const struct outlier_config *outlier;    /* when one is ejected; NULL: never */
	struct standings *standings;             /* of its endpoints; NULL: nobody looks at how they are */
	size_t index;                            /* among the snapshot's upstreams */
};

/* What an upstream finds by name; the process's. */
struct upstream_identities {
	struct endpoints *endpoints;
	struct upstream_states *states;
	struct standings *standings;
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

bool upstream_begin_request(const struct upstream *upstream);
/* One more is under way, over all its tries, until upstream_end_request(). False: as many as its
 * `circuit_breaker` lets there be are. */

void upstream_end_request(const struct upstream *upstream);

/* What of an upstream stands against its bounds. */
enum upstream_bound { UPSTREAM_BOUND_REQUESTS, UPSTREAM_BOUND_CONNECTIONS, UPSTREAM_BOUND_PENDING };

struct upstream_load {
	uint64_t now, max; /* max 0: there is no bound, and it is not counted */
};

struct upstream_load upstream_load(const struct upstream *upstream, enum upstream_bound bound);
/* At this moment, over all workers. */

void upstream_earn(const struct upstream *upstream);
/* A request begins: it earns its percentages of a further try. */

bool upstream_spend(const struct upstream *upstream, enum upstream_budget budget);
/* Takes one try off the budget; false, and nothing taken, when it is used up. */

bool upstream_retries_on(const struct upstream *upstream, enum retry_cause cause);
/* Whether the configuration has this tried again. */

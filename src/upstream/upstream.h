/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream: a named group of endpoints that serve the same, as a snapshot holds it; and the choice of one
 * of them.
 *
 * Immutable. What changes with every request (the turn of round_robin, the retry budget) is each worker's
 * own, in struct upstream_turns; the load of an endpoint is shared and atomic. Choosing never waits and
 * never connects: whether the chosen one can be reached shows itself in the attempt.
 */
#pragma once

#include "base/random.h"
#include "upstream/endpoint.h"
#include "upstream/upstream_config.h"

struct upstream_member {
	struct endpoint *endpoint;
	uint32_t weight;
	bool is_backup;
};

struct upstream {
	str name;
	const struct upstream_config *config;
	struct upstream_member *members;
	size_t count;
	size_t index; /* among the snapshot's upstreams */
};

result upstream_compile(struct reader *reader, struct endpoints *endpoints,
			const struct upstream_config *config, size_t index, struct upstream **ret_upstream);
/* Reports bad addresses and an upstream without endpoints or in which none has a weight. */

/* One worker's changing half of an upstream. */
struct upstream_turns {
	int64_t *credit;      /* round_robin: one for each member */
	int64_t retry_tokens; /* in hundredths of a retry */
};

void upstream_turns_init(struct upstream_turns *turns, const struct upstream *upstream, struct arena *arena);
/* Begins with a full budget, so that the first failures after a start can be retried. */

/* Which members this request has tried: those are asked again only when no other is left. */
enum { UPSTREAM_TRIED_MAX = 10 };

struct upstream_tried {
	const struct endpoint *at[UPSTREAM_TRIED_MAX];
	size_t count;
};

struct endpoint *upstream_pick(const struct upstream *upstream, struct upstream_turns *turns,
			       struct random *random, const struct upstream_tried *tried);
/* By the upstream's balance; backups only when every other member was tried. NULL when no member has a
 * weight. */

void upstream_retry_earn(const struct upstream *upstream, struct upstream_turns *turns);
/* A request begins: it earns its percentage of a retry. */

bool upstream_retry_spend(const struct upstream *upstream, struct upstream_turns *turns);
/* Takes one retry off the budget; false, and nothing taken, when it is used up. */

bool upstream_retries_on(const struct upstream *upstream, enum retry_cause cause);
/* Whether the configuration has this tried again. */

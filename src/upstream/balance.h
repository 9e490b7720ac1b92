/* SPDX-License-Identifier: Apache-2.0 */
/*
 * balance: which member of a roster gets the next request.
 *
 * Choosing never waits and never connects: whether the chosen one can be reached shows itself in the attempt.
 * The load of an endpoint is shared and atomic; whose turn it is, is each worker's own.
 */
#pragma once

#include "base/random.h"
#include "upstream/roster.h"
#include "upstream/upstream_config.h"

/* One worker's changing half of an upstream and its roster. All zero is where it begins. */
struct balance_turns {
	int64_t *credit; /* round_robin: one for each member; NULL: nobody has been chosen yet */
	size_t first;    /* where the search begins, so that each worker and each reload begins elsewhere */
};

/* Which members this request has tried: those are asked again only when no other is left. */
enum { BALANCE_TRIED_MAX = 10 };

struct balance_tried {
	const struct endpoint *at[BALANCE_TRIED_MAX];
	size_t count;
};

/* What choosing changes; the worker's. */
struct balance_choosing {
	struct balance_turns *turns;
	struct arena *arena; /* of the turns: their credit is made at the first choice */
	struct random *random;
	uint64_t key; /* hash: who has the same meets the same endpoint */
	deadline now; /* by which shares grow */
};

const struct roster_member *balance_pick(const struct upstream_config *config, const struct roster *roster,
					 const struct balance_choosing *choosing,
					 const struct balance_tried *tried);
/* By the upstream's balance; backups only when every other member was tried. NULL when no member may serve
 * (serving.h). Where most may be picked, only round_robin looks at all of them. */

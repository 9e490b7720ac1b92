/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generation: one worker's half of an edition: what changes while requests are served under it.
 *
 * The worker has one as long as it is the newest, so has every exchange that began under it until its end,
 * and a door that is closing until its last connection is gone. The last one out lets go of the edition. All
 * on the worker's thread, so the count is plain.
 *
 * Nothing is made for an upstream before it is first chosen from: a reload costs a worker the same whether
 * the configuration is small or large.
 */
#pragma once

#include "proxy/edition.h"
#include "upstream/balance.h"

struct generation {
	size_t users; /* the worker, exchanges, closing doors */
	struct edition *edition;
	const struct snapshot *snapshot; /* the edition's */
	struct balance_turns *turns;     /* by the upstream's index */
	struct arena arena;              /* of the turns */
	/* Shared by all heads of requests that are being parsed, each until it waits: as many as any listener
	 * allows. */
	struct http_field *request_fields;
};

struct generation *generation_new(struct edition *edition);
/* The caller is its first user. Holds the edition. */

void generation_end(struct generation *generation);
/* By generation_leave(): frees it, and lets go of the edition. */

static inline void generation_enter(struct generation *generation)
/* One more user. */
{
	generation->users++;
}

static inline void generation_leave(struct generation *generation)
{
	if (--generation->users == 0)
		generation_end(generation);
}

static inline const struct roster *generation_roster(const struct generation *generation,
						     const struct upstream *upstream)
{
	return edition_roster(generation->edition, upstream);
}

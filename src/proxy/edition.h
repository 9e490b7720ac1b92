/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edition: what is in force: a snapshot, and who serves each of its upstreams now.
 *
 * Immutable and counted: one for whoever made it (the gateway, as long as it is the newest), and one for each
 * worker that still serves a request under it. A reload brings a new snapshot and with it an edition; another
 * answer of discovery an edition of the same snapshot.
 *
 * Whoever lets go of it last is mostly a worker, which has better things to do than to free a large
 * configuration: on_unused says so to the owner, who frees it where it has time.
 */
#pragma once

#include "proxy/snapshot.h"

struct edition;

typedef void (*edition_unused_fn)(struct edition *edition, void *owner);
/* Nobody has it any more: the owner sees to edition_free(), at once or on another thread. Called on whatever
 * thread let go of it. */

struct edition {
	struct snapshot *snapshot;
	/* By the upstream's index. The snapshot's own where they are fixed, and a reference otherwise. */
	struct roster **rosters;
	struct metric_series ***discovered; /* see counting_rosters_new() */
	struct consumers *consumers;        /* as they were when it was made */
	_Atomic uint32_t references;
	edition_unused_fn on_unused;
	void *owner;
	struct edition *next; /* the owner's, once it is unused */
};

struct edition *edition_new(struct snapshot *snapshot, edition_unused_fn on_unused, void *owner);
/* Takes a reference to the snapshot, and every upstream's roster as it is at this moment. The caller has
 * a reference. on_unused NULL: it is freed by the last to let go. */

struct edition *edition_ref(struct edition *edition);
/* Another reference, by who has one already. */

void edition_unref(struct edition **edition);
/* From any thread. Clears the address, accepts NULL. */

void edition_free(struct edition **edition);
/* By on_unused. Lets go of the rosters and of the snapshot, on this thread. */

static inline const struct roster *edition_roster(const struct edition *edition,
						  const struct upstream *upstream)
/* Who serves it in this edition. */
{
	return edition->rosters[upstream->index];
}

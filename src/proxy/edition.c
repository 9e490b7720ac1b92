/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edition: a count, and two sorts of rosters.
 *
 * A fixed upstream's roster lives as long as its snapshot, which the edition has: counting each of them,
 * 50,000 in a large configuration, would cost more than everything else here.
 */
#include "proxy/edition.h"

#include <stdlib.h>

#include "base/assert.h"

static struct roster **rosters_now(const struct snapshot *snapshot)
{
	struct roster **rosters = calloc(snapshot->upstream_count + 1, sizeof(struct roster *));

	ASSERT(rosters);
	for (size_t i = 0; i < snapshot->upstream_count; i++) {
		struct upstream *upstream = snapshot->upstreams[i];

		rosters[i] = upstream->roster ? upstream->roster : upstream_roster(upstream);
	}
	return rosters;
}

struct edition *edition_new(struct snapshot *snapshot, edition_unused_fn on_unused, void *owner)
{
	struct edition *edition = calloc(1, sizeof *edition);

	ASSERT(edition);
	edition->snapshot = snapshot_ref(snapshot);
	edition->rosters = rosters_now(snapshot);
	edition->consumers = consumers_ref(snapshot->roll.consumers);
	edition->discovered = counting_rosters_new(edition);
	atomic_init(&edition->references, 1);
	edition->on_unused = on_unused;
	edition->owner = owner;
	return edition;
}

struct edition *edition_ref(struct edition *edition)
{
	atomic_fetch_add_explicit(&edition->references, 1, memory_order_relaxed);
	return edition;
}

void edition_unref(struct edition **address)
{
	struct edition *edition = *address;

	*address = NULL;
	if (!edition || atomic_fetch_sub_explicit(&edition->references, 1, memory_order_acq_rel) != 1)
		return;
	if (edition->on_unused)
		edition->on_unused(edition, edition->owner);
	else
		edition_free(&edition);
}

static void rosters_release(struct edition *edition)
{
	const struct snapshot *snapshot = edition->snapshot;

	for (size_t i = 0; i < snapshot->upstream_count; i++)
		if (!snapshot->upstreams[i]->roster)
			roster_unref(&edition->rosters[i]);
	free(edition->rosters);
}

void edition_free(struct edition **address)
{
	struct edition *edition = *address;

	if (!edition)
		return;
	counting_rosters_free(&edition->discovered, edition);
	rosters_release(edition);
	consumers_unref(&edition->consumers);
	snapshot_unref(&edition->snapshot);
	free(edition);
	*address = NULL;
}

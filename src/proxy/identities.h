/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identities: what of the process outlives its snapshots, each found again by its name.
 *
 * One in a process, made before the first snapshot and gone after the last. Snapshots refer to what they
 * find here; what none refers to any more is gone.
 */
#pragma once

#include "base/allowance.h"
#include "observe/metrics.h"
#include "upstream/upstream.h"

struct large_blocks;
struct quota_table;
struct rate_table;
struct redis_places;
struct replay_cache;
struct session_refreshes;
struct slot_table;
struct ticket_keys;

struct identities {
	struct endpoints *endpoints;
	struct upstream_states *upstream_states;
	struct standings *standings; /* of endpoints */
	struct discoveries *discoveries;
	struct tls_client_identities *tls;
	struct ticket_keys *tickets; /* of TLS sessions */
	struct consumer_files *consumer_files;
	struct revocation_lists *revocations;
	struct key_sets *key_sets;    /* of issuers */
	struct replay_cache *replays; /* proofs that were shown */
	struct session_refreshes *refreshes;
	struct rate_table *rates; /* what limits count in */
	struct quota_table *quotas;
	struct slot_table *slots;          /* likewise, of what is under way at once */
	struct redis_places *stores;       /* what several gateways count on */
	struct memory_bound *memory;       /* of all workers; without a bound until a gateway sets one */
	struct large_blocks *large_blocks; /* of the snapshots' arenas */
	struct metrics *metrics;           /* made with the first snapshot; NULL: nothing is counted */
	bool is_counting;                  /* make them: set after identities_init() by whoever will serve */
};

void identities_init(struct identities *identities);

void identities_fini(struct identities *identities);
/* When no snapshot, no edition and no worker is left. */

/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/identities.h"

#include <stdlib.h>

#include "auth/consumer_file.h"
#include "auth/key_set.h"
#include "auth/replay_cache.h"
#include "auth/revocations.h"
#include "auth/session_refresh.h"
#include "base/large_blocks.h"
#include "store/quota_table.h"
#include "store/rate_table.h"
#include "store/redis_place.h"
#include "store/slot_table.h"
#include "tls/client_identity.h"
#include "tls/ticket_keys.h"

void identities_init(struct identities *identities)
{
	*identities = (struct identities) {
		.endpoints = endpoints_new(),
		.upstream_states = upstream_states_new(),
		.standings = standings_new(),
		.tls = tls_client_identities_new(),
		.tickets = ticket_keys_new(),
		.key_sets = key_sets_new(),
		.consumer_files = consumer_files_new(),
		.revocations = revocation_lists_new(),
		.replays = replay_cache_new(REPLAY_ENTRIES),
		.refreshes = session_refreshes_new(),
		.rates = rate_table_new(RATE_CELLS),
		.quotas = quota_table_new(QUOTA_CELLS),
		.slots = slot_table_new(SLOT_KEYS),
		.stores = redis_places_new(),
		.memory = memory_bound_new(),
		.large_blocks = large_blocks_new(),
	};
	identities->discoveries = discoveries_new(identities->endpoints);
}

void identities_fini(struct identities *identities)
{
	standings_free(&identities->standings);
	metrics_free(&identities->metrics);
	rate_table_free(&identities->rates);
	quota_table_free(&identities->quotas);
	slot_table_free(&identities->slots);
	redis_places_free(&identities->stores);
	free(identities->memory);
	large_blocks_free(&identities->large_blocks);
	session_refreshes_free(&identities->refreshes);
	replay_cache_free(&identities->replays);
	consumer_files_free(&identities->consumer_files);
	revocation_lists_free(&identities->revocations);
	key_sets_free(&identities->key_sets);
	ticket_keys_free(&identities->tickets);
	upstream_states_free(&identities->upstream_states);
	discoveries_free(&identities->discoveries);
	endpoints_free(&identities->endpoints);
	tls_client_identities_free(&identities->tls);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_source: from what a configuration says of keys to key sets, which the snapshot has as long as it lives.
 */
#pragma once

#include "auth/key_set.h"
#include "auth/revocations.h"
#include "proxy/snapshot.h"

struct key_sources {
	struct reader *reader;
	struct snapshot *snapshot;
	struct key_sets *sets;
	struct tls_client_identities *authorities;
	struct revocation_lists *revocations;
	size_t max, revocations_max; /* room in the snapshot's lists */
};

struct key_set *key_source_find(struct key_sources *sources, const struct node *at, const struct node *keys,
				str issuer);
/* keys: a URL, or "file:PATH", a JWK Set or PEM; NULL: where the issuer says that they are. NULL after a
 * report, at keys, else at `at`. */

struct key_set *key_source_keep(struct key_sources *sources, const struct node *at, struct jwk_set *keys,
				str content);
/* Keys that were given, and what they were made of. Takes them. NULL after a report. */

struct revocations *key_source_revocations(struct key_sources *sources, const struct node *path);
/* What of the signed is good no longer. NULL after a report. */

void key_sources_release(struct snapshot *snapshot);
/* What they have put there. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination: whom policies ask: an upstream of the configuration, or a URL, for which an upstream of one
 * endpoint is made that no API can name. With https it is asked over TLS and must prove itself to the
 * system's authorities.
 *
 * So a service that is asked by a policy has connections, load and counters like any other.
 */
#pragma once

#include "policy/fetch.h"
#include "proxy/key_source.h"
#include "proxy/snapshot.h"

struct destination {
	const struct upstream *upstream;
	str host;   /* Host: for a URL; empty: that of the request */
	str target; /* path and query of a URL; empty: those of the request */
};

/* What of a configuration is needed to find them; all of it outlives the compiling. */
struct destinations {
	struct reader *reader;
	struct snapshot *snapshot;
	const struct upstream_identities *identities;
	const struct map *upstreams; /* by name */
	struct map by_origin;        /* to the upstreams that were made */
	size_t upstreams_max;        /* room in the snapshot's list */
	size_t managed_max, redact_max, cookies_max;
	struct key_sources keys;
};

void destinations_init(struct destinations *destinations, struct reader *reader, struct snapshot *snapshot,
		       const struct upstream_identities *identities, const struct map *upstreams);
/* After the snapshot's upstreams are compiled. */

struct policy_hooks destinations_hooks(struct destinations *destinations);

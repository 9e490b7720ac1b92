/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoint: one address behind an upstream, by its identity.
 *
 * Endpoints belong to the process, not to a snapshot: an address that stays in the configuration keeps its
 * load, its connections and its number over a reload. It is there as long as a roster or a connection refers
 * to it. Workers share the counters, which are atomic; everything else is fixed when the endpoint is made.
 */
#pragma once

#include "base/registry.h"
#include "base/time.h"
#include "io/address.h"

struct endpoint {
	struct registered registered; /* first */
	str text;                     /* as it stands in the configuration */
	str host;                     /* for DNS, when the address is a name */
	uint16_t port;
	bool is_named;                /* address must be resolved */
	struct address address;       /* otherwise */
	_Atomic uint32_t active;      /* requests in flight, all workers */
	_Atomic uint32_t rosters;     /* that name it; without one its idle connections are of no use */
	_Atomic bool is_drained;      /* by the operator: gets no request while set */
	_Atomic deadline quiet_until; /* why TLS to it fails was told lately */
};

struct endpoints;

struct endpoints *endpoints_new(void);
/* All of a process. */

void endpoints_free(struct endpoints **endpoints);
/* When no roster and no pool is left. Clears the address, accepts NULL. */

result endpoints_get(struct endpoints *endpoints, str text, struct endpoint **ret_endpoint);
/* Finds or makes it, from any thread; the caller has it until endpoint_unref(). ERROR_MALFORMED with what is
 * wrong in text. At most 65536 at a time: ERROR_LIMIT. */

size_t endpoints_count(struct endpoints *endpoints);

struct endpoint *endpoint_ref(struct endpoint *endpoint);
void endpoint_unref(struct endpoint **endpoint);
/* From any thread. The last one frees it; clears the address, accepts NULL. */

static inline unsigned endpoint_number(const struct endpoint *endpoint)
/* Small, for tables a worker. Another endpoint has it when this one is gone. */
{
	return endpoint->registered.number;
}

static inline bool endpoint_is_drained(const struct endpoint *endpoint)
{
	return atomic_load_explicit(&endpoint->is_drained, memory_order_relaxed);
}

static inline bool endpoint_is_listed(const struct endpoint *endpoint)
/* Whether some roster names it. */
{
	return atomic_load_explicit(&endpoint->rosters, memory_order_relaxed) > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoint: one address behind an upstream, by its identity.
 *
 * Endpoints belong to the process, not to a snapshot: an address that stays in the configuration keeps its
 * load, its pools and its number over a reload. Workers share the counters, which are atomic; everything
 * else is fixed when the endpoint is made.
 */
#pragma once

#include <stdatomic.h>

#include "io/address.h"

struct endpoint {
	str text; /* as it stands in the configuration */
	str host; /* for DNS, when the address is a name */
	uint16_t port;
	bool is_named;           /* address must be resolved */
	struct address address;  /* otherwise */
	unsigned number;         /* small, for tables a worker */
	_Atomic uint32_t active; /* requests in flight, all workers */
};

struct endpoints;

struct endpoints *endpoints_new(void);
/* All of a process. */

void endpoints_free(struct endpoints **endpoints);
/* When no snapshot and no pool is left. Clears the address, accepts NULL. */

result endpoints_get(struct endpoints *endpoints, str text, struct endpoint **ret_endpoint);
/* Finds or makes it; from any thread. ERROR_MALFORMED with what is wrong in text. At most 65536 in the life
 * of a process: ERROR_LIMIT. */

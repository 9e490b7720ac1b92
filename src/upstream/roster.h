/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roster: who serves an upstream now: its endpoints and their shares.
 *
 * Immutable, so that it is read without a lock; who serves from now on is another roster. A fixed upstream's
 * is made with it, a discovered one's whenever its names are answered differently. It has a reference to each
 * of its endpoints.
 */
#pragma once

#include "upstream/endpoint.h"

struct roster_member {
	struct endpoint *endpoint;
	uint32_t weight; /* 0: gets none */
	bool is_backup;
};

struct roster {
	_Atomic uint32_t references;
	size_t count;
	struct roster_member members[];
};

struct roster *roster_new(const struct roster_member *members, size_t count);
/* Takes over the caller's references to the endpoints. None may be NULL; count may be 0: nobody serves. */

struct roster *roster_ref(struct roster *roster);
void roster_unref(struct roster **roster);
/* From any thread. The last one frees it; clears the address, accepts NULL. */

bool roster_is_same(const struct roster *a, const struct roster *b);
/* The same endpoints with the same shares, in the same order. */

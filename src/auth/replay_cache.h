/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay_cache: what was shown once and is good only once: identifiers of DPoP proofs, nonces of signatures.
 *
 * One for all workers, of a fixed size: hashes and the second after which nobody would take the thing anyway.
 * Where there is no room for a new thing it is refused, as if it had been seen. Nothing that could still be
 * replayed is ever forgotten. Keyed hashes of 64 bits: two things may be taken for one, about once in 10^13
 * requests, and one thing never for two.
 */
#pragma once

#include "base/str.h"
#include "base/time.h"
#include "observe/reason.h"

enum { REPLAY_ENTRIES = 1 << 20 }; /* of a gateway's; 16 bytes each, of which only those in use are touched */

struct replay_cache;

struct replay_cache *replay_cache_new(size_t entries);
/* Rounded up to a power of two, at least 4,096. */

void replay_cache_free(struct replay_cache **cache);
/* Clears the address, accepts NULL. */

enum reason replay_cache_add(struct replay_cache *cache, const str *parts, size_t count, wall_time until,
			     wall_time now);
/* The parts together are the thing; it is remembered at least until then. From any thread.
 * REASON_NONE: it is the first; REASON_TOKEN_REPLAYED: it was there already; REASON_AUTH_UNAVAILABLE: there
 * is no room. */

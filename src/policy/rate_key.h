/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate_key: by what a limit tells apart those who ask: `by`, one thing or several that are one key together.
 */
#pragma once

#include "codec/sha256.h"
#include "policy/policy.h"

struct rate_part;

struct rate_key {
	const struct rate_part *at;
	size_t count;
};

result rate_key_compile(const struct policy_compile *compile, const char *option, const str_list *by,
			struct rate_key *ret_key);
/* by: what the option says, or its default. ERROR_INVALID after a report. */

bool rate_key_needs_principal(const struct rate_key *key);
/* Whether it is about who asks, beyond the address. */

bool rate_key_is_of_clients(const struct rate_key *key);
/* Whether it tells clients apart, and not only places of the configuration. */

uint64_t rate_key_hash(const struct rate_key *key, const struct view *view, uint64_t seed);
/* Of this request. What is missing is a value of its own, the same for all who lack it. */

void rate_key_share(const struct rate_key *key, const struct view *view,
		    const unsigned char limit[SHA256_LEN], unsigned char ret_key[SHARED_KEY_LEN]);
/* The same for what must be equal in other processes. limit: the digest of what the limit is; one that only
 * reports counts for itself. Tells nothing of the values but to who can guess them. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_quota: what quota_table counts in memory, counted on a Redis for all gateways together.
 *
 * A key is one value there, the end of a window and what was counted in it, and goes by itself a minute after
 * that end. Which window it is, months of the calendar too, is found by a script on the server, in the same
 * step and by the server's clock: no gateway's clock is ever sent.
 */
#pragma once

#include "store/quota_table.h"
#include "store/quota_window.h"
#include "store/redis.h"

extern const str redis_quota_source;

struct redis_quota_ask {
	str key;
	int64_t period; /* seconds; 0: a month of the calendar */
	uint64_t limit;
	int64_t cost;   /* 0 only looks; below 0: so much is given back */
	int64_t window; /* of what is given back: the end of the one that it was taken of */
};

/* By the server's clock. */
struct redis_quota_taken {
	struct quota_standing standing;
	struct quota_window window;
	duration until_end;
};

result redis_quota_run(struct redis *redis, const struct redis_script *script,
		       const struct redis_quota_ask *ask, deadline until,
		       struct redis_quota_taken *ret_taken);
/* Yields. Errors as redis_run(). */

bool redis_quota_read(const struct redis_quota_ask *ask, const struct redis_answer *answer,
		      struct redis_quota_taken *ret_taken);
/* What the script returned. False: it cannot have returned that. */

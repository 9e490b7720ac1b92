/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_gcra: what rate_table counts in memory, counted on a Redis for all gateways together.
 *
 * A key is one value there, the time at which all that was taken is paid back, and goes by itself when it is.
 * All is decided by a script on the server, in one step and by the server's clock: no gateway's clock is ever
 * sent. Times are whole nanoseconds, of the fastest limits picoseconds; what a unit costs is rounded up to
 * those, by a thousandth at most.
 */
#pragma once

#include "store/rate_table.h"
#include "store/redis.h"

extern const str redis_gcra_source;

/* What is asked for at a time. */
struct redis_gcra_take {
	str key;
	const struct gcra *gcra;
	/* As much as there is up to want, but nothing at all if it is less than need. Below 0, both the same:
	 * so much is given back. */
	int64_t need, want;
};

struct redis_gcra_taken {
	int64_t granted;
	struct rate_standing standing; /* after that; of who asked for need */
};

result redis_gcra_run(struct redis *redis, const struct redis_script *script,
		      const struct redis_gcra_take *take, deadline until, struct redis_gcra_taken *ret_taken);
/* Yields. Errors as redis_run(). */

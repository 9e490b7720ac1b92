/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_lease: a worker takes ahead on a Redis what it will soon need, and gives it out without asking.
 *
 * For each key it remembers what it took and has not given out yet, which is good for a period from when it
 * was taken; and when it was refused, until when there is no point in asking again, a period at most. How
 * much it takes follows what it was lately asked for, up to what the limit gives in a period. What is left of
 * an earlier lease counts towards the next, for a period more.
 *
 * As all of it was taken from the limit, at most two periods before it was given out, and what was left
 * longer than that is nobody's, no more gets in than the burst and what the limit gives in the time and a
 * period. What is idle with one worker is missing with others; it is little, and time brings it back.
 *
 * A fixed number of keys; a new one takes the place of another, of which what was left is lost.
 */
#pragma once

#include "store/redis_gcra.h"

enum { REDIS_LEASES = 4096, REDIS_LEASE_KEY_LEN = 16 };

struct redis_leases;

struct redis_leases *redis_leases_new(void);
void redis_leases_free(struct redis_leases **leases);
/* Clears the address, accepts NULL. */

struct redis_lease_take {
	const unsigned char *key; /* REDIS_LEASE_KEY_LEN, evenly distributed */
	const struct gcra *gcra;
	duration period;
	deadline now;
	int64_t cost; /* at least 0 */
};

bool redis_lease_give(struct redis_leases *leases, const struct redis_lease_take *take,
		      struct rate_standing *ret_standing);
/* True: it is decided without asking. */

/* What is to be asked for then: see struct redis_gcra_take. */
struct redis_lease_asked {
	int64_t need, want;
	int64_t credit; /* what was left, and is counted in */
};

void redis_lease_ask(struct redis_leases *leases, const struct redis_lease_take *take,
		     struct redis_lease_asked *ret_asked);
/* One of the next two follows. */

void redis_lease_keep(struct redis_leases *leases, const struct redis_lease_take *take,
		      const struct redis_lease_asked *asked, struct redis_gcra_taken *taken);
/* What came of it; the standing in taken counts what is left here. */

void redis_lease_fail(struct redis_leases *leases, const struct redis_lease_take *take);
/* No answer came. What was left is lost. */

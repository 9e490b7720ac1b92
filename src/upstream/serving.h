/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serving: which members of a roster may be chosen, and what each one's share is.
 *
 * As long as enough are well, those and nobody else. Where none is known to be well, those of whom nothing is
 * known yet: after a start nobody should wait for the first check. Where fewer are left than `panic` says,
 * everyone: checks can be wrong, and those few would fall over too. Which of the three holds is the roster's
 * level. It is found out whenever somebody's health changes, so that a request only compares two numbers; a
 * roster without standings costs it one look at a pointer.
 */
#pragma once

#include "upstream/roster.h"

struct roster_counts {
	size_t all;     /* that have a weight and are not drained */
	size_t members; /* backups apart */
	size_t known;   /* of them: of whom a check or requests have told something */
	size_t healthy, unknown, ejected;
	size_t backups; /* that are healthy */
};

struct roster_counts serving_count(const struct roster *roster);

enum serving_level serving_settle(struct roster *roster);
/* Somebody's health has changed: finds out the level, and returns it. */

static inline bool serving_is_panic(const struct roster *roster)
/* Whether all serve, because too few are well. */
{
	return atomic_load_explicit(&roster->level, memory_order_relaxed) == SERVING_ALL;
}

static inline bool serving_may(const struct roster *roster, const struct roster_member *member)
/* Whether it gets requests now: it has a weight, is not drained, and the level reaches it. */
{
	if (member->weight == 0 || endpoint_is_drained(member->endpoint))
		return false;
	return !member->standing || (int)standing_health(member->standing) <=
					    atomic_load_explicit(&roster->level, memory_order_relaxed);
}

enum { SERVING_SHARE_LEAST = 10, SERVING_SHARE_ALL = 100 };

uint64_t serving_share(const struct roster *roster, const struct standing *standing, deadline now);
/* Of SERVING_SHARE_ALL: less while it grows. */

static inline uint64_t serving_weight(const struct roster *roster, const struct roster_member *member,
				      deadline now)
/* Its weight, SERVING_SHARE_ALL times, or less of it while its share grows. */
{
	if (!roster->rules.slow_start)
		return (uint64_t)member->weight * SERVING_SHARE_ALL;
	return member->weight * serving_share(roster, member->standing, now);
}

void serving_tell(const struct roster *roster, const struct roster_member *member, int cause);
/* How a try with one of its members has ended: 0: it was answered; otherwise see standing_fail(). */

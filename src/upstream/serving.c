/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serving: the level, which is the whole of the panic rule, and shares that grow.
 *
 * An unknown endpoint counts neither as well nor as ill: three new ones beside one that is well are no panic.
 * A backup that is well is what the operator has put there for this moment, so with one there is none either;
 * nor where the operator has drained all.
 */
#include "upstream/serving.h"

static void count_backup(struct roster_counts *counts, enum health_state health)
{
	counts->backups += health == HEALTH_HEALTHY;
	counts->unknown += health == HEALTH_UNKNOWN;
}

static void count_member(struct roster_counts *counts, enum health_state health)
{
	counts->members++;
	counts->known += health != HEALTH_UNKNOWN;
	counts->healthy += health == HEALTH_HEALTHY;
	counts->unknown += health == HEALTH_UNKNOWN;
	counts->ejected += health == HEALTH_EJECTED;
}

struct roster_counts serving_count(const struct roster *roster)
{
	struct roster_counts counts = { 0 };

	for (size_t i = 0; i < roster->count; i++) {
		const struct roster_member *member = &roster->members[i];
		enum health_state health =
			member->standing ? standing_health(member->standing) : HEALTH_HEALTHY;

		if (member->weight == 0 || endpoint_is_drained(member->endpoint))
			continue;
		counts.all++;
		if (member->is_backup)
			count_backup(&counts, health);
		else
			count_member(&counts, health);
	}
	return counts;
}

static enum serving_level level_of(const struct roster_counts *counts, int64_t panic)
{
	if (counts->backups || !counts->all)
		return SERVING_HEALTHY;
	if (!counts->healthy && counts->unknown)
		return SERVING_UNKNOWN;
	if (panic && (!counts->healthy || (int64_t)counts->healthy * 100 < panic * (int64_t)counts->known))
		return SERVING_ALL;
	return SERVING_HEALTHY;
}

enum serving_level serving_settle(struct roster *roster)
{
	struct roster_counts counts = serving_count(roster);
	enum serving_level level = level_of(&counts, roster->rules.panic);

	atomic_store_explicit(&roster->level, level, memory_order_relaxed);
	return level;
}

/* Both are the clock's, read by different threads: one may be ahead of the other. */
uint64_t serving_share(const struct roster *roster, const struct standing *standing, deadline now)
{
	deadline from = standing ? atomic_load_explicit(&standing->rises_from, memory_order_relaxed) : 0;
	duration slow_start = roster->rules.slow_start, since = now > from ? now - from : 0;

	if (!from || since >= slow_start)
		return SERVING_SHARE_ALL;
	return SERVING_SHARE_LEAST +
	       (uint64_t)((double)since / (double)slow_start * (SERVING_SHARE_ALL - SERVING_SHARE_LEAST));
}

void serving_tell(const struct roster *roster, const struct roster_member *member, int cause)
{
	if (!roster->rules.failures || !member->standing)
		return;
	if (!cause)
		standing_succeed(member->standing);
	else
		standing_fail(member->standing, roster->rules.failures, cause);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * balance: the members that may be picked, and each way to choose among them.
 *
 * A request that is tried again asks for another member than before; only when none is left does it meet
 * one twice, because a struggling upstream with one endpoint must still get its second try.
 */
#include "upstream/balance.h"

static bool was_tried(const struct balance_tried *tried, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < tried->count; i++)
		if (tried->at[i] == endpoint)
			return true;
	return false;
}

/* Which members may be picked: untried ones first, then untried backups, then anyone. */
enum stage { STAGE_UNTRIED, STAGE_UNTRIED_BACKUP, STAGE_ANY, STAGES };

/* How much of the requests a member should get, beside the others. */
static uint32_t weight_of(const struct roster_member *member)
{
	return member->weight;
}

static bool may_pick(const struct roster_member *member, const struct balance_tried *tried, enum stage stage)
{
	if (weight_of(member) == 0 || endpoint_is_drained(member->endpoint))
		return false;
	if (stage == STAGE_ANY)
		return true;
	return member->is_backup == (stage == STAGE_UNTRIED_BACKUP) && !was_tried(tried, member->endpoint);
}

static void turns_begin(const struct balance_choosing *choosing, size_t count)
{
	choosing->turns->credit = ARENA_ARRAY(choosing->arena, int64_t, count);
	choosing->turns->first = random_below(choosing->random, count);
}

/* Smooth weighted round robin: everyone earns its weight, the richest is chosen and pays for all. */
static struct endpoint *pick_in_turn(const struct roster *roster, const struct balance_choosing *choosing,
				     const struct balance_tried *tried, enum stage stage)
{
	struct balance_turns *turns = choosing->turns;
	size_t best = roster->count;
	int64_t total = 0;

	if (!turns->credit)
		turns_begin(choosing, roster->count);
	for (size_t n = 0, i = turns->first; n < roster->count; n++, i = i + 1 < roster->count ? i + 1 : 0) {
		if (!may_pick(&roster->members[i], tried, stage))
			continue;
		turns->credit[i] += weight_of(&roster->members[i]);
		total += weight_of(&roster->members[i]);
		if (best == roster->count || turns->credit[i] > turns->credit[best])
			best = i;
	}
	if (best == roster->count)
		return NULL;
	turns->credit[best] -= total;
	return roster->members[best].endpoint;
}

/* Whether a is busier than b, each by its weight. */
static bool is_busier(const struct roster_member *a, const struct roster_member *b)
{
	uint64_t load_a = atomic_load_explicit(&a->endpoint->active, memory_order_relaxed) + 1;
	uint64_t load_b = atomic_load_explicit(&b->endpoint->active, memory_order_relaxed) + 1;

	return load_a * weight_of(b) > load_b * weight_of(a);
}

/* The least busy by weight; the search begins at a random member, so that equals share. */
static struct endpoint *pick_least_busy(const struct roster *roster, struct random *random,
					const struct balance_tried *tried, enum stage stage)
{
	size_t from = random_below(random, roster->count);
	const struct roster_member *best = NULL;

	for (size_t i = 0; i < roster->count; i++) {
		const struct roster_member *member = &roster->members[(from + i) % roster->count];

		if (may_pick(member, tried, stage) && (!best || is_busier(best, member)))
			best = member;
	}
	return best ? best->endpoint : NULL;
}

struct endpoint *balance_pick(const struct upstream_config *config, const struct roster *roster,
			      const struct balance_choosing *choosing, const struct balance_tried *tried)
{
	struct endpoint *picked = NULL;

	if (!roster->count)
		return NULL;
	if (roster->count == 1)
		return may_pick(&roster->members[0], tried, STAGE_ANY) ? roster->members[0].endpoint : NULL;
	for (enum stage stage = STAGE_UNTRIED; stage < STAGES && !picked; stage++) {
		if (config->balance == BALANCE_LEAST_REQUESTS)
			picked = pick_least_busy(roster, choosing->random, tried, stage);
		else
			picked = pick_in_turn(roster, choosing, tried, stage);
	}
	return picked;
}

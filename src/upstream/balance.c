/* SPDX-License-Identifier: Apache-2.0 */
/*
 * balance: the members that may be picked, and each way to choose among them.
 *
 * A request that is tried again asks for another member than before; only when none is left does it meet
 * one twice, because a struggling upstream with one endpoint must still get its second try.
 *
 * All but round_robin draw a few members first, by the weights that the roster has added up, or by its table;
 * all of them are looked at only when those few may not be picked, as on the way to the backups.
 */
#include "upstream/balance.h"

enum {
	FEW = 3, /* members that are compared without drawing */
	DRAWS_MAX = 8,
	STEPS_MAX = 64,    /* through the table */
	SAMPLE_MAX = 32,   /* members whose load stands for all */
	ALWAYS_ALLOWED = 4 /* requests in flight at one endpoint, whatever the bound */
};

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

static bool may_serve(const struct roster_member *member)
{
	return weight_of(member) > 0 && !endpoint_is_drained(member->endpoint);
}

static bool may_pick(const struct roster_member *member, const struct balance_tried *tried, enum stage stage)
{
	if (!may_serve(member))
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

static uint32_t load_of(const struct roster_member *member)
{
	return atomic_load_explicit(&member->endpoint->active, memory_order_relaxed);
}

/* Whether a would be busier than b with one request more, each by its weight. */
static bool is_busier(const struct roster_member *a, const struct roster_member *b)
{
	return ((uint64_t)load_of(a) + 1) * weight_of(b) > ((uint64_t)load_of(b) + 1) * weight_of(a);
}

/* The least busy by weight; the search begins at a random member, so that equals share. */
static struct endpoint *pick_least_busy(const struct roster *roster, struct random *random,
					const struct balance_tried *tried, enum stage stage)
{
	size_t from = random_below(random, roster->count);
	const struct roster_member *best = NULL;

	for (size_t n = 0, i = from; n < roster->count; n++, i = i + 1 < roster->count ? i + 1 : 0) {
		const struct roster_member *member = &roster->members[i];

		if (may_pick(member, tried, stage) && (!best || is_busier(best, member)))
			best = member;
	}
	return best ? best->endpoint : NULL;
}

/* One of all that are no backups, by weight: the first whose sum of weights is beyond a random number. */
static const struct roster_member *draw(const struct roster *roster, struct random *random)
{
	uint64_t at = random_below(random, roster->weight);
	size_t low = 0, high = roster->count - 1;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (roster->members[middle].upto > at)
			high = middle;
		else
			low = middle + 1;
	}
	return &roster->members[low];
}

/* Another one than `but`, of those that are to be asked first. NULL: none was met. */
static const struct roster_member *draw_other(const struct roster *roster, struct random *random,
					      const struct balance_tried *tried,
					      const struct roster_member *but)
{
	for (unsigned draws = 0; roster->weight && draws < DRAWS_MAX; draws++) {
		const struct roster_member *member = draw(roster, random);

		if (member != but && may_pick(member, tried, STAGE_UNTRIED))
			return member;
	}
	return NULL;
}

/* The better one of two. Where there are few, or two are not met, all are compared. */
static struct endpoint *pick_of_two(const struct roster *roster, struct random *random,
				    const struct balance_tried *tried, enum stage stage)
{
	const struct roster_member *one = NULL, *other = NULL;

	if (roster->count > FEW && stage == STAGE_UNTRIED)
		one = draw_other(roster, random, tried, NULL);
	if (one)
		other = draw_other(roster, random, tried, one);
	if (!other)
		return pick_least_busy(roster, random, tried, stage);
	return is_busier(one, other) ? other->endpoint : one->endpoint;
}

/* In one pass over all: each takes the place of the one before by its share of the weights so far. */
static struct endpoint *pick_by_lot(const struct roster *roster, struct random *random,
				    const struct balance_tried *tried, enum stage stage)
{
	struct endpoint *picked = NULL;
	uint64_t weight = 0;

	for (size_t i = 0; i < roster->count; i++) {
		if (!may_pick(&roster->members[i], tried, stage))
			continue;
		weight += weight_of(&roster->members[i]);
		if (random_below(random, weight) < weight_of(&roster->members[i]))
			picked = roster->members[i].endpoint;
	}
	return picked;
}

static struct endpoint *pick_at_random(const struct roster *roster, struct random *random,
				       const struct balance_tried *tried, enum stage stage)
{
	const struct roster_member *member = NULL;

	if (stage == STAGE_UNTRIED)
		member = draw_other(roster, random, tried, NULL);
	return member ? member->endpoint : pick_by_lot(roster, random, tried, stage);
}

/* What is in flight, and the weight of those who have it: of all, or of some that stand beside each other. */
struct sample {
	uint64_t load, weight;
};

static struct sample sample_take(const struct roster *roster, struct random *random)
{
	size_t count = roster->count < SAMPLE_MAX ? roster->count : SAMPLE_MAX;
	size_t i = count < roster->count ? random_below(random, roster->count) : 0;
	struct sample sample = { 0 };

	for (size_t n = 0; n < count; n++, i = i + 1 < roster->count ? i + 1 : 0) {
		if (roster->members[i].is_backup || !may_serve(&roster->members[i]))
			continue;
		sample.load += load_of(&roster->members[i]);
		sample.weight += weight_of(&roster->members[i]);
	}
	return sample;
}

/* Whether it stays within the bound with one request more, which counts in the mean as well; rounded up, so
 * that there is room at somebody's at any time. */
static bool has_room(const struct roster_member *member, const struct sample *sample, int64_t bound)
{
	uint64_t share = (sample->load + 1) * weight_of(member) * (uint64_t)bound;

	return (uint64_t)load_of(member) * 100 * sample->weight < share;
}

/* Whose the key is, or the next one in the table that may be picked and has room. Where nobody is met, load
 * decides. */
static struct endpoint *pick_by_key(const struct roster *roster, const struct balance_choosing *choosing,
				    const struct balance_tried *tried, int64_t bound)
{
	const struct maglev *maglev = roster_maglev(roster);
	struct sample sample = { 0 };

	for (unsigned step = 0; maglev && step < STEPS_MAX; step++) {
		const struct roster_member *member =
			&roster->members[maglev_find(maglev, choosing->key, step)];

		if (!may_pick(member, tried, STAGE_UNTRIED))
			continue;
		if (load_of(member) < ALWAYS_ALLOWED)
			return member->endpoint;
		if (!sample.weight)
			sample = sample_take(roster, choosing->random);
		if (has_room(member, &sample, bound))
			return member->endpoint;
	}
	return pick_least_busy(roster, choosing->random, tried, STAGE_UNTRIED);
}

static struct endpoint *pick_at_stage(const struct balance_config *balance, const struct roster *roster,
				      const struct balance_choosing *choosing,
				      const struct balance_tried *tried, enum stage stage)
{
	switch (balance->kind) {
	case BALANCE_LEAST_REQUESTS:
		return pick_of_two(roster, choosing->random, tried, stage);
	case BALANCE_RANDOM:
		return pick_at_random(roster, choosing->random, tried, stage);
	case BALANCE_HASH:
		if (stage == STAGE_UNTRIED)
			return pick_by_key(roster, choosing, tried, balance->bound);
		return pick_least_busy(roster, choosing->random, tried, stage);
	case BALANCE_ROUND_ROBIN:
		break;
	}
	return pick_in_turn(roster, choosing, tried, stage);
}

struct endpoint *balance_pick(const struct upstream_config *config, const struct roster *roster,
			      const struct balance_choosing *choosing, const struct balance_tried *tried)
{
	struct endpoint *picked = NULL;

	if (!roster->count)
		return NULL;
	if (roster->count == 1)
		return may_pick(&roster->members[0], tried, STAGE_ANY) ? roster->members[0].endpoint : NULL;
	for (enum stage stage = STAGE_UNTRIED; stage < STAGES && !picked; stage++)
		picked = pick_at_stage(&config->balance, roster, choosing, tried, stage);
	return picked;
}

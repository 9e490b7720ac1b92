/* SPDX-License-Identifier: Apache-2.0 */
/*
 * balance: the members that may be picked, and each way to choose among them.
 *
 * A request that is tried again asks for another member than before; only when none is left does it meet
 * one twice, because a struggling upstream with one endpoint must still get its second try.
 *
 * All but round_robin draw a few members first, by the weights that the roster has added up, or by its table;
 * all of them are looked at only when those few may not be picked, as on the way to the backups.
 *
 * The sums and the table know nothing of shares that grow: who is drawn while its share does is passed over
 * as often as it lacks of its weight, and the draw goes on.
 */
#include "upstream/balance.h"

#include "base/hash.h"
#include "upstream/serving.h"

enum {
	FEW = 3, /* members that are compared without drawing */
	DRAWS_MAX = 8,
	STEPS_MAX = 64,    /* through the table */
	SAMPLE_MAX = 32,   /* members whose load stands for all */
	ALWAYS_ALLOWED = 4 /* requests in flight at one endpoint, whatever the bound */
};

/* Which members may be picked: untried ones first, then untried backups, then anyone. */
enum stage { STAGE_UNTRIED, STAGE_UNTRIED_BACKUP, STAGE_ANY, STAGES };

/* One choice, as far as it has come. */
struct choice {
	const struct balance_config *balance;
	const struct roster *roster;
	const struct balance_choosing *choosing;
	const struct balance_tried *tried;
	enum stage stage;
};

static bool was_tried(const struct balance_tried *tried, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < tried->count; i++)
		if (tried->at[i] == endpoint)
			return true;
	return false;
}

/* How much of the requests a member should get now, beside the others. */
static uint64_t weight_of(const struct choice *choice, const struct roster_member *member)
{
	return serving_weight(choice->roster, member, choice->choosing->now);
}

static bool may_pick(const struct choice *choice, const struct roster_member *member)
{
	if (!serving_may(choice->roster, member))
		return false;
	if (choice->stage == STAGE_ANY)
		return true;
	return member->is_backup == (choice->stage == STAGE_UNTRIED_BACKUP) &&
	       !was_tried(choice->tried, member->endpoint);
}

static size_t member_after(const struct choice *choice, size_t i)
{
	return i + 1 < choice->roster->count ? i + 1 : 0;
}

static size_t any_member(const struct choice *choice)
{
	return random_below(choice->choosing->random, choice->roster->count);
}

static void turns_begin(const struct choice *choice)
{
	struct balance_turns *turns = choice->choosing->turns;

	turns->credit = ARENA_ARRAY(choice->choosing->arena, int64_t, choice->roster->count);
	turns->first = any_member(choice);
}

/* Smooth weighted round robin: everyone earns its weight, the richest is chosen and pays for all. */
static const struct roster_member *pick_in_turn(const struct choice *choice)
{
	struct balance_turns *turns = choice->choosing->turns;
	const struct roster *roster = choice->roster;
	size_t best = roster->count;
	int64_t total = 0;

	if (!turns->credit)
		turns_begin(choice);
	for (size_t n = 0, i = turns->first; n < roster->count; n++, i = member_after(choice, i)) {
		int64_t weight;

		if (!may_pick(choice, &roster->members[i]))
			continue;
		weight = (int64_t)weight_of(choice, &roster->members[i]);
		turns->credit[i] += weight;
		total += weight;
		if (best == roster->count || turns->credit[i] > turns->credit[best])
			best = i;
	}
	if (best == roster->count)
		return NULL;
	turns->credit[best] -= total;
	return &roster->members[best];
}

static uint32_t load_of(const struct roster_member *member)
{
	return atomic_load_explicit(&member->endpoint->active, memory_order_relaxed);
}

/* Whether a would be busier than b with one request more, each by its weight. */
static bool is_busier(const struct choice *choice, const struct roster_member *a,
		      const struct roster_member *b)
{
	return ((uint64_t)load_of(a) + 1) * weight_of(choice, b) >
	       ((uint64_t)load_of(b) + 1) * weight_of(choice, a);
}

/* By weight among those with no more than that in flight, in one pass over all: each takes the place of the
 * one before by its share of the weights so far. */
static const struct roster_member *pick_by_lot(const struct choice *choice, uint32_t load)
{
	const struct roster *roster = choice->roster;
	const struct roster_member *picked = NULL;
	uint64_t total = 0;

	for (const struct roster_member *at = roster->members; at < roster->members + roster->count; at++) {
		uint64_t weight;

		if (!may_pick(choice, at) || load_of(at) > load)
			continue;
		weight = weight_of(choice, at);
		total += weight;
		if (random_below(choice->choosing->random, total) < weight)
			picked = at;
	}
	return picked;
}

/* The least busy by weight; the search begins at a random member, so that equals share. Where that is an idle
 * one, all who are idle share by weight: the heaviest of them would have everything while there is little to
 * do. */
static const struct roster_member *pick_least_busy(const struct choice *choice)
{
	const struct roster *roster = choice->roster;
	const struct roster_member *best = NULL, *idle = NULL;

	for (size_t n = 0, i = any_member(choice); n < roster->count; n++, i = member_after(choice, i)) {
		const struct roster_member *member = &roster->members[i];

		if (may_pick(choice, member) && (!best || is_busier(choice, best, member)))
			best = member;
	}
	if (best && load_of(best) == 0)
		idle = pick_by_lot(choice, 0);
	return idle ? idle : best;
}

/* One of all that are no backups, by weight: the first whose sum of weights is beyond a random number. */
static const struct roster_member *draw(const struct choice *choice)
{
	const struct roster *roster = choice->roster;
	uint64_t at = random_below(choice->choosing->random, roster->weight);
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

/* By a number below SERVING_SHARE_ALL. */
static bool is_within_share(const struct choice *choice, const struct roster_member *member, uint64_t number)
{
	return number < serving_share(choice->roster, member->standing, choice->choosing->now);
}

static bool keeps_lot(const struct choice *choice, const struct roster_member *member)
{
	return !choice->roster->rules.slow_start ||
	       is_within_share(choice, member, random_below(choice->choosing->random, SERVING_SHARE_ALL));
}

/* Another one than `but`, of those that are to be asked first. NULL: none was met. */
static const struct roster_member *draw_other(const struct choice *choice, const struct roster_member *but)
{
	if (choice->stage != STAGE_UNTRIED || !choice->roster->weight)
		return NULL;
	for (unsigned draws = 0; draws < DRAWS_MAX; draws++) {
		const struct roster_member *member = draw(choice);

		if (member != but && may_pick(choice, member) && keeps_lot(choice, member))
			return member;
	}
	return NULL;
}

/* The better one of two; of two that are idle the one that was drawn first, by weight. Where there are few,
 * or two are not met, all are compared. */
static const struct roster_member *pick_of_two(const struct choice *choice)
{
	const struct roster_member *one = NULL, *other = NULL;

	if (choice->roster->count > FEW)
		one = draw_other(choice, NULL);
	if (one)
		other = draw_other(choice, one);
	if (!other)
		return pick_least_busy(choice);
	if (load_of(one) == 0 && load_of(other) == 0)
		return one;
	return is_busier(choice, one, other) ? other : one;
}

static const struct roster_member *pick_at_random(const struct choice *choice)
{
	const struct roster_member *member = draw_other(choice, NULL);

	return member ? member : pick_by_lot(choice, UINT32_MAX);
}

/* What is in flight, and the weight of those who have it: of all, or of some that stand beside each other. */
struct sample {
	uint64_t load, weight;
};

static struct sample sample_take(const struct choice *choice)
{
	const struct roster *roster = choice->roster;
	size_t count = roster->count < SAMPLE_MAX ? roster->count : SAMPLE_MAX;
	size_t i = count < roster->count ? any_member(choice) : 0;
	struct sample sample = { 0 };

	for (size_t n = 0; n < count; n++, i = member_after(choice, i)) {
		const struct roster_member *member = &roster->members[i];

		if (member->is_backup || !serving_may(roster, member))
			continue;
		sample.load += load_of(member);
		sample.weight += weight_of(choice, member);
	}
	return sample;
}

/* Whether it stays within the bound with one request more, which counts in the mean as well; rounded up, so
 * that there is room at somebody's at any time. */
static bool has_room(const struct choice *choice, const struct roster_member *member,
		     const struct sample *sample)
{
	uint64_t share = (sample->load + 1) * weight_of(choice, member) * (uint64_t)choice->balance->bound;

	return (uint64_t)load_of(member) * 100 * sample->weight < share;
}

/* While its share grows it has only some of its keys, the same ones each time, and ever more of them. */
static bool keeps_key(const struct choice *choice, const struct roster_member *member, unsigned step)
{
	return !choice->roster->rules.slow_start ||
	       is_within_share(choice, member,
			       hash_scatter(choice->choosing->key + step) % SERVING_SHARE_ALL);
}

/* Whose the key is, or the next one in the table that may be picked and has room. Where nobody is met, load
 * decides. */
static const struct roster_member *pick_by_key(const struct choice *choice)
{
	const struct maglev *maglev = roster_maglev(choice->roster);
	struct sample sample = { 0 };

	for (unsigned step = 0; maglev && step < STEPS_MAX; step++) {
		const struct roster_member *member =
			&choice->roster->members[maglev_find(maglev, choice->choosing->key, step)];

		if (!may_pick(choice, member) || !keeps_key(choice, member, step))
			continue;
		if (load_of(member) < ALWAYS_ALLOWED)
			return member;
		if (!sample.weight)
			sample = sample_take(choice);
		if (has_room(choice, member, &sample))
			return member;
	}
	return pick_least_busy(choice);
}

static const struct roster_member *pick_at_stage(const struct choice *choice)
{
	switch (choice->balance->kind) {
	case BALANCE_LEAST_REQUESTS:
		return pick_of_two(choice);
	case BALANCE_RANDOM:
		return pick_at_random(choice);
	case BALANCE_HASH:
		return choice->stage == STAGE_UNTRIED ? pick_by_key(choice) : pick_least_busy(choice);
	case BALANCE_ROUND_ROBIN:
		break;
	}
	return pick_in_turn(choice);
}

const struct roster_member *balance_pick(const struct upstream_config *config, const struct roster *roster,
					 const struct balance_choosing *choosing,
					 const struct balance_tried *tried)
{
	struct choice choice = { &config->balance, roster, choosing, tried, STAGE_UNTRIED };
	const struct roster_member *picked = NULL;

	if (!roster->count)
		return NULL;
	if (roster->count == 1)
		return serving_may(roster, &roster->members[0]) ? &roster->members[0] : NULL;
	for (; choice.stage < STAGES && !picked; choice.stage++)
		picked = pick_at_stage(&choice);
	return picked;
}

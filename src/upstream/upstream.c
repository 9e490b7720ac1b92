/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream: compiling a group, choosing a member of it, and the budget of tries.
 *
 * A request that is tried again asks for another member than before; only when none is left does it meet
 * one twice, because a struggling upstream with one endpoint must still get its second try. The budget is
 * earned by requests and spent by retries, so that retries stay a share of the traffic: an upstream that
 * fails everything is not asked for everything twice.
 */
#include "upstream/upstream.h"

enum {
	RETRY_PRICE = 100,                  /* hundredths of a retry */
	RETRY_SAVED_MAX = 10 * RETRY_PRICE, /* a few are always allowed, and no more are saved up */
	DEFAULT_RETRY_ON = 1 << RETRY_CONNECT | 1 << RETRY_RESET,
};

static bool member_compile(struct reader *reader, struct endpoints *endpoints,
			   const struct endpoint_config *config, struct upstream_member *member)
{
	result_value got = endpoints_get(endpoints, config->address, &member->endpoint);

	member->weight = (uint32_t)config->weight;
	member->is_backup = config->backup;
	if (failed(got))
		diagnostic_error(reader->diagnostics, config->entry.node, "%s, read \"%.*s\"", got.why,
				 STR_ARG(config->address));
	return !failed(got);
}

result upstream_compile(struct reader *reader, struct endpoints *endpoints,
			const struct upstream_config *config, size_t index, struct upstream **ret_upstream)
{
	struct upstream *upstream = ARENA_NEW(reader->arena, struct upstream);
	uint64_t weights = 0;
	bool is_good = true;

	*upstream = (struct upstream) { .name = config->entry.name, .config = config, .index = index };
	upstream->count = config->endpoints.len;
	upstream->members = ARENA_ARRAY(reader->arena, struct upstream_member, upstream->count);
	for (size_t i = 0; i < upstream->count; i++) {
		is_good &= member_compile(reader, endpoints, &config->endpoints.at[i], &upstream->members[i]);
		weights += upstream->members[i].weight;
	}
	if (!node_find(config->entry.node, STR("endpoints")))
		diagnostic_error_key(reader->diagnostics, config->entry.node,
				     "the key \"endpoints\" is missing");
	is_good &= upstream->count > 0; /* an empty list is reported by its table */
	if (upstream->count && weights == 0) {
		diagnostic_error(reader->diagnostics, config->entry.node, "no endpoint has a weight above 0");
		is_good = false;
	}
	*ret_upstream = upstream;
	return is_good ? OK : error_make(ERROR_INVALID, "an upstream is wrong");
}

void upstream_turns_init(struct upstream_turns *turns, const struct upstream *upstream, struct arena *arena)
{
	turns->credit = ARENA_ARRAY(arena, int64_t, upstream->count);
	turns->retry_tokens = RETRY_SAVED_MAX;
}

static bool was_tried(const struct upstream_tried *tried, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < tried->count; i++)
		if (tried->at[i] == endpoint)
			return true;
	return false;
}

/* Which members may be picked: untried ones first, then untried backups, then anyone. */
enum stage { STAGE_UNTRIED, STAGE_UNTRIED_BACKUP, STAGE_ANY, STAGES };

static bool may_pick(const struct upstream_member *member, const struct upstream_tried *tried,
		     enum stage stage)
{
	if (member->weight == 0)
		return false;
	if (stage == STAGE_ANY)
		return true;
	return member->is_backup == (stage == STAGE_UNTRIED_BACKUP) && !was_tried(tried, member->endpoint);
}

/* Smooth weighted round robin: everyone earns its weight, the richest is chosen and pays for all. */
static struct endpoint *pick_in_turn(const struct upstream *upstream, struct upstream_turns *turns,
				     const struct upstream_tried *tried, enum stage stage)
{
	int64_t total = 0;
	size_t best = upstream->count;

	for (size_t i = 0; i < upstream->count; i++) {
		const struct upstream_member *member = &upstream->members[i];

		if (!may_pick(member, tried, stage))
			continue;
		turns->credit[i] += member->weight;
		total += member->weight;
		if (best == upstream->count || turns->credit[i] > turns->credit[best])
			best = i;
	}
	if (best == upstream->count)
		return NULL;
	turns->credit[best] -= total;
	return upstream->members[best].endpoint;
}

/* Whether a is busier than b, each by its weight. */
static bool is_busier(const struct upstream_member *a, const struct upstream_member *b)
{
	uint64_t load_a = atomic_load_explicit(&a->endpoint->active, memory_order_relaxed) + 1;
	uint64_t load_b = atomic_load_explicit(&b->endpoint->active, memory_order_relaxed) + 1;

	return load_a * b->weight > load_b * a->weight;
}

/* The least busy by weight; the search begins at a random member, so that equals share. */
static struct endpoint *pick_least_busy(const struct upstream *upstream, struct random *random,
					const struct upstream_tried *tried, enum stage stage)
{
	size_t from = random_below(random, upstream->count);
	const struct upstream_member *best = NULL;

	for (size_t i = 0; i < upstream->count; i++) {
		const struct upstream_member *member = &upstream->members[(from + i) % upstream->count];

		if (may_pick(member, tried, stage) && (!best || is_busier(best, member)))
			best = member;
	}
	return best ? best->endpoint : NULL;
}

struct endpoint *upstream_pick(const struct upstream *upstream, struct upstream_turns *turns,
			       struct random *random, const struct upstream_tried *tried)
{
	struct endpoint *picked = NULL;

	if (upstream->count == 1)
		return upstream->members[0].endpoint;
	for (enum stage stage = STAGE_UNTRIED; stage < STAGES && !picked; stage++) {
		if (upstream->config->balance == BALANCE_LEAST_REQUESTS)
			picked = pick_least_busy(upstream, random, tried, stage);
		else
			picked = pick_in_turn(upstream, turns, tried, stage);
	}
	return picked;
}

void upstream_retry_earn(const struct upstream *upstream, struct upstream_turns *turns)
{
	int64_t tokens = turns->retry_tokens + upstream->config->retries.budget;

	turns->retry_tokens = tokens < RETRY_SAVED_MAX ? tokens : RETRY_SAVED_MAX;
}

bool upstream_retry_spend(const struct upstream *upstream, struct upstream_turns *turns)
{
	if (upstream->config->retries.budget == 0 || turns->retry_tokens < RETRY_PRICE)
		return false;
	turns->retry_tokens -= RETRY_PRICE;
	return true;
}

bool upstream_retries_on(const struct upstream *upstream, enum retry_cause cause)
{
	unsigned on = upstream->config->retries.on ? upstream->config->retries.on : DEFAULT_RETRY_ON;

	return on & (1u << cause);
}

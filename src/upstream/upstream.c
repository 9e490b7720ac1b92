/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream: compiling a group, choosing a member of it, and the budget of tries.
 *
 * A request that is tried again asks for another member than before; only when none is left does it meet
 * one twice, because a struggling upstream with one endpoint must still get its second try.
 */
#include "upstream/upstream.h"

#include "upstream/upstream_tls.h"

enum { DEFAULT_RETRY_ON = 1 << RETRY_CONNECT | 1 << RETRY_RESET };

/* Reports an endpoint that makes no sense; nothing is taken then. */
static bool member_compile(struct reader *reader, struct endpoints *endpoints,
			   const struct endpoint_config *config, struct roster_member *member)
{
	result_value got = endpoints_get(endpoints, config->address, &member->endpoint);
	const struct node *node = config->entry.node;
	const struct node *at = node && node->kind == NODE_MAP ? node_find(node, STR("address")) : node;

	member->weight = (uint32_t)config->weight;
	member->is_backup = config->backup;
	/* One that is missing is reported by its table. */
	if (failed(got) && at)
		diagnostic_error(reader->diagnostics, at, "%s, read %.*s", got.why,
				 STR_ARG(diagnostic_read(reader->diagnostics, at)));
	return !failed(got);
}

/* NULL when an endpoint is wrong: all of them are looked at first. */
static struct roster *roster_compile(struct reader *reader, struct endpoints *endpoints,
				     const struct upstream_config *config)
{
	size_t count = config->endpoints.len;
	struct roster_member *members = ARENA_ARRAY(reader->arena, struct roster_member, count);
	bool is_good = true;

	for (size_t i = 0; i < count; i++)
		is_good &= member_compile(reader, endpoints, &config->endpoints.at[i], &members[i]);
	if (is_good)
		return roster_new(members, count);
	for (size_t i = 0; i < count; i++)
		endpoint_unref(&members[i].endpoint);
	return NULL;
}

static bool has_weight(const struct upstream_config *config)
{
	for (size_t i = 0; i < config->endpoints.len; i++)
		if (config->endpoints.at[i].weight)
			return true;
	return false;
}

/* An empty list is reported by its table. */
static bool check_endpoints(struct reader *reader, const struct upstream_config *config)
{
	if (!config->endpoints.len && !node_find(config->entry.node, STR("endpoints")))
		diagnostic_error_key(reader->diagnostics, config->entry.node,
				     "the key \"endpoints\" (or \"discovery\") is missing");
	if (config->endpoints.len && !has_weight(config)) {
		diagnostic_error(reader->diagnostics, config->entry.node, "no endpoint has a weight above 0");
		return false;
	}
	return config->endpoints.len > 0;
}

static result compile_fixed(struct reader *reader, struct endpoints *endpoints, struct upstream *upstream)
{
	upstream->roster = roster_compile(reader, endpoints, upstream->config);
	if (check_endpoints(reader, upstream->config) && upstream->roster)
		return OK;
	roster_unref(&upstream->roster);
	return error_make(ERROR_INVALID, "an upstream is wrong");
}

static result compile_discovered(struct reader *reader, struct discoveries *discoveries,
				 const struct node *node, struct upstream *upstream)
{
	if (node_find(upstream->config->entry.node, STR("endpoints"))) {
		diagnostic_error_key(reader->diagnostics, node, "instead of \"endpoints\", not beside them");
		return error_make(ERROR_INVALID, "an upstream is wrong");
	}
	return discovery_get(reader, discoveries, node, &upstream->config->discovery, &upstream->discovery);
}

result upstream_compile(struct reader *reader, const struct upstream_identities *identities,
			const struct upstream_config *config, size_t index, struct upstream **ret_upstream)
{
	struct upstream *upstream = ARENA_NEW(reader->arena, struct upstream);
	const struct node *discovery = node_find(config->entry.node, STR("discovery"));
	result_value found, secured;

	*ret_upstream = NULL;
	*upstream = (struct upstream) { .name = config->entry.name, .config = config, .index = index };
	secured = upstream_tls_compile(reader, identities->tls, config, &upstream->tls);
	if (discovery)
		found = compile_discovered(reader, identities->discoveries, discovery, upstream);
	else
		found = compile_fixed(reader, identities->endpoints, upstream);
	if (failed(found) || failed(secured)) {
		upstream_fini(upstream);
		return failed(found) ? found : secured;
	}
	upstream->state = upstream_states_get(identities->states, config->entry.name);
	*ret_upstream = upstream;
	return OK;
}

void upstream_fini(struct upstream *upstream)
{
	if (!upstream)
		return;
	roster_unref(&upstream->roster);
	discovery_unref(&upstream->discovery);
	upstream_state_unref(&upstream->state);
	upstream_tls_release(&upstream->tls);
}

struct roster *upstream_roster(const struct upstream *upstream)
{
	return upstream->roster ? roster_ref(upstream->roster) : discovery_roster(upstream->discovery);
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

static bool may_pick(const struct roster_member *member, const struct upstream_tried *tried, enum stage stage)
{
	if (member->weight == 0 || endpoint_is_drained(member->endpoint))
		return false;
	if (stage == STAGE_ANY)
		return true;
	return member->is_backup == (stage == STAGE_UNTRIED_BACKUP) && !was_tried(tried, member->endpoint);
}

static void turns_begin(const struct upstream_choosing *choosing, size_t count)
{
	choosing->turns->credit = ARENA_ARRAY(choosing->arena, int64_t, count);
	choosing->turns->first = random_below(choosing->random, count);
}

/* Smooth weighted round robin: everyone earns its weight, the richest is chosen and pays for all. */
static struct endpoint *pick_in_turn(const struct roster *roster, const struct upstream_choosing *choosing,
				     const struct upstream_tried *tried, enum stage stage)
{
	struct upstream_turns *turns = choosing->turns;
	size_t best = roster->count;
	int64_t total = 0;

	if (!turns->credit)
		turns_begin(choosing, roster->count);
	for (size_t n = 0, i = turns->first; n < roster->count; n++, i = i + 1 < roster->count ? i + 1 : 0) {
		if (!may_pick(&roster->members[i], tried, stage))
			continue;
		turns->credit[i] += roster->members[i].weight;
		total += roster->members[i].weight;
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

	return load_a * b->weight > load_b * a->weight;
}

/* The least busy by weight; the search begins at a random member, so that equals share. */
static struct endpoint *pick_least_busy(const struct roster *roster, struct random *random,
					const struct upstream_tried *tried, enum stage stage)
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

static struct endpoint *pick_only(const struct roster_member *member)
{
	return endpoint_is_drained(member->endpoint) || member->weight == 0 ? NULL : member->endpoint;
}

struct endpoint *upstream_pick(const struct upstream *upstream, const struct roster *roster,
			       const struct upstream_choosing *choosing, const struct upstream_tried *tried)
{
	struct endpoint *picked = NULL;

	if (roster->count <= 1)
		return roster->count ? pick_only(&roster->members[0]) : NULL;
	for (enum stage stage = STAGE_UNTRIED; stage < STAGES && !picked; stage++) {
		if (upstream->config->balance == BALANCE_LEAST_REQUESTS)
			picked = pick_least_busy(roster, choosing->random, tried, stage);
		else
			picked = pick_in_turn(roster, choosing, tried, stage);
	}
	return picked;
}

void upstream_retry_earn(const struct upstream *upstream)
{
	upstream_state_earn(upstream->state, (uint32_t)upstream->config->retries.budget);
}

bool upstream_retry_spend(const struct upstream *upstream)
{
	return upstream->config->retries.budget && upstream_state_spend(upstream->state);
}

bool upstream_retries_on(const struct upstream *upstream, enum retry_cause cause)
{
	unsigned on = upstream->config->retries.on ? upstream->config->retries.on : DEFAULT_RETRY_ON;

	return on & (1u << cause);
}

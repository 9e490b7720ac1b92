/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream: compiling a group, and the budget of its tries.
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
	if (check_endpoints(reader, upstream->config) && upstream->roster) {
		if (upstream->config->balance.kind == BALANCE_HASH)
			roster_make_maglev(upstream->roster);
		return OK;
	}
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
	struct roster *roster;

	if (upstream->roster)
		return roster_ref(upstream->roster);
	roster = discovery_roster(upstream->discovery);
	if (upstream->config->balance.kind == BALANCE_HASH)
		roster_make_maglev(roster);
	return roster;
}

bool upstream_begin_request(const struct upstream *upstream)
{
	return breaker_begin_request(&upstream->state->breaker, &upstream->config->circuit_breaker);
}

void upstream_end_request(const struct upstream *upstream)
{
	breaker_end_request(&upstream->state->breaker, &upstream->config->circuit_breaker);
}

struct upstream_load upstream_load(const struct upstream *upstream, enum upstream_bound bound)
{
	const struct breaker_bounds *bounds = &upstream->config->circuit_breaker;
	const struct breaker *breaker = &upstream->state->breaker;

	switch (bound) {
	case UPSTREAM_BOUND_REQUESTS:
		return (struct upstream_load) { atomic_load(&breaker->requests), (uint64_t)bounds->requests };
	case UPSTREAM_BOUND_CONNECTIONS:
		return (struct upstream_load) { atomic_load(&breaker->connections),
						(uint64_t)bounds->connections };
	case UPSTREAM_BOUND_PENDING:
		break;
	}
	return (struct upstream_load) { atomic_load(&breaker->pending),
					bounds->connections ? (uint64_t)bounds->pending : 0 };
}

static int64_t percentage(const struct upstream *upstream, enum upstream_budget budget)
{
	const struct upstream_hedging *hedging = &upstream->config->hedging;

	if (budget == BUDGET_RETRIES)
		return upstream->config->retries.budget;
	return hedging->after ? hedging->budget : 0;
}

void upstream_earn(const struct upstream *upstream)
{
	for (enum upstream_budget budget = BUDGET_RETRIES; budget < BUDGETS; budget++)
		upstream_state_earn(upstream->state, budget, (uint32_t)percentage(upstream, budget));
}

bool upstream_spend(const struct upstream *upstream, enum upstream_budget budget)
{
	return percentage(upstream, budget) && upstream_state_spend(upstream->state, budget);
}

bool upstream_retries_on(const struct upstream *upstream, enum retry_cause cause)
{
	unsigned on = upstream->config->retries.on ? upstream->config->retries.on : DEFAULT_RETRY_ON;

	return on & (1u << cause);
}

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

/* One that is left empty is as good as absent, as everywhere. */
static const struct node *option_of(const struct upstream *upstream, const char *key)
{
	const struct node *node = node_find(upstream->config->entry.node, str_of(key));

	return node && node->kind != NODE_NULL ? node : NULL;
}

static bool check_port(struct reader *reader, const struct upstream_config *config, const struct node *check)
{
	const struct node *port = node_find(check, STR("port"));

	for (size_t i = 0; config->health_check.port && i < config->endpoints.len; i++) {
		if (!str_starts(config->endpoints.at[i].address, STR("unix:")))
			continue;
		diagnostic_error_key(reader->diagnostics, port, "a Unix socket has no port");
		return false;
	}
	return true;
}

/* With TLS, ALPN is asked for what `protocol` says. */
static bool check_call(struct reader *reader, const struct upstream *upstream, const struct node *check)
{
	const struct upstream_config *config = upstream->config;

	if (config->health_check.type != HEALTH_CHECK_GRPC || !upstream->tls ||
	    config->protocol != UPSTREAM_H1)
		return true;
	diagnostic_error(reader->diagnostics, node_find(check, STR("type")),
			 "needs `protocol: h2` or `auto` where TLS is spoken");
	return false;
}

static result compile_health(struct reader *reader, struct standings *standings, struct upstream *upstream)
{
	const struct upstream_config *config = upstream->config;
	const struct node *check = option_of(upstream, "health_check");

	if (check && !(health_check_is_good(reader, check, &config->health_check) &&
		       check_port(reader, config, check) && check_call(reader, upstream, check)))
		return error_make(ERROR_INVALID, "an upstream is wrong");
	upstream->check = check ? &config->health_check : NULL;
	upstream->outlier = option_of(upstream, "outlier") ? &config->outlier : NULL;
	if (check || upstream->outlier || config->slow_start)
		upstream->standings = standings;
	return OK;
}

/* With standings, where this upstream looks at them. Takes over the reference. */
static struct roster *watch(const struct upstream *upstream, struct roster *roster)
{
	struct roster_rules rules = { .panic = upstream->config->panic,
				      .slow_start = upstream->config->slow_start };
	struct roster *watched;

	if (!upstream->standings)
		return roster;
	if (upstream->outlier)
		rules.failures = (uint32_t)upstream->outlier->consecutive_failures;
	watched = roster_watched(roster, &rules, upstream->standings, upstream->name);
	roster_unref(&roster);
	return watched;
}

/* With all that this upstream chooses by. Takes over the reference. */
static struct roster *equip(const struct upstream *upstream, struct roster *roster)
{
	struct roster *equipped = watch(upstream, roster);

	if (upstream->config->balance.kind == BALANCE_HASH)
		roster_make_maglev(equipped);
	return equipped;
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

static void warn_inert(struct reader *reader, const struct upstream_config *config)
{
	const struct node *hedging = node_find(config->entry.node, STR("hedging"));
	const struct node *breaker = node_find(config->entry.node, STR("circuit_breaker"));

	if (hedging && !config->hedging.after && !node_find(hedging, STR("after")))
		diagnostic_warning(reader->diagnostics, hedging, "asks nobody twice without \"after\"");
	if (breaker && !node_find(breaker, STR("requests")) && !node_find(breaker, STR("connections")))
		diagnostic_warning(reader->diagnostics, breaker,
				   "bounds nothing without \"requests\" or \"connections\"");
}

static result compile_fixed(struct reader *reader, struct endpoints *endpoints, struct upstream *upstream)
{
	struct roster *roster = roster_compile(reader, endpoints, upstream->config);

	if (!check_endpoints(reader, upstream->config) || !roster) {
		roster_unref(&roster);
		return error_make(ERROR_INVALID, "an upstream is wrong");
	}
	upstream->roster = equip(upstream, roster);
	return OK;
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
	result_value found, secured, watched;

	*ret_upstream = NULL;
	*upstream = (struct upstream) { .name = config->entry.name, .config = config, .index = index };
	warn_inert(reader, config);
	secured = upstream_tls_compile(reader, identities->tls, config, &upstream->tls);
	watched = compile_health(reader, identities->standings, upstream);
	if (discovery)
		found = compile_discovered(reader, identities->discoveries, discovery, upstream);
	else
		found = compile_fixed(reader, identities->endpoints, upstream);
	if (failed(found) || failed(secured) || failed(watched)) {
		upstream_fini(upstream);
		return failed(found) ? found : failed(secured) ? secured : watched;
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
	return upstream->roster ? roster_ref(upstream->roster)
				: equip(upstream, discovery_roster(upstream->discovery));
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

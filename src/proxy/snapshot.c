/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot: from checked structs to what a request is served with: names become pointers, inheritance is
 * settled.
 *
 * The order is that of reference: upstreams before the APIs that name them, policies before the chains that
 * use them, rules last of all. A part that is wrong is reported and left out, and the rest is compiled all
 * the same, so that one run shows every problem; a name that is missing only because its owner was wrong is
 * not reported twice.
 */
#include "proxy/snapshot.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "policy/list.h"
#include "proxy/clear_text.h"
#include "proxy/destination.h"
#include "proxy/key_source.h"
#include "proxy/own_path.h"
#include "route/regex.h"
#include "upstream/courier.h"

/* What compiling hands from one step to the next. */
struct compiling {
	struct snapshot *snapshot;
	struct reader reader;
	const struct upstream_identities upstream_identities;
	struct destinations destinations;
	struct policy_hooks policy_hooks;
	struct policy_names names;
	struct map upstreams;
	struct route_rule *rules;
	size_t rule_count;
};

static void compile_upstreams(struct compiling *c)
{
	const struct gateway_config *config = &c->snapshot->config;

	map_init(&c->upstreams, c->reader.arena, config->upstreams.len + 1);
	c->snapshot->upstreams = ARENA_ARRAY(c->reader.arena, struct upstream *, config->upstreams.len);
	for (size_t i = 0; i < config->upstreams.len; i++) {
		struct upstream *upstream;
		const struct upstream_config *of = &config->upstreams.at[i];
		result_value compiled =
			upstream_compile(&c->reader, &c->upstream_identities, of, i, &upstream);

		if (failed(compiled))
			continue; /* reported; the rest is checked all the same */
		ASSERT(map_add(&c->upstreams, upstream->name, upstream));
		c->snapshot->upstreams[i] = upstream;
	}
	c->snapshot->upstream_count = config->upstreams.len;
}

static const struct upstream *find_upstream(struct compiling *c, const struct node *owner, str name)
{
	const struct upstream *upstream;

	if (str_is_empty(name))
		return NULL;
	upstream = map_get(&c->upstreams, name);
	if (!upstream)
		gateway_report_unknown_upstream(&c->snapshot->config, &c->reader,
						node_find(owner, STR("upstream")), name, false);
	return upstream;
}

/* The keys that node gives, over those that hold without it. */
static const struct upstream_timeouts *mix_timeouts(struct compiling *c, const struct node *node,
						    const struct upstream_timeouts *base)
{
	static const struct upstream_timeouts none;
	struct upstream_timeouts *mixed;

	if (!node)
		return base;
	mixed = ARENA_NEW(c->reader.arena, struct upstream_timeouts);
	*mixed = base ? *base : none;
	fields_read_over(&c->reader, node, upstream_timeouts_fields, mixed);
	return mixed;
}

/* What the API says holds over the upstream's, and what the route says over both. The API's mistakes are told
 * when it is read without a route. */
static const struct upstream_timeouts *compile_timeouts(struct compiling *c, const struct api_config *api,
							const struct route_config *route,
							const struct upstream *upstream)
{
	const struct upstream_timeouts *timeouts = upstream ? &upstream->config->timeouts : NULL;

	if (!route || !diagnostics_errors(c->reader.diagnostics))
		timeouts = mix_timeouts(c, api->timeouts, timeouts);
	return route ? mix_timeouts(c, route->timeouts, timeouts) : timeouts;
}

/* NULL after a report. */
static const struct split *compile_split(struct compiling *c, const struct api_config *api,
					 const struct route_config *route, const struct node *weighted,
					 const struct sticky_config *sticky)
{
	struct split *split = ARENA_NEW(c->reader.arena, struct split);
	const struct weighted *named;
	struct share *shares;
	bool is_good = weighted_read(&c->reader, weighted, &named, &split->count);

	shares = ARENA_ARRAY(c->reader.arena, struct share, split->count);
	for (size_t i = 0; i < split->count; i++) {
		const struct upstream *upstream = map_get(&c->upstreams, named[i].name);

		if (!upstream)
			gateway_report_unknown_upstream(&c->snapshot->config, &c->reader, named[i].node,
							named[i].name, true);
		is_good &= upstream != NULL;
		shares[i] = (struct share) { upstream, compile_timeouts(c, api, route, upstream),
					     named[i].weight, split_seed(named[i].name) };
	}
	split->shares = shares;
	split->sticky = *sticky;
	split->cookie_path = split_cookie_path(api->path);
	return is_good ? split : NULL;
}

/* A policy that always answers makes an upstream unnecessary; without either nobody could answer. */
static bool check_destination(struct compiling *c, const struct entry *owner, bool has_upstream,
			      const struct target *target)
{
	if (has_upstream || policy_chain_answers(&target->chain))
		return true;
	diagnostic_error_key(c->reader.diagnostics, owner->node,
			     "needs an upstream, or a policy that answers (respond)");
	return false;
}

static bool chain_authenticates(const struct policy_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		if (chain->at[i].policy->authenticates)
			return true;
	return false;
}

/* What cannot be told from the rows of an API or a route alone. */
static void check_split(struct compiling *c, const struct node *owner, const struct target *target)
{
	const struct node *sticky = node_find(owner, STR("sticky"));
	const struct node *weighted = node_find(owner, STR("weighted"));

	if (weighted && node_find(owner, STR("upstream")))
		diagnostic_error_key(c->reader.diagnostics, weighted,
				     "instead of \"upstream\", not beside it");
	else if (sticky && !target->split && !diagnostics_errors(c->reader.diagnostics))
		diagnostic_error_key(c->reader.diagnostics, sticky, "needs \"weighted\"");
	else if (sticky && target->split && target->split->sticky.kind == STICKY_CONSUMER &&
		 !chain_authenticates(&target->chain))
		diagnostic_warning(c->reader.diagnostics, sticky,
				   "no policy tells the consumer, so the choice is made at random");
}

/* A route's match is relative to its API's; the router puts the two together. */
static void add_rule(struct compiling *c, const struct api_config *api, const struct route_config *route,
		     const struct target *target)
{
	c->rules[c->rule_count++] = (struct route_rule) {
		.node = route ? route->entry.node : api->entry.node,
		.api = target->names.api,
		.route = target->names.route,
		.api_hosts = api->hosts,
		.api_methods = api->methods,
		.api_path = api->path,
		.match = route ? &route->match : NULL,
		.target = target,
	};
}

static str api_base(str path)
{
	str base = split_cookie_path(path);

	return str_ends(base, STR("/")) ? str_slice(base, 0, base.len - 1) : base;
}

static const struct target *compile_api_target(struct compiling *c, const struct api_config *api)
{
	struct target *target = arena_lines(c->reader.arena, sizeof(struct target));
	const struct node *lists[] = { c->snapshot->config.defaults.policies, api->policies };

	target->names.api = api->entry.name;
	target->names.base = api_base(api->path);
	if (api->weighted)
		target->split = compile_split(c, api, NULL, api->weighted, &api->sticky);
	else
		target->upstream = find_upstream(c, api->entry.node, api->upstream);
	target->timeouts = compile_timeouts(c, api, NULL, target->upstream);
	target->chain = policy_chain_compile(&c->names, lists, 2, api->entry.node, NULL);
	target->keeps_encoded_slashes = api->encoded_slashes == ENCODED_SLASHES_KEEP;
	check_split(c, api->entry.node, target);
	counting_target(c->snapshot, target, NULL);
	return target;
}

/* A split is compiled anew where the route says anything of it: its weights, what keeps a client, or the
 * timeouts of those that share. */
static void compile_route_split(struct compiling *c, const struct api_config *api,
				const struct route_config *route, struct target *target)
{
	const struct node *weighted = route->weighted ? route->weighted : api->weighted;
	const struct sticky_config *sticky = route->sticky.kind ? &route->sticky : &api->sticky;

	target->upstream = NULL;
	if (route->weighted || route->sticky.kind || route->timeouts)
		target->split = compile_split(c, api, route, weighted, sticky);
}

/* What the route does not say is its API's. */
static void compile_route_upstream(struct compiling *c, const struct api_config *api,
				   const struct route_config *route, struct target *target)
{
	if (!str_is_empty(route->upstream)) {
		target->split = NULL;
		target->upstream = find_upstream(c, route->entry.node, route->upstream);
		target->timeouts = compile_timeouts(c, api, route, target->upstream);
	} else if (route->weighted || api->weighted) {
		compile_route_split(c, api, route, target);
	} else {
		target->timeouts = mix_timeouts(c, route->timeouts, target->timeouts);
	}
}

/* A chain is compiled anew only where it differs: most routes share their API's. */
static const struct target *compile_route_target(struct compiling *c, const struct api_config *api,
						 const struct route_config *route,
						 const struct target *of_api)
{
	struct target *target = arena_lines(c->reader.arena, sizeof(struct target));
	const struct node *lists[] = { c->snapshot->config.defaults.policies, api->policies,
				       route->policies };

	*target = *of_api;
	target->names.route = route->entry.name;
	compile_route_upstream(c, api, route, target);
	if (route->policies || route->without.len)
		target->chain = policy_chain_compile(&c->names, lists, 3, route->entry.node, &route->without);
	check_split(c, route->entry.node, target);
	counting_target(c->snapshot, target, of_api);
	return target;
}

static void compile_api(struct compiling *c, const struct api_config *api)
{
	const struct target *target = compile_api_target(c, api);
	bool has_upstream = api->upstream.len || api->weighted;
	bool is_served = check_destination(c, &api->entry, has_upstream, target);

	add_rule(c, api, NULL, target);
	for (size_t i = 0; i < api->routes.len; i++) {
		const struct route_config *route = &api->routes.at[i];
		const struct target *of_route = compile_route_target(c, api, route, target);

		add_rule(c, api, route, of_route);
		if (is_served)
			check_destination(c, &route->entry,
					  has_upstream || route->upstream.len || route->weighted, of_route);
	}
}

static void compile_apis(struct compiling *c)
{
	const struct gateway_config *config = &c->snapshot->config;
	size_t rules = config->apis.len;
	result_value compiled;

	for (size_t i = 0; i < config->apis.len; i++)
		rules += config->apis.at[i].routes.len;
	c->rules = ARENA_ARRAY(c->reader.arena, struct route_rule, rules);
	for (size_t i = 0; i < config->apis.len; i++)
		compile_api(c, &config->apis.at[i]);
	c->snapshot->rules = c->rules;
	c->snapshot->rule_count = c->rule_count;
	compiled = router_compile(c->reader.arena, c->reader.diagnostics, c->rules, c->rule_count,
				  &c->snapshot->router);
	ASSERT(!failed(compiled) || diagnostics_errors(c->reader.diagnostics));
	if (!diagnostics_errors(c->reader.diagnostics))
		own_paths_check(c->snapshot, &c->reader);
}

/* Of its options, completed as those of all limits are. */
static bool is_counted_here(const struct compiling *c, const struct policy_instance *quota)
{
	const struct node *store = quota->options ? node_find(quota->options, STR("store")) : NULL;

	return !c->policy_hooks.store.is_shared || (store && str_eq(store->text, STR("local")));
}

/* The first of them that no Redis counts; NULL: there is none. */
static const struct policy_instance *find_quota(const struct compiling *c)
{
	const struct policy *quota = policy_find(STR("quota"));

	for (size_t i = 0; i < c->rule_count; i++) {
		const struct target *target = c->rules[i].target;

		for (size_t j = 0; j < target->chain.count; j++)
			if (target->chain.at[j].policy == quota && is_counted_here(c, &target->chain.at[j]))
				return &target->chain.at[j];
	}
	return NULL;
}

/* The file itself is looked at when the gateway serves: it may be made then, and quotas do without. */
static void compile_quotas(struct compiling *c)
{
	const struct node *quotas = node_find(c->snapshot->root, STR("quotas"));
	const struct node *file = quotas ? node_find(quotas, STR("file")) : NULL;
	const struct policy_instance *quota = find_quota(c);
	str path = c->snapshot->config.quotas.file;

	if (file && path.len)
		c->snapshot->quota_file = node_resolve_path(c->reader.document, file, path, c->reader.arena);
	else if (quota && quota->options && !diagnostics_errors(c->reader.diagnostics))
		diagnostic_warning(c->reader.diagnostics, quota->options,
				   "counts begin afresh when the gateway is started again: `quotas: { file: "
				   "PATH }` keeps them");
}

static bool asks_for_certificates(const struct gateway_config *config)
{
	for (size_t i = 0; i < config->listeners.len; i++)
		if (listener_asks_for_certificates(&config->listeners.at[i]))
			return true;
	return false;
}

/* An identity's name says whom it believes. Where that is who the system believes, no file of the
 * configuration does. */
static void digest_identity(struct snapshot *snapshot, const struct tls_client_identity *identity)
{
	if (identity)
		snapshot->files.digest = hash_bytes(identity->registered.name, snapshot->files.digest);
}

static void digest_identities(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->upstream_count; i++)
		digest_identity(snapshot, snapshot->upstreams[i]->tls);
	digest_identity(snapshot, snapshot->store.tls);
	digest_identity(snapshot, snapshot->web);
}

static result snapshot_compile(struct snapshot *snapshot, const struct document *document,
			       struct identities *identities, struct diagnostics *diagnostics)
{
	struct compiling c = {
		.snapshot = snapshot,
		.reader = { .arena = &snapshot->arena, .diagnostics = diagnostics, .document = document },
		.upstream_identities = { identities->endpoints, identities->upstream_states,
					 identities->standings, identities->discoveries, identities->tls },
	};

	fields_read(&c.reader, document_root(document), gateway_fields, &snapshot->config);
	snapshot->root = document_root(document);
	snapshot->replays = identities->replays;
	snapshot->endpoints = identities->endpoints;
	snapshot->refreshes = identities->refreshes;
	snapshot->rates = identities->rates;
	snapshot->quotas = identities->quotas;
	snapshot->slots = identities->slots;
	snapshot->memory = identities->memory;
	counting_begin(snapshot, identities);
	admin_compile(&c.reader, &snapshot->config, identities->tickets, &snapshot->admin);
	store_compile(&c.reader, &snapshot->config.store, identities, &snapshot->store);
	listeners_compile(&c.reader, &snapshot->config, identities->tickets, &snapshot->listeners);
	snapshot->listener_count = snapshot->config.listeners.len;
	compile_upstreams(&c);
	roll_compile(&snapshot->roll, &c.reader, &snapshot->config, snapshot->root,
		     identities->consumer_files);
	destinations_init(&c.destinations, &c.reader, snapshot, &c.upstream_identities, &c.upstreams);
	c.destinations.keys.sets = identities->key_sets;
	c.destinations.keys.authorities = identities->tls;
	c.destinations.keys.revocations = identities->revocations;
	c.policy_hooks = destinations_hooks(&c.destinations);
	c.policy_hooks.consumers = snapshot->roll.consumers;
	c.policy_hooks.store = store_choice(&snapshot->config.store);
	c.policy_hooks.asks_for_no_certificate = !asks_for_certificates(&snapshot->config);
	policy_names_compile(&c.names,
			     &(struct policy_compile) { .reader = &c.reader,
							.regexes = snapshot->regexes,
							.hooks = &c.policy_hooks },
			     snapshot->config.policies);
	compile_apis(&c);
	compile_quotas(&c);
	if (snapshot->config.apis.len)
		policy_names_warn(&c.names);
	if (!snapshot->config.listeners.len && !diagnostics_errors(diagnostics))
		diagnostic_error(diagnostics, document_root(document),
				 "no listeners: nobody could reach the gateway");
	if (!diagnostics_errors(diagnostics))
		clear_text_warn(snapshot, &c.reader);
	if (!diagnostics_errors(diagnostics))
		counting_upstreams(snapshot);
	if (!diagnostics_errors(diagnostics))
		counting_listeners(snapshot);
	if (!diagnostics_errors(diagnostics))
		memory_plan_make(snapshot, diagnostics);
	if (!diagnostics_errors(diagnostics))
		digest_identities(snapshot);
	return diagnostics_errors(diagnostics) ? error_make(ERROR_INVALID, "the configuration has errors")
					       : OK;
}

static struct snapshot *snapshot_new(struct identities *identities, struct diagnostics **ret_diagnostics)
{
	struct snapshot *snapshot = calloc(1, sizeof *snapshot);

	ASSERT(snapshot);
	snapshot->generation = 1;
	atomic_init(&snapshot->references, 1);
	arena_init_over(&snapshot->arena, identities->large_blocks, SIZE_MAX / 2);
	file_list_init(&snapshot->files, &snapshot->arena);
	snapshot->regexes = ARENA_NEW(&snapshot->arena, struct regex_table);
	regex_table_init(snapshot->regexes, &snapshot->arena);
	*ret_diagnostics = diagnostics_new(&snapshot->arena);
	return snapshot;
}

result snapshot_load(str path, struct identities *identities, struct diagnostics **ret_diagnostics,
		     struct snapshot **ret_snapshot)
{
	struct snapshot *snapshot = snapshot_new(identities, ret_diagnostics);
	struct document *document;
	result_value loaded;

	*ret_snapshot = snapshot;
	loaded = document_load(&snapshot->arena, path,
			       &(struct document_options) { .files = &snapshot->files }, *ret_diagnostics,
			       &document);
	if (!document)
		return loaded;
	return snapshot_compile(snapshot, document, identities, *ret_diagnostics);
}

result snapshot_parse(str name, str text, struct identities *identities, struct diagnostics **ret_diagnostics,
		      struct snapshot **ret_snapshot)
{
	struct snapshot *snapshot = snapshot_new(identities, ret_diagnostics);
	struct document *document;
	result_value parsed;

	*ret_snapshot = snapshot;
	parsed = document_parse(&snapshot->arena, name, text,
				&(struct document_options) { .files = &snapshot->files }, *ret_diagnostics,
				&document);
	if (!document)
		return parsed;
	return snapshot_compile(snapshot, document, identities, *ret_diagnostics);
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
	atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
	return snapshot;
}

static void snapshot_free(struct snapshot *snapshot)
{
	counting_end(snapshot);
	key_sources_release(snapshot);
	courier_distrust(&snapshot->web);
	roll_fini(&snapshot->roll);
	store_release(&snapshot->store);
	listeners_fini(snapshot->listeners, snapshot->listener_count);
	admin_fini(&snapshot->admin);
	for (size_t i = 0; i < snapshot->upstream_count; i++)
		upstream_fini(snapshot->upstreams[i]);
	if (snapshot->router)
		router_free(&snapshot->router);
	regex_table_fini(snapshot->regexes);
	arena_fini(&snapshot->arena);
	free(snapshot);
}

size_t snapshot_tls_count(const struct snapshot *snapshot)
{
	return snapshot->listener_count + 1;
}

struct listener_tls *snapshot_tls(const struct snapshot *snapshot, size_t i)
{
	return i < snapshot->listener_count ? snapshot->listeners[i].tls : snapshot->admin.tls;
}

void snapshot_unref(struct snapshot **address)
{
	struct snapshot *snapshot = *address;

	*address = NULL;
	if (snapshot && atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) == 1)
		snapshot_free(snapshot);
}

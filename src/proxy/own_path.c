/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own_path: asks the router as a browser would, once for each such policy in each API.
 *
 * Nothing is certain where a rule with the policy has further conditions, which a request may meet or not, or
 * where the policy takes part in some requests only.
 */
#include "proxy/own_path.h"

/* One policy in the rules of one API. */
struct own_path_check {
	const struct snapshot *snapshot;
	struct reader *reader;
	const struct policy_instance *instance;
	const struct route_rule *rule; /* the first one that has it */
	bool is_certain;
	struct route_scratch *scratch;
};

static bool has_instance(const struct target *target, const void *self)
{
	for (size_t i = 0; i < target->chain.count; i++)
		if (target->chain.at[i].self == self)
			return true;
	return false;
}

static bool has_conditions(const struct match_config *match)
{
	return match &&
	       (match->headers.len || match->query.len || match->cookies.len || match->client_ip.len);
}

static bool takes_get(const str_list *methods)
{
	for (size_t i = 0; i < methods->len; i++)
		if (str_eq(methods->at[i], STR("GET")))
			return true;
	return !methods->len;
}

/* Whoever cannot get a page there is not sent to log in. */
static bool is_for_browsers(const struct route_rule *rule)
{
	return takes_get(&rule->api_methods) && (!rule->match || takes_get(&rule->match->methods));
}

/* One that the rule takes; of a wildcard, some name. */
static str host_of(const struct route_rule *rule, struct arena *arena)
{
	const str_list *hosts =
		rule->match && rule->match->hosts.len ? &rule->match->hosts : &rule->api_hosts;
	str parts[] = { STR("a"), hosts->len ? hosts->at[0] : (str) { 0 } };

	if (!str_starts(parts[1], STR("*")))
		return parts[1];
	parts[1] = str_skip(parts[1], 1);
	return parts[1].len ? arena_join(arena, parts, 2) : parts[1];
}

static str who_answers(const struct own_path_check *c, const struct route_match *match)
{
	struct arena *arena = c->reader->arena;

	if (match->outcome == ROUTE_METHOD)
		return STR("no route takes GET there");
	if (match->outcome != ROUTE_FOUND)
		return STR("no route takes it");
	if (match->rule->route.len)
		return arena_printf(arena, "route \"%.*s\" of API \"%.*s\" takes it, without this policy",
				    STR_ARG(match->rule->route), STR_ARG(match->rule->api));
	return arena_printf(arena, "API \"%.*s\" takes it, without this policy", STR_ARG(match->rule->api));
}

static void check_path(const struct own_path_check *c, const struct own_path *own)
{
	const struct target *target = c->rule->target;
	const struct node *options = c->instance->options, *at = node_find(options, str_of(own->option));
	struct http_fields none = { 0 };
	str parts[] = { target->names.base, own->path };
	struct route_request request = { .method = STR("GET"),
					 .host = host_of(c->rule, c->reader->arena),
					 .path = arena_join(c->reader->arena, parts, 2),
					 .fields = &none };
	struct route_match match;

	router_match(c->snapshot->router, c->scratch, &request, &match);
	if (match.outcome == ROUTE_FOUND && has_instance(match.target, c->instance->self))
		return;
	(c->is_certain && (at || own->is_needed) ? diagnostic_error : diagnostic_warning)(
		c->reader->diagnostics,
		at        ? at
		: options ? options
			  : c->rule->node,
		"%s is at %.*s, where it is never asked: %.*s; want a path, beneath the API's, of a route "
		"that "
		"has the policy",
		own->option, STR_ARG(request.path), STR_ARG(who_answers(c, &match)));
}

/* Whether no rule of the API before this one has it. */
static bool is_first(const struct own_path_check *c, size_t at)
{
	const struct route_rule *rules = c->snapshot->rules;

	for (size_t i = at; i > 0 && str_eq(rules[i - 1].api, rules[at].api); i--)
		if (is_for_browsers(&rules[i - 1]) && has_instance(rules[i - 1].target, c->instance->self))
			return false;
	return true;
}

/* Whether the rules of the API that have it, from this one on, depend on nothing but the path. */
static bool is_certain(const struct own_path_check *c, size_t at)
{
	const struct route_rule *rules = c->snapshot->rules;

	for (size_t i = at; i < c->snapshot->rule_count && str_eq(rules[i].api, rules[at].api); i++)
		if (has_conditions(rules[i].match) && has_instance(rules[i].target, c->instance->self))
			return false;
	return !c->instance->when;
}

static void check_rule(struct own_path_check *c, size_t at)
{
	const struct target *target = c->snapshot->rules[at].target;

	c->rule = &c->snapshot->rules[at];
	for (size_t i = 0; i < target->chain.count; i++) {
		const struct policy *policy = target->chain.at[i].policy;
		const struct own_path *own;

		c->instance = &target->chain.at[i];
		own = policy->own_paths ? policy->own_paths(c->instance->self) : NULL;
		if (!own || c->instance->is_report || !is_for_browsers(c->rule) || !is_first(c, at))
			continue;
		c->is_certain = is_certain(c, at);
		for (; own->option; own++)
			check_path(c, own);
	}
}

void own_paths_check(const struct snapshot *snapshot, struct reader *reader)
{
	struct own_path_check c = { .snapshot = snapshot, .reader = reader };

	c.scratch = route_scratch_new();
	for (size_t i = 0; i < snapshot->rule_count; i++)
		check_rule(&c, i);
	route_scratch_free(&c.scratch);
}

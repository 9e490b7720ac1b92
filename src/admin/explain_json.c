/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/explain_json.h"

#include "admin/views.h"
#include "config/unit.h"

/* One answer while it is printed. */
struct explain_json {
	struct json_stream json;
	const struct explanation *told;
	const struct edition *edition;
	struct mask mask;
	struct arena *arena;
};

static void put_null(struct json_stream *json, const char *key)
{
	json_key(json, str_of(key));
	json_raw(json, STR("null"));
}

static void put_text_or_null(struct json_stream *json, const char *key, str text)
{
	if (text.len)
		json_pair(json, key, text);
	else
		put_null(json, key);
}

static void put_list(struct json_stream *json, const char *key, str_list list)
{
	json_open_at(json, key, '[');
	for (size_t i = 0; i < list.len; i++)
		json_text(json, list.at[i]);
	json_close(json, ']');
}

static void put_time(struct explain_json *t, const char *key, duration time)
{
	json_pair(&t->json, key, unit_print_duration(t->arena, time));
}

static void put_url(struct explain_json *t, const char *key, str url)
{
	json_pair(&t->json, key, mask_url(&t->mask, url, t->arena));
}

/* ---- the route ---- */

static void put_rule(struct json_stream *json, const struct route_rule *rule)
{
	put_text_or_null(json, "api", rule ? rule->api : (str) { 0 });
	put_text_or_null(json, "route", rule ? rule->route : (str) { 0 });
}

static void put_match(struct json_stream *json, const struct route_explanation *route)
{
	json_open_at(json, "match", '{');
	json_pair(json, "host", route->host);
	json_pair(json, "path", route->winner.path);
	json_open_at(json, "parameters", '{');
	for (size_t i = 0; i < route->parameter_count; i++) {
		json_key(json, route->parameters[i].name);
		json_text(json, route->parameters[i].value);
	}
	json_close(json, '}');
	put_list(json, "conditions", route->conditions);
	json_close(json, '}');
}

static void put_misses(struct json_stream *json, const struct route_explanation *route)
{
	json_open_at(json, "near_misses", '[');
	for (size_t i = 0; i < route->miss_count; i++) {
		json_open(json, '{');
		put_rule(json, route->misses[i].rule);
		json_pair(json, "path", route->misses[i].path);
		json_pair(json, "condition", route->misses[i].words);
		json_close(json, '}');
	}
	json_close(json, ']');
	if (route->unlisted)
		json_pair_number(json, "near_misses_unlisted", route->unlisted);
}

static void put_route(struct explain_json *t)
{
	const struct route_explanation *route = &t->told->route;
	struct json_stream *json = &t->json;

	json_pair(json, "host", t->told->host);
	json_pair(json, "path", t->told->path);
	if (t->told->is_preflight)
		json_pair(json, "preflight_of", t->told->method);
	put_rule(json, route->winner.rule);
	if (route->winner.rule) {
		json_pair(json, "why", route->winner.words);
		put_match(json, route);
	}
	if (route->outcome == ROUTE_METHOD)
		put_list(json, "allowed", route->allowed);
	put_misses(json, route);
}

/* ---- policies ---- */

static void put_policy(struct explain_json *t, const struct explained_policy *policy)
{
	const struct policy_instance *instance = policy->instance;
	uint64_t limit = policy_learnt_limit(instance, &t->told->target->names, t->told->snapshot->slots);
	struct json_stream *json = &t->json;

	json_open(json, '{');
	json_pair(json, "name", instance->name);
	json_pair(json, "kind", str_of(instance->policy->name));
	if (policy->bounds.len)
		json_pair(json, "bounds", mask_words(&t->mask, policy->bounds, t->arena));
	if (limit)
		json_pair_number(json, "limit", limit);
	if (instance->is_report)
		json_pair_bool(json, "report", true);
	if (instance->when)
		json_pair(json, "when", policy->when);
	if (policy->was_asked)
		json_pair_bool(json, "holds", policy->holds);
	put_text_or_null(json, "decision",
			 str_of(policy->has_decided ? decision_words[policy->decision] : NULL));
	json_close(json, '}');
}

static void put_policies(struct explain_json *t)
{
	json_open_at(&t->json, "policies", '[');
	for (size_t i = 0; i < t->told->policy_count; i++)
		put_policy(t, &t->told->policies[i]);
	json_close(&t->json, ']');
	if (t->told->reported.len)
		json_pair(&t->json, "reported", t->told->reported);
}

/* ---- the upstream ---- */

static void put_retries(struct explain_json *t, const struct upstream *upstream)
{
	const struct upstream_retries *retries = &upstream->config->retries;

	json_open_at(&t->json, "retries", '{');
	json_pair_number(&t->json, "attempts", (uint64_t)retries->attempts);
	json_open_at(&t->json, "on", '[');
	for (enum retry_cause cause = RETRY_CONNECT; cause < RETRY_CAUSES; cause++)
		if (upstream_retries_on(upstream, cause))
			json_text(&t->json, str_of(retry_cause_words[cause]));
	json_close(&t->json, ']');
	json_pair_number(&t->json, "budget", (uint64_t)retries->budget);
	json_close(&t->json, '}');
}

/* In the configuration's own words. */
static void put_bounds(struct explain_json *t)
{
	const struct explained_upstream *told = &t->told->upstream;
	const struct upstream_hedging *hedging = &told->upstream->config->hedging;

	json_open_at(&t->json, "bounds", '{');
	json_open_at(&t->json, "timeouts", '{');
	put_time(t, "connect", told->timeouts.connect);
	put_time(t, "response", told->timeouts.response);
	put_time(t, "idle", told->timeouts.idle);
	if (told->total)
		put_time(t, "total", told->total);
	json_close(&t->json, '}');
	put_retries(t, told->upstream);
	if (hedging->after) {
		json_open_at(&t->json, "hedging", '{');
		put_time(t, "after", hedging->after);
		json_pair_number(&t->json, "budget", (uint64_t)hedging->budget);
		json_close(&t->json, '}');
	}
	if (told->upstream->config->slow_start)
		put_time(t, "slow_start", told->upstream->config->slow_start);
	json_close(&t->json, '}');
}

static void put_upstream(struct explain_json *t)
{
	const struct explained_upstream *told = &t->told->upstream;

	if (!told->upstream) {
		put_null(&t->json, "upstream");
		return;
	}
	json_open_at(&t->json, "upstream", '{');
	json_pair(&t->json, "name", told->upstream->name);
	json_pair(&t->json, "url", explanation_url(t->told, &t->mask, t->arena));
	if (told->split.len)
		json_pair(&t->json, "weighted", told->split);
	put_bounds(t);
	views_put_upstream(&t->json, t->edition, told->upstream);
	json_close(&t->json, '}');
}

/* ---- all of it ---- */

static void put_because(struct explain_json *t)
{
	json_open_at(&t->json, "because", '[');
	for (size_t i = 0; i < t->told->because.len; i++)
		json_text(&t->json, mask_words(&t->mask, t->told->because.at[i], t->arena));
	json_close(&t->json, ']');
}

static void put_outcome(struct explain_json *t)
{
	static const char *const words[] = { [EXPLAINED_MATCHED] = "matched",
					     [EXPLAINED_NO_ROUTE] = "no_route",
					     [EXPLAINED_REFUSED] = "refused" };
	const struct explanation *told = t->told;

	json_pair(&t->json, "outcome", str_of(words[told->outcome]));
	if (!told->status) {
		put_null(&t->json, "status");
		put_null(&t->json, "reason");
		return;
	}
	json_pair_number(&t->json, "status", (uint64_t)told->status);
	json_pair(&t->json, "reason", reason_word(told->reason));
	if (!str_eq(told->why, reason_word(told->reason)))
		json_pair(&t->json, "detail", told->why);
	if (told->location.len)
		put_url(t, "location", told->location);
}

static void put_explanation(struct explain_json *t)
{
	put_outcome(t);
	if (t->told->is_routed)
		put_route(t);
	if (!t->told->target)
		return;
	put_policies(t);
	put_upstream(t);
	put_because(t);
}

result explain_json_answer(struct admin_request *request, str method, str url, const struct explanation *told,
			   struct arena *arena)
{
	struct explain_json t = { .told = told, .edition = request->edition, .arena = arena };

	explanation_mask(told, NULL, arena, &t.mask);
	admin_begin(request, 200, STR("application/json"));
	json_begin(&t.json, request->exchange);
	json_open(&t.json, '{');
	json_pair_number(&t.json, "generation", request->edition->snapshot->generation);
	json_pair(&t.json, "method", method);
	put_url(&t, "url", url);
	put_explanation(&t);
	json_close(&t.json, '}');
	return json_end(&t.json);
}

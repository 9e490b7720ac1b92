/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/explain_json.h"

#include "admin/views.h"
#include "config/unit.h"
#include "observe/log_text.h"

enum { CUT_LEAST = 4 };

/* One answer while it is printed. */
struct explain_json {
	struct json_stream json;
	const struct explanation *told;
	const struct edition *edition;
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

static str_list redact_of(const struct explain_json *t)
{
	return t->told->snapshot->config.log.access.redact;
}

/* As the log masks it. */
static void put_url(struct explain_json *t, const char *key, str url)
{
	struct buf out = arena_open(t->arena, 6 * url.len + 64);

	log_put_url(&out, LOG_ESCAPE_TEXT, url, true, redact_of(t));
	json_pair(&t->json, key, arena_close(t->arena, &out));
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

/* How much of the secret the text begins with: all of it, or as much as there was room for. */
static size_t covered_by(str text, str secret)
{
	if (str_starts(text, secret))
		return secret.len;
	return text.len >= CUT_LEAST && str_starts(secret, text) ? text.len : 0;
}

static str mask_secret(struct arena *arena, str text, str secret)
{
	struct buf out;
	size_t at = 0, covered = 0;

	while (at < text.len && !(covered = covered_by(str_skip(text, at), secret)))
		at++;
	if (!covered)
		return text;
	out = arena_open(arena, 3 * text.len);
	for (at = 0; at < text.len; at += covered ? covered : 1) {
		covered = covered_by(str_skip(text, at), secret);
		buf_put(&out, covered ? STR("***") : str_slice(text, at, at + 1));
	}
	return arena_close(arena, &out);
}

static str mask_node(struct arena *arena, str text, const struct node *node)
{
	if (node->kind == NODE_SCALAR)
		return node->is_expanded && node->text.len ? mask_secret(arena, text, node->text) : text;
	for (const struct node *child = node->first; child; child = child->next)
		text = mask_node(arena, text, child);
	return text;
}

/* What policies say of themselves, without what was taken from outside for one of them. */
static str mask_words(const struct explain_json *t, str words)
{
	for (size_t i = 0; i < t->told->policy_count; i++)
		if (t->told->policies[i].instance->options)
			words = mask_node(t->arena, words, t->told->policies[i].instance->options);
	return words;
}

static void put_policy(struct explain_json *t, const struct explained_policy *policy)
{
	const struct policy_instance *instance = policy->instance;
	uint64_t limit = policy_learnt_limit(instance, &t->told->target->names, t->told->snapshot->slots);
	struct json_stream *json = &t->json;

	json_open(json, '{');
	json_pair(json, "name", instance->name);
	json_pair(json, "kind", str_of(instance->policy->name));
	if (policy->bounds.len)
		json_pair(json, "bounds", mask_words(t, policy->bounds));
	if (limit)
		json_pair_number(json, "limit", limit);
	if (instance->is_report)
		json_pair_bool(json, "report", true);
	if (instance->when)
		json_pair(json, "when", policy->when);
	if (policy->was_asked)
		json_pair_bool(json, "holds", policy->holds);
	put_text_or_null(json, "decision",
			 policy->has_decided ? decision_word(policy->decision) : (str) { 0 });
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

/* Where credentials are: the request's own, and labels that hold a consumer's key to an upstream. */
static bool names_secret(str text)
{
	static const str parts[] = { STR_INIT("${request.header."), STR_INIT("${request.query"),
				     STR_INIT("${consumer.label.") };

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (str_contains(text, parts[i]))
			return true;
	return false;
}

/* As deep as the file is, which has a bound. */
static bool may_bear_secret(const struct node *node)
{
	if (node->kind == NODE_SCALAR)
		return node->is_expanded || names_secret(node->text);
	for (const struct node *child = node->first; child; child = child->next)
		if (may_bear_secret(child))
			return true;
	return false;
}

static bool policies_may_bear_secrets(const struct explanation *told)
{
	for (size_t i = 0; i < told->policy_count; i++)
		if (told->policies[i].instance->options &&
		    may_bear_secret(told->policies[i].instance->options))
			return true;
	return false;
}

static void put_target(struct explain_json *t)
{
	const struct explained_upstream *told = &t->told->upstream;
	bool hides = policies_may_bear_secrets(t->told);
	struct buf out = arena_open(t->arena, told->host.len + told->path.len + 6 * told->query.len + 64);

	buf_put(&out, told->upstream->tls ? STR("https://") : STR("http://"));
	buf_put(&out, hides && told->has_own_host ? STR("***") : told->host);
	buf_put(&out, hides && told->has_own_path ? STR("/***") : told->path);
	if (told->query.len)
		buf_put_char(&out, '?');
	if (hides && told->has_own_query)
		buf_put(&out, STR("***"));
	else
		log_put_query(&out, LOG_ESCAPE_TEXT, told->query, redact_of(t));
	json_pair(&t->json, "url", arena_close(t->arena, &out));
}

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
	put_target(t);
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
		json_text(&t->json, mask_words(t, t->told->because.at[i]));
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

result explain_json_answer(struct admin_request *request, str method, str url, const struct explanation *told)
{
	struct explain_json t = { .told = told,
				  .edition = request->edition,
				  .arena = request->exchange->arena };

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

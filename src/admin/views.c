/* SPDX-License-Identifier: Apache-2.0 */
/*
 * views: what is in force, as JSON: the configuration, APIs with their routes, upstreams with their
 * endpoints.
 *
 * The edition is held while it is printed, so a slow reader sees one configuration from beginning to end.
 */
#include "admin/config_json.h"
#include "admin/request.h"
#include "admin/views.h"
#include "proxy/listener_tls.h"

/* Of many, a part is enough to look at: whoever wants one asks the file that it came from. */
enum { CONSUMERS_SHOWN = 10000 };

static void begin(struct admin_request *request, struct json_stream *json)
{
	admin_begin(request, 200, STR("application/json"));
	json_begin(json, request->exchange);
	json_open(json, '{');
	json_pair_number(json, "generation", request->edition->snapshot->generation);
}

static result end(struct json_stream *json)
{
	json_close(json, '}');
	return json_end(json);
}

result config_resource(struct admin_request *request)
{
	struct json_stream json;

	begin(request, &json);
	json_key(&json, STR("config"));
	config_json_put(&json, request->edition->snapshot->root);
	return end(&json);
}

static void put_list(struct json_stream *json, const char *key, str_list list)
{
	json_open_at(json, key, '[');
	for (size_t i = 0; i < list.len; i++)
		json_text(json, list.at[i]);
	json_close(json, ']');
}

/* limit: what it has learnt. */
static void put_policy(struct json_stream *json, const struct policy_instance *instance, uint64_t limit)
{
	json_open(json, '{');
	json_pair(json, "name", instance->name);
	json_pair(json, "kind", str_of(instance->policy->name));
	if (instance->when)
		json_pair_bool(json, "when", true);
	if (instance->is_report)
		json_pair_bool(json, "report", true);
	if (limit)
		json_pair_number(json, "limit", limit);
	json_close(json, '}');
}

static void put_policies(struct json_stream *json, const struct target *target, struct slot_table *slots)
{
	json_open_at(json, "policies", '[');
	for (size_t i = 0; i < target->chain.count; i++)
		put_policy(json, &target->chain.at[i],
			   policy_learnt_limit(&target->chain.at[i], &target->names, slots));
	json_close(json, ']');
}

static void put_split(struct json_stream *json, const struct split *split)
{
	json_open_at(json, "weighted", '{');
	for (size_t i = 0; i < split->count; i++) {
		json_key(json, split->shares[i].upstream->name);
		json_number(json, split->shares[i].weight);
	}
	json_close(json, '}');
}

static void put_target(struct json_stream *json, const struct target *target, struct slot_table *slots)
{
	if (target->upstream)
		json_pair(json, "upstream", target->upstream->name);
	if (target->split)
		put_split(json, target->split);
	put_policies(json, target, slots);
}

static void put_route(struct json_stream *json, const struct route_rule *rule, struct slot_table *slots)
{
	const struct node *match = node_find(rule->node, STR("match"));

	json_open(json, '{');
	json_pair(json, "name", rule->route);
	if (match) {
		json_key(json, STR("match"));
		config_json_put(json, match);
	}
	put_target(json, rule->target, slots);
	json_close(json, '}');
}

/* An API's own rule, and behind it those of its routes. *at moves behind them. */
static void put_api(struct json_stream *json, const struct snapshot *snapshot, size_t *at)
{
	const struct route_rule *api = &snapshot->rules[(*at)++];

	json_open(json, '{');
	json_pair(json, "name", api->api);
	put_list(json, "hosts", api->api_hosts);
	json_pair(json, "path", api->api_path);
	put_list(json, "methods", api->api_methods);
	put_target(json, api->target, snapshot->slots);
	json_open_at(json, "routes", '[');
	while (*at < snapshot->rule_count && snapshot->rules[*at].route.len)
		put_route(json, &snapshot->rules[(*at)++], snapshot->slots);
	json_close(json, ']');
	json_close(json, '}');
}

/* ---- consumers ---- */

/* Never a hash of a credential: who may read here need not be who may guess. */
static void put_consumer(struct json_stream *json, const struct consumer *consumer)
{
	const struct operand *groups = &consumer->groups;

	json_open(json, '{');
	json_pair(json, "name", consumer->name);
	json_open_at(json, "groups", '[');
	for (size_t i = 0; groups->kind == OPERAND_LIST && i < groups->list.count; i++)
		json_text(json, groups->list.at[i].text);
	json_close(json, ']');
	json_pair_bool(json, "password", consumer->password.len);
	json_close(json, '}');
}

result consumers_resource(struct admin_request *request)
{
	const struct consumers *consumers = request->edition->consumers;
	const struct consumer *consumer;
	struct json_stream json;
	size_t cursor = 0, count = 0;

	begin(request, &json);
	json_pair_number(&json, "total", consumers_count(consumers));
	json_open_at(&json, "consumers", '[');
	while (count++ < CONSUMERS_SHOWN && !failed(json.sent) &&
	       (consumer = consumers_next(consumers, &cursor)))
		put_consumer(&json, consumer);
	json_close(&json, ']');
	return end(&json);
}

result apis_resource(struct admin_request *request)
{
	const struct snapshot *snapshot = request->edition->snapshot;
	struct json_stream json;

	begin(request, &json);
	json_open_at(&json, "apis", '[');
	for (size_t at = 0; at < snapshot->rule_count && !failed(json.sent);)
		put_api(&json, snapshot, &at);
	json_close(&json, ']');
	return end(&json);
}

static void put_outcomes(struct json_stream *json, const struct metric_endpoint_sums *sums)
{
	static const char *const words[OUTCOMES] = { "success", "server_error", "connect_failed", "timeout",
						     "reset",   "malformed",    "cancelled" };

	json_open_at(json, "requests", '{');
	for (size_t i = 0; i < OUTCOMES; i++)
		json_pair_number(json, words[i], sums->outcomes[i]);
	json_close(json, '}');
}

/* latency_ms: the mean of all answers' heads; microseconds of it are worth seeing. */
static void put_latency(struct json_stream *json, const struct metric_endpoint_sums *sums)
{
	uint64_t mean;
	char text[32];
	struct buf number = buf_over(text, sizeof text);

	json_key(json, STR("latency_ms"));
	if (!sums->answers) {
		json_raw(json, STR("null"));
		return;
	}
	mean = (uint64_t)sums->time_taken / sums->answers / MICROSECOND;
	buf_put_u64(&number, mean / 1000);
	buf_put_char(&number, '.');
	for (uint64_t digit = 100; digit; digit /= 10)
		buf_put_char(&number, (char)('0' + mean / digit % 10));
	json_raw(json, buf_str(&number));
}

static void put_instant(struct json_stream *json, const char *key, wall_time at)
{
	char text[TIME_RFC3339_LEN];

	json_pair(json, key, (str) { text, time_print_rfc3339(at, text) });
}

/* Its record is the control thread's, as this is. */
static void put_health(struct json_stream *json, const struct roster_member *member)
{
	const struct standing *standing = member->standing;
	enum health_state health = standing ? standing_health(standing) : HEALTH_UNKNOWN;

	json_pair(json, "health",
		  endpoint_is_drained(member->endpoint) ? STR("drained") : str_of(health_word(health)));
	if (!standing)
		return;
	put_instant(json, "since", standing->record.since);
	json_key(json, STR("last_failure"));
	if (!standing->record.failed_at) {
		json_raw(json, STR("null"));
		return;
	}
	json_open(json, '{');
	put_instant(json, "time", standing->record.failed_at);
	json_pair(json, "what", str_of(standing->record.failure));
	json_close(json, '}');
}

/* In percent of its weight, where it grows after a time in which it was not asked. */
static void put_share(struct json_stream *json, const struct roster *roster,
		      const struct roster_member *member)
{
	bool serves = serving_may(roster, member);

	if (roster->rules.slow_start)
		json_pair_number(json, "share",
				 serves ? serving_share(roster, member->standing, time_monotonic()) : 0);
}

static void put_member(struct json_stream *json, const struct roster *roster,
		       const struct roster_member *member, const struct metric_series *series)
{
	struct metric_endpoint_sums sums = metric_endpoint_sums(series);

	json_open(json, '{');
	json_pair(json, "address", member->endpoint->text);
	json_pair_number(json, "weight", member->weight);
	put_share(json, roster, member);
	json_pair_bool(json, "backup", member->is_backup);
	json_pair_bool(json, "drained", endpoint_is_drained(member->endpoint));
	put_health(json, member);
	json_pair_number(json, "active",
			 atomic_load_explicit(&member->endpoint->active, memory_order_relaxed));
	if (series) {
		put_outcomes(json, &sums);
		put_latency(json, &sums);
	}
	json_close(json, '}');
}

/* Those that have no bound are not counted. */
static void put_load(struct json_stream *json, const struct upstream *upstream, enum upstream_bound bound,
		     const char *key)
{
	struct upstream_load load = upstream_load(upstream, bound);

	if (!load.max)
		return;
	json_open_at(json, key, '{');
	json_pair_number(json, "now", load.now);
	json_pair_number(json, "max", load.max);
	json_close(json, '}');
}

static void put_breaker(struct json_stream *json, const struct upstream *upstream)
{
	const struct breaker_bounds *bounds = &upstream->config->circuit_breaker;

	if (!bounds->requests && !bounds->connections)
		return;
	json_open_at(json, "circuit_breaker", '{');
	put_load(json, upstream, UPSTREAM_BOUND_REQUESTS, "requests");
	put_load(json, upstream, UPSTREAM_BOUND_CONNECTIONS, "connections");
	put_load(json, upstream, UPSTREAM_BOUND_PENDING, "pending");
	json_close(json, '}');
}

void views_put_upstream(struct json_stream *json, const struct edition *edition,
			const struct upstream *upstream)
{
	const struct roster *roster = edition_roster(edition, upstream);
	const struct balance_config *balance = &upstream->config->balance;

	json_pair(json, "balance", balance_word(balance->kind));
	if (balance->kind == BALANCE_HASH)
		json_pair(json, "hash", balance->hash.text);
	put_breaker(json, upstream);
	if (upstream->check || upstream->outlier)
		json_pair_bool(json, "panic", serving_is_panic(roster));
	json_open_at(json, "endpoints", '[');
	for (size_t i = 0; i < roster->count; i++)
		put_member(json, roster, &roster->members[i], counting_endpoint(edition, upstream, i));
	json_close(json, ']');
}

result upstreams_resource(struct admin_request *request)
{
	const struct snapshot *snapshot = request->edition->snapshot;
	struct json_stream json;

	begin(request, &json);
	json_open_at(&json, "upstreams", '[');
	for (size_t i = 0; i < snapshot->upstream_count && !failed(json.sent); i++) {
		json_open(&json, '{');
		json_pair(&json, "name", snapshot->upstreams[i]->name);
		views_put_upstream(&json, request->edition, snapshot->upstreams[i]);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	return end(&json);
}

static void put_time(struct json_stream *json, const char *key, wall_time at)
{
	char text[TIME_RFC3339_LEN];

	time_print_rfc3339(at, text);
	text[sizeof "2026-01-02T03:04:05" - 1] = 'Z'; /* certificates have no fractions of a second */
	json_pair(json, key, (str) { text, sizeof "2026-01-02T03:04:05Z" - 1 });
}

static void put_certificate(struct json_stream *json, str listener, const struct certificate_facts *facts)
{
	json_open(json, '{');
	json_pair(json, "listener", listener);
	json_pair(json, "file", facts->path);
	put_list(json, "names", facts->names);
	json_pair(json, "subject", facts->subject);
	json_pair(json, "issuer", facts->issuer);
	json_pair(json, "serial", facts->serial);
	json_pair(json, "key_type", str_of(facts->key_type));
	put_time(json, "not_before", facts->not_before);
	put_time(json, "not_after", facts->not_after);
	if (facts->staple_until)
		put_time(json, "ocsp_until", facts->staple_until);
	json_close(json, '}');
}

/* Those of the files as they were read last, which may be newer than the configuration. */
result certificates_resource(struct admin_request *request)
{
	const struct snapshot *snapshot = request->edition->snapshot;
	struct json_stream json;

	begin(request, &json);
	json_open_at(&json, "certificates", '[');
	for (size_t i = 0; i < snapshot_tls_count(snapshot) && !failed(json.sent); i++) {
		struct listener_tls *tls = snapshot_tls(snapshot, i);
		struct tls_material *material = tls ? listener_tls_take(tls) : NULL;

		for (size_t j = 0; material && j < material->count; j++)
			put_certificate(&json, tls->surroundings.label, &material->facts[j]);
		tls_material_unref(&material);
	}
	json_close(&json, ']');
	return end(&json);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_resource: /metrics: the pieces of a scrape, one after the other, with a turn for others in between.
 */
#include "admin/request.h"

#include "base/assert.h"
#include "proxy/listener_tls.h"

static bool is_full(const struct upstream *upstream, enum upstream_bound bound)
{
	struct upstream_load load = upstream_load(upstream, bound);

	return load.max && load.now >= load.max;
}

static void set_open(const struct snapshot *snapshot, const struct upstream *upstream)
{
	const struct breaker_bounds *bounds = &upstream->config->circuit_breaker;

	if (bounds->requests || bounds->connections)
		metric_series_set_open(snapshot->counting.upstreams[upstream->index],
				       is_full(upstream, UPSTREAM_BOUND_REQUESTS),
				       is_full(upstream, UPSTREAM_BOUND_CONNECTIONS));
}

/* In a panic also those serve that are not well: they do not get well by it. */
static bool is_up(const struct roster *roster, const struct roster_member *member)
{
	return !endpoint_is_drained(member->endpoint) &&
	       (!member->standing ||
		(serving_may(roster, member) && standing_health(member->standing) <= HEALTH_UNKNOWN));
}

/* Which endpoints are well is known by the edition in force, not by the counters. */
static void set_up(const struct edition *edition, struct metrics *metrics)
{
	const struct snapshot *snapshot = edition->snapshot;

	metrics_forget_told(metrics);
	for (size_t i = 0; i < snapshot->upstream_count; i++) {
		const struct upstream *upstream = snapshot->upstreams[i];
		const struct roster *roster = edition_roster(edition, upstream);

		set_open(snapshot, upstream);
		if (snapshot->counting.is_on && (upstream->check || upstream->outlier))
			metric_series_set_panic(snapshot->counting.upstreams[upstream->index],
						serving_is_panic(roster));
		for (size_t j = 0; j < roster->count; j++)
			metric_series_set_up(counting_endpoint(edition, upstream, j),
					     is_up(roster, &roster->members[j]));
	}
}

static void set_expiry(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot_tls_count(snapshot); i++) {
		struct listener_tls *tls = snapshot_tls(snapshot, i);
		struct tls_material *material = tls ? listener_tls_take(tls) : NULL;

		for (size_t j = 0; material && j < material->count; j++)
			metric_series_set_expiry(tls->series ? tls->series[j] : NULL,
						 material->facts[j].not_after / SECOND);
		tls_material_unref(&material);
	}
}

static void set_limits(const struct snapshot *snapshot, const struct target *target)
{
	for (size_t i = 0; target->decisions && i < target->chain.count; i++) {
		const struct policy_instance *instance = &target->chain.at[i];
		uint64_t limit = policy_learnt_limit(instance, &target->names, snapshot->slots);

		if (limit)
			metric_series_set_limit(target->decisions[i], limit);
	}
}

static result send_pieces(struct small_exchange *exchange, struct metrics_scrape *scrape, char *piece)
{
	struct fiber *self = exchange->fiber;
	bool goes_on = !exchange->sink->is_bodiless;

	while (goes_on) {
		struct buf out = buf_over(piece, METRICS_PIECE);

		goes_on = metrics_scrape_next(scrape, &out);
		TRY(small_exchange_send(exchange, buf_str(&out), false));
		TRY(fiber_sleep(self, loop_now(fibers_loop(fiber_fibers(self)))));
	}
	return small_exchange_send(exchange, (str) { 0 }, true);
}

result metrics_resource(struct admin_request *request)
{
	const struct admin_options *options = request->options;
	struct metrics_reading reading = { 0 };
	struct metrics_scrape *scrape;
	result_value sent;

	if (!options->metrics || !request->edition->snapshot->counting.is_on)
		return admin_problem(request, 404, STR("metrics.enabled is false."));
	options->hooks.read(options->owner, &reading);
	set_up(request->edition, options->metrics);
	set_expiry(request->edition->snapshot);
	for (size_t i = 0; i < request->edition->snapshot->rule_count; i++)
		set_limits(request->edition->snapshot, request->edition->snapshot->rules[i].target);
	scrape = metrics_scrape_new(options->metrics, &reading);
	admin_begin(request, 200, STR(METRICS_CONTENT_TYPE));
	sent = send_pieces(request->exchange, scrape, arena_bytes(request->exchange->arena, METRICS_PIECE));
	metrics_scrape_free(&scrape);
	return sent;
}

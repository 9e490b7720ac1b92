/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counting: getting the series, and letting them go.
 *
 * Every reference is written down when it is taken, so that letting go needs no second walk through
 * everything that may have one. Fixed endpoints are their snapshot's, because an edition of a large
 * configuration should cost no more than what discovery changes.
 */
#include "proxy/counting.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "proxy/exchange.h"
#include "proxy/forward.h"
#include "proxy/listener_tls.h"

struct counted {
	struct counted *next;
	struct metric_series *series;
};

/* The cores that are online, and not those that this process may use: `workers` is there to say it better. */
size_t counting_workers(const struct gateway_config *config)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (config->workers)
		return (size_t)config->workers;
	return cores > 0 ? (size_t)cores : 1;
}

void counting_begin(struct snapshot *snapshot, struct identities *identities)
{
	struct counting *counting = &snapshot->counting;

	if (identities->is_counting && !identities->metrics)
		identities->metrics = metrics_new(counting_workers(&snapshot->config));
	counting->metrics = identities->metrics;
	counting->is_on = identities->metrics && snapshot->config.metrics.enabled;
}

static struct metric_series *find_series(struct snapshot *snapshot, enum metric_kind kind, str first,
					 str second)
{
	struct counting *counting = &snapshot->counting;
	struct counted *counted;

	if (!counting->is_on)
		return NULL;
	counted = ARENA_NEW(&snapshot->arena, struct counted);
	counted->series = metrics_series(counting->metrics, kind, first, second);
	counted->next = counting->first;
	counting->first = counted;
	return counted->series;
}

void counting_target(struct snapshot *snapshot, struct target *target, const struct target *of_api)
{
	const struct policy_chain *chain = &target->chain;

	target->series = find_series(snapshot, METRIC_ROUTE, target->names.api, target->names.route);
	if (!of_api)
		target->reasons = find_series(snapshot, METRIC_REASONS, target->names.api, (str) { 0 });
	if (!snapshot->counting.is_on || (of_api && of_api->chain.at == chain->at))
		return; /* the API's own, which were copied with it */
	target->decisions = ARENA_ARRAY(&snapshot->arena, struct metric_series *, chain->count);
	for (size_t i = 0; i < chain->count; i++)
		target->decisions[i] =
			find_series(snapshot, METRIC_POLICY, chain->at[i].name, target->names.api);
}

static struct metric_series **fixed_endpoints(struct snapshot *snapshot, const struct upstream *upstream)
{
	const struct roster *roster = upstream->roster;
	struct metric_series **series;

	if (!roster)
		return NULL;
	series = ARENA_ARRAY(&snapshot->arena, struct metric_series *, roster->count);
	for (size_t i = 0; i < roster->count; i++)
		series[i] = find_series(snapshot, METRIC_ENDPOINT, upstream->name,
					roster->members[i].endpoint->text);
	return series;
}

void counting_upstreams(struct snapshot *snapshot)
{
	struct counting *counting = &snapshot->counting;

	if (!counting->is_on)
		return;
	counting->upstreams = ARENA_ARRAY(&snapshot->arena, struct metric_series *, snapshot->upstream_count);
	counting->endpoints =
		ARENA_ARRAY(&snapshot->arena, struct metric_series **, snapshot->upstream_count);
	for (size_t i = 0; i < snapshot->upstream_count; i++) {
		const struct upstream *upstream = snapshot->upstreams[i];

		counting->upstreams[i] = find_series(snapshot, METRIC_UPSTREAM, upstream->name, (str) { 0 });
		counting->endpoints[i] = fixed_endpoints(snapshot, upstream);
	}
}

void counting_listeners(struct snapshot *snapshot)
{
	for (size_t i = 0; snapshot->counting.is_on && i < snapshot_tls_count(snapshot); i++) {
		struct listener_tls *tls = snapshot_tls(snapshot, i);

		if (!tls)
			continue;
		tls->series = ARENA_ARRAY(&snapshot->arena, struct metric_series *, tls->count);
		for (size_t j = 0; j < tls->count; j++)
			tls->series[j] = find_series(snapshot, METRIC_CERTIFICATE, tls->surroundings.label,
						     tls->sources[j].settings.path);
	}
}

void counting_end(struct snapshot *snapshot)
{
	for (struct counted *counted = snapshot->counting.first; counted; counted = counted->next)
		metric_series_unref(&counted->series);
}

static struct metric_series **discovered_endpoints(struct metrics *metrics, str upstream,
						   const struct roster *roster)
{
	struct metric_series **series = calloc(roster->count + 1, sizeof(struct metric_series *));

	ASSERT(series);
	for (size_t i = 0; i < roster->count; i++)
		series[i] =
			metrics_series(metrics, METRIC_ENDPOINT, upstream, roster->members[i].endpoint->text);
	return series;
}

struct metric_series ***counting_rosters_new(const struct edition *edition)
{
	const struct snapshot *snapshot = edition->snapshot;
	struct metric_series ***series;

	if (!snapshot->counting.is_on)
		return NULL;
	series = calloc(snapshot->upstream_count + 1, sizeof(struct metric_series **));
	ASSERT(series);
	for (size_t i = 0; i < snapshot->upstream_count; i++)
		if (!snapshot->upstreams[i]->roster)
			series[i] = discovered_endpoints(snapshot->counting.metrics,
							 snapshot->upstreams[i]->name, edition->rosters[i]);
	return series;
}

void counting_rosters_free(struct metric_series ****address, const struct edition *edition)
{
	struct metric_series ***series = *address;

	if (!series)
		return;
	*address = NULL;
	for (size_t i = 0; i < edition->snapshot->upstream_count; i++) {
		for (size_t j = 0; series[i] && j < edition->rosters[i]->count; j++)
			metric_series_unref(&series[i][j]);
		free(series[i]);
	}
	free(series);
}

struct metric_series *counting_endpoint(const struct edition *edition, const struct upstream *upstream,
					size_t member)
{
	const struct counting *counting = &edition->snapshot->counting;

	if (!counting->is_on)
		return NULL;
	if (upstream->roster)
		return counting->endpoints[upstream->index][member];
	return edition->discovered[upstream->index][member];
}

void counting_upstream(const struct worker *worker, const struct generation *generation,
		       const struct upstream *upstream, enum metric_upstream what)
{
	const struct counting *counting = &generation->snapshot->counting;

	if (counting->is_on)
		metrics_count_upstream(worker->metrics, counting->upstreams[upstream->index], what);
}

static struct metric_series *endpoint_of(const struct attempt *a)
{
	const struct forward *f = a->forward;

	return counting_endpoint(f->exchange->generation->edition, f->upstream,
				 (size_t)(a->member - f->roster->members));
}

static enum metric_outcome outcome_of(const struct attempt *a, enum reason reason)
{
	switch (reason) {
	case REASON_NONE:
		return a->response.status >= 500 ? OUTCOME_SERVER_ERROR : OUTCOME_SUCCESS;
	case REASON_UPSTREAM_CONNECT_REFUSED:
	case REASON_UPSTREAM_CONNECT_TIMEOUT:
	case REASON_UPSTREAM_NAME_UNRESOLVED:
		return OUTCOME_CONNECT_FAILED;
	case REASON_UPSTREAM_TIMEOUT:
	case REASON_UPSTREAM_WRITE_TIMEOUT:
		return OUTCOME_TIMEOUT;
	case REASON_UPSTREAM_RESET:
	case REASON_UPSTREAM_CLOSED:
		return OUTCOME_RESET;
	case REASON_UPSTREAM_MALFORMED:
		return OUTCOME_MALFORMED;
	default:
		return OUTCOME_CANCELLED;
	}
}

/* A kept connection that proved dead was nobody's failure, and the endpoint was not asked; nor was it where
 * no connection was to be had. */
void counting_try(const struct attempt *a, enum reason reason, deadline began)
{
	const struct exchange *x = a->forward->exchange;

	if (x->worker->metrics && a->endpoint && a->failure != FAILURE_STALE &&
	    reason != REASON_UPSTREAM_CONNECTIONS_EXCEEDED)
		metrics_count_try(x->worker->metrics, endpoint_of(a), outcome_of(a, reason),
				  exchange_now(x) - began);
}

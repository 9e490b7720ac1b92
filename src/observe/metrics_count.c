/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_count: what a worker does when something has happened: finds its cell and adds to it.
 *
 * Nobody else writes a cell, so adding is a load and a store and no locked instruction; they are atomic only
 * so that a reader never sees half of a number. A list of cells is short, and what a route usually answers
 * comes first in it or soon after.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "observe/metrics_private.h"

static void add(_Atomic uint64_t *value, uint64_t n)
{
	atomic_store_explicit(value, metric_read(value) + n, memory_order_relaxed);
}

/* Lines of the cache are not shared by what two workers count. */
static struct metric_cell *cell_new(struct metric_series *series, size_t worker, uint32_t key)
{
	size_t size = sizeof(struct metric_cell) + metric_values(series->kind) * sizeof(uint64_t);
	struct metric_cell *cell;

	size = (size + 63) & ~(size_t)63;
	cell = aligned_alloc(64, size);
	ASSERT(cell);
	memset(cell, 0, size);
	cell->key = key;
	cell->next = atomic_load_explicit(&series->cells[worker], memory_order_relaxed);
	atomic_store_explicit(&series->cells[worker], cell, memory_order_release);
	return cell;
}

/* Not the first of the list. */
static struct metric_cell *cell_find(struct metric_series *series, size_t worker, uint32_t key)
{
	struct metric_cell *cell = atomic_load_explicit(&series->cells[worker], memory_order_relaxed);
	size_t count = 0;

	for (; cell; cell = cell->next, count++)
		if (cell->key == key)
			return cell;
	if (count >= METRIC_CELLS_MAX && key != METRIC_KEY_OTHER)
		return cell_find(series, worker, METRIC_KEY_OTHER);
	return cell_new(series, worker, key);
}

/* Nearly always there is but one. */
static inline struct metric_cell *cell_of(struct metric_series *series, const struct metrics_shard *shard,
					  uint32_t key)
{
	struct metric_cell *first = atomic_load_explicit(&series->cells[shard->worker], memory_order_relaxed);

	return first && first->key == key ? first : cell_find(series, shard->worker, key);
}

static void add_time(_Atomic uint64_t *histogram, duration time_taken)
{
	size_t bucket = 0;

	while (bucket < METRIC_BUCKETS && time_taken > metric_bounds[bucket])
		bucket++;
	add(&histogram[HISTOGRAM_BUCKETS + bucket], 1);
	if (time_taken > 0)
		add(&histogram[HISTOGRAM_SUM], (uint64_t)time_taken);
}

void metrics_begin_exchange(struct metrics_shard *shard)
{
	if (shard)
		add(&shard->active, 1);
}

void metrics_count_copy(struct metrics_shard *shard, enum metric_copy outcome)
{
	if (shard)
		add(&shard->copies[outcome], 1);
}

void metrics_count_shed(struct metrics_shard *shard, enum metric_shed why)
{
	if (shard)
		add(&shard->sheds[why], 1);
}

void metrics_end_exchange(struct metrics_shard *shard)
{
	if (shard)
		add(&shard->active, (uint64_t)-1);
}

void metrics_expect(const struct metrics_shard *shard, const struct metric_series *series)
{
	if (shard && series)
		__builtin_prefetch(&series->cells[shard->worker]);
}

void metrics_expect_soon(const struct metrics_shard *shard, const struct metric_series *series)
{
	if (shard && series)
		__builtin_prefetch(atomic_load_explicit(&series->cells[shard->worker], memory_order_relaxed),
				   1);
}

/* What all went well has none. */
static void count_reason(struct metrics_shard *shard, struct metric_series *reasons, enum reason reason)
{
	if (reason != REASON_NONE)
		add(&cell_of(reasons, shard, (uint32_t)reason)->values[0], 1);
}

void metrics_count_exchange(struct metrics_shard *shard, const struct exchange_facts *facts)
{
	struct metric_series *series;

	if (!shard || (!facts->series && facts->api.len))
		return; /* its configuration counts nothing */
	series = facts->series ? facts->series : shard->metrics->unrouted;
	count_reason(shard, facts->series ? facts->reasons : shard->metrics->unrouted_reasons, facts->reason);
	add_time(cell_of(series, shard, metric_key(facts->method_id, facts->status))->values,
		 facts->time_taken);
}

void metrics_count_try(struct metrics_shard *shard, struct metric_series *endpoint,
		       enum metric_outcome outcome, duration time_taken)
{
	struct metric_cell *cell;

	if (!shard || !endpoint)
		return;
	cell = cell_of(endpoint, shard, 0);
	add(&cell->values[outcome], 1);
	if (outcome == OUTCOME_SUCCESS || outcome == OUTCOME_SERVER_ERROR)
		add_time(&cell->values[OUTCOMES], time_taken);
}

void metrics_count_upstream(struct metrics_shard *shard, struct metric_series *upstream,
			    enum metric_upstream what)
{
	if (shard && upstream)
		add(&cell_of(upstream, shard, 0)->values[what], 1);
}

void metrics_count_decision(struct metrics_shard *shard, struct metric_series *policy, enum decision decision)
{
	if (shard && policy)
		add(&cell_of(policy, shard, 0)->values[decision], 1);
}

void metrics_move_connection(struct metrics_shard *shard, struct metric_series *listener,
			     enum metric_connection state, int change)
{
	if (shard && listener)
		add(&cell_of(listener, shard, 0)->values[state], (uint64_t)change);
}

void metrics_count_violation(struct metrics_shard *shard, struct metric_series *listener)
{
	if (shard && listener)
		add(&cell_of(listener, shard, 0)->values[LISTENER_VIOLATIONS], 1);
}

void metrics_count_handshake(struct metrics_shard *shard, struct metric_series *listener,
			     enum metric_handshake outcome)
{
	if (shard && listener)
		add(&cell_of(listener, shard, 0)->values[outcome], 1);
}

void metrics_count_health(struct metrics_shard *shard, struct metric_series *health, enum metric_health event)
{
	if (shard && health)
		add(&cell_of(health, shard, 0)->values[event], 1);
}

void metric_sum(const struct metric_series *series, uint32_t key, size_t count, uint64_t *ret_values)
{
	memset(ret_values, 0, count * sizeof *ret_values);
	for (size_t i = 0; i < series->metrics->workers; i++)
		for (const struct metric_cell *cell = metric_cells(series, i); cell; cell = cell->next)
			for (size_t j = 0; cell->key == key && j < count; j++)
				ret_values[j] += metric_read(&cell->values[j]);
}

struct metric_endpoint_sums metric_endpoint_sums(const struct metric_series *endpoint)
{
	struct metric_endpoint_sums sums = { 0 };
	uint64_t values[OUTCOMES + HISTOGRAM_VALUES];

	if (!endpoint)
		return sums;
	metric_sum(endpoint, 0, OUTCOMES + HISTOGRAM_VALUES, values);
	memcpy(sums.outcomes, values, sizeof sums.outcomes);
	for (size_t i = 0; i <= METRIC_BUCKETS; i++)
		sums.answers += values[OUTCOMES + HISTOGRAM_BUCKETS + i];
	sums.time_taken = (duration)values[OUTCOMES + HISTOGRAM_SUM];
	return sums;
}

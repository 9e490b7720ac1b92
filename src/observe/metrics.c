/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics: the table of series, and how long each lives.
 *
 * The lock is for whoever compiles, frees or prints configurations; workers never take it, for they come with
 * the pointer. The table grows and never shrinks: what it takes is a pointer for each series there ever was
 * at a time.
 */
#include "observe/metrics.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/random.h"
#include "observe/log_text.h"
#include "observe/metrics_private.h"

enum { TABLE_BEGIN = 64 };

/* OpenTelemetry's advice for http.server.request.duration, and two more below it: a gateway is quick. */
const duration metric_bounds[METRIC_BUCKETS] = {
	1 * MILLISECOND,    2500 * MICROSECOND, 5 * MILLISECOND,    10 * MILLISECOND,
	25 * MILLISECOND,   50 * MILLISECOND,   75 * MILLISECOND,   100 * MILLISECOND,
	250 * MILLISECOND,  500 * MILLISECOND,  750 * MILLISECOND,  1 * SECOND,
	2500 * MILLISECOND, 5 * SECOND,         7500 * MILLISECOND, 10 * SECOND,
};

size_t metric_values(enum metric_kind kind)
{
	static const size_t values[METRIC_KINDS] = {
		[METRIC_ROUTE] = HISTOGRAM_VALUES,
		[METRIC_REASONS] = 1,
		[METRIC_POLICY] = DECISIONS,
		[METRIC_LISTENER] = LISTENER_VALUES,
		[METRIC_HANDSHAKES] = METRIC_HANDSHAKE_OUTCOMES,
		[METRIC_CERTIFICATE] = 1,
		[METRIC_UPSTREAM] = METRIC_UPSTREAM_VALUES,
		[METRIC_HEALTH] = METRIC_HEALTH_VALUES,
		[METRIC_ENDPOINT] = OUTCOMES + HISTOGRAM_VALUES,
	};

	return values[kind];
}

static struct metric_series **slot_of(struct metrics *metrics, uint64_t hash)
{
	return &metrics->table[hash & metrics->mask];
}

static void grow(struct metrics *metrics)
{
	struct metric_series **old = metrics->table;
	size_t old_size = metrics->mask + 1;

	metrics->mask = 2 * old_size - 1;
	metrics->table = calloc(2 * old_size, sizeof(struct metric_series *));
	ASSERT(metrics->table);
	for (size_t i = 0; i < old_size; i++) {
		for (struct metric_series *series = old[i], *next; series; series = next) {
			struct metric_series **slot = slot_of(metrics, series->hash);

			next = series->next;
			series->next = *slot;
			*slot = series;
		}
	}
	free(old);
}

static struct metric_series *series_new(struct metrics *metrics, enum metric_kind kind, uint64_t hash,
					const str names[2])
{
	size_t fixed = sizeof(struct metric_series) + metrics->workers * sizeof(struct metric_cell *);
	struct metric_series *series = calloc(1, fixed + names[0].len + names[1].len);
	struct buf room;

	ASSERT(series);
	room = buf_over((char *)series + fixed, names[0].len + names[1].len);
	series->metrics = metrics;
	series->kind = kind;
	series->hash = hash;
	atomic_init(&series->told, -1);
	for (size_t i = 0; i < 2; i++) {
		series->names[i] = (str) { room.bytes + room.len, names[i].len };
		buf_put(&room, names[i]);
	}
	return series;
}

static struct metric_series *find(struct metrics *metrics, enum metric_kind kind, uint64_t hash,
				  const str names[2])
{
	struct metric_series *series = *slot_of(metrics, hash);

	while (series && !(series->hash == hash && series->kind == kind &&
			   str_eq(series->names[0], names[0]) && str_eq(series->names[1], names[1])))
		series = series->next;
	return series;
}

static struct metric_series *add(struct metrics *metrics, enum metric_kind kind, uint64_t hash,
				 const str names[2])
{
	struct metric_series *series = series_new(metrics, kind, hash, names), **slot;

	if (metrics->count++ > metrics->mask)
		grow(metrics);
	slot = slot_of(metrics, hash);
	series->next = *slot;
	*slot = series;
	return series;
}

struct metric_series *metrics_series(struct metrics *metrics, enum metric_kind kind, str first, str second)
{
	const str names[2] = { log_cut(first, METRIC_NAME_MAX), log_cut(second, METRIC_NAME_MAX) };
	struct metric_series *series;
	uint64_t hash;

	if (!metrics)
		return NULL;
	hash = hash_mix(hash_bytes(names[0], metrics->seed), hash_bytes(names[1], metrics->seed + kind));
	pthread_mutex_lock(&metrics->lock);
	series = find(metrics, kind, hash, names);
	if (!series)
		series = add(metrics, kind, hash, names);
	series->references++;
	pthread_mutex_unlock(&metrics->lock);
	return series;
}

static void series_free(struct metric_series *series, size_t workers)
{
	for (size_t i = 0; i < workers; i++) {
		struct metric_cell *next;

		for (struct metric_cell *cell = atomic_load(&series->cells[i]); cell; cell = next) {
			next = cell->next;
			free(cell);
		}
	}
	free(series);
}

/* Under the lock. */
static void take_out(struct metrics *metrics, struct metric_series *series)
{
	struct metric_series **link = slot_of(metrics, series->hash);

	while (*link != series)
		link = &(*link)->next;
	*link = series->next;
	metrics->count--;
}

void metric_series_unref(struct metric_series **address)
{
	struct metric_series *series = *address;
	struct metrics *metrics;
	bool is_last;

	if (!series)
		return;
	*address = NULL;
	metrics = series->metrics;
	pthread_mutex_lock(&metrics->lock);
	is_last = --series->references == 0;
	if (is_last)
		take_out(metrics, series);
	pthread_mutex_unlock(&metrics->lock);
	if (is_last)
		series_free(series, metrics->workers);
}

/* One shard more: the control thread's. */
struct metrics *metrics_new(size_t workers)
{
	size_t shards = workers + 1;
	struct metrics *metrics = calloc(1, sizeof *metrics);

	ASSERT(metrics && workers);
	metrics->table = calloc(TABLE_BEGIN, sizeof(struct metric_series *));
	metrics->shards = aligned_alloc(_Alignof(struct metrics_shard), shards * sizeof *metrics->shards);
	ASSERT(metrics->table && metrics->shards);
	pthread_mutex_init(&metrics->lock, NULL);
	metrics->mask = TABLE_BEGIN - 1;
	metrics->seed = random_u64();
	metrics->began = time_wall();
	metrics->workers = shards;
	for (size_t i = 0; i < shards; i++)
		metrics->shards[i] = (struct metrics_shard) { .metrics = metrics, .worker = i };
	metrics->unrouted = metrics_series(metrics, METRIC_ROUTE, (str) { 0 }, (str) { 0 });
	metrics->unrouted_reasons = metrics_series(metrics, METRIC_REASONS, (str) { 0 }, (str) { 0 });
	return metrics;
}

void metrics_free(struct metrics **address)
{
	struct metrics *metrics = *address;

	if (!metrics)
		return;
	*address = NULL;
	metric_series_unref(&metrics->unrouted);
	metric_series_unref(&metrics->unrouted_reasons);
	ASSERT(metrics->count == 0);
	pthread_mutex_destroy(&metrics->lock);
	free(metrics->table);
	free(metrics->shards);
	free(metrics);
}

struct metrics_shard *metrics_shard(struct metrics *metrics, size_t worker)
{
	if (!metrics)
		return NULL;
	ASSERT(worker + 1 < metrics->workers);
	return &metrics->shards[worker];
}

struct metrics_shard *metrics_control_shard(struct metrics *metrics)
{
	return metrics ? &metrics->shards[metrics->workers - 1] : NULL;
}

void metrics_forget_told(struct metrics *metrics)
{
	if (!metrics)
		return;
	pthread_mutex_lock(&metrics->lock);
	for (size_t i = 0; i <= metrics->mask; i++)
		for (struct metric_series *series = metrics->table[i]; series; series = series->next)
			atomic_store_explicit(&series->told, -1, memory_order_relaxed);
	pthread_mutex_unlock(&metrics->lock);
}

void metric_series_set_up(struct metric_series *endpoint, bool is_up)
{
	if (endpoint)
		atomic_store_explicit(&endpoint->told, is_up, memory_order_relaxed);
}

/* Beside what was told already. */
static void tell_bits(struct metric_series *upstream, int64_t bits)
{
	int64_t told = upstream ? atomic_load_explicit(&upstream->told, memory_order_relaxed) : 0;

	if (upstream)
		atomic_store_explicit(&upstream->told, (told < 0 ? 0 : told) | bits, memory_order_relaxed);
}

void metric_series_set_open(struct metric_series *upstream, bool is_full_of_requests,
			    bool is_full_of_connections)
{
	tell_bits(upstream, METRIC_HAS_BREAKER | (is_full_of_requests ? METRIC_OPEN_REQUESTS : 0) |
				    (is_full_of_connections ? METRIC_OPEN_CONNECTIONS : 0));
}

void metric_series_set_panic(struct metric_series *upstream, bool is_panic)
{
	tell_bits(upstream, METRIC_HAS_HEALTH | (is_panic ? METRIC_PANIC : 0));
}

void metric_series_set_limit(struct metric_series *policy, uint64_t limit)
{
	int64_t told = policy ? atomic_load_explicit(&policy->told, memory_order_relaxed) : 0;

	if (policy && (told < 0 || limit < (uint64_t)told))
		atomic_store_explicit(&policy->told, (int64_t)limit, memory_order_relaxed);
}

void metric_series_set_expiry(struct metric_series *certificate, int64_t seconds)
{
	if (certificate)
		atomic_store_explicit(&certificate->told, seconds, memory_order_relaxed);
}

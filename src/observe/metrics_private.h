/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keeping series (metrics.c), counting (metrics_count.c) and printing (metrics_text.c) share.
 *
 * A cell is one worker's numbers of one series, or, where a series has several (a route has one for each
 * method and status), of one of those. Cells hang in a list for each worker, to which only that worker adds,
 * at the front and by one store; so a reader may walk it at any time. They are freed with their series.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "observe/metrics.h"

enum {
	METRIC_BUCKETS = 16,   /* with an upper bound; one more has none */
	HISTOGRAM_SUM = 0,     /* nanoseconds; beside the first buckets, in one line of the cache */
	HISTOGRAM_BUCKETS = 1, /* where they begin */
	HISTOGRAM_VALUES = HISTOGRAM_BUCKETS + METRIC_BUCKETS + 1,
	METRIC_CELLS_MAX = 64, /* of a series and a worker; then it is counted under METRIC_KEY_OTHER */
	METRIC_KEY_OTHER = 0,
};

/* What is told of an upstream: bits. */
enum {
	METRIC_OPEN_REQUESTS = 1,
	METRIC_OPEN_CONNECTIONS = 2,
	METRIC_HAS_BREAKER = 4,
	METRIC_PANIC = 8,
	METRIC_HAS_HEALTH = 16,
};

extern const duration metric_bounds[METRIC_BUCKETS]; /* a bucket holds what is not above its bound */

struct metric_cell {
	struct metric_cell *next; /* fixed before the cell can be seen */
	uint32_t key;             /* of a route: metric_key(); of reasons: the reason; else 0 */
	_Atomic uint64_t values[];
};

struct metric_series {
	struct metrics *metrics;
	enum metric_kind kind;
	str names[2]; /* in the same allocation */
	uint64_t hash;
	size_t references;                     /* under the lock */
	struct metric_series *next;            /* in the table, under the lock */
	_Atomic int64_t told;                  /* of an endpoint, upstream, certificate or policy; -1: none */
	_Atomic(struct metric_cell *) cells[]; /* one list for each worker */
};

struct metrics_shard {
	_Alignas(64) struct metrics *metrics;
	size_t worker;
	_Atomic uint64_t active; /* exchanges under way */
	_Atomic uint64_t copies[METRIC_COPIES];
	_Atomic uint64_t sheds[METRIC_SHEDS];
};

struct metrics {
	pthread_mutex_t lock; /* of the table */
	struct metric_series **table;
	size_t count, mask;
	uint64_t seed;
	struct metric_series *unrouted, *unrouted_reasons;
	wall_time began;
	size_t workers; /* and the control thread */
	struct metrics_shard *shards;
};

static inline uint32_t metric_key(enum http_method method, int status)
{
	return (uint32_t)method << 16 | (uint32_t)status;
}

size_t metric_values(enum metric_kind kind);
/* How many a cell of that kind has. An endpoint's are its outcomes and then a histogram. */

static inline const struct metric_cell *metric_cells(const struct metric_series *series, size_t worker)
{
	return atomic_load_explicit(&series->cells[worker], memory_order_acquire);
}

static inline uint64_t metric_read(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

void metric_sum(const struct metric_series *series, uint32_t key, size_t count, uint64_t *ret_values);
/* The values of all workers' cells with that key, added up. */

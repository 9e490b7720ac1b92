/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision of a limit costs: nanoseconds, the best of several rounds, since a busy machine only ever
 * adds; with few keys, and with so many that no cache holds their cells. Beside it the memory of the process,
 * before and after ten million keys.
 *
 *   meson setup /tmp/build-bench --buildtype=release -Dbenches=true && ninja -C /tmp/build-bench rate_bench
 *   /tmp/build-bench/rate_bench
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/hash.h"
#include "store/rate_table.h"

enum { ROUNDS = 15, CALLS = 200000, MANY = 10000000 };

#define NOW ((wall_time)1767323045 * SECOND)

static struct gcra gcra_of(int64_t number, duration period)
{
	struct gcra gcra = { 0 };

	(void)gcra_make((struct rate) { number, period }, (uint64_t)number, &gcra);
	return gcra;
}

static uint64_t peak_kib(void)
{
	struct rusage usage = { 0 };

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_maxrss;
}

/* Keys are asked for in no order that a processor could foresee. */
static double bench_once(struct rate_table *table, const struct gcra *gcra, uint64_t keys, uint64_t round)
{
	deadline began = time_monotonic();
	uint64_t admitted = 0;

	for (uint64_t i = 0; i < CALLS; i++) {
		uint64_t key = hash_mix(hash_mix(i, round) % keys, rate_table_seed(table));

		admitted += rate_table_take(table, key, NOW + (wall_time)(round * CALLS + i) * 100, gcra, 1)
				    .is_admitted;
	}
	return admitted <= CALLS ? (double)(time_monotonic() - began) / CALLS : 0;
}

static void bench(struct rate_table *table, const struct gcra *gcra, uint64_t keys, const char *what)
{
	double best = 0;

	for (uint64_t round = 0; round < ROUNDS; round++) {
		double each = bench_once(table, gcra, keys, round);

		best = round == 0 || each < best ? each : best;
	}
	printf("%-64s %8.1f ns\n", what, best);
}

static void fill(struct rate_table *table, const struct gcra *gcra)
{
	uint64_t before = peak_kib(), seed = rate_table_seed(table), admitted = 0;

	for (uint64_t key = 0; key < MANY; key++)
		admitted += rate_table_take(table, hash_mix(key, seed), NOW, gcra, 1).is_admitted;
	printf("%-64s %8" PRIu64 " admitted, %" PRIu64 " evicted, %" PRIu64 " KiB more\n",
	       "10,000,000 keys, each once", admitted, rate_table_evictions(table), peak_kib() - before);
}

int main(void)
{
	struct rate_table *table = rate_table_new(RATE_CELLS);
	struct gcra wide = gcra_of(1000000000, SECOND), narrow = gcra_of(1, HOUR),
		    hourly = gcra_of(100, HOUR);

	bench(table, &wide, 10, "admitted, 10 keys in turn");
	bench(table, &narrow, 10, "refused, 10 keys in turn");
	fill(table, &hourly);
	fill(table, &hourly);
	bench(table, &wide, MANY, "admitted, 10,000,000 keys in turn, a full table");
	bench(table, &hourly, MANY, "with evictions, 10,000,000 keys in turn");
	rate_table_free(&table);
	return 0;
}

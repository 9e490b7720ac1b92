/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What choosing an endpoint costs, and how evenly it spreads: nanoseconds, the best of several rounds, since
 * a busy machine only ever adds; and the most that any endpoint has, in percent of its share, by count where
 * nothing is in flight, and by load where requests stay until as many others have come.
 *
 *   meson setup /tmp/build-bench --buildtype=release -Dbenches=true && ninja -C /tmp/build-bench
 * balance_bench /tmp/build-bench/balance_bench
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/time.h"
#include "upstream/balance.h"

enum { MEMBERS_MAX = 1000, NAME_MAX_LEN = 24, ROUNDS = 9, CALLS = 100000, PICKS = 1000000, IN_FLIGHT = 1000 };

struct bench {
	struct arena arena;
	struct endpoint endpoints[MEMBERS_MAX];
	char names[MEMBERS_MAX][NAME_MAX_LEN];
	uint64_t counts[MEMBERS_MAX];
	struct roster *roster;
	struct upstream_config config;
	struct balance_turns turns;
	struct random random;
	struct balance_tried tried;
};

/* Weights go from 1 to `weights` in turn. Tells how long the table took. */
static double bench_open(struct bench *bench, enum balance kind, size_t count, uint32_t weights)
{
	static struct roster_member members[MEMBERS_MAX];
	deadline began;

	memset(bench, 0, sizeof *bench);
	bench->random = (struct random) { 11, 12 };
	bench->config.balance = (struct balance_config) { .kind = kind, .bound = 125 };
	arena_init(&bench->arena, NULL, 1 << 20);
	for (size_t i = 0; i < count; i++) {
		int len = snprintf(bench->names[i], NAME_MAX_LEN, "10.0.%zu.%zu:80", i / 256, i % 256);

		bench->endpoints[i].text = (str) { bench->names[i], (size_t)len };
		atomic_init(&bench->endpoints[i].registered.references, 2); /* it is not to be freed */
		members[i] = (struct roster_member) { .endpoint = &bench->endpoints[i],
						      .weight = (uint32_t)i % weights + 1 };
	}
	bench->roster = roster_new(members, count);
	began = time_monotonic();
	roster_make_maglev(bench->roster);
	return (double)(time_monotonic() - began) / (double)MILLISECOND;
}

static void bench_close(struct bench *bench)
{
	roster_unref(&bench->roster);
	arena_fini(&bench->arena);
}

static size_t pick(struct bench *bench, uint64_t key)
{
	struct balance_choosing choosing = { &bench->turns, &bench->arena, &bench->random, key, 0 };

	return (size_t)(balance_pick(&bench->config, bench->roster, &choosing, &bench->tried)->endpoint -
			bench->endpoints);
}

static double cost(struct bench *bench)
{
	double best = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		deadline began = time_monotonic();
		double each;

		for (uint64_t i = 0; i < CALLS; i++)
			bench->counts[pick(bench, hash_scatter(i))]++;
		each = (double)(time_monotonic() - began) / CALLS;
		best = round == 0 || each < best ? each : best;
	}
	return best;
}

static double spread(struct bench *bench)
{
	double most = 0;

	memset(bench->counts, 0, sizeof bench->counts);
	for (uint64_t i = 0; i < PICKS; i++)
		bench->counts[pick(bench, hash_scatter(i))]++;
	for (size_t i = 0; i < bench->roster->count; i++) {
		double share =
			(double)PICKS * bench->roster->members[i].weight / (double)bench->roster->weight;

		if ((double)bench->counts[i] / share > most)
			most = (double)bench->counts[i] / share;
	}
	return 100 * most;
}

/* keys: how many clients there are. */
static double peak(struct bench *bench, uint64_t keys)
{
	static size_t at[IN_FLIGHT];
	uint32_t most = 0, load;

	for (size_t i = 0; i < 100 * IN_FLIGHT; i++) {
		size_t seat = i < IN_FLIGHT ? i : random_below(&bench->random, IN_FLIGHT);

		if (i >= IN_FLIGHT)
			atomic_fetch_sub(&bench->endpoints[at[seat]].active, 1);
		at[seat] = pick(bench, hash_scatter(random_below(&bench->random, keys)));
		load = atomic_fetch_add(&bench->endpoints[at[seat]].active, 1) + 1;
		most = i >= IN_FLIGHT && load > most ? load : most;
	}
	return 100.0 * most * (double)bench->roster->count / IN_FLIGHT;
}

static void run(enum balance kind)
{
	static const size_t counts[] = { 1, 10, 1000 };
	static struct bench bench;
	str word = balance_word(kind);
	double table = 0;

	printf("%-16.*s", STR_ARG(word));
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		table = bench_open(&bench, kind, counts[i], 1);
		printf(" %8.1f", cost(&bench));
		bench_close(&bench);
	}
	bench_open(&bench, kind, 10, 5);
	printf(" %10.1f", spread(&bench));
	bench_close(&bench);
	bench_open(&bench, kind, 10, 1);
	printf(" %10.1f", peak(&bench, PICKS));
	bench_close(&bench);
	bench_open(&bench, kind, 100, 1);
	printf(" %10.1f", peak(&bench, PICKS));
	bench_close(&bench);
	printf(" %10.1f\n", table);
}

int main(void)
{
	printf("%-16s %26s %10s %10s %10s %10s\n", "", "ns, of 1, 10, 1,000", "spread %", "load 10 %",
	       "load 100 %", "table ms");
	for (enum balance kind = BALANCE_ROUND_ROBIN; kind <= BALANCE_HASH; kind++)
		run(kind);
	return 0;
}

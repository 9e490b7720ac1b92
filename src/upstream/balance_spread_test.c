/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How evenly each way of balancing spreads, over many picks with fixed seeds: by count where nothing is in
 * flight, and by load where requests stay for a while. bench/balance_bench.c prints the same figures.
 */
#include <stdio.h>

#include "base/hash.h"
#include "base/testing.h"
#include "upstream/balance.h"

enum { MEMBERS_MAX = 1000, NAME_MAX_LEN = 24, IN_FLIGHT_MAX = 2000 };

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

static void bench_open(struct bench *bench, enum balance kind, size_t count, uint32_t weights)
{
	static struct roster_member members[MEMBERS_MAX];

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
	roster_make_maglev(bench->roster);
}

static void bench_close(struct bench *bench)
{
	roster_unref(&bench->roster);
	arena_fini(&bench->arena);
}

static size_t pick(struct bench *bench, uint64_t key)
{
	struct balance_choosing choosing = { &bench->turns, &bench->arena, &bench->random, key, 0 };
	const struct roster_member *picked =
		balance_pick(&bench->config, bench->roster, &choosing, &bench->tried);

	assert_non_null(picked);
	return (size_t)(picked->endpoint - bench->endpoints);
}

/* The most that anybody has, in percent of its share. */
static double most_of_share(const struct bench *bench, uint64_t total)
{
	double most = 0;

	for (size_t i = 0; i < bench->roster->count; i++) {
		double share =
			(double)total * bench->roster->members[i].weight / (double)bench->roster->weight;

		if ((double)bench->counts[i] * 100 / share > most)
			most = (double)bench->counts[i] * 100 / share;
	}
	return most;
}

static const struct {
	enum balance kind;
	size_t count;
	uint32_t weights;
	double most;
} spread_rows[] = {
	{ BALANCE_ROUND_ROBIN, 10, 1, 100.1 }, { BALANCE_ROUND_ROBIN, 10, 5, 100.1 },
	{ BALANCE_RANDOM, 10, 1, 103 },        { BALANCE_RANDOM, 10, 5, 105 },
	{ BALANCE_RANDOM, 1000, 1, 150 },      { BALANCE_LEAST_REQUESTS, 10, 1, 103 },
	{ BALANCE_HASH, 10, 1, 105 },          { BALANCE_HASH, 10, 5, 105 },
	{ BALANCE_HASH, 1000, 1, 150 },
};

static void picks_are_spread_by_weight(void **state)
{
	static struct bench bench;

	(void)state;
	for (size_t row = 0; row < COUNT_OF(spread_rows); row++) {
		bench_open(&bench, spread_rows[row].kind, spread_rows[row].count, spread_rows[row].weights);
		for (uint64_t i = 0; i < 100000; i++)
			bench.counts[pick(&bench, hash_scatter(i))]++;
		assert_row(most_of_share(&bench, 100000) <= spread_rows[row].most, row, "spread");
		bench_close(&bench);
	}
}

/* Requests that come one by one and stay until as many others have come as may be in flight: the peak of the
 * busiest, in percent of the mean. All of them by the keys of `keys` clients. */
static double peak_under_load(struct bench *bench, size_t in_flight, uint64_t keys)
{
	static size_t at[IN_FLIGHT_MAX];
	uint32_t peak = 0;

	for (size_t i = 0; i < 20 * in_flight; i++) {
		size_t seat = i < in_flight ? i : random_below(&bench->random, in_flight), picked;

		if (i >= in_flight)
			atomic_fetch_sub(&bench->endpoints[at[seat]].active, 1);
		picked = pick(bench, hash_scatter(random_below(&bench->random, keys)));
		at[seat] = picked;
		if (atomic_fetch_add(&bench->endpoints[picked].active, 1) + 1 > peak && i >= in_flight)
			peak = bench->endpoints[picked].active;
	}
	return (double)peak * 100 * (double)bench->roster->count / (double)in_flight;
}

static double peak_of(enum balance kind, size_t count, size_t in_flight, uint64_t keys)
{
	static struct bench bench;
	double peak;

	bench_open(&bench, kind, count, 1);
	peak = peak_under_load(&bench, in_flight, keys);
	bench_close(&bench);
	return peak;
}

/* Two choices are as good as exponentially better than one (Mitzenmacher 2001). */
static void two_choices_are_better_than_one(void **state)
{
	(void)state;
	assert_true(peak_of(BALANCE_RANDOM, 100, 1000, 1) > 180);
	assert_true(peak_of(BALANCE_LEAST_REQUESTS, 100, 1000, 1) < 150);
	assert_true(peak_of(BALANCE_LEAST_REQUESTS, 10, 1000, 1) < 110);
}

/* All that is asked is one thing: without the bound one endpoint would have it all. */
static void nobody_has_more_than_the_bound(void **state)
{
	(void)state;
	assert_true(peak_of(BALANCE_HASH, 10, 1000, 1) <= 126);
	assert_true(peak_of(BALANCE_HASH, 10, 1000, 100000) <= 126);
	assert_true(peak_of(BALANCE_HASH, 100, 1000, 1) <= 200); /* a mean of ten, seen in a sample */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(picks_are_spread_by_weight),
		cmocka_unit_test(two_choices_are_better_than_one),
		cmocka_unit_test(nobody_has_more_than_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

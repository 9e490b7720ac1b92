/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The budget of retries, and what is tried again.
 */
#include "base/random.h"
#include "base/testing.h"
#include "upstream/upstream.h"

struct bench {
	struct upstream_config config;
	struct upstream_states *states;
	struct upstream upstream;
};

static void bench_open(struct bench *bench)
{
	*bench = (struct bench) { .states = upstream_states_new() };
	bench->upstream = (struct upstream) { .config = &bench->config,
					      .state = upstream_states_get(bench->states, STR("u")) };
}

static void bench_close(struct bench *bench)
{
	upstream_state_unref(&bench->upstream.state);
	upstream_states_free(&bench->states);
}

/* ---- the retry budget ---- */

static unsigned spend_all(struct bench *bench)
{
	unsigned spent = 0;

	while (upstream_spend(&bench->upstream, BUDGET_RETRIES))
		spent++;
	return spent;
}

static const struct {
	const char *name;
	int64_t budget;
	unsigned requests, want;
} budget_rows[] = {
	{ "off", 0, 1000, 0 },
	{ "none earned", 20, 4, 0 },
	{ "one earned", 20, 5, 1 },
	{ "not quite two", 20, 9, 1 },
	{ "one for each", 100, 7, 7 },
	{ "a percent", 1, 100, 1 },
	{ "a percent, not quite", 1, 99, 0 },
	{ "no more than ten are saved", 100, 5000, 10 },
	{ "no more than ten are saved, slowly", 3, 100000, 10 },
};

static void retries_are_earned_by_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(budget_rows); i++) {
		struct bench bench;

		bench_open(&bench);
		bench.config.retries.budget = budget_rows[i].budget;
		assert_row(spend_all(&bench) == (budget_rows[i].budget ? 10 : 0), i, "a few at first");
		for (unsigned n = 0; n < budget_rows[i].requests; n++)
			upstream_earn(&bench.upstream);
		assert_row(spend_all(&bench) == budget_rows[i].want, i, budget_rows[i].name);
		bench_close(&bench);
	}
}

/* In the long run no more than the percentage, however the failures come. */
static void retries_stay_within_their_percentage(void **state)
{
	struct random random = { 8, 8 };
	unsigned spent = 0;
	struct bench bench;

	(void)state;
	bench_open(&bench);
	bench.config.retries.budget = 20;
	for (unsigned n = 0; n < 10000; n++) {
		upstream_earn(&bench.upstream);
		if (random_below(&random, 2))
			spent += upstream_spend(&bench.upstream, BUDGET_RETRIES);
	}
	assert_in_range(spent, 1990, 2010);
	bench_close(&bench);
}

/* ---- what is tried again ---- */

static const struct {
	unsigned on;
	bool want[6]; /* connect, reset, 502, 503, 504, timeout */
} on_rows[] = {
	{ 0, { true, true, false, false, false, false } },
	{ 1 << RETRY_CONNECT, { true, false, false, false, false, false } },
	{ 1 << RETRY_503, { false, false, false, true, false, false } },
	{ 1 << RETRY_RESET | 1 << RETRY_TIMEOUT, { false, true, false, false, false, true } },
	{ 1 << RETRY_502 | 1 << RETRY_504, { false, false, true, false, true, false } },
};

static void causes_are_as_configured(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(on_rows); i++) {
		struct bench bench;

		bench_open(&bench);
		bench.config.retries.on = on_rows[i].on;
		for (enum retry_cause cause = RETRY_CONNECT; cause <= RETRY_TIMEOUT; cause++)
			assert_int_equal(upstream_retries_on(&bench.upstream, cause), on_rows[i].want[cause]);
		bench_close(&bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retries_are_earned_by_requests),
		cmocka_unit_test(retries_stay_within_their_percentage),
		cmocka_unit_test(causes_are_as_configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

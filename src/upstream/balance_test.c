/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The choice of an endpoint: shares that are exact over a cycle and never come in lumps, load that is evened
 * out, who is asked when others were tried or are not well, and shares that grow.
 */
#include "base/hash.h"
#include "base/testing.h"
#include "upstream/balance.h"
#include "upstream/serving.h"

enum { MEMBERS_MAX = 8, PICKS_MAX = 64 };

struct bench {
	struct arena arena;
	struct endpoint endpoints[MEMBERS_MAX];
	struct roster *roster;
	struct standings *standings; /* NULL: nobody looks at how they are */
	struct upstream_config config;
	struct balance_turns turns;
	struct random random;
	struct balance_tried tried;
	deadline now;
};

/* Members "a", "b", ... of these weights; a capital in `kinds` is a backup. */
static void bench_open(struct bench *bench, enum balance balance, const char *kinds, const uint32_t *weights)
{
	struct roster_member members[MEMBERS_MAX];

	*bench = (struct bench) { .random = { 1, 2 } };
	arena_init(&bench->arena, NULL, 1 << 20);
	bench->config.balance = (struct balance_config) { .kind = balance, .bound = 125 };
	for (size_t i = 0; i < strlen(kinds); i++) {
		atomic_init(&bench->endpoints[i].registered.references, 2); /* it is not to be freed */
		bench->endpoints[i].text = (str) { &"abcdefgh"[i], 1 };
		members[i] = (struct roster_member) { .endpoint = &bench->endpoints[i],
						      .weight = weights[i],
						      .is_backup = kinds[i] < 'a' };
	}
	bench->roster = roster_new(members, strlen(kinds));
	roster_make_maglev(bench->roster);
	/* Begun at the first, so that the order can be told. */
	bench->turns.credit = ARENA_ARRAY(&bench->arena, int64_t, MEMBERS_MAX);
}

static void bench_close(struct bench *bench)
{
	roster_unref(&bench->roster);
	standings_free(&bench->standings);
	arena_fini(&bench->arena);
}

static struct endpoint *pick_endpoint(struct bench *bench)
{
	struct balance_choosing choosing = { &bench->turns, &bench->arena, &bench->random,
					     random_next(&bench->random), bench->now };
	const struct roster_member *picked =
		balance_pick(&bench->config, bench->roster, &choosing, &bench->tried);

	return picked ? picked->endpoint : NULL;
}

static char pick(struct bench *bench)
{
	struct endpoint *picked = pick_endpoint(bench);

	return picked ? (char)('a' + (picked - bench->endpoints)) : '-';
}

static void try(struct bench *bench, const char *names)
{
	bench->tried.count = 0;
	for (; *names; names++)
		bench->tried.at[bench->tried.count++] = &bench->endpoints[*names - 'a'];
}

/* ---- round_robin ---- */

static const struct {
	const char *name, *kinds;
	uint32_t weights[MEMBERS_MAX];
	const char *want;
} turn_rows[] = {
	{ "one", "a", { 1 }, "aaaa" },
	{ "equals", "abc", { 1, 1, 1 }, "abcabcabc" },
	{ "equals of any weight", "abc", { 7, 7, 7 }, "abcabcabc" },
	{ "two to one", "ab", { 2, 1 }, "abaaba" },
	{ "five to one to one, not in lumps", "abc", { 5, 1, 1 }, "aabacaaaabacaa" },
	{ "three to two", "ab", { 3, 2 }, "ababaababa" },
	{ "none for weight 0", "abc", { 1, 0, 1 }, "acacac" },
	{ "none but one", "abc", { 0, 0, 4 }, "cccc" },
	{ "no weight at all", "ab", { 0, 0 }, "--" },
	{ "no member", "", { 0 }, "-" },
	{ "backups are not asked", "aBc", { 1, 9, 1 }, "acacac" },
	{ "backups alone", "AB", { 1, 1 }, "abab" },
	{ "a backup where the others have no weight", "aB", { 0, 1 }, "bb" },
	{ "a backup without weight", "aB", { 1, 0 }, "aa" },
};

static void turns_are_smooth_and_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(turn_rows); i++) {
		char got[PICKS_MAX] = "";
		struct bench bench;

		bench_open(&bench, BALANCE_ROUND_ROBIN, turn_rows[i].kinds, turn_rows[i].weights);
		for (size_t n = 0; turn_rows[i].want[n]; n++)
			got[n] = pick(&bench);
		assert_row(strcmp(got, turn_rows[i].want) == 0, i, turn_rows[i].name);
		bench_close(&bench);
	}
}

/* Over each cycle everyone has exactly its weight, and at no point is anyone a whole turn off its share. */
static void shares_are_exact_over_each_cycle(void **state)
{
	struct random random = { 3, 4 };

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		uint32_t weights[MEMBERS_MAX] = { 0 }, total = 0;
		int64_t counts[MEMBERS_MAX] = { 0 };
		size_t members = 2 + random_below(&random, MEMBERS_MAX - 1);
		struct bench bench;

		for (size_t i = 0; i < members; i++)
			total += weights[i] = (uint32_t)random_below(&random, 12);
		weights[0]++;
		total++;
		bench_open(&bench, BALANCE_ROUND_ROBIN, &"abcdefgh"[MEMBERS_MAX - members], weights);
		for (int64_t n = 1; n <= 3 * (int64_t)total; n++) {
			counts[pick(&bench) - 'a']++;
			for (size_t i = 0; i < members; i++) {
				int64_t off = counts[i] * (int64_t)total - n * weights[i];

				if (off > (int64_t)total * 2 || off < -(int64_t)total * 2)
					fail_msg("round %u: %zu is off its share", round, i);
				if (n % (int64_t)total == 0)
					assert_int_equal(counts[i] * (int64_t)total, n * weights[i]);
			}
		}
		bench_close(&bench);
	}
}

/* ---- least_requests ---- */

static const struct {
	const char *name, *kinds;
	uint32_t weights[MEMBERS_MAX], active[MEMBERS_MAX];
	char want;
} load_rows[] = {
	{ "the idle one", "abc", { 1, 1, 1 }, { 4, 0, 2 }, 'b' },
	{ "the last", "abc", { 1, 1, 1 }, { 4, 5, 2 }, 'c' },
	{ "by weight", "ab", { 4, 1 }, { 6, 1 }, 'a' },
	{ "by weight, the other way", "ab", { 4, 1 }, { 9, 1 }, 'b' },
	{ "none for weight 0", "ab", { 0, 1 }, { 0, 99 }, 'b' },
	{ "no weight at all", "ab", { 0, 0 }, { 0, 0 }, '-' },
	{ "a busy one before an idle backup", "aB", { 1, 1 }, { 99, 0 }, 'a' },
	{ "backups alone", "AB", { 1, 1 }, { 3, 1 }, 'b' },
	{ "loads beyond 32 bits when weighed", "ab", { 1000, 1 }, { UINT32_MAX - 1, UINT32_MAX - 1 }, 'a' },
};

static void the_least_busy_is_picked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(load_rows); i++) {
		struct bench bench;

		bench_open(&bench, BALANCE_LEAST_REQUESTS, load_rows[i].kinds, load_rows[i].weights);
		for (size_t m = 0; m < bench.roster->count; m++)
			atomic_store(&bench.endpoints[m].active, load_rows[i].active[m]);
		for (unsigned again = 0; again < 20; again++)
			assert_row(pick(&bench) == load_rows[i].want, i, load_rows[i].name);
		bench_close(&bench);
	}
}

/* Many workers with the same view must not all go to the first one. */
static void equals_share(void **state)
{
	unsigned counts[3] = { 0 };
	struct bench bench;

	(void)state;
	bench_open(&bench, BALANCE_LEAST_REQUESTS, "abc", (uint32_t[]) { 1, 1, 1 });
	for (unsigned i = 0; i < 3000; i++)
		counts[pick(&bench) - 'a']++;
	for (unsigned i = 0; i < 3; i++)
		assert_in_range(counts[i], 800, 1200);
	bench_close(&bench);
}

/* Three, which are all compared, and five, of which two are: what is busy has no part in it. */
static void idle_ones_share_by_weight(void **state)
{
	static const char *const kinds[] = { "abc", "abcde" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		unsigned counts[MEMBERS_MAX] = { 0 };
		struct bench bench;

		bench_open(&bench, BALANCE_LEAST_REQUESTS, kinds[i], (uint32_t[]) { 1, 3, 2, 0, 0 });
		atomic_store(&bench.endpoints[2].active, 50);
		for (unsigned n = 0; n < 4000; n++)
			counts[pick(&bench) - 'a']++;
		assert_in_range(counts[0], 800, 1200);
		assert_in_range(counts[1], 2800, 3200);
		assert_int_equal(counts[2], 0);
		bench_close(&bench);
	}
}

/* With the load that it makes itself, it fills everyone by its weight. */
static void load_settles_by_weight(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, BALANCE_LEAST_REQUESTS, "abc", (uint32_t[]) { 1, 2, 5 });
	for (unsigned i = 0; i < 80; i++)
		atomic_fetch_add(&pick_endpoint(&bench)->active, 1);
	assert_in_range(bench.endpoints[0].active, 9, 11);
	assert_in_range(bench.endpoints[1].active, 19, 21);
	assert_in_range(bench.endpoints[2].active, 49, 51);
	bench_close(&bench);
}

/* ---- when others were tried ---- */

static const struct {
	const char *name, *kinds;
	uint32_t weights[MEMBERS_MAX];
	const char *tried, *may; /* one of these is picked */
} tried_rows[] = {
	{ "the other one", "ab", { 1, 1 }, "a", "b" },
	{ "the other one, whatever the weights", "ab", { 1000, 1 }, "a", "b" },
	{ "one of the others", "abc", { 1, 1, 1 }, "b", "ac" },
	{ "the last one", "abcd", { 1, 1, 1, 1 }, "dab", "c" },
	{ "all were tried: anyone", "abc", { 1, 1, 1 }, "abc", "abc" },
	{ "tried twice", "ab", { 1, 1 }, "aa", "b" },
	{ "a backup only after all others", "abC", { 1, 1, 1 }, "a", "b" },
	{ "then the backup", "abC", { 1, 1, 1 }, "ab", "c" },
	{ "the backup that was not tried", "aBC", { 1, 1, 1 }, "ab", "c" },
	{ "backups too: anyone", "aB", { 1, 1 }, "ab", "ab" },
	{ "never one without weight", "abc", { 1, 0, 0 }, "a", "a" },
	{ "a backup before one without weight", "abC", { 1, 0, 1 }, "a", "c" },
	{ "the only one", "a", { 1 }, "a", "a" },
};

static void others_are_tried_first(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(tried_rows); i++) {
		for (enum balance balance = BALANCE_ROUND_ROBIN; balance <= BALANCE_HASH; balance++) {
			struct bench bench;

			bench_open(&bench, balance, tried_rows[i].kinds, tried_rows[i].weights);
			try(&bench, tried_rows[i].tried);
			for (unsigned again = 0; again < 20; again++)
				assert_row(strchr(tried_rows[i].may, pick(&bench)), i, tried_rows[i].name);
			bench_close(&bench);
		}
	}
}

/* A member left out for a while has not saved up turns that come all at once. */
static void who_was_left_out_does_not_catch_up(void **state)
{
	char got[PICKS_MAX] = "";
	struct bench bench;

	(void)state;
	bench_open(&bench, BALANCE_ROUND_ROBIN, "ab", (uint32_t[]) { 1, 1 });
	try(&bench, "a");
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(pick(&bench), 'b');
	try(&bench, "");
	for (unsigned i = 0; i < 6; i++)
		got[i] = pick(&bench);
	assert_true(strcmp(got, "ababab") == 0 || strcmp(got, "bababa") == 0);
	bench_close(&bench);
}

/* Each worker begins anew with each reload: not all of them with the same member. */
static void the_first_turn_is_anyones(void **state)
{
	unsigned counts[4] = { 0 };
	struct bench bench;

	(void)state;
	bench_open(&bench, BALANCE_ROUND_ROBIN, "abcd", (uint32_t[]) { 1, 1, 1, 1 });
	for (unsigned i = 0; i < 2000; i++) {
		bool seen[4] = { false };

		bench.turns = (struct balance_turns) { 0 };
		for (unsigned n = 0; n < 4; n++) {
			char picked = pick(&bench);

			counts[picked - 'a'] += n == 0;
			assert_false(seen[picked - 'a']);
			seen[picked - 'a'] = true;
		}
		arena_fini(&bench.arena);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(counts[i], 400, 600);
	bench_close(&bench);
}

/* ---- drained by the operator ---- */

static const struct {
	const char *name, *kinds;
	uint32_t weights[MEMBERS_MAX];
	const char *drained, *tried, *may; /* one of these is picked */
} drained_rows[] = {
	{ "the only one", "a", { 1 }, "a", "", "-" },
	{ "one of two", "ab", { 1, 1 }, "a", "", "b" },
	{ "all", "abc", { 1, 1, 1 }, "abc", "", "-" },
	{ "also where the other was tried", "ab", { 1, 1 }, "a", "b", "b" },
	{ "a backup stands in", "aB", { 1, 1 }, "a", "", "b" },
	{ "a drained backup does not", "aB", { 1, 1 }, "ab", "", "-" },
	{ "the others share", "abc", { 1, 1, 1 }, "b", "", "ac" },
};

static void a_drained_one_is_never_picked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(drained_rows); i++) {
		for (enum balance balance = BALANCE_ROUND_ROBIN; balance <= BALANCE_HASH; balance++) {
			struct bench bench;

			bench_open(&bench, balance, drained_rows[i].kinds, drained_rows[i].weights);
			for (const char *at = drained_rows[i].drained; *at; at++)
				atomic_store(&bench.endpoints[*at - 'a'].is_drained, true);
			try(&bench, drained_rows[i].tried);
			for (unsigned again = 0; again < 20; again++)
				assert_row(strchr(drained_rows[i].may, pick(&bench)), i,
					   drained_rows[i].name);
			bench_close(&bench);
		}
	}
}

/* ---- not well ---- */

/* The same members, looked at: a letter for the health of each, as the words of health_word() begin; ? where
 * nothing is known. */
static void watch(struct bench *bench, const char *healths, const struct roster_rules *rules)
{
	struct roster *plain = bench->roster;

	bench->standings = standings_new();
	bench->now = HOUR;
	bench->roster = roster_watched(plain, rules, bench->standings, STR("app"));
	roster_unref(&plain);
	for (size_t i = 0; i < bench->roster->count; i++) {
		static const enum health_state states[] = { HEALTH_HEALTHY, HEALTH_UNKNOWN, HEALTH_EJECTED,
							    HEALTH_UNHEALTHY };

		atomic_store(&bench->roster->members[i].standing->health,
			     states[strchr("h?eu", healths[i]) - "h?eu"]);
	}
	serving_settle(bench->roster);
	roster_make_maglev(bench->roster);
}

static const struct {
	const char *name, *kinds, *healths;
	int64_t panic;
	const char *tried, *may; /* one of these is picked */
} health_rows[] = {
	{ "those that are well", "abcde", "hheuh", 30, "", "abe" },
	{ "also where they were tried", "abcde", "hheuu", 30, "ab", "ab" },
	{ "the other one that is well", "abcde", "hheuu", 30, "a", "b" },
	{ "not one that nobody knows", "abcde", "h????", 30, "", "a" },
	{ "one that nobody knows rather than one that is ill", "abcde", "u?ee?", 30, "", "be" },
	{ "a panic: anyone", "abcde", "heuuu", 30, "", "abcde" },
	{ "a panic: anyone who was not tried", "abcde", "ueuuu", 30, "abd", "ce" },
	{ "nobody without one", "abcde", "ueuuu", 0, "", "-" },
	{ "a backup that is well", "abcdE", "ueuuh", 30, "", "e" },
	{ "two of whom one is well", "ab", "uh", 30, "b", "b" },
	{ "the only one, and a panic", "a", "u", 30, "", "a" },
	{ "the only one, and none", "a", "e", 0, "", "-" },
};

static void who_is_not_well_is_not_picked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(health_rows); i++) {
		for (enum balance balance = BALANCE_ROUND_ROBIN; balance <= BALANCE_HASH; balance++) {
			struct roster_rules rules = { .panic = health_rows[i].panic };
			struct bench bench;

			bench_open(&bench, balance, health_rows[i].kinds, (uint32_t[]) { 1, 1, 1, 1, 1 });
			watch(&bench, health_rows[i].healths, &rules);
			try(&bench, health_rows[i].tried);
			for (unsigned again = 0; again < 50; again++)
				assert_row(strchr(health_rows[i].may, pick(&bench)), i, health_rows[i].name);
			bench_close(&bench);
		}
	}
}

/* ---- shares that grow ---- */

static const struct roster_rules slow_start = { .slow_start = 10 * SECOND };

/* Five that are equal; the first `rising` of them are well since this moment. */
static void rise(struct bench *bench, enum balance balance, size_t rising)
{
	bench_open(bench, balance, "abcde", (uint32_t[]) { 2, 2, 2, 2, 2 });
	watch(bench, "hhhhh", &slow_start);
	for (size_t i = 0; i < rising; i++)
		atomic_store(&bench->roster->members[i].standing->rises_from, bench->now);
}

/* least_requests settles by load, which its picks leave here. */
static void shares_grow_whatever_the_balance(void **state)
{
	static const struct {
		duration since;
		unsigned least, most;
	} points[] = { { 0, 140, 260 }, { 5 * SECOND, 870, 1110 }, { 10 * SECOND, 1500, 1780 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(points); i++) {
		for (enum balance balance = BALANCE_ROUND_ROBIN; balance <= BALANCE_HASH; balance++) {
			unsigned picked = 0;
			struct bench bench;

			rise(&bench, balance, 1);
			bench.now += points[i].since;
			for (unsigned n = 0; n < 8200; n++) {
				struct endpoint *endpoint = pick_endpoint(&bench);

				picked += endpoint == &bench.endpoints[0];
				if (balance == BALANCE_LEAST_REQUESTS)
					atomic_fetch_add(&endpoint->active, 1);
			}
			if (picked < points[i].least || picked > points[i].most)
				fail_msg("balance %d, point %zu: %u", (int)balance, i, picked);
			bench_close(&bench);
		}
	}
}

static char owner_of(struct bench *bench, uint64_t key, duration since)
{
	struct balance_choosing choosing = { &bench->turns, &bench->arena, &bench->random, hash_scatter(key),
					     HOUR + since };

	return (char)('a' + (balance_pick(&bench->config, bench->roster, &choosing, &bench->tried)->endpoint -
			     bench->endpoints));
}

/* What a key has come back to, it stays with; those of the others never moved. */
static void keys_come_back_once(void **state)
{
	struct bench bench;

	(void)state;
	rise(&bench, BALANCE_HASH, 1);
	for (uint64_t key = 0; key < 2000; key++) {
		char at_last = owner_of(&bench, key, 10 * SECOND);
		bool is_back = false;

		for (duration since = 0; since < 10 * SECOND; since += SECOND) {
			char now = owner_of(&bench, key, since);

			assert_true(at_last == 'a' || now == at_last);
			assert_true(now == 'a' || !is_back);
			is_back = now == 'a';
		}
	}
	bench_close(&bench);
}

static void those_that_begin_together_have_keys(void **state)
{
	unsigned moved = 0;
	struct bench bench;

	(void)state;
	rise(&bench, BALANCE_HASH, 5);
	for (uint64_t key = 0; key < 2000; key++) {
		char before = owner_of(&bench, key, 0);

		moved += owner_of(&bench, key, 0) != before;
	}
	assert_in_range(moved, 0, 20);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_are_smooth_and_exact),
		cmocka_unit_test(shares_are_exact_over_each_cycle),
		cmocka_unit_test(the_least_busy_is_picked),
		cmocka_unit_test(idle_ones_share_by_weight),
		cmocka_unit_test(equals_share),
		cmocka_unit_test(load_settles_by_weight),
		cmocka_unit_test(others_are_tried_first),
		cmocka_unit_test(who_was_left_out_does_not_catch_up),
		cmocka_unit_test(the_first_turn_is_anyones),
		cmocka_unit_test(a_drained_one_is_never_picked),
		cmocka_unit_test(who_is_not_well_is_not_picked),
		cmocka_unit_test(shares_grow_whatever_the_balance),
		cmocka_unit_test(keys_come_back_once),
		cmocka_unit_test(those_that_begin_together_have_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

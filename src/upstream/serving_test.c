/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may be chosen, by everybody's health; shares that grow; and what tries tell.
 */
#include "base/testing.h"
#include "upstream/serving.h"

enum { MEMBERS_MAX = 8 };

struct bench {
	struct endpoint endpoints[MEMBERS_MAX];
	struct standings *standings;
	struct roster *roster;
};

static enum health_state health_of(char letter)
{
	switch (letter | 0x20) {
	case 'h':
		return HEALTH_HEALTHY;
	case 'e':
		return HEALTH_EJECTED;
	case 'u':
		return HEALTH_UNHEALTHY;
	default:
		return HEALTH_UNKNOWN;
	}
}

/* A letter for each: h(ealthy), e(jected), u(nhealthy), d(rained and healthy), ? unknown, 0 without a weight;
 * a capital is a backup. */
static void bench_open(struct bench *bench, const char *members, const struct roster_rules *rules)
{
	struct roster_member plain[MEMBERS_MAX];
	struct roster *roster;

	*bench = (struct bench) { .standings = standings_new() };
	for (size_t i = 0; i < strlen(members); i++) {
		atomic_init(&bench->endpoints[i].registered.references, 4); /* it is not to be freed */
		bench->endpoints[i].text = str_slice(STR("abcdefgh"), i, i + 1);
		atomic_init(&bench->endpoints[i].is_drained, members[i] == 'd');
		plain[i] = (struct roster_member) { .endpoint = &bench->endpoints[i],
						    .weight = members[i] == '0' ? 0 : 2,
						    .is_backup = members[i] >= 'A' && members[i] <= 'Z' };
	}
	roster = roster_new(plain, strlen(members));
	bench->roster = roster_watched(roster, rules, bench->standings, STR("app"));
	roster_unref(&roster);
	for (size_t i = 0; i < bench->roster->count; i++)
		atomic_store(&bench->roster->members[i].standing->health,
			     members[i] == 'd' ? HEALTH_HEALTHY : health_of(members[i]));
	serving_settle(bench->roster);
}

static void bench_close(struct bench *bench)
{
	roster_unref(&bench->roster);
	standings_free(&bench->standings);
}

/* ---- who ---- */

static const struct {
	const char *name, *members;
	int64_t panic;
	const char *want; /* + for who may be chosen */
} rows[] = {
	{ "all are well", "hhh", 30, "+++" },
	{ "who is not well is not chosen", "huh", 30, "+-+" },
	{ "nor who is ejected", "heh", 30, "+-+" },
	{ "a new one waits for its first check", "h?", 30, "+-" },
	{ "three new ones are no panic", "h???", 50, "+---" },
	{ "at the start nobody waits", "???", 30, "+++" },
	{ "not even without a panic", "???", 0, "+++" },
	{ "rather an unknown one than one that is ill", "u?e", 30, "-+-" },
	{ "one of three is enough for 30", "uhu", 30, "-+-" },
	{ "and not for 50", "uhu", 50, "+++" },
	{ "two of four are not fewer than 50", "uhhu", 50, "-++-" },
	{ "nobody is well", "uue", 30, "+++" },
	{ "nobody is well, and nobody shall serve", "uue", 0, "---" },
	{ "few are well, and only they shall serve", "uuuh", 0, "---+" },
	{ "in a panic the drained do not serve", "udu", 30, "+-+" },
	{ "nor those without a weight", "u0u", 30, "+-+" },
	{ "the drained do not count", "dduh", 50, "---+" },
	{ "all are drained", "dd", 30, "--" },
	{ "a panic takes unknown ones, too", "uuu?h", 50, "+++++" },
	{ "a backup that is well", "uuH", 100, "--+" },
	{ "leaves no panic", "huuuH", 100, "+---+" },
	{ "backups do not count", "hUUU", 50, "+---" },
	{ "an unknown backup, where nobody is well", "uuN", 50, "--+" },
	{ "a backup that is ill as all are", "uU", 50, "++" },
	{ "one, unhealthy", "u", 30, "+" },
	{ "one, unhealthy, and no panic", "u", 0, "-" },
	{ "nobody at all", "", 30, "" },
};

static void who_may_be_chosen(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct roster_rules rules = { .panic = rows[i].panic };
		char got[MEMBERS_MAX + 1] = "";
		struct bench bench;

		bench_open(&bench, rows[i].members, &rules);
		for (size_t n = 0; n < bench.roster->count; n++)
			got[n] = serving_may(bench.roster, &bench.roster->members[n]) ? '+' : '-';
		assert_row(strcmp(got, rows[i].want) == 0, i, rows[i].name);
		assert_row(serving_is_panic(bench.roster) <= (strchr(got, '+') != NULL), i, rows[i].name);
		bench_close(&bench);
	}
}

/* A roster of an upstream that does not ask. */
static void without_standings_all_serve(void **state)
{
	struct endpoint endpoint = { .registered.references = 2 };
	struct roster_member member = { .endpoint = &endpoint, .weight = 3 };
	struct roster *roster = roster_new(&member, 1);

	(void)state;
	assert_true(serving_may(roster, &roster->members[0]));
	assert_int_equal(serving_weight(roster, &roster->members[0], HOUR), 3 * SERVING_SHARE_ALL);
	serving_tell(roster, &roster->members[0], 503);
	roster_unref(&roster);
}

/* ---- shares ---- */

static void shares_grow(void **state)
{
	static const struct {
		duration since;
		uint64_t want;
	} points[] = { { -SECOND, 10 },      { 0, 10 },          { SECOND, 19 },
		       { 5 * SECOND, 55 },   { 9 * SECOND, 91 }, { 10 * SECOND, 100 },
		       { 100 * SECOND, 100 } };
	struct roster_rules rules = { .slow_start = 10 * SECOND };
	struct bench bench;
	struct roster_member *member;

	(void)state;
	bench_open(&bench, "hh", &rules);
	member = &bench.roster->members[0];
	assert_int_equal(serving_weight(bench.roster, member, HOUR), 200);
	atomic_store(&member->standing->rises_from, HOUR);
	for (size_t i = 0; i < COUNT_OF(points); i++)
		assert_row(serving_weight(bench.roster, member, HOUR + points[i].since) == 2 * points[i].want,
			   i, "share");
	bench.roster->rules.slow_start = 0;
	assert_int_equal(serving_weight(bench.roster, member, HOUR), 200);
	bench_close(&bench);
}

/* ---- tries ---- */

static void count_word(void *owner)
{
	++*(int *)owner;
}

static uint32_t failures(const struct bench *bench)
{
	return atomic_load(&bench->roster->members[0].standing->failures);
}

static void failures_in_a_row_are_told(void **state)
{
	struct roster_rules rules = { .failures = 3 };
	struct bench bench;
	int words = 0;

	(void)state;
	bench_open(&bench, "hh", &rules);
	standings_tell(bench.standings, count_word, &words);
	serving_tell(bench.roster, &bench.roster->members[0], 503);
	serving_tell(bench.roster, &bench.roster->members[0], 502);
	serving_tell(bench.roster, &bench.roster->members[1], 502);
	serving_tell(bench.roster, &bench.roster->members[0], 0);
	assert_int_equal(failures(&bench), 0);
	assert_int_equal(words, 0);
	for (int i = 1; i <= 7; i++) {
		serving_tell(bench.roster, &bench.roster->members[0], 500 + i);
		assert_int_equal(words, i / 3);
	}
	assert_int_equal(failures(&bench), 7);
	assert_int_equal(atomic_load(&bench.roster->members[0].standing->cause), 507);
	standings_tell(bench.standings, NULL, NULL);
	serving_tell(bench.roster, &bench.roster->members[0], 503);
	assert_int_equal(words, 2);
	bench_close(&bench);
}

static void nobody_counts_where_nobody_is_ejected(void **state)
{
	struct roster_rules rules = { .slow_start = SECOND };
	struct bench bench;

	(void)state;
	bench_open(&bench, "hh", &rules);
	serving_tell(bench.roster, &bench.roster->members[0], 503);
	assert_int_equal(failures(&bench), 0);
	bench_close(&bench);
}

/* Another roster of the same upstream has the same standings, one of another upstream others. */
static void standings_outlive_rosters(void **state)
{
	struct roster_rules rules = { .panic = 30 };
	struct bench bench;
	struct roster *next, *other;

	(void)state;
	bench_open(&bench, "hu", &rules);
	next = roster_watched(bench.roster, &rules, bench.standings, STR("app"));
	other = roster_watched(bench.roster, &rules, bench.standings, STR("ap"));
	assert_ptr_equal(next->members[1].standing, bench.roster->members[1].standing);
	assert_int_equal(standing_health(next->members[1].standing), HEALTH_UNHEALTHY);
	assert_int_equal(standing_health(other->members[1].standing), HEALTH_UNKNOWN);
	assert_false(serving_may(next, &next->members[1]));
	assert_true(serving_may(other, &other->members[1]));
	roster_unref(&next);
	roster_unref(&other);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_may_be_chosen),
		cmocka_unit_test(without_standings_all_serve),
		cmocka_unit_test(shares_grow),
		cmocka_unit_test(failures_in_a_row_are_told),
		cmocka_unit_test(nobody_counts_where_nobody_is_ejected),
		cmocka_unit_test(standings_outlive_rosters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

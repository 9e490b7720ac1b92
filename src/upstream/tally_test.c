/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rows of checks say: each row is a history, one letter a check (+ passed, - failed), and what is
 * thought after each (h, u; ? before any).
 */
#include "base/testing.h"
#include "upstream/tally.h"

static const struct {
	const char *name;
	uint32_t healthy_after, unhealthy_after;
	const char *checks, *want;
} rows[] = {
	{ "the first check decides", 2, 3, "+", "h" },
	{ "either way", 2, 3, "-", "u" },
	{ "so many failures in a row", 2, 3, "+---", "hhhu" },
	{ "and not fewer", 2, 3, "+--+--+", "hhhhhhh" },
	{ "so many good ones bring it back", 2, 3, "-++", "uuh" },
	{ "in a row", 3, 3, "-++-++-+++", "uuuuuuuuuh" },
	{ "the count begins anew at each change", 2, 2, "+--+-++--", "hhuuuuhhu" },
	{ "one is enough where one is wanted", 1, 1, "+-+-", "huhu" },
	{ "nothing counts beyond the change", 2, 2, "------++", "uuuuuuuh" },
};

static void rows_of_checks(void **state)
{
	static const char letters[] = {
		[TALLY_UNKNOWN] = '?', [TALLY_HEALTHY] = 'h', [TALLY_UNHEALTHY] = 'u'
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tally_limits limits = { rows[i].healthy_after, rows[i].unhealthy_after };
		struct tally tally = { .word = TALLY_UNKNOWN };

		for (size_t n = 0; rows[i].checks[n]; n++) {
			enum tally_word before = tally.word;
			bool has_changed = tally_hear(&tally, &limits, rows[i].checks[n] == '+');

			assert_row(has_changed == (tally.word != before), i, rows[i].name);
			assert_row(letters[tally.word] == rows[i].want[n], i, rows[i].name);
		}
	}
}

/* One that begins with what is known already is not decided by its first check. */
static void what_is_known_is_not_forgotten(void **state)
{
	struct tally_limits limits = { 2, 3 };
	struct tally tally = { .word = TALLY_HEALTHY };

	(void)state;
	assert_false(tally_hear(&tally, &limits, false));
	assert_false(tally_hear(&tally, &limits, false));
	assert_true(tally_hear(&tally, &limits, false));
	assert_int_equal(tally.word, TALLY_UNHEALTHY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_checks),
		cmocka_unit_test(what_is_known_is_not_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

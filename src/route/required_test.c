/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "route/regex.h"
#include "route/required.h"

enum { SHOWN_MAX = 1024 };

/* The texts, then " | " and the prefix, then what follows it. */
static str show(const char *expression, char *room)
{
	struct required required;
	struct buf b = buf_over(room, SHOWN_MAX);

	required_find(str_of(expression), &required);
	for (size_t i = 0; i < required.count; i++) {
		buf_put(&b, required.texts[i]);
		buf_put(&b, STR(" "));
	}
	buf_put(&b, STR("|"));
	if (required.prefix.len) {
		buf_put(&b, required.prefix);
		buf_put(&b, STR(" + "));
		buf_put(&b, str_skip(str_of(expression), required.prefix_from));
	}
	return buf_str(&b);
}

static void finds_what_is_required(void **state)
{
	static const struct {
		const char *expression, *want;
	} rows[] = {
		{ "", "|" },
		{ "^", "|" },
		{ "abc", "abc |" },
		{ "^abc", "abc |abc + " },
		{ "^abc$", "abc |abc + $" },
		{ "^/svc1/item/[0-9]+$", "/svc1/item/ |/svc1/item/ + [0-9]+$" },
		{ "^/[a-z]+/item1$", "/item1 |/ + [a-z]+/item1$" },
		{ "^/AbC", "/abc |/AbC + " },
		{ "(?i)^/AbC", "/abc |" },
		{ "^/a\\.b\\-c", "/a.b-c |/a.b-c + " },
		/* A quantifier takes its atom out, or ends the run. */
		{ "^abcd?", "abc |abc + d?" },
		{ "^abcd*ef", "abc ef |abc + d*ef" },
		{ "^abcd+ef", "abcd ef |abc + d+ef" },
		{ "^abcd{2}ef", "abcd ef |abc + d{2}ef" },
		{ "^abcd{0,2}ef", "abc ef |abc + d{0,2}ef" },
		{ "^abcd{00}ef", "abc ef |abc + d{00}ef" },
		{ "abcd+?ef", "abcd ef |" },
		{ "abcd*+ef", "abc ef |" },
		/* Some byte ends a run. */
		{ "ab.cd", "ab cd |" },
		{ "ab.*cd", "ab cd |" },
		{ "ab[cd]ef", "ab ef |" },
		{ "ab[]c]ef", "ab ef |" },
		{ "ab[^]c]ef", "ab ef |" },
		{ "ab[\\]c]ef", "ab ef |" },
		{ "ab[[:alpha:]]ef", "ab ef |" },
		{ "ab[[:^alpha:]x]ef", "ab ef |" },
		{ "ab\\dcd", "ab cd |" },
		{ "ab\\bcd", "ab cd |" },
		{ "ab$cd", "ab cd |" },
		{ "a\\d+b", "|" },
		/* Groups. */
		{ "ab(cd)ef", "ab cd ef |" },
		{ "ab(?:cd)ef", "ab cd ef |" },
		{ "ab(?<n>cd)ef", "ab cd ef |" },
		{ "ab(?P<n>cd)ef", "ab cd ef |" },
		{ "ab(?>cd)ef", "ab cd ef |" },
		{ "ab(cd)?ef", "ab ef |" },
		{ "ab(cd)*ef", "ab ef |" },
		{ "ab(cd)+ef", "ab cd ef |" },
		{ "ab(cd|gh)ef", "ab ef |" },
		{ "ab(cd(ij|kl)gh)ef", "ab cd gh ef |" },
		{ "ab((cd)?gh)ef", "ab gh ef |" },
		{ "ab((cd)gh)?ef", "ab ef |" },
		{ "ab(?=cd)ef", "ab ef |" },
		{ "ab(?!cd)ef", "ab ef |" },
		{ "ab(?<=cd)ef", "ab ef |" },
		{ "ab(?<!cd)ef", "ab ef |" },
		{ "^(/ab|/cd)$", "|" },
		{ "^(/ab)$", "/ab |" },
		{ "^/a(b)", "/a |/a + (b)" },
		/* Riddles: nothing is claimed. */
		{ "abc|def", "|" },
		{ "^abc|def", "|" },
		{ "ab(?i)cd", "|" },
		{ "(?x)a b", "|" },
		{ "(?i:ab)cd", "|" },
		{ "ab(?#c)cd", "|" },
		{ "ab(?(1)cd)ef", "|" },
		{ "(*ACCEPT)abc", "|" },
		{ "ab\\Qcd\\Eef", "|" },
		{ "ab\\x41cd", "|" },
		{ "ab\\x{41}cd", "|" },
		{ "ab(c)\\1de", "|" },
		{ "ab\\Kcd", "|" },
		{ "ab\\p{L}cd", "|" },
		{ "ab{x}cd", "|" },
		{ "ab{,3}cd", "|" },
		{ "ab[[.a.]]cd", "|" },
		{ "abc{2}{3}", "|" },
	};
	char room[SHOWN_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str shown = show(rows[i].expression, room);

		if (!str_eq(shown, str_of(rows[i].want)))
			fail_msg("%s: \"%.*s\" is not \"%s\"", rows[i].expression, STR_ARG(shown),
				 rows[i].want);
	}
}

static void keeps_its_bounds(void **state)
{
	char expression[2048] = "^";
	struct required required;

	(void)state;
	/* One long run. */
	memset(expression + 1, 'a', 1000);
	required_find((str) { expression, 1001 }, &required);
	assert_true(required.count > 0 && required.used <= REQUIRED_BYTES);
	assert_int_equal(required.prefix.len, REQUIRED_PREFIX);
	assert_int_equal(required.prefix_from, 1 + REQUIRED_PREFIX);
	/* Many runs. */
	for (size_t i = 0; i < 200; i++)
		memcpy(expression + i * 6, "abcde.", 6);
	required_find((str) { expression, 1200 }, &required);
	assert_int_equal(required.count, REQUIRED_MAX);
	/* Many groups. */
	memset(expression, '(', 100);
	memset(expression + 100, ')', 100);
	required_find((str) { expression, 200 }, &required);
	assert_int_equal(required.count, 0);
}

/* Whatever matches holds the texts, letters of either case, and begins with the prefix. */
static void claims_hold(void **state)
{
	static const char *const expressions[] = { "ab+c",       "(?i)Ab(c|d)?", "^ab{1,2}c",
						   "a(?:b|c)ab", "(ab)+c?",      "^ab(?=c)" };
	static const char letters[] = "abcAB";
	struct regex_table table;
	struct regex_scratch scratch;
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, SIZE_MAX);
	regex_table_init(&table, &arena);
	regex_scratch_init(&scratch);
	for (size_t i = 0; i < COUNT_OF(expressions); i++) {
		struct required required;
		struct regex *regex;
		str why;

		required_find(str_of(expressions[i]), &required);
		assert_true(required.count > 0);
		assert_true(regex_compile(&table, str_of(expressions[i]), &regex, &why));
		for (size_t number = 0; number < 5 * 5 * 5 * 5; number++) {
			char text[4], folded[4];

			for (size_t j = 0, rest = number; j < 4; j++, rest /= 5) {
				text[j] = letters[rest % 5];
				folded[j] = ascii_lower(text[j]);
			}
			if (regex_match(regex, &scratch, (str) { text, 4 }, 0) != REGEX_YES)
				continue;
			assert_true(str_starts((str) { text, 4 }, required.prefix));
			for (size_t j = 0; j < required.count; j++)
				assert_true(str_contains((str) { folded, 4 }, required.texts[j]));
		}
	}
	regex_scratch_fini(&scratch);
	regex_table_fini(&table);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_is_required),
		cmocka_unit_test(keeps_its_bounds),
		cmocka_unit_test(claims_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

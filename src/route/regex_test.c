/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "route/regex.h"

struct fixture {
	struct arena arena;
	struct regex_table table;
	struct regex_scratch scratch;
};

static int open_fixture(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	arena_init(&fixture->arena, NULL, SIZE_MAX);
	regex_table_init(&fixture->table, &fixture->arena);
	regex_scratch_init(&fixture->scratch);
	*state = fixture;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *fixture = *state;

	regex_scratch_fini(&fixture->scratch);
	regex_table_fini(&fixture->table);
	arena_fini(&fixture->arena);
	free(fixture);
	return 0;
}

static const struct regex *compiled(struct fixture *fixture, str text)
{
	struct regex *regex;
	str why = { 0 };

	if (!regex_compile(&fixture->table, text, &regex, &why))
		fail_msg("%.*s: %.*s", STR_ARG(text), STR_ARG(why));
	return regex;
}

/* Whole, and split at its prefix: the answer is the same. */
static enum regex_outcome match(struct fixture *fixture, const char *expression, str subject)
{
	enum regex_outcome whole =
		regex_match(compiled(fixture, str_of(expression)), &fixture->scratch, subject, 0);
	enum regex_outcome split = REGEX_NO;
	struct regex *rest;
	str prefix, why;

	assert_true(regex_compile_split(&fixture->table, str_of(expression), &prefix, &rest, &why));
	if (str_starts(subject, prefix))
		split = regex_match(rest, &fixture->scratch, subject, prefix.len);
	assert_int_equal(whole, split);
	return whole;
}

static void searches_bytes(void **state)
{
	static const struct {
		const char *expression;
		str subject;
		bool matches;
	} rows[] = {
		{ "", STR_INIT(""), true },
		{ "", STR_INIT("abc"), true },
		{ "b", STR_INIT("abc"), true },
		{ "^b", STR_INIT("abc"), false },
		{ "c$", STR_INIT("abc"), true },
		{ "^abc$", STR_INIT("abc"), true },
		{ "^abc$", STR_INIT("abcd"), false },
		/* The end is the end, not before a last line end; '.' is any byte. */
		{ "^abc$", STR_INIT("abc\n"), false },
		{ "^a.c$", STR_INIT("a\nc"), true },
		{ "^a.c$", STR_INIT("a\0c"), true },
		{ "^a.c$",
		  STR_INIT("a\xff"
			   "c"),
		  true },
		{ "^a.c$",
		  STR_INIT("a\xc3\xa9"
			   "c"),
		  false },
		{ "^ab$|^cd$", STR_INIT("cd"), true },
		{ "(?i)^ABC$", STR_INIT("abc"), true },
		{ "^ab(?<=ab)c", STR_INIT("abc"), true },
		{ "^ab(?<=bb)c", STR_INIT("abc"), false },
		{ "^ab\\bc", STR_INIT("abc"), false },
		{ "^ab\\b-c", STR_INIT("ab-c"), true },
		{ "^ab^c", STR_INIT("abc"), false },
		{ "^/a/(b|c)/\\1$", STR_INIT("/a/b/b"), true },
		{ "^/a/(b|c)/\\1$", STR_INIT("/a/b/c"), false },
		{ "^abc", STR_INIT("ab"), false },
		{ "^a\\.b$", STR_INIT("a.b"), true },
		{ "^a\\.b$", STR_INIT("axb"), false },
		{ "^aB[0-9]", STR_INIT("ab1"), false },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row((match(*state, rows[i].expression, rows[i].subject) == REGEX_YES) ==
				   rows[i].matches,
			   i, rows[i].expression);
}

static void says_what_is_wrong_and_where(void **state)
{
	static const struct {
		const char *expression, *why;
	} rows[] = {
		{ "(", "missing closing parenthesis at offset 1 of the regular expression" },
		{ "^abc(", "missing closing parenthesis at offset 5 of the regular expression" },
		{ "[a", "missing terminating ] for character class at offset 2 of the regular expression" },
		{ "a)", "unmatched closing parenthesis at offset 1 of the regular expression" },
		{ "*a",
		  "quantifier does not follow a repeatable item at offset 0 of the regular expression" },
		{ "^/a(?<n", "syntax error in subpattern name (missing terminator?) at offset 7 of the "
			     "regular expression" },
		{ "(*UTF)a",
		  "using UTF is disabled by the application at offset 6 of the regular expression" },
		{ "\\C", "using \\C is disabled by the application at offset 2 of the regular expression" },
	};
	struct fixture *fixture = *state;
	struct regex *regex;
	str why, prefix;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_false(regex_compile(&fixture->table, str_of(rows[i].expression), &regex, &why));
		assert_text(why, rows[i].why);
		assert_false(regex_compile_split(&fixture->table, str_of(rows[i].expression), &prefix, &regex,
						 &why));
		assert_text(why, rows[i].why);
	}
}

static void refuses_too_many_groups(void **state)
{
	struct fixture *fixture = *state;
	char text[2 * (REGEX_GROUPS_MAX + 1)];
	struct regex *regex;
	str why;

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = i % 2 ? ')' : '(';
	assert_false(regex_compile(&fixture->table, (str) { text, sizeof text }, &regex, &why));
	assert_text(why, "more than 63 groups in a regular expression");
	assert_true(regex_compile(&fixture->table, (str) { text, sizeof text - 2 }, &regex, &why));
}

static void compiles_a_text_once(void **state)
{
	struct fixture *fixture = *state;
	struct regex *first, *second;
	str prefix, why;

	assert_ptr_equal(compiled(fixture, STR("a+b")), compiled(fixture, STR("a+b")));
	assert_ptr_not_equal(compiled(fixture, STR("a+b")), compiled(fixture, STR("a+c")));
	/* What follows the beginnings is shared; searched for and anchored it is not the same. */
	assert_true(regex_compile_split(&fixture->table, STR("^/svc1/[0-9]+$"), &prefix, &first, &why));
	assert_text(prefix, "/svc1/");
	assert_true(regex_compile_split(&fixture->table, STR("^/svc2/[0-9]+$"), &prefix, &second, &why));
	assert_text(prefix, "/svc2/");
	assert_ptr_equal(first, second);
	assert_ptr_not_equal(first, compiled(fixture, STR("[0-9]+$")));
}

static void gives_up_at_its_limit(void **state)
{
	struct fixture *fixture = *state;
	char text[64];

	memset(text, 'a', sizeof text);
	assert_int_equal(regex_match(compiled(fixture, STR("^(a+)+$")), &fixture->scratch,
				     (str) { text, sizeof text }, 0),
			 REGEX_YES);
	text[sizeof text - 1] = 'b';
	assert_int_equal(regex_match(compiled(fixture, STR("^(a+)+$")), &fixture->scratch,
				     (str) { text, sizeof text }, 0),
			 REGEX_LIMIT);
}

/* Interpreted it has the same limits. */
static void gives_up_without_compiled_code(void **state)
{
	struct fixture *fixture = *state;
	char text[64];

	memset(text, 'a', sizeof text);
	text[sizeof text - 1] = 'b';
	assert_int_equal(regex_match(compiled(fixture, STR("(*NO_JIT)^(a+)+$")), &fixture->scratch,
				     (str) { text, sizeof text }, 0),
			 REGEX_LIMIT);
}

static void gives_up_when_the_stack_is_full(void **state)
{
	enum { LONG = 1 << 20 };
	struct fixture *fixture = *state;
	char *text = arena_bytes(&fixture->arena, LONG);

	memset(text, 'a', LONG);
	assert_int_equal(
		regex_match(compiled(fixture, STR("^(a|b)*$")), &fixture->scratch, (str) { text, LONG }, 0),
		REGEX_LIMIT);
}

static void names_its_groups(void **state)
{
	struct fixture *fixture = *state;
	const struct regex *regex =
		compiled(fixture, STR("^/(?<zeta>[a-z]+)/(x)?(?P<alpha>[0-9]+)(?<none>y)?$"));
	str names[4], subject = STR("/abc/12");
	size_t groups[4];

	assert_int_equal(regex_group_names(regex, 4, names, groups), 3);
	assert_text(names[0], "zeta");
	assert_text(names[1], "alpha");
	assert_text(names[2], "none");
	assert_int_equal(regex_match(regex, &fixture->scratch, subject, 0), REGEX_YES);
	assert_text(regex_group(&fixture->scratch, subject, groups[0]), "abc");
	assert_text(regex_group(&fixture->scratch, subject, groups[1]), "12");
	assert_text(regex_group(&fixture->scratch, subject, groups[2]), "");
	assert_text(regex_group(&fixture->scratch, subject, 2), "");
	assert_int_equal(regex_group_names(regex, 1, names, groups), 1);
	assert_int_equal(regex_group_names(compiled(fixture, STR("(a)")), 4, names, groups), 0);
}

static void goes_on_where_code_is_no_longer_compiled(void **state)
{
	struct fixture *fixture = *state;
	str last = { 0 };

	for (size_t i = 0; i <= REGEX_JIT_MAX; i++) {
		last = arena_printf(&fixture->arena, "^x?%zu$", i);
		compiled(fixture, last);
	}
	assert_int_equal(regex_match(compiled(fixture, last), &fixture->scratch, STR("x10000"), 0),
			 REGEX_YES);
	assert_int_equal(regex_match(compiled(fixture, last), &fixture->scratch, STR("x9999"), 0), REGEX_NO);
}

#define FIXED(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXED(searches_bytes),
		FIXED(says_what_is_wrong_and_where),
		FIXED(refuses_too_many_groups),
		FIXED(compiles_a_text_once),
		FIXED(gives_up_at_its_limit),
		FIXED(gives_up_without_compiled_code),
		FIXED(gives_up_when_the_stack_is_full),
		FIXED(names_its_groups),
		FIXED(goes_on_where_code_is_no_longer_compiled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

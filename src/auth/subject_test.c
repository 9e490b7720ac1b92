/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: a subject as it is written, and as it is compared. */
#include "auth/subject.h"

#include "base/testing.h"

static const struct {
	const char *text, *want;
} rows[] = {
	{ "CN=acme,O=Acme,C=DE", "CN=acme,O=Acme,C=DE" },
	{ "CN=acme, O=Acme, C=DE", "CN=acme,O=Acme,C=DE" },
	{ "  CN = acme ,  O = Acme  ", "CN=acme,O=Acme" },
	{ "CN=acme + UID=7,O=A", "CN=acme+UID=7,O=A" },
	/* Within a value they are the name's own, and so is a second `=`. */
	{ "CN=Acme  Inc, O = a = b", "CN=Acme  Inc,O=a = b" },
	{ "CN=a=b", "CN=a=b" },
	/* What is escaped stays. */
	{ "CN=Acme\\, Inc,O=x", "CN=Acme\\, Inc,O=x" },
	{ "CN=\\ acme\\ ,O=x", "CN=\\ acme\\ ,O=x" },
	{ "CN= \\ acme\\  ,O=x", "CN=\\ acme\\ ,O=x" },
	{ "CN=a\\\\ , O=x", "CN=a\\\\,O=x" },
	{ "CN=a\\", "CN=a\\" },
	{ "CN=M\xc3\xbcller, O=x", "CN=M\xc3\xbcller,O=x" },
	{ "", "" },
	{ "   ", "" },
	{ " = , = ", "=,=" },
};

static void each_row(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 64 * 1024);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str got = subject_normalise(&arena, str_of(rows[i].text));

		if (!str_eq(got, str_of(rows[i].want)))
			fail_msg("%s: \"%.*s\"", rows[i].text, STR_ARG(got));
		assert_true(str_eq(subject_normalise(&arena, got), got));
	}
	arena_fini(&arena);
}

static const struct {
	const char *text, *want;
} turns[] = {
	{ "O=Acme,CN=acme", "CN=acme,O=Acme" },
	{ "C=DE,O=Acme\\, Inc,CN=a+UID=7", "CN=a+UID=7,O=Acme\\, Inc,C=DE" },
	{ "CN=acme", "CN=acme" },
	{ "O=a\\\\,CN=b", "CN=b,O=a\\\\" },
	{ "O=a\\", "O=a\\" },
	{ "a,", ",a" },
	{ ",", "," },
	{ "", "" },
};

static void turned_rows(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 64 * 1024);
	for (size_t i = 0; i < COUNT_OF(turns); i++) {
		str got = subject_turn(&arena, str_of(turns[i].text));

		if (!str_eq(got, str_of(turns[i].want)))
			fail_msg("%s: \"%.*s\"", turns[i].text, STR_ARG(got));
	}
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_row), cmocka_unit_test(turned_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

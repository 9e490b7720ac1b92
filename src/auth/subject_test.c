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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_row) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

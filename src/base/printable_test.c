/* SPDX-License-Identifier: Apache-2.0 */
/* Each row: what may stand in a line, and what may not. */
#include "base/printable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

static const struct {
	const char *what;
	str text;
	size_t want;
} cases[] = {
	{ "nothing", STR_INIT(""), 0 },
	{ "a letter", STR_INIT("ab"), 1 },
	{ "a space", STR_INIT(" "), 1 },
	{ "the last of ASCII", STR_INIT("~"), 1 },
	{ "a quote is the caller's business", STR_INIT("\""), 1 },
	{ "two bytes", STR_INIT("\xc3\xa4x"), 2 },
	{ "three bytes", STR_INIT("\xe2\x82\xac"), 3 },
	{ "four bytes", STR_INIT("\xf0\x9f\x98\x80"), 4 },
	{ "the last of Unicode", STR_INIT("\xf4\x8f\xbf\xbf"), 4 },
	{ "no-break space, the first after C1", STR_INIT("\xc2\xa0"), 2 },
	{ "before the separators", STR_INIT("\xe2\x80\xa7"), 3 },
	{ "after the marks", STR_INIT("\xe2\x80\xaf"), 3 },
	{ "before the surrogates", STR_INIT("\xed\x9f\xbf"), 3 },
	{ "after the surrogates", STR_INIT("\xee\x80\x80"), 3 },

	{ "NUL", STR_INIT("\0"), 0 },
	{ "line feed", STR_INIT("\n"), 0 },
	{ "carriage return", STR_INIT("\r"), 0 },
	{ "tab", STR_INIT("\t"), 0 },
	{ "escape", STR_INIT("\x1b[2J"), 0 },
	{ "file separator, where some split lines", STR_INIT("\x1c"), 0 },
	{ "the last of C0", STR_INIT("\x1f"), 0 },
	{ "DEL", STR_INIT("\x7f"), 0 },
	{ "next line, C1", STR_INIT("\xc2\x85"), 0 },
	{ "the last of C1", STR_INIT("\xc2\x9f"), 0 },
	{ "CSI as one byte", STR_INIT("\x9b"), 0 },
	{ "line separator", STR_INIT("\xe2\x80\xa8"), 0 },
	{ "paragraph separator", STR_INIT("\xe2\x80\xa9"), 0 },
	{ "right to left override", STR_INIT("\xe2\x80\xae"), 0 },
	{ "first isolate", STR_INIT("\xe2\x81\xa6"), 0 },
	{ "last isolate", STR_INIT("\xe2\x81\xa9"), 0 },
	{ "a continuation alone", STR_INIT("\x80"), 0 },
	{ "a lead alone", STR_INIT("\xc3"), 0 },
	{ "a lead before ASCII", STR_INIT("\xc3("), 0 },
	{ "three bytes cut", STR_INIT("\xe2\x82"), 0 },
	{ "four bytes cut", STR_INIT("\xf0\x9f\x98"), 0 },
	{ "overlong slash", STR_INIT("\xc0\xaf"), 0 },
	{ "overlong in three", STR_INIT("\xe0\x80\xaf"), 0 },
	{ "overlong in four", STR_INIT("\xf0\x80\x80\xaf"), 0 },
	{ "overlong line feed", STR_INIT("\xc0\x8a"), 0 },
	{ "a surrogate", STR_INIT("\xed\xa0\x80"), 0 },
	{ "the last surrogate", STR_INIT("\xed\xbf\xbf"), 0 },
	{ "beyond Unicode", STR_INIT("\xf4\x90\x80\x80"), 0 },
	{ "a lead that is none", STR_INIT("\xf5\x80\x80\x80"), 0 },
	{ "five bytes", STR_INIT("\xf8\x88\x80\x80\x80"), 0 },
	{ "0xff", STR_INIT("\xff"), 0 },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (printable_length(cases[i].text) != cases[i].want)
			fail_msg("%s: %zu", cases[i].what, printable_length(cases[i].text));
	}
}

/* Never more than there is, whatever follows. */
static void every_pair_of_bytes(void **state)
{
	(void)state;
	for (unsigned pair = 0; pair < 0x10000; pair++) {
		char bytes[2] = { (char)(pair >> 8), (char)pair };
		size_t len = printable_length((str) { bytes, 2 });

		assert_in_range(len, 0, 2);
		assert_true(printable_length((str) { bytes, 1 }) <= 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(every_pair_of_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "base/testing.h"

/* Writes a character as RFC 3629 section 3 has it, without a look at whether it is one. */
static size_t encode(uint32_t c, char out[4])
{
	size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = len; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(len == 1 ? c : (0xf00U >> len & 0xff & ~(0x7fU >> len)) | c);
	return len;
}

static void reads_every_character_there_is(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x110400; c++) {
		bool is_character = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
		uint32_t got = 0xffffffff;
		char bytes[4];
		size_t len = encode(c, bytes);

		assert_int_equal(utf8_decode((str) { bytes, len }, &got), is_character ? len : 0);
		assert_true(got == (is_character ? c : 0xffffffff));
		assert_int_equal(utf8_length((str) { bytes, len - 1 }), 0);
	}
}

static void refuses_what_is_no_character(void **state)
{
	static const char *const rows[] = {
		"",
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc0\xaf",
		"\xc1\xbf",
		"\xc2",
		"\xc2(",
		"\xc2\xc2",
		"\xe0\x80\xaf",
		"\xe0\x9f\xbf",
		"\xe2\x82",
		"\xe2(\xa1",
		"\xe2\x82(",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x80\x80\xaf",
		"\xf0\x8f\xbf\xbf",
		"\xf0\x9f\x98",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xfe",
		"\xff",
	};
	uint32_t character = 77;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row(utf8_decode(str_of(rows[i]), &character) == 0, i, "no character");
	assert_int_equal(character, 77);
}

static void looks_at_the_first_alone(void **state)
{
	(void)state;
	assert_int_equal(utf8_length(STR("a\xff")), 1);
	assert_int_equal(utf8_length(STR("\xc3\xa9\xff")), 2);
	assert_int_equal(utf8_length(STR("\xe2\x82\xac\xe2")), 3);
	assert_int_equal(utf8_length(STR("\0x")), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_character_there_is),
		cmocka_unit_test(refuses_what_is_no_character),
		cmocka_unit_test(looks_at_the_first_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

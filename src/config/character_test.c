/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "config/character.h"

static const struct {
	str text;
	uint32_t character; /* 0: none */
	size_t len;
} decoded[] = {
	{ STR_INIT("a"), 'a', 1 },
	{ STR_INIT("\x7f"), 0x7f, 1 },
	{ STR_INIT("\xc2\x80"), 0x80, 2 },
	{ STR_INIT("\xdf\xbf"), 0x7ff, 2 },
	{ STR_INIT("\xe0\xa0\x80"), 0x800, 3 },
	{ STR_INIT("\xed\x9f\xbf"), 0xd7ff, 3 },
	{ STR_INIT("\xee\x80\x80"), 0xe000, 3 },
	{ STR_INIT("\xef\xbf\xbf"), 0xffff, 3 },
	{ STR_INIT("\xf0\x90\x80\x80"), 0x10000, 4 },
	{ STR_INIT("\xf4\x8f\xbf\xbf"), 0x10ffff, 4 },
	{ STR_INIT(""), 0, 0 },
	{ STR_INIT("\x80"), 0, 0 },
	{ STR_INIT("\xbf"), 0, 0 },
	{ STR_INIT("\xc0\x80"), 0, 0 },         /* overlong */
	{ STR_INIT("\xc1\xbf"), 0, 0 },         /* overlong */
	{ STR_INIT("\xe0\x9f\xbf"), 0, 0 },     /* overlong */
	{ STR_INIT("\xf0\x8f\xbf\xbf"), 0, 0 }, /* overlong */
	{ STR_INIT("\xed\xa0\x80"), 0, 0 },     /* a surrogate */
	{ STR_INIT("\xed\xbf\xbf"), 0, 0 },     /* a surrogate */
	{ STR_INIT("\xf4\x90\x80\x80"), 0, 0 }, /* past the end */
	{ STR_INIT("\xf5\x80\x80\x80"), 0, 0 },
	{ STR_INIT("\xff"), 0, 0 },
	{ STR_INIT("\xc2"), 0, 0 }, /* cut off */
	{ STR_INIT("\xe2\x82"), 0, 0 },
	{ STR_INIT("\xf0\x9f\x98"), 0, 0 },
	{ STR_INIT("\xc2"
		   "a"),
	  0, 0 }, /* no continuation */
	{ STR_INIT("\xe2\x82"
		   "a"),
	  0, 0 },
};

static void test_characters_are_taken_off_one_by_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(decoded); i++) {
		str rest = decoded[i].text;
		uint32_t character = 0;
		bool is_taken = character_take(&rest, &character);

		assert_row(is_taken == (decoded[i].len > 0), i, "taken");
		assert_row(character == decoded[i].character, i, "character");
		assert_row(decoded[i].text.len - rest.len == decoded[i].len, i, "length");
		assert_row(characters_are_valid(decoded[i].text) == (decoded[i].len > 0 || i == 10), i,
			   "valid");
	}
}

static void test_counting_takes_bad_bytes_for_one_each(void **state)
{
	(void)state;
	assert_int_equal(character_count(STR("")), 0);
	assert_int_equal(character_count(STR("aé中")), 3);
	assert_int_equal(character_count(STR("a\xff\xe2\x82")), 4);
}

static void test_columns(void **state)
{
	(void)state;
	assert_int_equal(character_columns('a'), 1);
	assert_int_equal(character_columns(0xe9), 1);
	assert_int_equal(character_columns(0x301), 0);
	assert_int_equal(character_columns(0x4e2d), 2);
	assert_int_equal(character_columns(0xac00), 2);
	assert_int_equal(character_columns(0x1f600), 2);
	assert_int_equal(character_columns(0x416), 1);
}

static const struct {
	uint32_t character;
	bool is_allowed;
} classes[] = {
	{ 'a', true },     { ' ', true },     { '\n', true },   { '\t', true },   { '\r', true },
	{ 0, false },      { 0x1b, false },   { 0x1f, false },  { 0x7f, false },  { 0x85, true },
	{ 0x84, false },   { 0x9b, false },   { 0xa0, true },   { 0x202e, true }, { 0xd7ff, true },
	{ 0xfffe, false }, { 0xffff, false }, { 0xfeff, true }, { 0x4e2d, true }, { 0x1f600, true },
};

static void test_what_a_file_may_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(classes); i++)
		assert_row(character_is_allowed(classes[i].character) == classes[i].is_allowed, i, "allowed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_characters_are_taken_off_one_by_one),
		cmocka_unit_test(test_counting_takes_bad_bytes_for_one_each),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_what_a_file_may_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

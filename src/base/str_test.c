/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"

static const str nothing;

static void compares(void **state)
{
	(void)state;
	assert_true(str_eq(STR("ab"), STR("ab")));
	assert_false(str_eq(STR("ab"), STR("aB")));
	assert_false(str_eq(STR("ab"), STR("abc")));
	assert_true(str_eq(nothing, STR("")));
	assert_true(str_eq_nocase(STR("aB-1"), STR("Ab-1")));
	assert_false(str_eq_nocase(STR("a@"), STR("a`")));
	assert_false(str_eq_nocase(STR("\xc4"), STR("\xe4")));
	assert_false(str_eq_nocase(STR("ab"), STR("abc")));
	assert_true(str_eq_nocase(nothing, STR("")));
}

struct order_row {
	const char *a, *b;
	int order;
};

static void orders_bytewise(void **state)
{
	static const struct order_row rows[] = {
		{ "", "", 0 },     { "", "a", -1 },   { "a", "", 1 },      { "a", "b", -1 }, { "b", "a", 1 },
		{ "a", "ab", -1 }, { "ab", "aa", 1 }, { "a", "\xff", -1 }, { "a", "a", 0 },  { "B", "a", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int order = str_cmp(str_of(rows[i].a), str_of(rows[i].b));

		assert_row((order > 0) - (order < 0) == rows[i].order, i, rows[i].a);
	}
}

static void slices_are_clamped(void **state)
{
	str s = STR("abcdef");

	(void)state;
	assert_text(str_slice(s, 1, 3), "bc");
	assert_text(str_slice(s, 4, 99), "ef");
	assert_text(str_slice(s, 5, 2), "");
	assert_text(str_slice(s, 99, 100), "");
	assert_text(str_skip(s, 6), "");
	assert_text(str_skip(s, SIZE_MAX), "");
	assert_null(str_slice(nothing, 1, 2).ptr);
	assert_text(str_of(NULL), "");
	assert_int_equal(STR("a\0b").len, 3);
}

static void looks_into_slices(void **state)
{
	size_t at = 77;

	(void)state;
	assert_true(str_starts(STR("abc"), STR("ab")) && str_starts(STR("a"), nothing));
	assert_false(str_starts(STR("a"), STR("ab")) || str_starts(STR("abc"), STR("b")));
	assert_true(str_ends(STR("abc"), STR("bc")) && str_ends(nothing, nothing));
	assert_false(str_ends(STR("c"), STR("bc")) || str_ends(STR("abc"), STR("b")));
	assert_true(str_find(STR("abcb"), 'b', &at));
	assert_int_equal(at, 1);
	assert_false(str_find(STR("abc"), 'x', &at) || str_find(nothing, 'x', &at));
	assert_int_equal(at, 1);
	assert_true(str_contains(STR("abc"), STR("bc")) && str_contains(nothing, nothing));
	assert_false(str_contains(STR("abc"), STR("cb")) || str_contains(nothing, STR("a")));
}

static void cuts(void **state)
{
	str left = STR("l"), right = STR("r");

	(void)state;
	assert_true(str_cut(STR("a=b=c"), '=', &left, &right));
	assert_text(left, "a");
	assert_text(right, "b=c");
	assert_true(str_cut(STR("="), '=', &left, &right));
	assert_text(left, "");
	assert_text(right, "");
	right = STR("kept");
	assert_false(str_cut(STR("abc"), '=', &left, &right));
	assert_text(right, "kept");
	assert_false(str_cut(nothing, '=', &left, &right));
}

static void trims(void **state)
{
	(void)state;
	assert_text(str_trim(STR(" \ta b\t ")), "a b");
	assert_text(str_trim(STR(" \t ")), "");
	assert_text(str_trim(STR("\na\r")), "\na\r");
	assert_text(str_trim(nothing), "");
}

static void takes_items_off_a_list(void **state)
{
	static const char *const expected[] = { "a", "b c", "d" };
	str list = STR(",, a ,b c,\t,d,"), item;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(expected); i++) {
		assert_true(str_next(&list, ',', &item));
		assert_text(item, expected[i]);
	}
	assert_false(str_next(&list, ',', &item));
	assert_false(str_next(&list, ',', &item));
}

struct number_row {
	const char *text;
	uint64_t max, value;
	bool is_number;
};

static void reads_numbers(void **state)
{
	static const struct number_row rows[] = {
		{ "0", 0, 0, true },
		{ "00012", 12, 12, true },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX, true },
		{ "18446744073709551616", UINT64_MAX, 0, false },
		{ "99999999999999999999999", UINT64_MAX, 0, false },
		{ "13", 12, 0, false },
		{ "", 9, 0, false },
		{ "-1", 9, 0, false },
		{ "+1", 9, 0, false },
		{ " 1", 9, 0, false },
		{ "1 ", 9, 0, false },
		{ "0x1", 9, 0, false },
		{ "1.", 9, 0, false },
		{ "\xb2", 9, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t value = 77;

		assert_row(str_to_u64(str_of(rows[i].text), rows[i].max, &value) == rows[i].is_number, i,
			   rows[i].text);
		assert_row(value == (rows[i].is_number ? rows[i].value : 77), i, rows[i].text);
	}
}

struct distance_row {
	const char *a, *b;
	size_t distance;
};

static void measures_how_alike_words_are(void **state)
{
	static const struct distance_row rows[] = {
		{ "orders", "orders", 0 }, { "Orders", "oRDERS", 0 },  { "order", "orders", 1 },
		{ "oders", "orders", 1 },  { "ordres", "orders", 2 },  { "", "abc", 3 },
		{ "abc", "", 3 },          { "kitten", "sitting", 3 }, { "abc", "xyzuvw", 4 },
	};
	char word[65];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row(str_distance(str_of(rows[i].a), str_of(rows[i].b), 4) == rows[i].distance, i,
			   rows[i].a);
	memset(word, 'a', sizeof word);
	assert_int_equal(str_distance((str) { word, 65 }, (str) { word, 65 }, 4), 4);
	assert_int_equal(str_distance((str) { word, 64 }, (str) { word, 64 }, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compares),
		cmocka_unit_test(orders_bytewise),
		cmocka_unit_test(slices_are_clamped),
		cmocka_unit_test(looks_into_slices),
		cmocka_unit_test(cuts),
		cmocka_unit_test(trims),
		cmocka_unit_test(takes_items_off_a_list),
		cmocka_unit_test(reads_numbers),
		cmocka_unit_test(measures_how_alike_words_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

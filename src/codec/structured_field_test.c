/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows: a dictionary, and how it prints; or that it is none.
 */
#include "base/testing.h"
#include "codec/structured_field.h"

enum { ARENA_MAX = 4 * 1024 * 1024, TEXT_MAX = 64 * 1024 };

static const struct row {
	const char *text, *printed; /* NULL: malformed */
} rows[] = {
	{ "", "" },
	{ "  ", "" },
	{ "a=1", "a=1" },
	{ " a=1 ", "a=1" },
	{ "a=-0", "a=0" },
	{ "a=007", "a=7" },
	{ "a=999999999999999", "a=999999999999999" },
	{ "a=-999999999999999", "a=-999999999999999" },
	{ "a=1.5", "a=1.5" },
	{ "a=1.0", "a=1.0" },
	{ "a=-0.250", "a=-0.25" },
	{ "a=0.001", "a=0.001" },
	{ "a=100.020", "a=100.02" },
	{ "a=123456789012.125", "a=123456789012.125" },
	{ "a=tok", "a=tok" },
	{ "a=*t/o:k!", "a=*t/o:k!" },
	{ "a=\"\"", "a=\"\"" },
	{ "a=\"x y\"", "a=\"x y\"" },
	{ "a=\"\\\"\\\\\"", "a=\"\\\"\\\\\"" },
	{ "a=::", "a=::" },
	{ "a=:YQ==:", "a=:YQ==:" },
	{ "a=:YWJj:", "a=:YWJj:" },
	{ "a", "a=?1" },
	{ "a=?1", "a=?1" },
	{ "a=?0", "a=?0" },
	{ "a;b;c=2", "a=?1;b;c=2" },
	{ "a=1; b=?1;  c=?0", "a=1;b;c=?0" },
	{ "a=1, b=2", "a=1, b=2" },
	{ "a=1,b=2\t,\tc", "a=1, b=2, c=?1" },
	{ "a=()", "a=()" },
	{ "a=(  )", "a=()" },
	{ "a=( 1   2.0 \"x\";p )", "a=(1 2.0 \"x\";p)" },
	{ "a=(1);q=t;r=:YQ==:", "a=(1);q=t;r=:YQ==:" },
	{ "*a-b_c.1*=1", "*a-b_c.1*=1" },

	{ "A=1", NULL },
	{ "1=1", NULL },
	{ "=1", NULL },
	{ "a=", NULL },
	{ "a =1", NULL },
	{ "a= 1", NULL },
	{ "\ta=1", NULL },
	{ "a=1,", NULL },
	{ "a=1, ", NULL },
	{ ",a=1", NULL },
	{ "a=1,,b=2", NULL },
	{ "a=1 b=2", NULL },
	{ "a=1;", NULL },
	{ "a=1;B=2", NULL },
	{ "a=1;b= 2", NULL },
	{ "a=1;\tb", NULL },
	{ "a=1, a=2", NULL },
	{ "a=1;b=1;b=2", NULL },
	{ "a=-", NULL },
	{ "a=--1", NULL },
	{ "a=+1", NULL },
	{ "a=1000000000000000", NULL },
	{ "a=1.", NULL },
	{ "a=.5", NULL },
	{ "a=1.2345", NULL },
	{ "a=1234567890123.1", NULL },
	{ "a=1e3", NULL },
	{ "a=\"", NULL },
	{ "a=\"x", NULL },
	{ "a=\"\\", NULL },
	{ "a=\"\\\"", NULL },
	{ "a=\"\\x\"", NULL },
	{ "a=\"\x01\"", NULL },
	{ "a=\"\x7f\"", NULL },
	{ "a=\"\xc3\xa9\"", NULL },
	{ "a='x'", NULL },
	{ "a=:YQ==", NULL },
	{ "a=:YQ:", NULL },
	{ "a=:YR==:", NULL },
	{ "a=:Y Q==:", NULL },
	{ "a=:YQ==YQ==:", NULL },
	{ "a=:-_:", NULL },
	{ "a=?", NULL },
	{ "a=?2", NULL },
	{ "a=?true", NULL },
	{ "a=(", NULL },
	{ "a=(1", NULL },
	{ "a=(1 2", NULL },
	{ "a=(1,2)", NULL },
	{ "a=(1\t2)", NULL },
	{ "a=(\"a\"\"b\")", NULL },
	{ "a=((1))", NULL },
	{ "a=)", NULL },
	{ "a=(1)x", NULL },
	{ "a=@1", NULL },
	{ "a=1\n", NULL },
};

static void print(const struct structured_dictionary *dictionary, struct buf *out)
{
	for (size_t i = 0; i < dictionary->count; i++) {
		if (i)
			buf_put(out, STR(", "));
		buf_put(out, dictionary->at[i].key);
		buf_put_char(out, '=');
		structured_item_print(&dictionary->at[i].value, out);
	}
}

static void each_row(void **state)
{
	char text[TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct structured_dictionary dictionary;
		struct buf out = buf_over(text, sizeof text);
		struct arena arena;
		result_value parsed;

		arena_init(&arena, NULL, ARENA_MAX);
		print_message("%s\n", rows[i].text);
		parsed = structured_dictionary_parse(str_of(rows[i].text), &arena, &dictionary);
		assert_int_equal(parsed.kind, rows[i].printed ? ERROR_NONE : ERROR_MALFORMED);
		if (rows[i].printed) {
			print(&dictionary, &out);
			assert_text(buf_str(&out), rows[i].printed);
		}
		arena_fini(&arena);
	}
}

static void what_is_looked_for_is_found(void **state)
{
	struct structured_dictionary dictionary;
	const struct structured_item *item;
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	assert_false(failed(
		structured_dictionary_parse(STR("a=1, b=(\"x\\\"\" :YQ==:);n=-1.5;t"), &arena, &dictionary)));
	assert_null(structured_find(&dictionary, STR("c")));
	item = structured_find(&dictionary, STR("b"));
	assert_int_equal(item->bare.kind, STRUCTURED_INNER_LIST);
	assert_int_equal(item->count, 2);
	assert_text(item->items[0].bare.text, "x\"");
	assert_text(item->items[1].bare.text, "a");
	assert_int_equal(structured_parameter(&item->parameters, STR("n"))->number, -1500);
	assert_int_equal(structured_parameter(&item->parameters, STR("t"))->number, 1);
	assert_null(structured_parameter(&item->parameters, STR("x")));
	arena_fini(&arena);
}

/* begin, then count times again, then end. */
static enum error_kind parse_many(const char *begin, const char *again, size_t count, const char *end)
{
	static char text[TEXT_MAX];
	struct buf out = buf_over(text, sizeof text);
	struct structured_dictionary dictionary;
	struct arena arena;
	result_value parsed;

	buf_put(&out, str_of(begin));
	for (size_t i = 0; i < count; i++) {
		buf_put(&out, str_of(again));
		buf_put_u64(&out, i);
	}
	buf_put(&out, str_of(end));
	arena_init(&arena, NULL, ARENA_MAX);
	parsed = structured_dictionary_parse(buf_str(&out), &arena, &dictionary);
	arena_fini(&arena);
	return parsed.kind;
}

static void all_have_their_bounds(void **state)
{
	(void)state;
	assert_int_equal(parse_many("a", ",b", STRUCTURED_MEMBERS_MAX - 1, ""), ERROR_NONE);
	assert_int_equal(parse_many("a", ",b", STRUCTURED_MEMBERS_MAX, ""), ERROR_LIMIT);
	assert_int_equal(parse_many("a", ";b", STRUCTURED_PARAMETERS_MAX, ""), ERROR_NONE);
	assert_int_equal(parse_many("a", ";b", STRUCTURED_PARAMETERS_MAX + 1, ""), ERROR_LIMIT);
	assert_int_equal(parse_many("a=(", " ", STRUCTURED_ITEMS_MAX, ")"), ERROR_NONE);
	assert_int_equal(parse_many("a=(", " ", STRUCTURED_ITEMS_MAX + 1, ")"), ERROR_LIMIT);
	assert_int_equal(parse_many("a=\"", "x", STRUCTURED_MAX, "\""), ERROR_LIMIT);
}

static void without_memory_it_is_none(void **state)
{
	struct structured_dictionary dictionary;
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, STRUCTURED_MAX);
	assert_int_equal(structured_dictionary_parse(STR("a=1"), &arena, &dictionary).kind, ERROR_LIMIT);
	assert_int_equal(dictionary.count, 0);
	arena_fini(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(what_is_looked_for_is_found),
		cmocka_unit_test(all_have_their_bounds),
		cmocka_unit_test(without_memory_it_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

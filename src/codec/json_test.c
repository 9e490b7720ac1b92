/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON: what is read means one thing; what could be read in two ways is refused.
 */
#include "codec/json.h"

#include "base/testing.h"

enum { ARENA_MAX = 1024 * 1024 };

static const struct {
	const char *text;
	enum operand_kind want;
} goods[] = {
	{ "{}", OPERAND_MAP },
	{ " \t\r\n{} ", OPERAND_MAP },
	{ "[]", OPERAND_LIST },
	{ "[1,\"a\",null,{\"b\":[]}]", OPERAND_LIST },
	{ "\"\"", OPERAND_STRING },
	{ "\"\\ud83d\\ude00\"", OPERAND_STRING },
	{ "0", OPERAND_INT },
	{ "-9223372036854775808", OPERAND_INT },
	{ "9223372036854775807", OPERAND_INT },
	{ "1.5", OPERAND_DOUBLE },
	{ "1e3", OPERAND_DOUBLE },
	{ "true", OPERAND_BOOL },
	{ "false", OPERAND_BOOL },
	{ "null", OPERAND_MISSING },
	{ "{\"a\":1,\"A\":2}", OPERAND_MAP },
	{ "{\"a\":{\"a\":1}}", OPERAND_MAP },
};

static void reads_each_kind(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(goods); i++) {
		struct arena arena;
		struct operand value;

		arena_init(&arena, NULL, ARENA_MAX);
		assert_row(!failed(json_parse(&arena, str_of(goods[i].text), &value)), i, goods[i].text);
		assert_row(value.kind == goods[i].want, i, goods[i].text);
		arena_fini(&arena);
	}
}

static const char *const wrongs[] = {
	"",
	" ",
	"{",
	"}",
	"[",
	"]",
	"{]",
	"[}",
	"{}{}",
	"{} x",
	"[1,]",
	"{\"a\":1,}",
	"{\"a\"}",
	"{\"a\":}",
	"{a:1}",
	"{'a':1}",
	"{1:1}",
	"//\n{}",
	"/**/{}",
	"\xef\xbb\xbf{}",
	/* names that stand twice */
	"{\"a\":1,\"a\":1}",
	"{\"a\":1,\"\\u0061\":2}",
	"{\"x\":{\"a\":1,\"a\":1}}",
	"[{\"a\":1,\"a\":1}]",
	/* texts */
	"\"",
	"\"\\\"",
	"\"\\x41\"",
	"\"\\u00\"",
	"\"\\u0000\"",
	"{\"a\\u0000b\":1}",
	"\"\\ud800\"",
	"\"\\udc00\\ud800\"",
	"\"\n\"",
	"\"\x01\"",
	"\"\xff\"",
	"\"\xc0\xaf\"",
	"\"\xed\xa0\x80\"",
	"\"\xf4\x90\x80\x80\"",
	"\"\xe2\x82\"",
	/* numbers */
	"01",
	"+1",
	"-",
	".5",
	"1.",
	"1e",
	"0x10",
	"NaN",
	"Infinity",
	"-Infinity",
	"9223372036854775808",
	"-9223372036854775809",
	"1e999",
	/* words */
	"True",
	"nul",
	"undefined",
};

static const struct {
	const char *text, *words;
} reasons[] = {
	{ "\xef\xbb\xbf{}", "byte order mark" },
	{ "\"\xff\"", "not UTF-8" },
	{ "\"\\u0000\"", "no \\u0000" },
	{ "{\"\\u0000\":1}", "no \\u0000" },
	{ "{\"a\":1,\"a\":1}", "a name stands twice" },
	{ "1e999", "does not fit" },
	{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "too deep" },
	{ "{", "no JSON" },
};

static void refuses_what_is_none(void **state)
{
	struct arena arena;
	struct operand value;

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	for (size_t i = 0; i < COUNT_OF(wrongs); i++)
		assert_row(json_parse(&arena, str_of(wrongs[i]), &value).kind == ERROR_MALFORMED, i,
			   wrongs[i]);
	for (size_t i = 0; i < COUNT_OF(reasons); i++) {
		result_value parsed = json_parse(&arena, str_of(reasons[i].text), &value);

		assert_row(failed(parsed) && str_contains(str_of(parsed.why), str_of(reasons[i].words)), i,
			   parsed.why);
	}
	assert_int_equal(json_parse(&arena, (str) { "{}\0", 3 }, &value).kind, ERROR_MALFORMED);
	assert_int_equal(json_parse(&arena, (str) { "\"a\0b\"", 5 }, &value).kind, ERROR_MALFORMED);
	assert_int_equal(json_parse(&arena, (str) { 0 }, &value).kind, ERROR_MALFORMED);
	arena_fini(&arena);
}

/* Brackets in texts, also behind escapes, are not counted; those outside are, whatever texts stand before. */
static void depth_and_size_have_bounds(void **state)
{
	struct arena arena;
	struct operand value;
	char text[256];

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	for (size_t depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
		enum error_kind want = depth <= JSON_DEPTH_MAX ? ERROR_NONE : ERROR_MALFORMED;

		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		assert_int_equal(json_parse(&arena, (str) { text, 2 * depth }, &value).kind, want);
	}
	memset(text, '[', sizeof text);
	text[0] = text[sizeof text - 1] = '"';
	assert_int_equal(json_parse(&arena, (str) { text, sizeof text }, &value).kind, ERROR_NONE);
	memcpy(text + 1, "\\\"", 2);
	assert_int_equal(json_parse(&arena, (str) { text, sizeof text }, &value).kind, ERROR_NONE);
	arena_fini(&arena);
	arena_init(&arena, NULL, sizeof text);
	assert_int_equal(json_parse(&arena, STR("{}"), &value).kind, ERROR_LIMIT);
	arena_fini(&arena);
}

static const struct {
	const char *path;
	enum operand_kind want;
	int64_t integer;
} paths[] = {
	{ "a", OPERAND_MAP, 0 },       { "a.b", OPERAND_INT, 1 },       { "https://x.y/z", OPERAND_INT, 2 },
	{ "c.d", OPERAND_INT, 3 }, /* the name itself comes before the path */
	{ "", OPERAND_MISSING, 0 },    { ".", OPERAND_MISSING, 0 },     { "a.", OPERAND_MISSING, 0 },
	{ ".b", OPERAND_MISSING, 0 },  { "a.b.c", OPERAND_MISSING, 0 }, { "a.x", OPERAND_MISSING, 0 },
	{ "A.b", OPERAND_MISSING, 0 }, { "b", OPERAND_MISSING, 0 },     { "l.0", OPERAND_MISSING, 0 },
};

/* Texts that take most room for what they are long, each many times in a list. The arena has a bound, and
 * running past it would be the end of the process. */
static void a_full_arena_is_an_error(void **state)
{
	static const char *const items[] = {
		"0",
		"\"\"",
		"[]",
		"{}",
		"[0]",
		"{\"\":0}",
		"[{}]",
		"[[[[[[[[[[[[[[0]]]]]]]]]]]]]]",
		"{\"a\":[{},{}]}",
	};
	enum { TEXT_LEN = 16 * 1024 };
	static char bytes[TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(items); i++) {
		struct buf text = buf_over(bytes, sizeof bytes);
		struct operand value;
		bool was_read = false;

		buf_put_char(&text, '[');
		while (text.len + strlen(items[i]) + 2 < TEXT_LEN) {
			buf_put(&text, str_of(items[i]));
			buf_put_char(&text, ',');
		}
		bytes[text.len - 1] = ']';
		for (size_t max = 64 * 1024; max < 1024 * 1024; max += 32 * 1024 + 1) {
			struct arena arena;
			result_value parsed;

			arena_init(&arena, NULL, max);
			parsed = json_parse(&arena, buf_str(&text), &value);
			assert_row(failed(parsed) ? parsed.kind == ERROR_LIMIT && !was_read : true, i,
				   items[i]);
			was_read |= !failed(parsed);
			arena_fini(&arena);
		}
		assert_row(was_read, i, items[i]);
	}
}

static void finds_by_path(void **state)
{
	static const char text[] =
		"{\"a\":{\"b\":1},\"https://x.y/z\":2,\"c.d\":3,\"c\":{\"d\":4},\"l\":[5],\"t\":\"u\"}";
	struct arena arena;
	struct operand value, found;

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	assert_false(failed(json_parse(&arena, str_of(text), &value)));
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		found = json_find_path(&value, str_of(paths[i].path));
		assert_row(found.kind == paths[i].want, i, paths[i].path);
		if (found.kind == OPERAND_INT)
			assert_row(found.integer == paths[i].integer, i, paths[i].path);
	}
	assert_true(str_eq(json_find_text(&value, STR("t")), STR("u")));
	assert_int_equal(json_find_text(&value, STR("a")).len, 0);
	assert_int_equal(json_object_of(&value)->count, 6);
	found = json_find(&value, STR("l"));
	assert_null(json_object_of(&found));
	assert_int_equal(json_find(&found, STR("0")).kind, OPERAND_MISSING);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_each_kind),
		cmocka_unit_test(refuses_what_is_none),
		cmocka_unit_test(depth_and_size_have_bounds),
		cmocka_unit_test(a_full_arena_is_an_error),
		cmocka_unit_test(finds_by_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

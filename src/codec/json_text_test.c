/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "codec/json_text.h"

struct text_row {
	str text;
	const char *json;
};

#define REPLACED "\xef\xbf\xbd"

static const struct text_row text_rows[] = {
	{ STR_INIT(""), "\"\"" },
	{ STR_INIT("plain"), "\"plain\"" },
	{ STR_INIT("a \"b\" \\c/"), "\"a \\\"b\\\" \\\\c/\"" },
	{ STR_INIT("\r\n\t"), "\"\\r\\n\\t\"" },
	{ STR_INIT("\0\x01\x1b\x1f"), "\"\\u0000\\u0001\\u001b\\u001f\"" },
	{ STR_INIT("\x7f"), "\"\\u007f\"" },
	{ STR_INIT("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
	  "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"" },
	{ STR_INIT("\xf4\x8f\xbf\xbf\xed\x9f\xbf"), "\"\xf4\x8f\xbf\xbf\xed\x9f\xbf\"" },
	{ STR_INIT("\xc2\x80\xdf\xbf\xe0\xa0\x80"), "\"\xc2\x80\xdf\xbf\xe0\xa0\x80\"" },
	{ STR_INIT("\xf5\x80\x80\x80"), "\"" REPLACED REPLACED REPLACED REPLACED "\"" },
	{ STR_INIT("\xff"), "\"" REPLACED "\"" },
	{ STR_INIT("a\x80z"), "\"a" REPLACED "z\"" },
	{ STR_INIT("\xc3"), "\"" REPLACED "\"" },
	{ STR_INIT("\xc3\""), "\"" REPLACED "\\\"\"" },
	{ STR_INIT("\xe2\x82"), "\"" REPLACED REPLACED "\"" },
	{ STR_INIT("\xc0\xaf"), "\"" REPLACED REPLACED "\"" },
	{ STR_INIT("\xe0\x9f\xbf"), "\"" REPLACED REPLACED REPLACED "\"" },
	{ STR_INIT("\xed\xa0\x80"), "\"" REPLACED REPLACED REPLACED "\"" },
	{ STR_INIT("\xf0\x8f\xbf\xbf"), "\"" REPLACED REPLACED REPLACED REPLACED "\"" },
	{ STR_INIT("\xf4\x90\x80\x80"), "\"" REPLACED REPLACED REPLACED REPLACED "\"" },
	{ STR_INIT("0123456789abcdef\"0123456789abcdef0123456789abcdef\n"),
	  "\"0123456789abcdef\\\"0123456789abcdef0123456789abcdef\\n\"" },
};

static void escapes_what_must_be(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(text_rows); i++) {
		size_t max = text_rows[i].text.len * 6 + 2;
		char *bytes = test_malloc(max), *copy = test_malloc(text_rows[i].text.len + 1);
		struct buf out = buf_over(bytes, max);

		memcpy(copy, text_rows[i].text.ptr, text_rows[i].text.len);
		json_put_string(&out, (str) { copy, text_rows[i].text.len });
		assert_false(buf_overflowed(&out));
		assert_text(buf_str(&out), text_rows[i].json);
		test_free(bytes);
		test_free(copy);
	}
}

/* Wherever in a block a byte stands, it is escaped, and nothing else changes. */
static void escapes_at_every_place(void **state)
{
	char text[48], bytes[sizeof text * 6 + 2];

	(void)state;
	for (size_t at = 0; at < sizeof text; at++) {
		struct buf out = buf_over(bytes, sizeof bytes);

		memset(text, 'a', sizeof text);
		text[at] = '\n';
		json_put_string(&out, (str) { text, sizeof text });
		assert_int_equal(out.len, sizeof text + 3);
		assert_int_equal(bytes[at + 1], '\\');
		assert_int_equal(bytes[at + 2], 'n');
	}
}

/* In the middle of a long text every byte becomes what it becomes alone. */
static void blocks_agree_with_bytes(void **state)
{
	char text[48], long_bytes[sizeof text * 6 + 2], short_bytes[8];

	(void)state;
	for (int c = 0; c < 256; c++) {
		struct buf in_long = buf_over(long_bytes, sizeof long_bytes);
		struct buf alone = buf_over(short_bytes, sizeof short_bytes);

		memset(text, 'a', sizeof text);
		text[20] = (char)c;
		json_put_string(&in_long, (str) { text, sizeof text });
		json_put_string(&alone, (str) { text + 20, 1 });
		assert_true(str_eq(str_slice(buf_str(&in_long), 21, 21 + alone.len - 2),
				   str_slice(buf_str(&alone), 1, alone.len - 1)));
		assert_int_equal(in_long.len, sizeof text - 1 + alone.len);
	}
}

static void says_when_there_is_no_room(void **state)
{
	char bytes[8];
	struct buf out = buf_over(bytes, sizeof bytes);

	(void)state;
	json_put_string(&out, STR("much too long"));
	assert_true(buf_overflowed(&out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_what_must_be),
		cmocka_unit_test(escapes_at_every_place),
		cmocka_unit_test(blocks_agree_with_bytes),
		cmocka_unit_test(says_when_there_is_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

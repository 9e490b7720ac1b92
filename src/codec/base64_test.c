/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"
#include "base/testing.h"
#include "codec/base64.h"

enum { TEXT_MAX = 4096 };

/* All of it, `step` characters and `room` bytes at a time. */
static bool decode(str text, size_t step, size_t room, struct buf *out)
{
	struct base64_decoder decoder = { 0 };

	while (text.len) {
		str piece = str_slice(text, 0, step), rest = piece;

		while (rest.len) {
			char bytes[16];
			struct buf some = buf_over(bytes, room);

			if (failed(base64_decode(&decoder, &rest, &some)))
				return false;
			buf_put(out, buf_str(&some));
		}
		text = str_skip(text, piece.len);
	}
	return base64_decode_is_whole(&decoder);
}

/* RFC 4648 section 10, and several encodings in a row. */
static const struct good {
	const char *text, *content;
} goods[] = {
	{ "", "" },
	{ "Zg==", "f" },
	{ "Zm8=", "fo" },
	{ "Zm9v", "foo" },
	{ "Zm9vYg==", "foob" },
	{ "Zm9vYmE=", "fooba" },
	{ "Zm9vYmFy", "foobar" },
	{ "+/+/", "\xfb\xff\xbf" },
	{ "Zg==Zg==", "ff" },
	{ "Zm8=Zm9vZg==", "fofoof" },
	{ "Zg==Zm8=", "ffo" },
};

static void decodes_in_any_split(void **state)
{
	char bytes[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(goods); i++) {
		for (size_t step = 1; step < 14; step++) {
			struct buf out = buf_over(bytes, sizeof bytes);

			assert_row(decode(str_of(goods[i].text), step, 3 + step, &out), i, goods[i].text);
			assert_row(str_eq(buf_str(&out), str_of(goods[i].content)), i, goods[i].text);
		}
	}
}

static void refuses_what_is_malformed(void **state)
{
	static const char *const rows[] = {
		"Z",        "Zg",     "Zg=",      "Zm8",   "=",     "==",          "====",  "Z===",
		"Zg=a",     "Zg==Zg", "Zg===",    "Zm9v=", "Zm9v ", " Zm9v",       "Zm\n8", "Zm-_",
		"Zm9v\r\n", "Z!g=",   "Zm8=\xff", "Zh==",  "Zm9=",  "Zm9v\x80!AA", "@AAA",  "[AAA",
		"`AAA",     "{AAA",   ":AAA",     ",AAA",  ".AAA",
	};
	char bytes[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (size_t step = 1; step < 10; step++) {
			struct buf out = buf_over(bytes, sizeof bytes);

			assert_row(!decode(str_of(rows[i]), step, 3, &out), i, rows[i]);
		}
	}
	assert_false(decode((str) { "Zm8\0", 4 }, 4, 3, &(struct buf) { bytes, 0, 64, false }));
}

static void waits_for_room(void **state)
{
	struct base64_decoder decoder = { 0 };
	struct base64_encoder encoder = { 0 };
	char bytes[3];
	struct buf none = buf_over(bytes, 2);
	str text = STR("Zm9v"), content = STR("foo");

	(void)state;
	assert_false(failed(base64_decode(&decoder, &text, &none)));
	assert_int_equal(text.len, 1);
	none = buf_over(bytes, 3);
	base64_encode(&encoder, &content, &none);
	assert_int_equal(content.len, 1);
	assert_int_equal(none.len, 0);
	assert_false(buf_overflowed(&none));
}

static void encodes_as_the_standard_says(void **state)
{
	char bytes[64];

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		struct base64_encoder encoder = { 0 };
		struct buf out = buf_over(bytes, sizeof bytes);
		str content = str_of(goods[i].content);

		base64_encode(&encoder, &content, &out);
		base64_encode_end(&encoder, &out);
		base64_encode_end(&encoder, &out);
		assert_row(content.len == 0 && str_eq(buf_str(&out), str_of(goods[i].text)), i,
			   goods[i].text);
	}
}

/* Random content, encoded in pieces of random sizes and ended where it likes, comes back. */
static void comes_back(void **state)
{
	struct random random = { 51, 52 };
	static char content[TEXT_MAX], text[4 * TEXT_MAX], back[TEXT_MAX];

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct base64_encoder encoder = { 0 };
		struct buf out = buf_over(text, sizeof text), read = buf_over(back, sizeof back);
		size_t len = random_below(&random, 200);
		str rest = { content, len };

		for (size_t i = 0; i < len; i++)
			content[i] = (char)random_below(&random, 256);
		while (rest.len) {
			str piece = str_slice(rest, 0, 1 + random_below(&random, 20));

			rest = str_skip(rest, piece.len);
			base64_encode(&encoder, &piece, &out);
			assert_int_equal(piece.len, 0);
			if (random_below(&random, 4) == 0)
				base64_encode_end(&encoder, &out);
		}
		base64_encode_end(&encoder, &out);
		assert_false(buf_overflowed(&out));
		assert_true(decode(buf_str(&out), 1 + random_below(&random, 30), 3, &read));
		assert_int_equal(read.len, len);
		assert_memory_equal(back, content, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_in_any_split), cmocka_unit_test(refuses_what_is_malformed),
		cmocka_unit_test(waits_for_room),       cmocka_unit_test(encodes_as_the_standard_says),
		cmocka_unit_test(comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

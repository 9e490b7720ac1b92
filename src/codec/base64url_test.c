/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"
#include "base/testing.h"
#include "codec/base64url.h"

enum { CONTENT_MAX = 256, TEXT_MAX = 512 };

static const struct {
	const char *text, *content;
} goods[] = {
	/* RFC 4648 section 10, without padding. */
	{ "", "" },
	{ "Zg", "f" },
	{ "Zm8", "fo" },
	{ "Zm9v", "foo" },
	{ "Zm9vYg", "foob" },
	{ "Zm9vYmE", "fooba" },
	{ "Zm9vYmFy", "foobar" },
	/* RFC 7515, appendix C. */
	{ "A-z_4ME", "\x03\xec\xff\xe0\xc1" },
};

static void writes_and_reads_what_the_standards_show(void **state)
{
	char bytes[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(goods); i++) {
		str text = str_of(goods[i].text), content = str_of(goods[i].content);
		struct buf out = buf_over(bytes, base64url_decoded_len(text.len));

		assert_row(!failed(base64url_decode(text, &out)), i, goods[i].text);
		assert_row(str_eq(buf_str(&out), content) && !buf_overflowed(&out), i, goods[i].text);
		out = buf_over(bytes, base64url_encoded_len(content.len));
		base64url_encode(content, &out);
		assert_row(str_eq(buf_str(&out), text) && !buf_overflowed(&out), i, goods[i].text);
	}
}

static void refuses_what_is_malformed(void **state)
{
	static const char *const rows[] = {
		"Z",    "Zm9vZ", "Zg=",  "Zg==", "Zm8=",  "====",     "=",    "Zm9v=", "Zh",        "Zm9",
		"Z_",   "Zm-",   "+A",   "/A",   "Zm+v",  "Zm/v",     " Zg",  "Zg ",   "Zm 9",      "Zg\n",
		"Zg\r", "\tZg",  "Z.9v", "Z,9v", "Z\xff", "Zm9v\x80", "@AAA", "[AAA",  "`AAA{AAA:", "Zm%3D",
	};
	char bytes[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = buf_over(bytes, sizeof bytes);

		assert_row(base64url_decode(str_of(rows[i]), &out).kind == ERROR_MALFORMED, i, rows[i]);
	}
	assert_true(failed(base64url_decode((str) { "Zm\0v", 4 }, &(struct buf) { bytes, 0, 64, false })));
}

/* Of all the last characters that there could be, as many are taken as there are values. */
static void each_value_has_one_encoding(void **state)
{
	static const struct {
		const char *text;
		int taken;
	} rows[] = { { "Z", 4 }, { "Zm", 16 }, { "Zm9", 64 } };
	char text[4], bytes[4];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t len = strlen(rows[i].text);
		int taken = 0;

		memcpy(text, rows[i].text, len);
		for (int last = 0; last < 256; last++) {
			struct buf out = buf_over(bytes, sizeof bytes);

			text[len] = (char)last;
			taken += !failed(base64url_decode((str) { text, len + 1 }, &out));
		}
		assert_int_equal(taken, rows[i].taken);
	}
}

static void comes_back(void **state)
{
	struct random random = { 61, 62 };
	char content[CONTENT_MAX], text[TEXT_MAX], back[CONTENT_MAX];

	(void)state;
	for (size_t len = 0; len < CONTENT_MAX; len++) {
		struct buf out = buf_over(text, base64url_encoded_len(len)), read = buf_over(back, len);

		for (size_t i = 0; i < len; i++)
			content[i] = (char)random_below(&random, 256);
		base64url_encode((str) { content, len }, &out);
		assert_false(buf_overflowed(&out));
		assert_int_equal(base64url_decoded_len(out.len), len);
		assert_false(failed(base64url_decode(buf_str(&out), &read)));
		assert_int_equal(read.len, len);
		assert_memory_equal(back, content, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_and_reads_what_the_standards_show),
		cmocka_unit_test(refuses_what_is_malformed),
		cmocka_unit_test(each_value_has_one_encoding),
		cmocka_unit_test(comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

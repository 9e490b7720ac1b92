/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "codec/scan.h"

struct class_row {
	unsigned class;
	const char *name, *also; /* what belongs to it beside its letters and digits */
	bool has_letters, has_digits;
};

static const struct class_row class_rows[] = {
	{ SCAN_TOKEN, "token", "!#$%&'*+-.^_`|~", true, true },
	{ SCAN_TARGET, "target", "!\"$%&'()*+,-./:;<=>?@[\\]^_`{|}~", true, true },
	{ SCAN_DIGIT, "digit", "", false, true },
	{ SCAN_HEX, "hex", "abcdefABCDEF", false, true },
	{ SCAN_HOST, "host", "-._", true, true },
	{ SCAN_UNRESERVED, "unreserved", "-._~", true, true },
	{ SCAN_PATH, "path", "-._~!$&'()*+,;=:@/", true, true },
};

static bool belongs(const struct class_row *row, int c)
{
	if (c >= '0' && c <= '9')
		return row->has_digits;
	if (row->has_letters && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
		return true;
	return c > 0 && c < 0x80 && strchr(row->also, c) != NULL;
}

static void classes_are_those_of_the_standards(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(class_rows); i++)
		for (int c = 0; c < 256; c++)
			assert_row(scan_is((char)c, class_rows[i].class) == belongs(&class_rows[i], c), c,
				   class_rows[i].name);
	for (int c = 0; c < 256; c++)
		assert_true(scan_is((char)c, SCAN_VALUE) == (c == '\t' || (c >= ' ' && c != 0x7f)));
}

typedef const char *(*scan_fn)(const char *at, const char *end);

struct scan_row {
	scan_fn scan;
	unsigned class;
};

/* Each byte, at each place in blocks of each alignment, ends the search exactly when its class says so. The
 * memory ends where the text ends. */
static void blocks_agree_with_bytes(void **state)
{
	static const struct scan_row rows[] = {
		{ scan_value, SCAN_VALUE },
		{ scan_target, SCAN_TARGET },
		{ scan_token, SCAN_TOKEN },
	};

	(void)state;
	for (size_t len = 1; len < 72; len += 5) {
		char *text = test_malloc(len);

		for (size_t i = 0; i < COUNT_OF(rows) * 256 * len; i++) {
			const struct scan_row *row = &rows[i % COUNT_OF(rows)];
			size_t at = i / COUNT_OF(rows) / 256;
			int c = (int)(i / COUNT_OF(rows) % 256);

			memset(text, 'a', len);
			text[at] = (char)c;
			assert_ptr_equal(row->scan(text, text + len),
					 text + (scan_is((char)c, row->class) ? len : at));
		}
		test_free(text);
	}
}

static void hex_digits_have_values(void **state)
{
	static const char digits[] = "0123456789abcdefABCDEF";

	(void)state;
	for (unsigned i = 0; i < sizeof digits - 1; i++)
		assert_int_equal(scan_hex_value(digits[i]), i < 16 ? i : i - 6);
}

static void the_first_of_several_ends(void **state)
{
	static const char text[] = "0123456789abcdef01234\r6789\nabcdef\x80 ";

	(void)state;
	assert_ptr_equal(scan_value(text, text + sizeof text - 1), text + 21);
	assert_ptr_equal(scan_target(text, text + sizeof text - 1), text + 21);
	assert_ptr_equal(scan_token(text + 3, text + sizeof text - 1), text + 21);
	assert_ptr_equal(scan_value(text, text), text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_are_those_of_the_standards),
		cmocka_unit_test(blocks_agree_with_bytes),
		cmocka_unit_test(hex_digits_have_values),
		cmocka_unit_test(the_first_of_several_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

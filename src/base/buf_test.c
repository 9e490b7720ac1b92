/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/testing.h"

static void writes_one_thing_after_another(void **state)
{
	char bytes[8];
	struct buf b = buf_over(bytes, sizeof bytes);

	(void)state;
	buf_put(&b, STR("abc"));
	buf_put(&b, (str) { 0 });
	buf_put_char(&b, '-');
	buf_put(&b, STR("defg"));
	assert_text(buf_str(&b), "abc-defg");
	assert_false(buf_overflowed(&b));
}

/* What does not fit is left out whole, and that is remembered. */
static void remembers_an_overflow(void **state)
{
	char bytes[4] = "____";
	struct buf b = buf_over(bytes, 3);

	(void)state;
	buf_put(&b, STR("abcd"));
	assert_int_equal(b.len, 0);
	buf_put(&b, STR("ab"));
	assert_true(buf_overflowed(&b));
	buf_put_char(&b, 'c');
	buf_put_char(&b, 'd');
	assert_text(buf_str(&b), "abc");
	assert_int_equal(bytes[3], '_');
	assert_true(buf_overflowed(&b));
}

static void needs_no_room_for_nothing(void **state)
{
	struct buf b = buf_over(NULL, 0);

	(void)state;
	buf_put(&b, STR(""));
	assert_false(buf_overflowed(&b));
	buf_put_char(&b, 'a');
	assert_true(buf_overflowed(&b));
}

struct number_row {
	uint64_t value;
	const char *decimal, *hex;
};

static void prints_numbers(void **state)
{
	static const struct number_row rows[] = {
		{ 0, "0", "0" },          { 9, "9", "9" },
		{ 10, "10", "a" },        { 255, "255", "ff" },
		{ 4096, "4096", "1000" }, { UINT64_MAX, "18446744073709551615", "ffffffffffffffff" },
	};
	char bytes[20];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf b = buf_over(bytes, sizeof bytes);

		buf_put_u64(&b, rows[i].value);
		assert_text(buf_str(&b), rows[i].decimal);
		b = buf_over(bytes, sizeof bytes);
		buf_put_hex(&b, rows[i].value);
		assert_text(buf_str(&b), rows[i].hex);
		b = buf_over(bytes, strlen(rows[i].decimal) - 1);
		buf_put_u64(&b, rows[i].value);
		assert_true(buf_overflowed(&b) && b.len == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_one_thing_after_another),
		cmocka_unit_test(remembers_an_overflow),
		cmocka_unit_test(needs_no_room_for_nothing),
		cmocka_unit_test(prints_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"
#include "base/testing.h"
#include "codec/grpc.h"

static const struct type_row {
	const char *type;
	enum grpc_kind kind;
	const char *format;
} type_rows[] = {
	{ "application/grpc", GRPC_NATIVE, "" },
	{ "application/grpc+proto", GRPC_NATIVE, "+proto" },
	{ "application/grpc+json", GRPC_NATIVE, "+json" },
	{ "Application/GRPC+Proto", GRPC_NATIVE, "+Proto" },
	{ "application/grpc;charset=utf-8", GRPC_NATIVE, "" },
	{ "application/grpc+proto ; a=b", GRPC_NATIVE, "+proto" },
	{ "application/grpc+", GRPC_NATIVE, "+" },
	{ "application/grpc-web", GRPC_WEB, "" },
	{ "application/grpc-web+proto", GRPC_WEB, "+proto" },
	{ "application/grpc-web-text", GRPC_WEB_TEXT, "" },
	{ "application/grpc-web-text+proto", GRPC_WEB_TEXT, "+proto" },
	{ "application/grpc-web-text; charset=utf-8", GRPC_WEB_TEXT, "" },

	/* no calls */
	{ "", GRPC_NONE, "" },
	{ "application/grp", GRPC_NONE, "" },
	{ "application/grpcx", GRPC_NONE, "" },
	{ "application/grpc-", GRPC_NONE, "" },
	{ "application/grpc-web-", GRPC_NONE, "" },
	{ "application/grpc-web-textual", GRPC_NONE, "" },
	{ "application/grpc, text/plain", GRPC_NONE, "" },
	{ "application/json", GRPC_NONE, "" },
	{ "application/json+grpc", GRPC_NONE, "" },
	{ "text/plain;application/grpc", GRPC_NONE, "" },
	{ "x application/grpc", GRPC_NONE, "" },
	{ "+application/grpc", GRPC_NONE, "" },
	{ ";application/grpc", GRPC_NONE, "" },
};

static void tells_calls_from_what_is_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(type_rows); i++) {
		const struct type_row *row = &type_rows[i];
		str format = STR("not set");

		assert_row(grpc_kind_of(str_of(row->type), &format) == row->kind, i, row->type);
		assert_row(str_eq(format, str_of(row->format)), i, row->type);
	}
}

static void names_its_kinds(void **state)
{
	enum grpc_kind kinds[] = { GRPC_NATIVE, GRPC_WEB, GRPC_WEB_TEXT };
	str format;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		assert_int_equal(grpc_kind_of(grpc_content_type(kinds[i]), &format), kinds[i]);
	assert_int_equal(grpc_content_type(GRPC_NONE).len, 0);
}

static void statuses_stand_for_each_other(void **state)
{
	static const int rows[][2] = {
		{ 400, 13 }, { 401, 16 }, { 403, 7 }, { 404, 12 }, { 429, 8 }, { 502, 14 },
		{ 503, 14 }, { 504, 4 },  { 200, 2 }, { 302, 2 },  { 405, 2 }, { 413, 2 },
		{ 500, 2 },  { 501, 2 },  { 599, 2 }, { 0, 2 },    { -1, 2 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(grpc_status_of(rows[i][0]), rows[i][1]);
}

static void reads_timeouts(void **state)
{
	static const struct {
		const char *text;
		duration time;
	} rows[] = {
		{ "1n", 1 },
		{ "1u", MICROSECOND },
		{ "1m", MILLISECOND },
		{ "1S", SECOND },
		{ "1M", MINUTE },
		{ "1H", HOUR },
		{ "0S", 0 },
		{ "00000001S", SECOND },
		{ "99999999n", 99999999 },
		{ "99999999S", 99999999 * SECOND },
		{ "2562047H", 2562047 * HOUR },
		{ "2562048H", INT64_MAX },
		{ "99999999H", INT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		duration time = -1;

		assert_row(grpc_timeout_parse(str_of(rows[i].text), &time), i, rows[i].text);
		assert_row(time == rows[i].time, i, rows[i].text);
	}
}

static void refuses_what_is_no_timeout(void **state)
{
	static const char *const rows[] = { "",           "1",   "S",   "n",    "1s",   "1h",
					    "1x",         "-1S", "+1S", "1.5S", " 1S",  "1S ",
					    "1 S",        "1SS", "1mS", "0x1S", "1e3S", "123456789S",
					    "000000001S", "1S1", "1,S", "1S,2S" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		duration time = 77;

		assert_row(!grpc_timeout_parse(str_of(rows[i]), &time), i, rows[i]);
		assert_row(time == 77, i, rows[i]);
	}
	assert_false(grpc_timeout_parse((str) { "1\0S", 3 }, &(duration) { 0 }));
}

static void prints_timeouts(void **state)
{
	static const struct {
		duration time;
		const char *text;
	} rows[] = {
		{ 0, "0n" },
		{ -5, "0n" },
		{ INT64_MIN, "0n" },
		{ 1, "1n" },
		{ 99999999, "99999999n" },
		{ 100000000, "100000u" },
		{ 1234567899, "1234567u" },
		{ 100 * SECOND, "100000m" },
		{ 30 * HOUR, "108000S" },
		{ 1200 * DAY, "1728000M" },
		{ INT64_MAX, "2562047H" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char bytes[GRPC_TIMEOUT_MAX];
		struct buf out = buf_over(bytes, sizeof bytes);

		grpc_timeout_print(rows[i].time, &out);
		assert_text(buf_str(&out), rows[i].text);
		assert_false(buf_overflowed(&out));
	}
}

/* Whatever is printed can be read, is never more, and hardly less. */
static void timeouts_come_back(void **state)
{
	struct random random = { 31, 32 };

	(void)state;
	for (int round = 0; round < 20000; round++) {
		duration time = (duration)(random_next(&random) >> (1 + random_below(&random, 63))), read;
		char bytes[GRPC_TIMEOUT_MAX];
		struct buf out = buf_over(bytes, sizeof bytes);

		grpc_timeout_print(time, &out);
		assert_false(buf_overflowed(&out));
		assert_true(grpc_timeout_parse(buf_str(&out), &read));
		assert_true(read <= time && time - read <= time / 100000);
	}
}

static void encodes_messages(void **state)
{
	static const struct {
		const char *message, *text;
	} rows[] = {
		{ "", "" },
		{ "no route", "no route" },
		{ "~ !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}", "~ !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}" },
		{ "100%", "100%25" },
		{ "%41", "%2541" },
		{ "a\r\nb", "a%0D%0Ab" },
		{ "\x7f\x1f", "%7F%1F" },
		{ "\xc3\xa9\xff", "%C3%A9%FF" },
	};
	char bytes[64];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		out = buf_over(bytes, sizeof bytes);
		grpc_message_print(str_of(rows[i].message), &out);
		assert_row(str_eq(buf_str(&out), str_of(rows[i].text)), i, rows[i].text);
	}
	out = buf_over(bytes, 2);
	grpc_message_print(STR("%"), &out);
	assert_true(buf_overflowed(&out));
	assert_int_equal(out.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_calls_from_what_is_none),
		cmocka_unit_test(names_its_kinds),
		cmocka_unit_test(statuses_stand_for_each_other),
		cmocka_unit_test(reads_timeouts),
		cmocka_unit_test(refuses_what_is_no_timeout),
		cmocka_unit_test(prints_timeouts),
		cmocka_unit_test(timeouts_come_back),
		cmocka_unit_test(encodes_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

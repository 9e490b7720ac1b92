/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: a value, and how each kind of escape puts it. */
#include "observe/log_text.h"

#include "base/testing.h"
#include "observe/log_check_testing.h"

enum { ROOM = 8192 };

static const struct {
	const char *what;
	str text;
	const char *json, *plain;
} text_cases[] = {
	{ "nothing", STR_INIT(""), "", "" },
	{ "words", STR_INIT("curl/8.5.0 (x)"), "curl/8.5.0 (x)", "curl/8.5.0 (x)" },
	{ "a quote", STR_INIT("a\"b"), "a\\\"b", "a\\\"b" },
	{ "a backslash", STR_INIT("a\\b"), "a\\\\b", "a\\\\b" },
	{ "a backslash before a quote", STR_INIT("\\\""), "\\\\\\\"", "\\\\\\\"" },
	{ "line feed", STR_INIT("a\nb"), "a\\u000ab", "a\\x0ab" },
	{ "CR LF", STR_INIT("\r\n"), "\\u000d\\u000a", "\\x0d\\x0a" },
	{ "NUL", STR_INIT("\0"), "\\u0000", "\\x00" },
	{ "escape", STR_INIT("\x1b[31m"), "\\u001b[31m", "\\x1b[31m" },
	{ "DEL", STR_INIT("\x7f"), "\\u007f", "\\x7f" },
	{ "two bytes", STR_INIT("\xc3\xa9"), "\xc3\xa9", "\\xc3\\xa9" },
	{ "three bytes", STR_INIT("\xe2\x82\xac"), "\xe2\x82\xac", "\\xe2\\x82\\xac" },
	{ "four bytes", STR_INIT("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80", "\\xf0\\x9f\\x98\\x80" },
	{ "next line", STR_INIT("\xc2\x85"), "\\u0085", "\\xc2\\x85" },
	{ "line separator", STR_INIT("\xe2\x80\xa8"), "\\u2028", "\\xe2\\x80\\xa8" },
	{ "paragraph separator", STR_INIT("\xe2\x80\xa9"), "\\u2029", "\\xe2\\x80\\xa9" },
	{ "right to left", STR_INIT("\xe2\x80\xae"), "\\u202e", "\\xe2\\x80\\xae" },
	{ "isolate", STR_INIT("\xe2\x81\xa6"), "\\u2066", "\\xe2\\x81\\xa6" },
	{ "a lead alone", STR_INIT("\xc3("), "\\ufffd(", "\\xc3(" },
	{ "a lead at the end", STR_INIT("a\xc2"), "a\\ufffd", "a\\xc2" },
	{ "a lead before a quote", STR_INIT("\xc2\""), "\\ufffd\\\"", "\\xc2\\\"" },
	{ "a lead of three before a line end", STR_INIT("\xe2\x80\n"), "\\ufffd\\ufffd\\u000a",
	  "\\xe2\\x80\\x0a" },
	{ "overlong line feed", STR_INIT("\xc0\x8a"), "\\ufffd\\ufffd", "\\xc0\\x8a" },
	{ "surrogate", STR_INIT("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd", "\\xed\\xa0\\x80" },
	{ "0xff", STR_INIT("\xff"), "\\ufffd", "\\xff" },
	{ "after sixteen bytes", STR_INIT("0123456789abcdef\n0123456789abcdef\""),
	  "0123456789abcdef\\u000a0123456789abcdef\\\"", "0123456789abcdef\\x0a0123456789abcdef\\\"" },
};

static void assert_put(const char *what, const struct buf *out, const char *want)
{
	if (!str_eq(buf_str(out), str_of(want)))
		fail_msg("%s: got %.*s, want %s", what, STR_ARG(buf_str(out)), want);
}

static void texts_are_escaped(void **state)
{
	char bytes[ROOM];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(text_cases); i++) {
		struct buf out = buf_over(bytes, sizeof bytes);

		log_put_text(&out, LOG_ESCAPE_JSON, text_cases[i].text);
		assert_put(text_cases[i].what, &out, text_cases[i].json);
		out = buf_over(bytes, sizeof bytes);
		log_put_text(&out, LOG_ESCAPE_TEXT, text_cases[i].text);
		assert_put(text_cases[i].what, &out, text_cases[i].plain);
	}
}

static void words_have_no_space(void **state)
{
	char bytes[ROOM];
	struct buf out = buf_over(bytes, sizeof bytes);

	(void)state;
	log_put_text(&out, LOG_ESCAPE_WORD, STR("a b - \"c\""));
	assert_put("a word", &out, "a\\x20b\\x20-\\x20\\\"c\\\"");
}

static void check_byte(char *text, size_t len, size_t at, int byte)
{
	char bytes[ROOM];

	for (int escape = LOG_ESCAPE_JSON; escape <= LOG_ESCAPE_WORD; escape++) {
		struct buf out = buf_over(bytes, sizeof bytes);
		bool must_escape = byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\' ||
				   (byte == ' ' && escape == LOG_ESCAPE_WORD);

		memset(text, 'x', len);
		text[at] = (char)byte;
		log_put_text(&out, (enum log_escape)escape, (str) { text, len });
		assert_int_equal(str_eq(buf_str(&out), (str) { text, len }), !must_escape);
		buf_put_char(&out, '\n');
		assert_true(check_line(buf_str(&out)));
	}
}

/* Every byte at every place of texts of every length that is looked at in its own way. */
static void no_byte_slips_through(void **state)
{
	char text[40];

	(void)state;
	for (int byte = 0; byte < 256; byte++)
		for (size_t len = 1; len <= sizeof text; len++)
			for (size_t at = 0; at < len; at++)
				check_byte(text, len, at, byte);
}

/* Texts of every length come out as they are, and not where there is no room. */
static void plain_texts_of_every_length(void **state)
{
	static const char text[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	(void)state;
	for (size_t len = 0; len < sizeof text; len++) {
		char bytes[sizeof text];
		struct buf out = buf_over(bytes, len);

		log_put_text(&out, LOG_ESCAPE_JSON, (str) { text, len });
		assert_false(buf_overflowed(&out));
		assert_true(str_eq(buf_str(&out), (str) { text, len }));
		if (len == 0)
			continue;
		out = buf_over(bytes, len - 1);
		log_put_text(&out, LOG_ESCAPE_JSON, (str) { text, len });
		assert_true(buf_overflowed(&out));
	}
}

static void six_bytes_for_one_are_enough(void **state)
{
	char text[1000], bytes[6 * sizeof text];

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		struct buf out = buf_over(bytes, sizeof bytes);

		memset(text, byte, sizeof text);
		log_put_text(&out, LOG_ESCAPE_JSON, (str) { text, sizeof text });
		assert_false(buf_overflowed(&out));
	}
}

static const struct {
	duration time;
	const char *want;
} time_cases[] = {
	{ 0, "0.000" },
	{ 999, "0.000" },
	{ 1000, "0.001" },
	{ 1234567, "1.234" },
	{ 10 * MILLISECOND, "10.000" },
	{ 90 * SECOND + 5 * MICROSECOND, "90000.005" },
	{ INT64_MAX, "9223372036854.775" },
	{ -1, "0.000" },
	{ INT64_MIN, "0.000" },
};

static void times_have_three_decimals(void **state)
{
	char bytes[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(time_cases); i++) {
		struct buf out = buf_over(bytes, sizeof bytes);

		log_put_milliseconds(&out, time_cases[i].time);
		assert_put("a time", &out, time_cases[i].want);
	}
}

static void numbers(void **state)
{
	static const struct {
		uint64_t value;
		const char *want;
	} cases[] = { { 0, "0" },
		      { 9, "9" },
		      { 10, "10" },
		      { 99, "99" },
		      { 100, "100" },
		      { 1304, "1304" },
		      { 65535, "65535" },
		      { 1000000, "1000000" },
		      { UINT64_MAX, "18446744073709551615" } };
	char bytes[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct buf out = buf_over(bytes, sizeof bytes);

		log_put_number(&out, cases[i].value);
		assert_put("a number", &out, cases[i].want);
	}
}

static void cutting_leaves_characters_whole(void **state)
{
	static const struct {
		str text;
		size_t cap;
		const char *want;
	} cases[] = {
		{ STR_INIT("abc"), 3, "abc" },
		{ STR_INIT("abc"), 2, "ab" },
		{ STR_INIT("abc"), 0, "" },
		{ STR_INIT("a\xe2\x82\xac"), 4, "a\xe2\x82\xac" },
		{ STR_INIT("a\xe2\x82\xac"), 3, "a" },
		{ STR_INIT("a\xe2\x82\xac"), 2, "a" },
		{ STR_INIT("\xf0\x9f\x98\x80z"), 4, "\xf0\x9f\x98\x80" },
		{ STR_INIT("\xf0\x9f\x98\x80z"), 3, "" },
		/* Not a character at all: no more than three bytes are given up for it. */
		{ STR_INIT("\x80\x80\x80\x80\x80\x80\x80\x80"), 7, "\x80\x80\x80\x80" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_true(str_eq(log_cut(cases[i].text, cases[i].cap), str_of(cases[i].want)));
}

static const struct {
	const char *query, *want;
} query_cases[] = {
	{ "a=1&b=2", "a=1&b=2" },
	{ "lucky_number=5", "lucky_number=***" }, /* in redact */
	{ "LUCKY_Number=5&x=1", "LUCKY_Number=***&x=1" },
	{ "x=1&token=abc&y=2", "x=1&token=***&y=2" },
	{ "access_token=abc", "access_token=***" },
	{ "api_key=", "api_key=***" },
	{ "***=abc&x***=d", "***=***&x***=***" }, /* a name that was masked */
	{ "api_key", "api_key" },
	{ "%74oken=abc", "%74oken=***" },
	{ "%74%6F%6b%65%6E=abc", "%74%6F%6b%65%6E=***" },
	{ "token=a=b=c", "token=***" },
	{ "token=a;x=1", "token=***;x=1" },
	{ "x=1;token=a", "x=1;token=***" },
	{ "tokens=5", "tokens=***" },
	{ "functions-key=5&monkey=5", "functions-key=***&monkey=5" },
	{ "jwt=a&code=b&sig=c&x-amz-signature=d&session=e",
	  "jwt=***&code=***&sig=***&x-amz-signature=***&session=***" },
	{ "a=token=5", "a=token=5" },
	{ "&&token=a&&", "&&token=***&&" },
	{ "token=a&token=b", "token=***&token=***" },
	{ "=token", "=token" },
	{ "", "" },
	{ "q=\"x\"", "q=\\\"x\\\"" },
	{ "token=\"x", "token=***" },
	{ "%zz=1", "%zz=1" },
};

static const str redacted[] = { STR_INIT("lucky_number"), STR_INIT("other") };

static void credentials_in_queries_are_masked(void **state)
{
	char bytes[ROOM];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(query_cases); i++) {
		struct buf out = buf_over(bytes, sizeof bytes);

		log_put_query(&out, LOG_ESCAPE_JSON, str_of(query_cases[i].query),
			      (str_list) { redacted, 2 });
		assert_put(query_cases[i].query, &out, query_cases[i].want);
	}
}

static const struct {
	const char *url, *without, *with;
} url_cases[] = {
	{ "https://a.example/x", "https://a.example/x", "https://a.example/x" },
	{ "https://a.example/x?y=1", "https://a.example/x", "https://a.example/x?y=1" },
	{ "https://a.example/?token=1", "https://a.example/", "https://a.example/?token=***" },
	{ "https://a.example/?", "https://a.example/", "https://a.example/?" },
	{ "https://a.example/#access_token=1", "https://a.example/", "https://a.example/" },
	{ "https://a.example/?x=1#code=1", "https://a.example/", "https://a.example/?x=1" },
	{ "https://user:word@a.example/x", "https://***@a.example/x", "https://***@a.example/x" },
	{ "https://user@a.example", "https://***@a.example", "https://***@a.example" },
	{ "https://u@v@a.example/", "https://***@a.example/", "https://***@a.example/" },
	{ "//u:p@a.example/", "//***@a.example/", "//***@a.example/" },
	{ "https://a.example/@b", "https://a.example/@b", "https://a.example/@b" },
	{ "https://a.example\\@b", "https://a.example\\\\@b", "https://a.example\\\\@b" },
	{ "mailto:u@a.example", "mailto:u@a.example", "mailto:u@a.example" },
	{ "/", "/", "/" },
	{ "//", "//", "//" },
	{ "/a?b=c//d&e=f@g", "/a", "/a?b=c//d&e=f@g" },
	{ "?", "", "?" },
	{ "", "", "" },
	{ "not a url\n", "not a url\\u000a", "not a url\\u000a" },
};

static void urls_lose_what_is_secret(void **state)
{
	char bytes[ROOM];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(url_cases); i++) {
		struct buf out = buf_over(bytes, sizeof bytes);

		log_put_url(&out, LOG_ESCAPE_JSON, str_of(url_cases[i].url), false, (str_list) { 0 });
		assert_put(url_cases[i].url, &out, url_cases[i].without);
		out = buf_over(bytes, sizeof bytes);
		log_put_url(&out, LOG_ESCAPE_JSON, str_of(url_cases[i].url), true, (str_list) { 0 });
		assert_put(url_cases[i].url, &out, url_cases[i].with);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_escaped),
		cmocka_unit_test(words_have_no_space),
		cmocka_unit_test(no_byte_slips_through),
		cmocka_unit_test(plain_texts_of_every_length),
		cmocka_unit_test(six_bytes_for_one_are_enough),
		cmocka_unit_test(times_have_three_decimals),
		cmocka_unit_test(numbers),
		cmocka_unit_test(cutting_leaves_characters_whole),
		cmocka_unit_test(credentials_in_queries_are_masked),
		cmocka_unit_test(urls_lose_what_is_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

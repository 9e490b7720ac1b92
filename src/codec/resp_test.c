/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies in a row of text each, and what becomes of them as text; then those that are wrong, in every way
 * that a server could think of.
 */
#include <stdio.h>

#include "base/testing.h"
#include "codec/resp.h"

enum { VALUES = 16, BYTES = 64, PRINTED_MAX = 256 };

static const struct resp_limits limits = { BYTES, VALUES };

static const char letters[] = "NSEIBTDGAMUP"; /* by enum resp_kind */

/* "A2(I7 B3:abc)": what is in it, in brackets. */
static size_t print(const struct resp_value *value, struct buf *out)
{
	size_t at = 1;

	buf_put_char(out, letters[value->kind]);
	if (value->kind == RESP_INTEGER || value->kind == RESP_BOOLEAN) {
		if (value->integer < 0)
			buf_put_char(out, '-');
		buf_put_u64(out,
			    value->integer < 0 ? 0 - (uint64_t)value->integer : (uint64_t)value->integer);
	} else if (value->kind >= RESP_ARRAY) {
		buf_put_char(out, '(');
		while (at < value->size)
			at += print(value + at, out);
		buf_put_char(out, ')');
	} else {
		buf_put(out, value->text);
	}
	buf_put_char(out, ' ');
	return value->size;
}

static const struct {
	const char *reply, *want;
} good[] = {
	{ "+OK\r\n", "SOK " },
	{ "+\r\n", "S " },
	{ "-NOSCRIPT No matching script.\r\n", "ENOSCRIPT No matching script. " },
	{ ":0\r\n", "I0 " },
	{ ":-7\r\n", "I-7 " },
	{ ":+7\r\n", "I7 " },
	{ ":9223372036854775807\r\n", "I9223372036854775807 " },
	{ ":-9223372036854775808\r\n", "I-9223372036854775808 " },
	{ "$3\r\nabc\r\n", "Babc " },
	{ "$0\r\n\r\n", "B " },
	{ "$2\r\n\r\n\r\n", "B\r\n " },
	{ "$-1\r\n", "N " },
	{ "*-1\r\n", "N " },
	{ "*0\r\n", "A() " },
	{ "*2\r\n:1\r\n$1\r\nx\r\n", "A(I1 Bx ) " },
	{ "*2\r\n*1\r\n*0\r\n*1\r\n:5\r\n", "A(A(A() ) A(I5 ) ) " },
	{ "_\r\n", "N " },
	{ "#t\r\n", "T1 " },
	{ "#f\r\n", "T0 " },
	{ ",3.14\r\n", "D3.14 " },
	{ ",-inf\r\n", "D-inf " },
	{ "(123456789012345678901234567890\r\n", "G123456789012345678901234567890 " },
	{ "!5\r\nERR a\r\n", "EERR a " },
	{ "=6\r\ntxt:ab\r\n", "Btxt:ab " },
	{ "%1\r\n+a\r\n:1\r\n", "M(Sa I1 ) " },
	{ "~2\r\n:1\r\n:2\r\n", "U(I1 I2 ) " },
	{ ">1\r\n+hello\r\n", "P(Shello ) " },
	{ "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "A(A(A(A(A(A(A(A(I1 ) ) ) ) ) ) ) ) " },
};

static void replies_are_understood(void **state)
{
	struct resp_value values[VALUES];
	char bytes[PRINTED_MAX], more[PRINTED_MAX];
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct buf out = buf_over(bytes, sizeof bytes);
		str reply = str_of(good[i].reply);

		snprintf(more, sizeof more, "%s+next\r\n", good[i].reply);
		assert_row(resp_parse(str_of(more), &limits, values, &len) == RESP_DONE, i, good[i].reply);
		assert_row(len == reply.len, i, "its length");
		assert_row(print(values, &out) == values->size, i, "its size");
		assert_text(buf_str(&out), good[i].want);
	}
}

static void a_beginning_is_no_reply_yet(void **state)
{
	struct resp_value values[VALUES];
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++)
		for (size_t cut = 0; cut < strlen(good[i].reply); cut++)
			assert_row(resp_parse((str) { good[i].reply, cut }, &limits, values, &len) ==
					   RESP_MORE,
				   i, good[i].reply);
}

static const struct {
	const char *reply;
	enum resp_state want;
} bad[] = {
	{ "x", RESP_MALFORMED },
	{ "HTTP/1.1 400 Bad Request\r\n", RESP_MALFORMED },
	{ "\r\n", RESP_MALFORMED },
	{ "|1\r\n+a\r\n+b\r\n", RESP_MALFORMED }, /* attributes: nobody asks for them */
	{ "+OK\n", RESP_MALFORMED },
	{ "+OK\rx", RESP_MALFORMED },
	{ "+a\nb\r\n", RESP_MALFORMED },
	{ ":\r\n", RESP_MALFORMED },
	{ ":1x\r\n", RESP_MALFORMED },
	{ ": 1\r\n", RESP_MALFORMED },
	{ ":--1\r\n", RESP_MALFORMED },
	{ ":9223372036854775808\r\n", RESP_MALFORMED },
	{ ":-9223372036854775809\r\n", RESP_MALFORMED },
	{ ":000000000000000000000000000000001", RESP_MALFORMED },
	{ "$\r\n", RESP_MALFORMED },
	{ "$-2\r\n", RESP_MALFORMED },
	{ "$+1\r\na\r\n", RESP_MALFORMED },
	{ "$1\r\nab\r\n", RESP_MALFORMED },
	{ "$1\r\na\n\n", RESP_MALFORMED },
	{ "$1\r\nab", RESP_MALFORMED },
	{ "!-1\r\n", RESP_MALFORMED },
	{ "*-2\r\n", RESP_MALFORMED },
	{ "*x\r\n", RESP_MALFORMED },
	{ "*1\r\nx\r\n", RESP_MALFORMED },
	{ "%-1\r\n", RESP_MALFORMED },
	{ "_x\r\n", RESP_MALFORMED },
	{ "#x\r\n", RESP_MALFORMED },
	{ "#tt\r\n", RESP_MALFORMED },
	{ "#\r\n", RESP_MALFORMED },
	{ ",\r\n", RESP_MALFORMED },
	{ ",1,2\r\n", RESP_MALFORMED },
	{ "(inf\r\n", RESP_MALFORMED },
	{ "$65\r\n", RESP_LARGE },
	{ "$18446744073709551615\r\n", RESP_LARGE },
	{ "$99999999999999999999\r\n", RESP_MALFORMED },
	{ "*17\r\n", RESP_LARGE },
	{ "*16\r\n", RESP_LARGE }, /* and itself */
	{ "%8\r\n", RESP_LARGE },
	{ "*4294967295\r\n", RESP_LARGE },
	{ "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", RESP_LARGE },
	{ "+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", RESP_LARGE },
};

static void what_is_wrong_is_refused_at_once(void **state)
{
	struct resp_value values[VALUES];
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_row(resp_parse(str_of(bad[i].reply), &limits, values, &len) == bad[i].want, i,
			   bad[i].reply);
}

static void commands_are_printed(void **state)
{
	static const str words[] = { STR_INIT("SET"), STR_INIT(""), STR_INIT("a\r\nb") };
	char bytes[PRINTED_MAX];
	struct buf out = buf_over(bytes, sizeof bytes), small = buf_over(bytes, 8);

	(void)state;
	resp_put_command(&out, words, 3);
	assert_text(buf_str(&out), "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\r\nb\r\n");
	resp_put_command(&small, words, 3);
	assert_true(buf_overflowed(&small));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_understood),
		cmocka_unit_test(a_beginning_is_no_reply_yet),
		cmocka_unit_test(what_is_wrong_is_refused_at_once),
		cmocka_unit_test(commands_are_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "codec/h1_chunked_testing.h"

static void outcome_of(str input, struct chunked_outcome *ret_whole)
{
	struct chunked_outcome *split = test_malloc(sizeof *split);

	chunked_outcome_find(input, input.len, SIZE_MAX, ret_whole);
	for (size_t step = 1; step < input.len && step < 40; step++) {
		chunked_outcome_find(input, step, step % 3 + 1, split);
		assert_int_equal(split->state, ret_whole->state);
		assert_int_equal(split->error, ret_whole->error);
		if (split->state == H1_CHUNKED_END)
			assert_int_equal(split->taken, ret_whole->taken);
		assert_true(str_eq(buf_str(&split->text), buf_str(&ret_whole->text)));
	}
	test_free(split);
}

struct refused_row {
	const char *input;
	size_t len;
	enum h1_error error;
};

#define ROW(input, error)                                 \
	{                                                 \
		input, sizeof input - 1, H1_ERROR_##error \
	}

static const struct refused_row refused_rows[] = {
	ROW("+5\r\nhello", CHUNK_SIZE),
	ROW("-5\r\nhello", CHUNK_SIZE),
	ROW(" 5\r\nhello", CHUNK_SIZE),
	ROW("\t5\r\n", CHUNK_SIZE),
	ROW("0x5\r\nhello", CHUNK_SIZE),
	ROW("5g\r\n", CHUNK_SIZE),
	ROW("\r\nhello", CHUNK_SIZE),
	ROW("\n", CHUNK_SIZE),
	ROW(";x\r\n", CHUNK_SIZE),
	ROW("5\nhello", CHUNK_SIZE),
	ROW("5\rhello", CHUNK_SIZE),
	ROW("5\0\r\n", CHUNK_SIZE),
	ROW("5_0\r\n", CHUNK_SIZE),
	ROW("10000000000000005\r\n", CHUNK_SIZE),
	ROW("FFFFFFFFFFFFFFFF\r\n", CHUNK_SIZE),
	ROW("8000000000000000\r\n", CHUNK_SIZE),
	ROW("00000000000000005\r\nhello", CHUNK_SIZE),
	ROW("5 \r\nhello", CHUNK_EXTENSION),
	ROW("5\t\r\n", CHUNK_EXTENSION),
	ROW("5 5\r\n", CHUNK_EXTENSION),
	ROW("5;\r\n", CHUNK_EXTENSION),
	ROW("5; \r\n", CHUNK_EXTENSION),
	ROW("5;\nx\r\n", CHUNK_EXTENSION),
	ROW("5;a\nb\r\n", CHUNK_EXTENSION),
	ROW("5;a=\r\n", CHUNK_EXTENSION),
	ROW("5;a=b \r\n", CHUNK_EXTENSION),
	ROW("5;a=b=c\r\n", CHUNK_EXTENSION),
	ROW("5;=b\r\n", CHUNK_EXTENSION),
	ROW("5;a b\r\n", CHUNK_EXTENSION),
	ROW("5;a=\"b\r\n", CHUNK_EXTENSION),
	ROW("5;a=\"b\"c\r\n", CHUNK_EXTENSION),
	ROW("5;a=\"b\\\r\n", CHUNK_EXTENSION),
	ROW("5;a=\"\x01\"\r\n", CHUNK_EXTENSION),
	ROW("5;a=\"b\"\n", CHUNK_EXTENSION),
	ROW("5;a\0\r\n", CHUNK_EXTENSION),
	ROW("5;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", CHUNK_EXTENSION_LONG),
	ROW("1;aaaaaaaaaaaaaaa\r\nx\r\n1;aaaaaaaaaaaaaaaa\r\n", CHUNK_EXTENSION_LONG),
	ROW("5\r\nhelloXX", CHUNK_END),
	ROW("5\r\nhello\n", CHUNK_END),
	ROW("5\r\nhello\rX", CHUNK_END),
	ROW("5\r\nhello0\r\n", CHUNK_END),
	ROW("0\n\n", CHUNK_SIZE),
	ROW("0\r\n\n", LINE_END),
	ROW("0\r\n\rX", LINE_END),
	ROW("0\r\nGET /admin HTTP/1.1\r\n", FIELD_NAME),
	ROW("0\r\nX : v\r\n", FIELD_NAME),
	ROW("0\r\nX: a\r\n b\r\n", FOLD),
	ROW("0\r\n X: a\r\n", FOLD),
	ROW("0\r\nX: \x01\r\n", FIELD_VALUE),
	ROW("0\r\nX: 0123456789012345678901234567890123456789012345678901234567890123\r\n", FIELD_LONG),
	ROW("0\r\nX012345678901234567890123456789012: v\r\n", FIELD_NAME_LONG),
	ROW("0\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\n\r\n", FIELDS_MANY),
	ROW("0\r\nA: 01234567890123456789012345678901234567890123456789\r\n"
	    "B: 01234567890123456789012345678901234567890123456789\r\n"
	    "C: 01234567890123456789012345678901234567890123456789\r\n\r\n",
	    HEAD_LONG),
};

static void refuses_malformed_bodies(void **state)
{
	struct chunked_outcome *outcome = test_malloc(sizeof *outcome);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(refused_rows); i++) {
		outcome_of((str) { refused_rows[i].input, refused_rows[i].len }, outcome);
		assert_row(outcome->state == H1_CHUNKED_FAILED, i, refused_rows[i].input);
		if (outcome->error != refused_rows[i].error)
			fail_msg("%s: %.*s", refused_rows[i].input, STR_ARG(h1_error_text(outcome->error)));
	}
	test_free(outcome);
}

struct body_row {
	const char *input, *text;
	size_t rest; /* bytes that are not the body's */
};

static void takes_the_coding_off(void **state)
{
	static const struct body_row rows[] = {
		{ "0\r\n\r\n", "", 0 },
		{ "5\r\nhello\r\n0\r\n\r\n", "hello", 0 },
		{ "000005\r\nhello\r\n000\r\n\r\n", "hello", 0 },
		{ "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\nGET /", "01234567890123456789", 5 },
		{ "1;a\r\nx\r\n1 ;a = b ;c\t=\"\\\"; =\xc3\xa9\" ;d\r\ny\r\n0;e\r\n\r\n", "xy", 0 },
		{ "1;aaaaaaaaaaaaaaa\r\nx\r\n1;aaaaaaaaaaaaaaa\r\ny\r\n0\r\n\r\n", "xy", 0 },
		{ "0\r\nX-Sum: 1\r\nx-other:2\r\n\r\nrest", "X-Sum=1;x-other=2;", 4 },
		{ "1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n", "\r\n", 0 },
	};
	struct chunked_outcome *outcome = test_malloc(sizeof *outcome);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		outcome_of(str_of(rows[i].input), outcome);
		assert_row(outcome->state == H1_CHUNKED_END, i, rows[i].input);
		assert_text(buf_str(&outcome->text), rows[i].text);
		assert_int_equal(outcome->taken, strlen(rows[i].input) - rows[i].rest);
	}
	test_free(outcome);
}

/* Nothing that decides about a request may come after it, nor what could be taken for it. */
static void drops_trailers_that_may_not_be(void **state)
{
	static const char *const names[] = {
		"Content-Length", "Transfer-Encoding", "Host",        "Authorization",   "Set-Cookie",
		"Location",       "Connection",        "TE",          "X-Forwarded-For", "X_Forwarded_For",
		"X.User.Id",      "X_Auth_User",       "X-User-Id",   "X-Consumer-Name", "x_consumer_any",
		"Forwarded",      "content-type",      "traceparent", "Trailer",         "Cookie",
	};
	struct chunked_outcome *outcome = test_malloc(sizeof *outcome);
	char bytes[128];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct buf out = buf_over(bytes, sizeof bytes);

		buf_put(&out, STR("0\r\nA: 1\r\n"));
		buf_put(&out, str_of(names[i]));
		buf_put(&out, STR(": 99\r\nB: 2\r\n\r\n"));
		outcome_of(buf_str(&out), outcome);
		assert_text(buf_str(&outcome->text), "A=1;B=2;");
	}
	test_free(outcome);
}

static void waits_for_what_is_missing(void **state)
{
	static const char *const rows[] = { "",       "5",     "5\r",       "5\r\n",         "5\r\nhel",
					    "5;a=\"", "0\r\n", "0\r\nX: y", "0\r\nX: y\r\n", "5\r\nhello\r" };
	struct chunked_outcome *outcome = test_malloc(sizeof *outcome);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		outcome_of(str_of(rows[i]), outcome);
		assert_row(outcome->state == H1_CHUNKED_MORE, i, rows[i]);
	}
	test_free(outcome);
}

/* A chunk that is too large for somebody is known by its size alone. */
static void tells_a_size_before_its_content(void **state)
{
	struct h1_chunked chunked = { 0 };
	size_t taken;
	str content;

	(void)state;
	assert_int_equal(h1_chunked_next(&chunked, STR("7FFFFFFFFFFFFFFF\r\n"), &chunked_test_limits, NULL,
					 &taken, &content),
			 H1_CHUNKED_MORE);
	assert_true(chunked.left == INT64_MAX);
	assert_int_equal(taken, 18);
}

/* As the sink prints them. */
static void reads_sizes_as_they_are_printed(void **state)
{
	static const uint64_t sizes[] = { 1, 15, 16, 255, 4096, 0x123456789abcdef, INT64_MAX };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct h1_chunked chunked = { 0 };
		char text[H1_CHUNK_HEAD_MAX];
		struct buf head = buf_over(text, sizeof text);
		size_t taken;
		str content;

		buf_put_hex(&head, sizes[i]);
		buf_put(&head, STR("\r\n"));
		h1_chunked_next(&chunked, buf_str(&head), &chunked_test_limits, NULL, &taken, &content);
		assert_true(chunked.left == sizes[i] && taken == head.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_malformed_bodies),
		cmocka_unit_test(takes_the_coding_off),
		cmocka_unit_test(drops_trailers_that_may_not_be),
		cmocka_unit_test(waits_for_what_is_missing),
		cmocka_unit_test(tells_a_size_before_its_content),
		cmocka_unit_test(reads_sizes_as_they_are_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

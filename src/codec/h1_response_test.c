/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "codec/h1_testing.h"

/* Parses input in one piece and in all others. */
static void outcome_of(str input, const struct h1_limits *limits, struct h1_outcome *ret_whole)
{
	struct h1_outcome *split = test_malloc(sizeof *split);

	h1_outcome_find(H1_KIND_RESPONSE, H1_MOVES, input, input.len, 1, limits, ret_whole);
	for (size_t first = 0; first <= input.len && input.len < 400; first++) {
		h1_outcome_find(H1_KIND_RESPONSE, H1_MOVES, input, first, input.len + 1, limits, split);
		assert_true(h1_outcome_eq(ret_whole, split));
	}
	h1_outcome_find(H1_KIND_RESPONSE, H1_STAYS, input, 0, 1, limits, split);
	assert_true(h1_outcome_eq(ret_whole, split));
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
	ROW("\r\nHTTP/1.1 200 OK\r\n\r\n", VERSION),
	ROW(" HTTP/1.1 200 OK\r\n\r\n", VERSION),
	ROW("ICY 200 OK\r\n", VERSION),
	ROW("http/1.1 200 OK\r\n", VERSION),
	ROW("HTTP/1.x 200 OK\r\n", VERSION),
	ROW("HTTP/1.11 200 OK\r\n", STATUS_LINE),
	ROW("HTTP/2.0 200 OK\r\n", VERSION_UNSUPPORTED),
	ROW("HTTP/0.9 200 OK\r\n", VERSION_UNSUPPORTED),
	ROW("HTTP/1.1\t200\tOK\r\n", STATUS_LINE),
	ROW("HTTP/1.1\r\n", STATUS_LINE),
	ROW("HTTP/1.1  200 OK\r\n", STATUS),
	ROW("HTTP/1.1 abc OK\r\n", STATUS),
	ROW("HTTP/1.1 -200 OK\r\n", STATUS),
	ROW("HTTP/1.1 20 OK\r\n", STATUS),
	ROW("HTTP/1.1 099 Odd\r\n", STATUS),
	ROW("HTTP/1.1 600 Odd\r\n", STATUS),
	ROW("HTTP/1.1 999 Odd\r\n", STATUS),
	ROW("HTTP/1.1 2000 OK\r\n", STATUS_LINE),
	ROW("HTTP/1.1 200\tOK\r\n", STATUS_LINE),
	ROW("HTTP/1.1 200 O\0K\r\n", STATUS_LINE),
	ROW("HTTP/1.1 200 O\x7fK\r\n", STATUS_LINE),
	ROW("HTTP/1.1 200 OK\rX", LINE_END),
	ROW("HTTP/1.1 200 OK\nX", LINE_END),
	ROW("HTTP/1.1 200\n", LINE_END),
	ROW("HTTP/1.1 200 OK\r\nNoColon\r\n", FIELD_NAME),
	ROW("HTTP/1.1 200 OK\r\nX : v\r\n", FIELD_NAME),
	ROW("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n", FOLD),
	ROW("HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: s=1\r\n", LINE_END),
	ROW("HTTP/1.1 200 OK\r\nX: a\0b\r\n", FIELD_VALUE),
	ROW("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", LENGTH_REPEATED),
	ROW("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", LENGTH),
	ROW("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n", LENGTH),
	ROW("HTTP/1.1 204 No Content\r\nContent-Length: x\r\n\r\n", LENGTH),
	ROW("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", LENGTH_AND_CODING),
	ROW("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n", CODING),
	ROW("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", CODING),
	ROW("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", CODING_UNSUPPORTED),
	ROW("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", CODING_VERSION),
	ROW("HTTP/1.1 200 OK\r\nConnection: \x80\r\n\r\n", CONNECTION),
	ROW("HTTP/1.1 200 OK\r\nConnection: content-length\r\n\r\n", NOMINATED),
};

static void refuses_malformed_heads(void **state)
{
	struct h1_outcome *outcome = test_malloc(sizeof *outcome);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(refused_rows); i++) {
		const struct refused_row *row = &refused_rows[i];

		outcome_of((str) { row->input, row->len }, &h1_test_limits, outcome);
		assert_row(outcome->state == H1_FAILED, i, row->input);
		if (outcome->error != row->error)
			fail_msg("%s: %.*s", row->input, STR_ARG(h1_error_text(outcome->error)));
	}
	test_free(outcome);
}

struct parsed {
	struct http_field fields[16];
	struct http_response response;
	size_t len;
};

static void parse(const char *input, enum http_method method, struct parsed *ret_parsed)
{
	struct h1_outcome *outcome = test_malloc(sizeof *outcome);
	struct h1_parser parser = { 0 };

	outcome_of(str_of(input), &h1_test_limits, outcome);
	test_free(outcome);
	ret_parsed->response.fields = (struct http_fields) { .at = ret_parsed->fields, .max = 16 };
	assert_row(h1_response_parse(&parser, str_of(input), &h1_test_limits, method, &ret_parsed->response,
				     &ret_parsed->len) == H1_DONE,
		   0, input);
}

static void takes_a_head_apart(void **state)
{
	static const char input[] = "HTTP/1.1 404 Not here\xc3\xa9, sorry\r\nSet-Cookie: a=b\r\n"
				    "set-cookie: c=d\r\nContent-Length: 5\r\n\r\nhello";
	struct parsed p;

	(void)state;
	parse(input, HTTP_GET, &p);
	assert_int_equal(p.len, sizeof input - 1 - 5);
	assert_int_equal(p.response.status, 404);
	assert_int_equal(p.response.version, HTTP_1_1);
	assert_text(p.response.reason, "Not here\xc3\xa9, sorry");
	assert_int_equal(p.response.fields.count, 3);
	assert_int_equal(p.fields[1].id, HTTP_SET_COOKIE);
	assert_text(p.fields[1].name, "set-cookie");
	assert_text(p.fields[1].value, "c=d");
	assert_int_equal(p.response.framing, HTTP_LENGTH);
	assert_int_equal(p.response.length, 5);
}

static void takes_a_reason_or_none(void **state)
{
	struct parsed p;

	(void)state;
	parse("HTTP/1.1 299 \r\n\r\n", HTTP_GET, &p);
	assert_text(p.response.reason, "");
	parse("HTTP/1.1 299\r\n\r\n", HTTP_GET, &p);
	assert_text(p.response.reason, "");
	parse("HTTP/1.1 299  \tx \r\n\r\n", HTTP_GET, &p);
	assert_text(p.response.reason, " \tx ");
}

struct framing_row {
	const char *input;
	enum http_method method;
	enum http_framing framing;
	uint64_t length;
	bool keep_alive;
};

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define LENGTH_5 "Content-Length: 5\r\n"
#define CHUNKED "Transfer-Encoding: Chunked\r\n"

static void knows_where_the_body_ends(void **state)
{
	static const struct framing_row rows[] = {
		{ OK_LINE LENGTH_5 "\r\n", HTTP_GET, HTTP_LENGTH, 5, true },
		{ OK_LINE "Content-Length: 005\r\n\r\n", HTTP_GET, HTTP_LENGTH, 5, true },
		{ OK_LINE LENGTH_5 "Connection: close\r\n\r\n", HTTP_GET, HTTP_LENGTH, 5, false },
		{ OK_LINE CHUNKED "\r\n", HTTP_GET, HTTP_CHUNKED, 0, true },
		{ OK_LINE "\r\n", HTTP_GET, HTTP_UNTIL_CLOSE, 0, false },
		{ OK_LINE "Connection: keep-alive\r\n\r\n", HTTP_GET, HTTP_UNTIL_CLOSE, 0, false },
		{ OK_LINE LENGTH_5 "\r\n", HTTP_HEAD, HTTP_NO_BODY, 5, true },
		{ OK_LINE CHUNKED "\r\n", HTTP_HEAD, HTTP_NO_BODY, 0, true },
		{ OK_LINE "\r\n", HTTP_HEAD, HTTP_NO_BODY, 0, true },
		{ OK_LINE LENGTH_5 "\r\n", HTTP_CONNECT, HTTP_NO_BODY, 5, true },
		{ "HTTP/1.1 300 No\r\n" LENGTH_5 "\r\n", HTTP_CONNECT, HTTP_LENGTH, 5, true },
		{ "HTTP/1.1 299 Yes\r\n" LENGTH_5 "\r\n", HTTP_CONNECT, HTTP_NO_BODY, 5, true },
		{ "HTTP/1.1 204 No Content\r\n" LENGTH_5 "\r\n", HTTP_GET, HTTP_NO_BODY, 5, true },
		{ "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", HTTP_GET, HTTP_NO_BODY, 100,
		  true },
		{ "HTTP/1.1 100 Continue\r\n" LENGTH_5 "\r\n", HTTP_GET, HTTP_NO_BODY, 5, true },
		{ "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", HTTP_GET, HTTP_NO_BODY, 0, true },
		{ "HTTP/1.0 200 OK\r\n" LENGTH_5 "\r\n", HTTP_GET, HTTP_LENGTH, 5, false },
		{ "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" LENGTH_5 "\r\n", HTTP_GET, HTTP_LENGTH, 5,
		  true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct parsed p;

		parse(rows[i].input, rows[i].method, &p);
		assert_row(p.response.framing == rows[i].framing, i, rows[i].input);
		assert_row(p.response.length == rows[i].length, i, rows[i].input);
		assert_row(p.response.keep_alive == rows[i].keep_alive, i, rows[i].input);
	}
}

/* "HTTP/1.1 200 OK" has 15 bytes, "X: 12" 5; the section 7 + 2. */
static void keeps_its_limits_to_the_byte(void **state)
{
	static const str input = STR_INIT("HTTP/1.1 200 OK\r\nX: 12\r\n\r\n");
	struct h1_outcome *outcome = test_malloc(sizeof *outcome);
	struct h1_limits limits = { .request_line = 15, .field = 5, .name = 1, .head = 9, .fields = 1 };

	(void)state;
	outcome_of(input, &limits, outcome);
	assert_int_equal(outcome->state, H1_DONE);
	limits.head = 8;
	outcome_of(input, &limits, outcome);
	assert_int_equal(outcome->error, H1_ERROR_HEAD_LONG);
	limits.field = 4;
	outcome_of(input, &limits, outcome);
	assert_int_equal(outcome->error, H1_ERROR_FIELD_LONG);
	limits.request_line = 14;
	outcome_of(input, &limits, outcome);
	assert_int_equal(outcome->error, H1_ERROR_STATUS_LINE_LONG);
	test_free(outcome);
}

/* Connection from an upstream may name what is only its own business. */
static void lets_an_upstream_nominate(void **state)
{
	struct parsed p;

	(void)state;
	parse(OK_LINE "Connection: close, Set-Cookie, Content-Type\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
	      HTTP_GET, &p);
	http_fields_remove_hop(&p.response.fields);
	assert_null(http_fields_get(&p.response.fields, HTTP_SET_COOKIE));
	assert_null(http_fields_get(&p.response.fields, HTTP_CONNECTION));
}

static void follows_its_bytes(void **state)
{
	static const char input[] = "HTTP/1.1 200 OK\r\nX: y\r\n\r\n";
	char moved[sizeof input];
	struct parsed p;

	(void)state;
	parse(input, HTTP_GET, &p);
	h1_response_move(&p.response, p.response.reason.ptr - 13, moved);
	assert_ptr_equal(p.response.reason.ptr, moved + 13);
	assert_ptr_equal(p.fields[0].value.ptr, moved + 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_malformed_heads),
		cmocka_unit_test(takes_a_head_apart),
		cmocka_unit_test(takes_a_reason_or_none),
		cmocka_unit_test(knows_where_the_body_ends),
		cmocka_unit_test(keeps_its_limits_to_the_byte),
		cmocka_unit_test(lets_an_upstream_nominate),
		cmocka_unit_test(follows_its_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

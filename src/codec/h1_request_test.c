/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "codec/h1_testing.h"

#define TO "Host: gw.test\r\n"

static void check_splits(str input, const struct h1_limits *limits, const struct h1_outcome *whole)
{
	struct h1_outcome *split = test_malloc(sizeof *split);

	for (size_t first = 0; first <= input.len && input.len < 400; first++) {
		h1_outcome_find(H1_KIND_REQUEST, H1_MOVES, input, first, input.len + 1, limits, split);
		assert_true(h1_outcome_eq(whole, split));
		h1_outcome_find(H1_KIND_REQUEST, H1_STAYS, input, first, input.len + 1, limits, split);
		assert_true(h1_outcome_eq(whole, split));
	}
	h1_outcome_find(H1_KIND_REQUEST, H1_STAYS, input, 0, 1, limits, split);
	assert_true(h1_outcome_eq(whole, split));
	test_free(split);
}

/* Parses input in one piece and in all others. */
static void outcome_of(str input, const struct h1_limits *limits, struct h1_outcome *ret_whole)
{
	h1_outcome_find(H1_KIND_REQUEST, H1_MOVES, input, input.len, 1, limits, ret_whole);
	check_splits(input, limits, ret_whole);
}

struct refused_row {
	const char *input;
	enum h1_error error;
	size_t len; /* of input, where it holds NUL; else 0 */
};

#define ROW(input, error)                                 \
	{                                                 \
		input, H1_ERROR_##error, sizeof input - 1 \
	}

static const struct refused_row bad_lines[] = {
	ROW(" GET / HTTP/1.1\r\n", METHOD),
	ROW("\nGET / HTTP/1.1\r\n", LINE_END),
	ROW("\r\n\r\nGET / HTTP/1.1\r\n", EMPTY_LINES),
	ROW("\rGET / HTTP/1.1\r\n", LINE_END),
	ROW("G@T / HTTP/1.1\r\n", METHOD),
	ROW("G\x80T / HTTP/1.1\r\n", METHOD),
	ROW("GET\t/ HTTP/1.1\r\n", METHOD),
	ROW("GET\r\n", METHOD),
	ROW("HTTP/1.1 200 OK\r\n", METHOD),
	ROW("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", METHOD),
	ROW("GET  / HTTP/1.1\r\n", TARGET),
	ROW("GET /\r\n", TARGET),
	ROW("GET /\n", LINE_END),
	ROW("GET /a b HTTP/1.1\r\n", VERSION),
	ROW("GET /\0 HTTP/1.1\r\n", TARGET),
	ROW("GET /\tx HTTP/1.1\r\n", TARGET),
	ROW("GET /\x7f HTTP/1.1\r\n", TARGET),
	ROW("GET /caf\xc3\xa9 HTTP/1.1\r\n", TARGET),
	ROW("GET /\rx HTTP/1.1\r\n", TARGET),
	ROW("GET /x#y HTTP/1.1\r\n", TARGET),
	ROW("GET /?a#y HTTP/1.1\r\n", TARGET),
	ROW("GET /0123456789abcdef0123456789\x01 HTTP/1.1\r\n", TARGET),
	ROW("GET / HTTP/1.1 \r\n", VERSION),
	ROW("GET / HTTP/1.1\n", LINE_END),
	ROW("GET / HTTP/1.1\rX", LINE_END),
	ROW("GET /  HTTP/1.1\r\n", VERSION),
	ROW("GET / HTTP /1.1\r\n", VERSION),
	ROW("GET / http/1.1\r\n", VERSION),
	ROW("GET / HTTP/1\r\n", VERSION),
	ROW("GET / HTTP/1.\r\n", VERSION),
	ROW("GET / HTTP/1.10\r\n", VERSION),
	ROW("GET / HTTP/11.1\r\n", VERSION),
	ROW("GET / HTTP/1,1\r\n", VERSION),
	ROW("GET / HTTP/-1.1\r\n", VERSION),
	ROW("GET / HTTP/1.\xd9\xa1\r\n", VERSION),
	ROW("GET / ICY/1.1\r\n", VERSION),
	ROW("PROXY TCP4 127.0.0.1 127.0.0.1 1111 80\r\n", VERSION),
	ROW("GET / HTTP/2.0\r\n", VERSION_UNSUPPORTED),
	ROW("GET / HTTP/3.0\r\n", VERSION_UNSUPPORTED),
	ROW("GET / HTTP/0.9\r\n", VERSION_UNSUPPORTED),
	ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", VERSION_UNSUPPORTED),
	ROW("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n", METHOD_LONG),
};

#define FIELD_ROW(fields, error) ROW("GET / HTTP/1.1\r\n" fields, error)

static const struct refused_row bad_fields[] = {
	FIELD_ROW(" " TO "\r\n", FOLD),
	FIELD_ROW("\tX: y\r\n", FOLD),
	FIELD_ROW(TO "X-A: a\r\n b\r\n\r\n", FOLD),
	FIELD_ROW(TO "X-A: a\r\n\tb\r\n\r\n", FOLD),
	FIELD_ROW("Host : gw.test\r\n", FIELD_NAME),
	FIELD_ROW("Host\t: gw.test\r\n", FIELD_NAME),
	FIELD_ROW(": v\r\n", FIELD_NAME),
	FIELD_ROW("X\r\n", FIELD_NAME),
	FIELD_ROW("X\n", LINE_END),
	FIELD_ROW("X A: v\r\n", FIELD_NAME),
	FIELD_ROW("X(A: v\r\n", FIELD_NAME),
	FIELD_ROW("X/A: v\r\n", FIELD_NAME),
	FIELD_ROW("X;A: v\r\n", FIELD_NAME),
	FIELD_ROW("X\"A: v\r\n", FIELD_NAME),
	FIELD_ROW("X\\A: v\r\n", FIELD_NAME),
	FIELD_ROW("X{A: v\r\n", FIELD_NAME),
	FIELD_ROW("X\x01: v\r\n", FIELD_NAME),
	FIELD_ROW("X\x7f: v\r\n", FIELD_NAME),
	FIELD_ROW("X\0: v\r\n", FIELD_NAME),
	FIELD_ROW("Transfer-Encoding\x85: chunked\r\n", FIELD_NAME),
	FIELD_ROW("X: a\0b\r\n", FIELD_VALUE),
	FIELD_ROW("X: a\x01", FIELD_VALUE),
	FIELD_ROW("X: a\x0b\r\n", FIELD_VALUE),
	FIELD_ROW("X: a\x1b[31m\r\n", FIELD_VALUE),
	FIELD_ROW("X: a\x7f\r\n", FIELD_VALUE),
	FIELD_ROW("X:\x0c v\r\n", FIELD_VALUE),
	FIELD_ROW("X: 0123456789abcdef0123456789abcdef0\x08\r\n", FIELD_VALUE),
	FIELD_ROW("X: a\rb\r\n", LINE_END),
	FIELD_ROW("X: a\r\r\n", LINE_END),
	FIELD_ROW("X: a\nY: b\r\n", LINE_END),
	FIELD_ROW(TO "\n", LINE_END),
	FIELD_ROW(TO "\rX", LINE_END),
};

static const struct refused_row bad_heads[] = {
	FIELD_ROW("\r\n", HOST_MISSING),
	FIELD_ROW("X-Host: gw.test\r\n\r\n", HOST_MISSING),
	FIELD_ROW(TO TO "\r\n", FIELD_REPEATED),
	FIELD_ROW("Host:\r\n\r\n", HOST),
	FIELD_ROW("Host: gw.test@evil.test\r\n\r\n", HOST),
	FIELD_ROW("Host: gw.test, evil.test\r\n\r\n", HOST),
	FIELD_ROW("Host: gw.test:99999\r\n\r\n", HOST),
	FIELD_ROW(TO "Authorization: a\r\nauthorization: b\r\n\r\n", FIELD_REPEATED),
	FIELD_ROW(TO "Content-Type: a\r\nContent-Type: a\r\n\r\n", FIELD_REPEATED),
	FIELD_ROW(TO "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", FIELD_REPEATED),
	FIELD_ROW(TO "Expect: 200-ok\r\n\r\n", EXPECTATION),
	FIELD_ROW(TO "Expect: y 100-continue\r\n\r\n", EXPECTATION),
	FIELD_ROW(TO "Expect: 100-continue, x\r\n\r\n", EXPECTATION),
	FIELD_ROW(TO "Expect:\r\n\r\n", EXPECTATION),
	FIELD_ROW(TO "Connection: \"close\r\n\r\n", CONNECTION),
	FIELD_ROW(TO "Connection: a b\r\n\r\n", CONNECTION),
	FIELD_ROW(TO "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\r\n"
		     "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n\r\n",
		  CONNECTION),
	FIELD_ROW(TO "Connection: close, Content-Length\r\n\r\n", NOMINATED),
	FIELD_ROW(TO "Connection: transfer-encoding\r\n\r\n", NOMINATED),
	FIELD_ROW(TO "Connection: Host\r\n\r\n", NOMINATED),
	FIELD_ROW(TO "Connection: Authorization\r\n\r\n", NOMINATED),
	FIELD_ROW(TO "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", LENGTH_REPEATED),
	FIELD_ROW(TO "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", LENGTH_REPEATED),
	FIELD_ROW(TO "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", LENGTH_AND_CODING),
	FIELD_ROW(TO "Transfer-Encoding: gzip, chunked\r\nContent-Length: 0\r\n\r\n", LENGTH_AND_CODING),
	FIELD_ROW(TO "Transfer-Encoding:\r\nContent-Length: 5\r\n\r\n", LENGTH_AND_CODING),
	ROW("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", CODING_VERSION),
	ROW("GET * HTTP/1.1\r\n" TO "\r\n", TARGET_FORM),
	ROW("GET gw.test:80 HTTP/1.1\r\n" TO "\r\n", TARGET_FORM),
	ROW("GET public HTTP/1.1\r\n" TO "\r\n", TARGET_FORM),
	ROW("GET ?x=1 HTTP/1.1\r\n" TO "\r\n", TARGET_FORM),
	ROW("GET http:///x HTTP/1.1\r\n" TO "\r\n", TARGET_FORM),
	ROW("GET ftp://gw.test/x HTTP/1.1\r\n" TO "\r\n", TARGET_FORM),
	ROW("GET http:/gw.test/x HTTP/1.1\r\n" TO "\r\n", TARGET_FORM),
	ROW("GET http://u:p@gw.test/x HTTP/1.1\r\n" TO "\r\n", TARGET),
	ROW("GET http://gw.test%00/x HTTP/1.1\r\n" TO "\r\n", TARGET),
	ROW("GET http://evil.test/x HTTP/1.1\r\n" TO "\r\n", HOST_CONFLICT),
	ROW("GET http://gw.test:81/x HTTP/1.1\r\n" TO "\r\n", HOST_CONFLICT),
	ROW("GET http://gw.test/x HTTP/1.1\r\n\r\n", HOST_MISSING),
	ROW("CONNECT / HTTP/1.1\r\n" TO "\r\n", TARGET_FORM),
	ROW("CONNECT gw.test HTTP/1.1\r\n" TO "\r\n", TARGET),
	ROW("CONNECT http://gw.test:1 HTTP/1.1\r\n" TO "\r\n", TARGET_FORM),
};

static const struct refused_row bad_codings[] = {
	FIELD_ROW(TO "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", CODING),
	FIELD_ROW(TO "Transfer-Encoding: chunked, gzip\r\n\r\n", CODING),
	FIELD_ROW(TO "Transfer-Encoding: chunked, chunked\r\n\r\n", CODING),
	FIELD_ROW(TO "Transfer-Encoding: chunked,\r\n\r\n", CODING),
	FIELD_ROW(TO "Transfer-Encoding: ,chunked\r\n\r\n", CODING),
	FIELD_ROW(TO "Transfer-Encoding: xchunked\r\n\r\n", CODING),
	FIELD_ROW(TO "Transfer-Encoding: chunked;q=1\r\n\r\n", CODING),
	FIELD_ROW(TO "Transfer-Encoding: \"chunked\"\r\n\r\n", CODING),
	FIELD_ROW(TO "Transfer-Encoding: \xa0"
		     "chunked\r\n\r\n",
		  CODING),
	FIELD_ROW(TO "Transfer-Encoding: identity\r\n\r\n", CODING),
	FIELD_ROW(TO "Transfer-Encoding:\r\n\r\n", CODING),
	FIELD_ROW(TO "Transfer-Encoding: gzip, chunked\r\n\r\n", CODING_UNSUPPORTED),
};

static const char *const bad_lengths[] = {
	"+5",
	"-0",
	"-1",
	"0x5",
	"5,5",
	"5, 5",
	"5;",
	"5.0",
	"1e1",
	"",
	"5_0",
	"5 5",
	"18446744073709551616",
	"18446744073709551621",
	"9223372036854775808",
	"99999999999999999999999",
	"\xb2",
};

static void check_refused(const struct refused_row *rows, size_t count)
{
	struct h1_outcome *outcome = test_malloc(sizeof *outcome);

	for (size_t i = 0; i < count; i++) {
		outcome_of((str) { rows[i].input, rows[i].len }, &h1_test_limits, outcome);
		assert_row(outcome->state == H1_FAILED, i, rows[i].input);
		if (outcome->error != rows[i].error)
			fail_msg("%s: %.*s", rows[i].input, STR_ARG(h1_error_text(outcome->error)));
	}
	test_free(outcome);
}

static void refuses_malformed_lines(void **state)
{
	(void)state;
	check_refused(bad_lines, COUNT_OF(bad_lines));
}

static void refuses_malformed_fields(void **state)
{
	(void)state;
	check_refused(bad_fields, COUNT_OF(bad_fields));
}

static void refuses_contradictory_heads(void **state)
{
	(void)state;
	check_refused(bad_heads, COUNT_OF(bad_heads));
	check_refused(bad_codings, COUNT_OF(bad_codings));
}

static void refuses_malformed_lengths(void **state)
{
	struct h1_outcome *outcome = test_malloc(sizeof *outcome);
	char bytes[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_lengths); i++) {
		struct buf out = buf_over(bytes, sizeof bytes);

		buf_put(&out, STR("POST / HTTP/1.1\r\n" TO "Content-Length: "));
		buf_put(&out, str_of(bad_lengths[i]));
		buf_put(&out, STR("\r\n\r\n"));
		outcome_of(buf_str(&out), &h1_test_limits, outcome);
		assert_row(outcome->error == H1_ERROR_LENGTH, i, bad_lengths[i]);
	}
	test_free(outcome);
}

/* Each ends with its first wrong byte: no byte after that one is waited for, and none before it is blamed. */
static const char *const until_wrong[] = {
	"\x16",
	" ",
	"\n",
	"\rG",
	"\r\n\r",
	"GE(",
	"GET /a\r",
	"GET /a#",
	"GET /a\x80",
	"GET /a  ",
	"GET /a h",
	"GET /a HTTP/x",
	"GET /a HTTP/11",
	"GET /a HTTP/1.1 ",
	"GET /a HTTP/1.1\n",
	"GET /a HTTP/1.1\rx",
	"GET /a HTTP/2.0\r\n",
	"GET /a HTTP/1.1\r\n ",
	"GET /a HTTP/1.1\r\n:",
	"GET /a HTTP/1.1\r\nHost ",
	"GET /a HTTP/1.1\r\nHost\r",
	"GET /a HTTP/1.1\r\nHost: a\x01",
	"GET /a HTTP/1.1\r\nHost: a\n",
	"GET /a HTTP/1.1\r\nHost: a\r\r",
	"GET /a HTTP/1.1\r\nHost: a\r\n\t",
	"GET /a HTTP/1.1\r\nHost: a\r\n\n",
	"GET /a HTTP/1.1\r\nHost: a\r\n\rx",
	"GET /a HTTP/1.1\r\nHost: a b\r\n\r\n",
};

static void tells_an_error_at_its_byte(void **state)
{
	struct h1_outcome *outcome = test_malloc(sizeof *outcome);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(until_wrong); i++) {
		size_t len = strlen(until_wrong[i]);

		for (size_t part = 0; part <= len; part++) {
			str input = { until_wrong[i], part };

			h1_outcome_find(H1_KIND_REQUEST, H1_MOVES, input, part, 1, &h1_test_limits, outcome);
			assert_row(outcome->state == (part < len ? H1_MORE : H1_FAILED), i, until_wrong[i]);
		}
	}
	test_free(outcome);
}

struct parsed {
	struct http_field fields[16];
	struct http_request request;
	size_t len;
};

/* A request that must be accepted, also however it is split. */
static void parse(const char *input, struct parsed *ret_parsed)
{
	struct h1_outcome *outcome = test_malloc(sizeof *outcome);
	struct h1_parser parser = { 0 };

	memset(ret_parsed, 0xff, sizeof *ret_parsed);
	outcome_of(str_of(input), &h1_test_limits, outcome);
	test_free(outcome);
	ret_parsed->request.fields = (struct http_fields) { .at = ret_parsed->fields, .max = 16 };
	assert_row(h1_request_parse(&parser, str_of(input), &h1_test_limits, &ret_parsed->request,
				    &ret_parsed->len) == H1_DONE,
		   0, input);
}

static void takes_a_head_apart(void **state)
{
	const char *input =
		"POST /orders/1?a=b HTTP/1.1\r\nhost:\tgw.test:8080\r\nX-A:  v w \t\r\nX-B: \t \r\n"
		"CONTENT-length: 005\r\n\r\nhello";
	struct parsed p;

	(void)state;
	parse(input, &p);
	assert_int_equal(p.len, strlen(input) - 5);
	assert_int_equal(p.request.method, HTTP_POST);
	assert_int_equal(p.request.version, HTTP_1_1);
	assert_text(p.request.method_text, "POST");
	assert_text(p.request.target, "/orders/1?a=b");
	assert_text(p.request.host, "gw.test");
	assert_int_equal(p.request.fields.count, 4);
	assert_int_equal(p.fields[0].id, HTTP_HOST);
	assert_text(p.fields[0].name, "host");
	assert_text(p.fields[0].value, "gw.test:8080");
	assert_int_equal(p.fields[1].id, HTTP_NAME_OTHER);
	assert_text(p.fields[1].value, "v w");
	assert_text(p.fields[2].value, "");
	assert_false(p.fields[0].removed || p.fields[1].removed || p.fields[2].removed);
	assert_int_equal(p.request.framing, HTTP_LENGTH);
	assert_int_equal(p.request.length, 5);
	assert_true(p.request.keep_alive);
	assert_false(p.request.expects_continue);
}

static void ignores_one_empty_line_before(void **state)
{
	struct parsed p;

	(void)state;
	parse("\r\nGET /x HTTP/1.1\r\n" TO "\r\n", &p);
	assert_int_equal(p.len, 2 + 17 + 15 + 2);
	assert_text(p.request.target, "/x");
}

struct host_row {
	const char *input, *host;
	enum http_method method;
};

static void knows_whom_it_is_for(void **state)
{
	static const struct host_row rows[] = {
		{ "GET /x HTTP/1.1\r\n" TO "\r\n", "gw.test", HTTP_GET },
		{ "GET http://gw.test/x HTTP/1.1\r\n" TO "\r\n", "gw.test", HTTP_GET },
		{ "GET HTTP://GW.test:80/x HTTP/1.1\r\n" TO "\r\n", "GW.test", HTTP_GET },
		{ "GET https://gw.test/x HTTP/1.1\r\nHost: gw.test:443\r\n\r\n", "gw.test", HTTP_GET },
		{ "GET http://gw.test?x HTTP/1.0\r\n\r\n", "gw.test", HTTP_GET },
		{ "GET /x HTTP/1.0\r\n\r\n", "", HTTP_GET },
		{ "OPTIONS * HTTP/1.1\r\n" TO "\r\n", "gw.test", HTTP_OPTIONS },
		{ "CONNECT gw.test:443 HTTP/1.1\r\nHost: gw.test:443\r\n\r\n", "gw.test", HTTP_CONNECT },
		{ "get /x HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "[::1]", HTTP_OTHER_METHOD },
		{ "PROPFIND /x HTTP/1.1\r\nHost: gw.test.\r\n\r\n", "gw.test", HTTP_OTHER_METHOD },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct parsed p;

		parse(rows[i].input, &p);
		assert_text(p.request.host, rows[i].host);
		assert_row(p.request.method == rows[i].method, i, rows[i].input);
	}
}

struct keep_row {
	const char *input;
	bool keep_alive;
};

static void knows_whether_the_connection_lives(void **state)
{
	static const struct keep_row rows[] = {
		{ "GET / HTTP/1.1\r\n" TO "\r\n", true },
		{ "GET / HTTP/1.2\r\n" TO "\r\n", true },
		{ "GET / HTTP/1.1\r\n" TO "Connection: Close\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\n" TO "Connection: keep-alive, close\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\n" TO "Connection: x\r\nConnection: close\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\n" TO "Connection: , ,x-close\r\n\r\n", true },
		{ "GET / HTTP/1.1\r\n" TO "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\r\n"
		  "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\r\n\r\n",
		  true },
		{ "GET / HTTP/1.0\r\n" TO "\r\n", false },
		{ "GET / HTTP/1.0\r\n" TO "Connection: Keep-Alive\r\n\r\n", true },
		{ "GET / HTTP/1.0\r\n" TO "Connection: keep-alive, close\r\n\r\n", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct parsed p;

		parse(rows[i].input, &p);
		assert_row(p.request.keep_alive == rows[i].keep_alive, i, rows[i].input);
	}
}

struct framing_row {
	const char *fields;
	enum http_framing framing;
	uint64_t length;
	bool expects_continue;
};

static void knows_where_the_body_ends(void **state)
{
	static const struct framing_row rows[] = {
		{ "GET / HTTP/1.1\r\n" TO "\r\n", HTTP_NO_BODY, 0, false },
		{ "POST / HTTP/1.1\r\n" TO "Content-Length: 0\r\n\r\n", HTTP_LENGTH, 0, false },
		{ "POST / HTTP/1.1\r\n" TO "Content-Length: 9223372036854775807\r\n\r\n", HTTP_LENGTH,
		  INT64_MAX, false },
		{ "GET / HTTP/1.1\r\n" TO "Content-Length: 4294967301\r\n\r\n", HTTP_LENGTH, 4294967301,
		  false },
		{ "POST / HTTP/1.1\r\n" TO "TRANSFER-ENCODING: \tChunked \r\n\r\n", HTTP_CHUNKED, 0, false },
		{ "POST / HTTP/1.1\r\n" TO "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n", HTTP_LENGTH,
		  1, true },
		{ "POST / HTTP/1.1\r\n" TO "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
		  HTTP_CHUNKED, 0, true },
		{ "POST / HTTP/1.1\r\n" TO "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", HTTP_LENGTH,
		  0, false },
		{ "GET / HTTP/1.1\r\n" TO "Expect: 100-continue\r\n\r\n", HTTP_NO_BODY, 0, false },
		{ "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", HTTP_LENGTH, 1,
		  false },
		{ "POST / HTTP/1.0\r\nExpect: something\r\n\r\n", HTTP_NO_BODY, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct parsed p;

		parse(rows[i].fields, &p);
		assert_row(p.request.framing == rows[i].framing, i, rows[i].fields);
		assert_row(p.request.length == rows[i].length, i, rows[i].fields);
		assert_row(p.request.expects_continue == rows[i].expects_continue, i, rows[i].fields);
	}
}

struct limit_row {
	const char *input;
	struct h1_limits limits;
	enum h1_error error; /* NONE: accepted */
};

/* "GET /1234 HTTP/1.1" has 18 bytes; the fields "Host: gw.test" 13, "X: 12" 5; the section 15 + 7 + 2. */
static void keeps_its_limits_to_the_byte(void **state)
{
	static const char *const input = "GET /1234 HTTP/1.1\r\n" TO "X: 12\r\n\r\n";
	static const struct limit_row rows[] = {
		{ NULL, { 18, 13, 4, 24, 2 }, H1_ERROR_NONE },
		{ NULL, { 17, 13, 4, 24, 2 }, H1_ERROR_REQUEST_LINE_LONG },
		{ NULL, { 5, 13, 4, 24, 2 }, H1_ERROR_REQUEST_LINE_LONG },
		{ NULL, { 0, 13, 4, 24, 2 }, H1_ERROR_REQUEST_LINE_LONG },
		{ NULL, { 18, 12, 4, 24, 2 }, H1_ERROR_FIELD_LONG },
		{ NULL, { 18, 13, 3, 24, 2 }, H1_ERROR_FIELD_NAME_LONG },
		{ NULL, { 18, 13, 4, 23, 2 }, H1_ERROR_HEAD_LONG },
		{ NULL, { 18, 13, 4, 16, 2 }, H1_ERROR_HEAD_LONG },
		{ NULL, { 18, 13, 4, 0, 2 }, H1_ERROR_HEAD_LONG },
		{ NULL, { 18, 13, 4, 24, 1 }, H1_ERROR_FIELDS_MANY },
		{ NULL, { 18, 13, 4, 24, 0 }, H1_ERROR_FIELDS_MANY },
	};
	struct h1_outcome *outcome = test_malloc(sizeof *outcome);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		outcome_of(str_of(input), &rows[i].limits, outcome);
		assert_row(outcome->error == rows[i].error, i, "limits");
		assert_int_equal(outcome->state, rows[i].error ? H1_FAILED : H1_DONE);
	}
	test_free(outcome);
}

/* Who sends without end gets an answer without having ended. */
static void refuses_endless_lines(void **state)
{
	struct h1_outcome *outcome = test_malloc(sizeof *outcome);
	char *bytes = test_malloc(40000);

	(void)state;
	memset(bytes, 'a', 40000);
	memcpy(bytes, "GET /", 5);
	outcome_of((str) { bytes, 8192 + 2 }, &h1_test_limits, outcome);
	assert_int_equal(outcome->state, H1_MORE);
	outcome_of((str) { bytes, 8192 + 3 }, &h1_test_limits, outcome);
	assert_int_equal(outcome->error, H1_ERROR_REQUEST_LINE_LONG);
	memcpy(bytes, "GET / HTTP/1.1\r\nX: ", 19);
	outcome_of((str) { bytes, 16 + 8192 + 3 }, &h1_test_limits, outcome);
	assert_int_equal(outcome->error, H1_ERROR_FIELD_LONG);
	memset(bytes + 17, 'a', 300);
	outcome_of((str) { bytes, 16 + 257 }, &h1_test_limits, outcome);
	assert_int_equal(outcome->error, H1_ERROR_FIELD_NAME_LONG);
	test_free(bytes);
	test_free(outcome);
}

static void fails_for_good(void **state)
{
	struct http_field fields[4];
	struct http_request request = { .fields = { .at = fields, .max = 4 } };
	struct h1_parser parser = { 0 };
	size_t len;

	(void)state;
	assert_int_equal(h1_request_parse(&parser, STR("\x01"), &h1_test_limits, &request, &len), H1_FAILED);
	assert_int_equal(h1_request_parse(&parser, STR("GET / HTTP/1.1\r\n" TO "\r\n"), &h1_test_limits,
					  &request, &len),
			 H1_FAILED);
	assert_int_equal(parser.error, H1_ERROR_METHOD);
}

static void follows_its_bytes(void **state)
{
	static const char input[] = "GET /x HTTP/1.1\r\nHost: gw.test\r\nX: y\r\n\r\n";
	struct parsed p;
	char moved[sizeof input];

	(void)state;
	parse(input, &p);
	memcpy(moved, input, sizeof input);
	h1_request_move(&p.request, p.request.method_text.ptr, moved);
	assert_ptr_equal(p.request.method_text.ptr, moved);
	assert_ptr_equal(p.request.target.ptr, moved + 4);
	assert_ptr_equal(p.request.host.ptr, moved + 23);
	assert_ptr_equal(p.fields[1].name.ptr, moved + 32);
	assert_ptr_equal(p.fields[1].value.ptr, moved + 35);
}

/* The words behind each error are there. */
static void explains_every_error(void **state)
{
	(void)state;
	for (unsigned error = H1_ERROR_NONE + 1; error < H1_ERRORS; error++) {
		assert_in_range(h1_error_status((enum h1_error)error), 400, 505);
		assert_true(h1_error_reason((enum h1_error)error).len > 0);
		assert_true(str_ends(h1_error_text((enum h1_error)error), STR(".")));
	}
	assert_int_equal(h1_error_status(H1_ERROR_REQUEST_LINE_LONG), 414);
	assert_int_equal(h1_error_status(H1_ERROR_HEAD_LONG), 431);
	assert_text(h1_error_reason(H1_ERROR_LENGTH_AND_CODING), "framing_ambiguous");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_malformed_lines),
		cmocka_unit_test(refuses_malformed_fields),
		cmocka_unit_test(refuses_contradictory_heads),
		cmocka_unit_test(refuses_malformed_lengths),
		cmocka_unit_test(tells_an_error_at_its_byte),
		cmocka_unit_test(takes_a_head_apart),
		cmocka_unit_test(ignores_one_empty_line_before),
		cmocka_unit_test(knows_whom_it_is_for),
		cmocka_unit_test(knows_whether_the_connection_lives),
		cmocka_unit_test(knows_where_the_body_ends),
		cmocka_unit_test(keeps_its_limits_to_the_byte),
		cmocka_unit_test(refuses_endless_lines),
		cmocka_unit_test(fails_for_good),
		cmocka_unit_test(follows_its_bytes),
		cmocka_unit_test(explains_every_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's side of HTTP/1: heads read in any pieces, and kept when their bytes are gone; answers printed.
 */
#include "base/testing.h"
#include "http/h1_server.h"
#include "http/http_testing.h"

enum { FIELDS_MAX = 8, TEXT_MAX = 8192 };

static const struct h1_limits limits = {
	.request_line = 64, .field = 48, .name = 16, .head = 200, .fields = FIELDS_MAX
};

struct bench {
	struct wire wire;
	struct http_field shared[FIELDS_MAX];
	struct h1_server server;
	struct server_request request;
	result_value read;
};

static void bench_read(struct bench *bench, str input, enum error_kind end, struct pace gives)
{
	wire_open(&bench->wire, input, gives);
	bench->wire.end = end;
	h1_server_init(&bench->server, &bench->wire.stream, &bench->wire.in);
	bench->server.server.limits = &limits;
	bench->server.server.shared_fields = bench->shared;
	bench->read = server_read(&bench->server.server, &bench->wire.arena, 77, &bench->request);
	/* Nothing of it may lie where the next connection reads, nor in the worker's array. */
	memset(bench->shared, '!', sizeof bench->shared);
	wire_disturb(&bench->wire);
}

static void put_request(const struct server_request *request, struct buf *out)
{
	const struct http_request *head = &request->head;

	buf_put(out, head->method_text);
	buf_put_char(out, ' ');
	buf_put(out, head->target);
	for (size_t i = 0; i < head->fields.count; i++) {
		buf_put_char(out, '|');
		buf_put(out, head->fields.at[i].name);
		buf_put_char(out, '=');
		buf_put(out, head->fields.at[i].value);
	}
}

/* ---- reading ---- */

static const struct {
	const char *name, *input;
	enum error_kind end, want;
	const char *text, *rest;
	enum h1_error error;
} rows[] = {
	{ "the least", "GET / HTTP/1.0\r\n\r\n", 0, 0, "GET /", "", 0 },
	{ "with a field", "GET /a HTTP/1.1\r\nHost: b\r\n\r\n", 0, 0, "GET /a|Host=b", "", 0 },
	{ "with fields", "PUT /a HTTP/1.1\r\nHost: b\r\nX-A: 1\r\nX-A: 2\r\nX-C:\r\n\r\n", 0, 0,
	  "PUT /a|Host=b|X-A=1|X-A=2|X-C=", "", 0 },
	{ "with a body behind", "POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\n\r\nbody", 0, 0,
	  "POST /a|Host=b|Content-Length=4", "body", 0 },
	{ "with another behind", "GET /a HTTP/1.1\r\nHost: b\r\n\r\nGET /c HTTP/1.1\r\n", 0, 0,
	  "GET /a|Host=b", "GET /c HTTP/1.1\r\n", 0 },
	{ "as many fields as may be",
	  "GET / HTTP/1.1\r\nHost: b\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\nE:5\r\nF:6\r\nG:7\r\n\r\n", 0, 0,
	  "GET /|Host=b|A=1|B=2|C=3|D=4|E=5|F=6|G=7", "", 0 },
	{ "an absolute target", "GET http://b/a HTTP/1.1\r\nHost: b\r\n\r\n", 0, 0, "GET http://b/a|Host=b",
	  "", 0 },

	{ "nothing, closed", "", ERROR_CLOSED, ERROR_CLOSED, "", "", 0 },
	{ "nothing, broken", "", ERROR_RESET, ERROR_RESET, "", "", 0 },
	{ "nothing, too late", "", ERROR_TIMEOUT, ERROR_TIMEOUT, "", "", 0 },
	{ "nothing, cancelled", "", ERROR_CANCELLED, ERROR_CANCELLED, "", "", 0 },
	{ "within the line, closed", "GET /a HT", ERROR_CLOSED, ERROR_CLOSED, NULL, NULL, 0 },
	{ "within the fields, closed", "GET / HTTP/1.1\r\nHost: b\r\n", ERROR_CLOSED, ERROR_CLOSED, NULL,
	  NULL, 0 },
	{ "before the last LF, broken", "GET / HTTP/1.1\r\nHost: b\r\n\r", ERROR_RESET, ERROR_RESET, NULL,
	  NULL, 0 },
	{ "within the fields, too late", "GET / HTTP/1.1\r\nHost: b", ERROR_TIMEOUT, ERROR_TIMEOUT, NULL,
	  NULL, 0 },
	{ "within the fields, cancelled", "GET / HTTP/1.1\r\nHost: b", ERROR_CANCELLED, ERROR_CANCELLED, NULL,
	  NULL, 0 },
	{ "within the fields, no memory", "GET / HTTP/1.1\r\nHost: b", ERROR_LIMIT, ERROR_LIMIT, NULL, NULL,
	  0 },

	{ "no method", "/ HTTP/1.1\r\n", ERROR_TIMEOUT, ERROR_MALFORMED, NULL, NULL, H1_ERROR_METHOD },
	{ "a bare LF", "GET / HTTP/1.1\nHost: b\r\n\r\n", ERROR_TIMEOUT, ERROR_MALFORMED, NULL, NULL,
	  H1_ERROR_LINE_END },
	{ "a fold", "GET / HTTP/1.1\r\nHost: b\r\n c\r\n\r\n", ERROR_TIMEOUT, ERROR_MALFORMED, NULL, NULL,
	  H1_ERROR_FOLD },
	{ "no host", "GET / HTTP/1.1\r\n\r\n", ERROR_TIMEOUT, ERROR_MALFORMED, "GET /", NULL,
	  H1_ERROR_HOST_MISSING },
	{ "two lengths", "GET /q HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
	  ERROR_TIMEOUT, ERROR_MALFORMED, NULL, NULL, H1_ERROR_LENGTH_REPEATED },
	{ "a space before the colon", "GET / HTTP/1.1\r\nHost : b\r\n\r\n", ERROR_TIMEOUT, ERROR_MALFORMED,
	  NULL, NULL, H1_ERROR_FIELD_NAME },
	{ "a field too many",
	  "GET / HTTP/1.1\r\nHost: b\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\nE:5\r\nF:6\r\nG:7\r\nI:8\r\n\r\n",
	  ERROR_TIMEOUT, ERROR_MALFORMED, NULL, NULL, H1_ERROR_FIELDS_MANY },
	{ "a name too long", "GET / HTTP/1.1\r\nX-01234567890abcdef: b\r\n\r\n", ERROR_TIMEOUT,
	  ERROR_MALFORMED, NULL, NULL, H1_ERROR_FIELD_NAME_LONG },
	{ "a field too long", "GET / HTTP/1.1\r\nX-A: 0123456789012345678901234567890123456789012345\r\n\r\n",
	  ERROR_TIMEOUT, ERROR_MALFORMED, NULL, NULL, H1_ERROR_FIELD_LONG },
	{ "a line too long",
	  "GET /0123456789012345678901234567890123456789012345678901234567890 HTTP/1.1\r\n", ERROR_TIMEOUT,
	  ERROR_MALFORMED, NULL, NULL, H1_ERROR_REQUEST_LINE_LONG },
};

static void check_row(size_t i, struct pace gives)
{
	static char text[TEXT_MAX], rest_text[TEXT_MAX];
	struct buf out = buf_over(text, sizeof text), rest = buf_over(rest_text, sizeof rest_text);
	struct bench bench;

	bench_read(&bench, str_of(rows[i].input), rows[i].end, gives);
	assert_row(bench.read.kind == rows[i].want, i, rows[i].name);
	assert_row(bench.request.error == rows[i].error, i, rows[i].name);
	if (rows[i].want == ERROR_NONE) {
		put_request(&bench.request, &out);
		assert_text(buf_str(&out), rows[i].text);
		assert_text(wire_rest(&bench.wire, &rest), rows[i].rest);
		assert_int_equal(bench.request.head_len, strlen(rows[i].input) - strlen(rows[i].rest));
	}
	if (rows[i].want == ERROR_MALFORMED && rows[i].text) {
		buf_put(&out, bench.request.head.method_text);
		buf_put_char(&out, ' ');
		buf_put(&out, bench.request.head.target);
		assert_text(buf_str(&out), rows[i].text);
	}
	if (bench.wire.fills)
		assert_int_equal(bench.wire.fill_until, 77);
	wire_close(&bench.wire);
}

static void any_split_gives_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t len = strlen(rows[i].input);

		check_row(i, (struct pace) { 0 });
		check_row(i, PACE(0, 255));
		for (size_t cut = 1; cut <= len; cut++) {
			check_row(i, PACE(cut, 255));
			check_row(i, PACE(cut, 0, 255, 255));
			check_row(i, PACE(cut));
			check_row(i, PACE(cut, 0));
		}
	}
}

/* The fields of what was read may grow, and there is no bound but the codec's. */
static void fields_may_be_added(void **state)
{
	struct bench bench;

	(void)state;
	bench_read(&bench,
		   STR("GET / HTTP/1.1\r\nHost: b\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\nE:5\r\nF:6\r\nG:7\r\n\r\n"),
		   0, PACE(9, 0));
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(
			http_fields_add(&bench.request.head.fields, HTTP_VIA, STR("Via"), STR("x")).kind,
			ERROR_NONE);
	assert_int_equal(bench.request.head.fields.count, 58);
	assert_text(bench.request.head.fields.at[7].value, "7");
	wire_close(&bench.wire);
}

/* One behind the other on a connection; each starts afresh. */
static void requests_follow_each_other(void **state)
{
	str input = STR("GET /1 HTTP/1.1\r\nHost: b\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\nX: y\r\n\r\n"
			"GET /3 HTTP/1.0\r\n\r\n");

	(void)state;
	for (unsigned char step = 1; step < 100; step++) {
		struct bench bench;

		bench_read(&bench, input, 0, PACE(step, 0, step));
		assert_text(bench.request.head.target, "/1");
		assert_int_equal(server_read(&bench.server.server, &bench.wire.arena, 0, &bench.request).kind,
				 ERROR_NONE);
		assert_text(bench.request.head.target, "/2");
		assert_int_equal(bench.request.head.fields.count, 2);
		assert_int_equal(server_read(&bench.server.server, &bench.wire.arena, 0, &bench.request).kind,
				 ERROR_NONE);
		assert_text(bench.request.head.target, "/3");
		assert_int_equal(bench.request.head.fields.count, 0);
		assert_int_equal(server_read(&bench.server.server, &bench.wire.arena, 0, &bench.request).kind,
				 ERROR_CLOSED);
		wire_close(&bench.wire);
	}
}

/* ---- answering ---- */

static const struct {
	const char *name;
	enum http_version version;
	enum http_method method;
	int status;
	enum http_framing framing; /* as the response bears it */
	uint64_t length;
	bool keep_alive;
	const char *body, *want;
} answer_rows[] = {
	{ "a length", HTTP_1_1, HTTP_GET, 200, HTTP_LENGTH, 2, true, "hi",
	  "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nhi" },
	{ "a length and the end", HTTP_1_1, HTTP_GET, 200, HTTP_LENGTH, 2, false, "hi",
	  "HTTP/1.1 200 OK\r\nX-A: 1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi" },
	{ "HTTP/1.0 that stays", HTTP_1_0, HTTP_GET, 200, HTTP_LENGTH, 2, true, "hi",
	  "HTTP/1.1 200 OK\r\nX-A: 1\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi" },
	{ "HTTP/1.0 that goes", HTTP_1_0, HTTP_GET, 200, HTTP_LENGTH, 2, false, "hi",
	  "HTTP/1.1 200 OK\r\nX-A: 1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi" },
	{ "chunks", HTTP_1_1, HTTP_GET, 200, HTTP_CHUNKED, 0, true, "hi",
	  "HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n" },
	{ "chunks for HTTP/1.0", HTTP_1_0, HTTP_GET, 200, HTTP_CHUNKED, 0, false, "hi",
	  "HTTP/1.1 200 OK\r\nX-A: 1\r\nConnection: close\r\n\r\nhi" },
	{ "until close, with chunks now", HTTP_1_1, HTTP_GET, 200, HTTP_UNTIL_CLOSE, 0, true, "hi",
	  "HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n" },
	{ "no body at all", HTTP_1_1, HTTP_GET, 204, HTTP_NO_BODY, 0, true, "",
	  "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n" },
	{ "HEAD, with the length that GET would have", HTTP_1_1, HTTP_HEAD, 200, HTTP_LENGTH, 9, true, "",
	  "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 9\r\n\r\n" },
	{ "HEAD, whose body is cut off", HTTP_1_1, HTTP_HEAD, 200, HTTP_LENGTH, 2, true, "hi",
	  "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\n\r\n" },
	{ "HEAD with chunks", HTTP_1_1, HTTP_HEAD, 200, HTTP_CHUNKED, 0, true, "",
	  "HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n" },
	{ "a status without a phrase", HTTP_1_1, HTTP_GET, 299, HTTP_LENGTH, 0, true, "",
	  "HTTP/1.1 299 \r\nX-A: 1\r\nContent-Length: 0\r\n\r\n" },
};

static void check_answer(size_t i, struct pace takes)
{
	struct http_field fields[] = {
		{ .name = STR_INIT("X-A"), .value = STR_INIT("1") },
		{ .name = STR_INIT("X-Gone"), .value = STR_INIT("1"), .removed = true },
		{ .name = STR_INIT("Transfer-Encoding"),
		  .value = STR_INIT("gzip"),
		  .id = HTTP_TRANSFER_ENCODING },
	};
	struct http_request request = { .version = answer_rows[i].version, .method = answer_rows[i].method };
	struct http_response response = { .status = answer_rows[i].status,
					  .fields = { .at = fields, .count = 3, .max = 3 },
					  .framing = answer_rows[i].framing,
					  .length = answer_rows[i].length,
					  .keep_alive = answer_rows[i].keep_alive };
	struct wire wire;
	struct h1_server server;
	struct body_sink *sink;

	wire_open(&wire, STR(""), (struct pace) { 0 });
	h1_server_init(&server, &wire.stream, &wire.in);
	wire.takes = takes;
	response.framing = server_framing(&server.server, &request, &response);
	sink = server_respond(&server.server, &wire.arena, &request, &response);
	assert_int_equal(wire.sends, 0); /* the head waits for the body */
	assert_int_equal(body_write(sink, str_of(answer_rows[i].body), (struct pace) { 0 }).kind, ERROR_NONE);
	assert_text(wire_output(&wire), answer_rows[i].want);
	wire_close(&wire);
}

static void answers_are_printed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(answer_rows); i++) {
		check_answer(i, (struct pace) { 0 });
		for (unsigned char n = 1; n < 60; n += 3)
			check_answer(i, PACE(n, 0));
	}
}

/* There is no bound on a head of ours but memory. */
static void a_long_answer_head_is_printed_whole(void **state)
{
	static char value[5000];
	struct http_field field = { .name = STR_INIT("X-Long"), .value = { value, sizeof value } };
	struct http_request request = { .version = HTTP_1_1, .method = HTTP_GET };
	struct http_response response = { .status = 200,
					  .fields = { .at = &field, .count = 1, .max = 1 },
					  .framing = HTTP_LENGTH,
					  .keep_alive = true };
	struct wire wire;
	struct h1_server server;
	struct body_sink *sink;

	(void)state;
	memset(value, 'v', sizeof value);
	wire_open(&wire, STR(""), (struct pace) { 0 });
	h1_server_init(&server, &wire.stream, &wire.in);
	sink = server_respond(&server.server, &wire.arena, &request, &response);
	assert_int_equal(body_write(sink, STR(""), (struct pace) { 0 }).kind, ERROR_NONE);
	assert_true(str_ends(wire_output(&wire), STR("vvv\r\nContent-Length: 0\r\n\r\n")));
	assert_in_range(wire.output_len, sizeof value, sizeof value + 64);
	wire_close(&wire);
}

static void an_interim_answer_goes_at_once(void **state)
{
	struct http_field field = { .name = STR_INIT("Link"),
				    .value = STR_INIT("</s.css>"),
				    .id = HTTP_LINK };
	struct http_response leave = { .status = 100 };
	struct http_response hints = { .status = 103, .fields = { .at = &field, .count = 1, .max = 1 } };
	struct wire wire;
	struct h1_server server;

	(void)state;
	wire_open(&wire, STR(""), (struct pace) { 0 });
	h1_server_init(&server, &wire.stream, &wire.in);
	wire.takes = PACE(3, 0, 1);
	assert_int_equal(server_interim(&server.server, &wire.arena, &leave, 5).kind, ERROR_NONE);
	assert_text(wire_output(&wire), "HTTP/1.1 100 Continue\r\n\r\n");
	assert_int_equal(wire.send_until, 5);
	wire.output_len = 0;
	assert_int_equal(server_interim(&server.server, &wire.arena, &hints, 5).kind, ERROR_NONE);
	assert_text(wire_output(&wire), "HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n");
	wire.refusal = ERROR_RESET;
	assert_int_equal(server_interim(&server.server, &wire.arena, &leave, 5).kind, ERROR_RESET);
	wire_close(&wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_split_gives_the_same),
		cmocka_unit_test(fields_may_be_added),
		cmocka_unit_test(requests_follow_each_other),
		cmocka_unit_test(answers_are_printed),
		cmocka_unit_test(a_long_answer_head_is_printed_whole),
		cmocka_unit_test(an_interim_answer_goes_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

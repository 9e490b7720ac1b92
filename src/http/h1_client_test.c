/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of HTTP/1: heads of answers, read in any pieces; and what of a failure tells whether the
 * request may be tried again.
 */
#include "base/testing.h"
#include "http/h1_client.h"
#include "http/http_testing.h"

enum { FIELDS_MAX = 4, TEXT_MAX = 4096 };

static const struct h1_limits limits = {
	.request_line = 64, .field = 48, .name = 20, .head = 100, .fields = FIELDS_MAX
};

static const struct {
	const char *name;
	enum http_method method;
	const char *input;
	enum error_kind end, want;
	const char *text, *rest;
	enum http_framing framing;
	uint64_t length;
	bool keep_alive;
} rows[] = {
	{ "a length", HTTP_GET, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 0, 0,
	  "200 OK|Content-Length=2", "hi", HTTP_LENGTH, 2, true },
	{ "chunks", HTTP_GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0", 0, 0,
	  "200 OK|Transfer-Encoding=chunked", "0", HTTP_CHUNKED, 0, true },
	{ "until close", HTTP_GET, "HTTP/1.1 200 OK\r\n\r\nhi", 0, 0, "200 OK", "hi", HTTP_UNTIL_CLOSE, 0,
	  false },
	{ "HTTP/1.0", HTTP_GET, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 0, 0,
	  "200 OK|Content-Length=0", "", HTTP_LENGTH, 0, false },
	{ "it will close", HTTP_GET, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", 0,
	  0, "200 OK|Connection=close|Content-Length=1", "x", HTTP_LENGTH, 1, false },
	{ "no phrase", HTTP_GET, "HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n", 0, 0, "404 |Content-Length=0",
	  "", HTTP_LENGTH, 0, true },
	{ "HEAD", HTTP_HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 0, 0, "200 OK|Content-Length=2",
	  "", HTTP_NO_BODY, 2, true },
	{ "204", HTTP_GET, "HTTP/1.1 204 No Content\r\n\r\n", 0, 0, "204 No Content", "", HTTP_NO_BODY, 0,
	  true },
	{ "304", HTTP_GET, "HTTP/1.1 304 Not Modified\r\nETag: 1\r\n\r\n", 0, 0, "304 Not Modified|ETag=1",
	  "", HTTP_NO_BODY, 0, true },
	{ "an interim answer first", HTTP_GET,
	  "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 0, 0,
	  "103 Early Hints|Link=x", "HTTP/1.1 200 OK\r\n\r\n", HTTP_NO_BODY, 0, true },

	{ "closed before a byte", HTTP_GET, "", ERROR_CLOSED, ERROR_CLOSED, NULL, NULL, 0, 0, 0 },
	{ "broken before a byte", HTTP_GET, "", ERROR_RESET, ERROR_RESET, NULL, NULL, 0, 0, 0 },
	{ "too late", HTTP_GET, "", ERROR_TIMEOUT, ERROR_TIMEOUT, NULL, NULL, 0, 0, 0 },
	{ "cancelled", HTTP_GET, "", ERROR_CANCELLED, ERROR_CANCELLED, NULL, NULL, 0, 0, 0 },
	{ "closed within", HTTP_GET, "HTTP/1.1 200", ERROR_CLOSED, ERROR_RESET, NULL, NULL, 0, 0, 0 },
	{ "closed after one byte", HTTP_GET, "H", ERROR_CLOSED, ERROR_RESET, NULL, NULL, 0, 0, 0 },
	{ "closed before the last LF", HTTP_GET, "HTTP/1.1 200 OK\r\n\r", ERROR_CLOSED, ERROR_RESET, NULL,
	  NULL, 0, 0, 0 },
	{ "broken within", HTTP_GET, "HTTP/1.1 200", ERROR_RESET, ERROR_RESET, NULL, NULL, 0, 0, 0 },
	{ "too late within", HTTP_GET, "HTTP/1.1 200", ERROR_TIMEOUT, ERROR_TIMEOUT, NULL, NULL, 0, 0, 0 },
	{ "no memory within", HTTP_GET, "HTTP/1.1 200", ERROR_LIMIT, ERROR_LIMIT, NULL, NULL, 0, 0, 0 },

	{ "not HTTP", HTTP_GET, "SSH-2.0-OpenSSH\r\n", ERROR_TIMEOUT, ERROR_MALFORMED, NULL, NULL, 0, 0, 0 },
	{ "HTTP/0.9", HTTP_GET, "<html>", ERROR_TIMEOUT, ERROR_MALFORMED, NULL, NULL, 0, 0, 0 },
	{ "a status of two digits", HTTP_GET, "HTTP/1.1 20 OK\r\n\r\n", ERROR_TIMEOUT, ERROR_MALFORMED, NULL,
	  NULL, 0, 0, 0 },
	{ "a length and chunks", HTTP_GET,
	  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", ERROR_TIMEOUT,
	  ERROR_MALFORMED, NULL, NULL, 0, 0, 0 },
	{ "lengths that differ", HTTP_GET,
	  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", ERROR_TIMEOUT, ERROR_MALFORMED,
	  NULL, NULL, 0, 0, 0 },
	{ "a field too many", HTTP_GET, "HTTP/1.1 200 OK\r\nA:1\r\nB:1\r\nC:1\r\nD:1\r\nE:1\r\n\r\n",
	  ERROR_TIMEOUT, ERROR_MALFORMED, NULL, NULL, 0, 0, 0 },
};

struct bench {
	struct wire wire;
	struct http_field shared[FIELDS_MAX];
	struct h1_client client;
	struct http_response response;
	result_value read;
};

static void bench_read(struct bench *bench, size_t i, struct pace gives)
{
	wire_open(&bench->wire, str_of(rows[i].input), gives);
	bench->wire.end = rows[i].end;
	h1_client_init(&bench->client, &bench->wire.stream, &bench->wire.in);
	bench->client.client.limits = &limits;
	bench->client.client.shared_fields = bench->shared;
	bench->read =
		client_read(&bench->client.client, &bench->wire.arena, rows[i].method, 77, &bench->response);
	memset(bench->shared, '!', sizeof bench->shared);
	wire_disturb(&bench->wire);
}

static void put_response(const struct http_response *response, struct buf *out)
{
	buf_put_u64(out, (uint64_t)response->status);
	buf_put_char(out, ' ');
	buf_put(out, response->reason);
	for (size_t i = 0; i < response->fields.count; i++) {
		buf_put_char(out, '|');
		buf_put(out, response->fields.at[i].name);
		buf_put_char(out, '=');
		buf_put(out, response->fields.at[i].value);
	}
}

static void check_row(size_t i, struct pace gives)
{
	static char text[TEXT_MAX], rest_text[TEXT_MAX];
	struct buf out = buf_over(text, sizeof text), rest = buf_over(rest_text, sizeof rest_text);
	struct bench bench;

	bench_read(&bench, i, gives);
	if (bench.read.kind != rows[i].want)
		fail_msg("row %zu (%s): %s", i, rows[i].name, error_name(bench.read.kind));
	if (rows[i].want == ERROR_NONE) {
		put_response(&bench.response, &out);
		assert_text(buf_str(&out), rows[i].text);
		assert_text(wire_rest(&bench.wire, &rest), rows[i].rest);
		assert_row(bench.response.framing == rows[i].framing, i, rows[i].name);
		assert_row(bench.response.length == rows[i].length, i, rows[i].name);
		assert_row(bench.response.keep_alive == rows[i].keep_alive, i, rows[i].name);
	}
	assert_int_equal(bench.wire.fill_until, 77);
	wire_close(&bench.wire);
}

static void any_split_gives_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		check_row(i, (struct pace) { 0 });
		for (size_t cut = 1; cut <= strlen(rows[i].input); cut++) {
			check_row(i, PACE(cut, 255));
			check_row(i, PACE(cut, 0, 255, 255));
			check_row(i, PACE(cut, 0));
		}
	}
}

/* After an interim answer the next head is read from where it ended. */
static void heads_follow_each_other(void **state)
{
	(void)state;
	for (unsigned char step = 1; step < 70; step++) {
		struct bench bench;

		bench_read(&bench, 9, PACE(step, 0, 1));
		assert_int_equal(bench.response.status, 103);
		assert_int_equal(
			client_read(&bench.client.client, &bench.wire.arena, HTTP_GET, 0, &bench.response)
				.kind,
			ERROR_NONE);
		assert_int_equal(bench.response.status, 200);
		assert_int_equal(bench.response.fields.count, 0);
		assert_int_equal(
			client_read(&bench.client.client, &bench.wire.arena, HTTP_GET, 0, &bench.response)
				.kind,
			ERROR_CLOSED);
		wire_close(&bench.wire);
	}
}

static void fields_may_be_added(void **state)
{
	struct bench bench;

	(void)state;
	bench_read(&bench, 0, (struct pace) { 0 });
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(http_fields_add(&bench.response.fields, HTTP_VIA, STR("Via"), STR("x")).kind,
				 ERROR_NONE);
	assert_int_equal(bench.response.fields.count, 51);
	wire_close(&bench.wire);
}

/* Not even begun: an arena that is full ends the process. */
static void a_full_arena_is_an_error(void **state)
{
	struct bench bench;
	result_value read;

	(void)state;
	bench_read(&bench, 9, (struct pace) { 0 });
	while (arena_left(&bench.wire.arena) >= limits.head)
		arena_bytes(&bench.wire.arena, limits.head);
	read = client_read(&bench.client.client, &bench.wire.arena, HTTP_GET, 0, &bench.response);
	assert_int_equal(read.kind, ERROR_LIMIT);
	wire_close(&bench.wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_split_gives_the_same),
		cmocka_unit_test(heads_follow_each_other),
		cmocka_unit_test(fields_may_be_added),
		cmocka_unit_test(a_full_arena_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

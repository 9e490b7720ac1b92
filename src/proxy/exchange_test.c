/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole exchanges between a scripted client and a scripted upstream: what the client gets, what the log says,
 * and how often the upstream was asked. What is tried again, and what never is.
 */
#include <stdio.h>

#include "proxy/proxy_testing.h"

#define LISTENER(limits) "listeners: { a: { address: \"127.0.0.1:0\", limits: { " limits " } } }\n"
#define UPSTREAM(more) "upstreams: { u: { endpoints: [\"127.0.0.1:%u\"]" more " } }\n"
#define ALL "apis: { all: { upstream: u } }\n"
#define PLAIN LISTENER("") UPSTREAM(", retries: { backoff: 0s }") ALL
#define RETRIES(on, attempts) \
	LISTENER("") UPSTREAM(", retries: { backoff: 0s, on: [" on "], attempts: " attempts " }") ALL
#define GET "GET /a?q HTTP/1.1\r\nHost: h\r\n\r\n"
#define CLOSING "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
#define POST "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"
#define PUT "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"
#define CHUNKED "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
#define DONE "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"
#define BUSY "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"

static const struct row {
	const char *name, *configuration;
	struct play play;
	const char *asks, *until;
	const char *line, *text; /* what the client gets: the status line, and something in it */
	int status;              /* of the log */
	const char *reason;
	unsigned attempts, connections; /* connections: that the upstream saw */
} rows[] = {
	/* What goes well. */
	{ "a GET",
	  PLAIN,
	  { "\r\n\r\n", DONE, 0, false },
	  GET,
	  "done",
	  "HTTP/1.1 200 OK",
	  "Via: 1.1 gatehouse\r\n",
	  200,
	  "",
	  1,
	  1 },
	{ "a POST",
	  PLAIN,
	  { "body", DONE, 0, false },
	  POST,
	  "done",
	  "HTTP/1.1 200 OK",
	  "done",
	  200,
	  "",
	  1,
	  1 },
	{ "chunks",
	  PLAIN,
	  { "0\r\n\r\n", DONE, 0, false },
	  CHUNKED "1\r\nx\r\n0\r\n\r\n",
	  "done",
	  "HTTP/1.1 200 OK",
	  "done",
	  200,
	  "",
	  1,
	  1 },
	{ "until close",
	  PLAIN,
	  { "\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\ndone", 0, true },
	  GET,
	  "0\r\n\r\n",
	  "HTTP/1.1 200 OK",
	  "4\r\ndone\r\n0\r\n\r\n",
	  200,
	  "",
	  1,
	  1 },
	{ "until close, for HTTP/1.0",
	  PLAIN,
	  { "\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\ndone", 0, true },
	  "GET / HTTP/1.0\r\n\r\n",
	  NULL,
	  "HTTP/1.1 200 OK",
	  "Connection: close\r\n\r\ndone",
	  200,
	  "",
	  1,
	  1 },
	{ "HEAD",
	  PLAIN,
	  { "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", 0, false },
	  "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
	  "\r\n\r\n",
	  "HTTP/1.1 200 OK",
	  "Content-Length: 99\r\n",
	  200,
	  "",
	  1,
	  1 },
	{ "leave to send, from the gateway",
	  PLAIN,
	  { "body", DONE, 0, false },
	  "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n",
	  "100 Continue",
	  "HTTP/1.1 100 Continue",
	  "\r\n\r\n",
	  -1,
	  "",
	  0,
	  0 },
	{ "hints",
	  PLAIN,
	  { "\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" DONE, 0, false },
	  GET,
	  "done",
	  "HTTP/1.1 103 Early Hints",
	  "\r\n\r\nHTTP/1.1 200 OK\r\n",
	  200,
	  "",
	  1,
	  1 },
	{ "an upstream's leave is not the client's",
	  PLAIN,
	  { "\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" DONE, 0, false },
	  GET,
	  "done",
	  "HTTP/1.1 200 OK",
	  "done",
	  200,
	  "",
	  1,
	  1 },
	{ "an error of the upstream's is its own",
	  PLAIN,
	  { "\r\n\r\n", "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno", 0, false },
	  GET,
	  "no",
	  "HTTP/1.1 500 Oh",
	  "no",
	  500,
	  "",
	  1,
	  1 },

	/* What the gateway says. */
	{ "no route",
	  LISTENER("") UPSTREAM("") "apis: { x: { path: /x, upstream: u } }\n",
	  { 0 },
	  GET,
	  "}\n",
	  "HTTP/1.1 404 Not Found",
	  "\"status\":404",
	  404,
	  "no_route",
	  0,
	  0 },
	{ "a wrong method",
	  LISTENER("") UPSTREAM("") "apis: { x: { methods: [PUT, GET], upstream: u } }\n",
	  { 0 },
	  POST,
	  "}\n",
	  "HTTP/1.1 405 Method Not Allowed",
	  "Allow: GET",
	  405,
	  "method_not_allowed",
	  0,
	  0 },
	{ "a policy answers",
	  LISTENER("") "apis: { x: { policies: [respond: { status: 418, body: tea }] } }\n",
	  { 0 },
	  GET,
	  "tea",
	  "HTTP/1.1 418 ",
	  "tea",
	  418,
	  "respond",
	  0,
	  0 },
	{ "nobody is there",
	  LISTENER("") "upstreams: { u: { endpoints: [\"127.0.0.1:1\"], retries: { attempts: 1 } } }\n" ALL,
	  { 0 },
	  GET,
	  "}\n",
	  "HTTP/1.1 502 Bad Gateway",
	  "Proxy-Status: gatehouse; error=connection_refused",
	  502,
	  "upstream_connect_refused",
	  1,
	  0 },
	{ "no answer in time",
	  LISTENER("") UPSTREAM(", timeouts: { response: 20ms }") ALL,
	  { "never", NULL, 0, false },
	  GET,
	  "}\n",
	  "HTTP/1.1 504 Gateway Timeout",
	  "http_response_timeout",
	  504,
	  "upstream_timeout",
	  1,
	  1 },
	{ "no answer in all the time there is",
	  LISTENER("") UPSTREAM(", timeouts: { total: 300ms }") ALL,
	  { "never", NULL, 0, false },
	  GET,
	  "}\n",
	  "HTTP/1.1 504 Gateway Timeout",
	  "http_response_timeout",
	  504,
	  "upstream_timeout",
	  1,
	  1 },
	{ "not HTTP",
	  PLAIN,
	  { "\r\n\r\n", "SSH-2.0-x\r\n\r\n", 0, true },
	  GET,
	  "}\n",
	  "HTTP/1.1 502 Bad Gateway",
	  "http_protocol_error",
	  502,
	  "upstream_malformed",
	  1,
	  1 },
	{ "half a head",
	  PLAIN,
	  { "\r\n\r\n", "HTTP/1.1 200 OK\r\nConte", 0, true },
	  GET,
	  "}\n",
	  "HTTP/1.1 502 Bad Gateway",
	  "connection_terminated",
	  502,
	  "upstream_closed",
	  1,
	  1 },
	{ "protocols switched unasked",
	  PLAIN,
	  { "\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n", 0, false },
	  GET,
	  "}\n",
	  "HTTP/1.1 502 Bad Gateway",
	  "http_protocol_error",
	  502,
	  "upstream_malformed",
	  1,
	  1 },

	/* The client's fault. */
	{ "a malformed head",
	  PLAIN,
	  { 0 },
	  "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
	  NULL,
	  "HTTP/1.1 400 Bad Request",
	  "Connection: close",
	  400,
	  "header_malformed",
	  0,
	  0 },
	{ "a head too slow",
	  LISTENER("header_timeout: 300ms") UPSTREAM("") ALL,
	  { 0 },
	  "GET / HTTP/1.1\r\nHost: h\r\n",
	  NULL,
	  "HTTP/1.1 408 Request Timeout",
	  "Connection: close",
	  408,
	  "header_timeout",
	  0,
	  0 },
	{ "a malformed chunk",
	  PLAIN,
	  { "never", NULL, 0, false },
	  CHUNKED "2\r\nxy\r\nzz\r\n",
	  NULL,
	  "HTTP/1.1 400 Bad Request",
	  "Connection: close",
	  400,
	  "chunk_malformed",
	  1,
	  1 },
	{ "chunks beyond the limit",
	  LISTENER("body: 3") UPSTREAM("") ALL,
	  { "never", NULL, 0, false },
	  CHUNKED "2\r\nxy\r\n2\r\n",
	  NULL,
	  "HTTP/1.1 413 Content Too Large",
	  "Connection: close",
	  413,
	  "body_too_large",
	  1,
	  1 },
	{ "a length beyond the limit",
	  LISTENER("body: 3") UPSTREAM("") ALL,
	  { 0 },
	  POST,
	  "}\n",
	  "HTTP/1.1 413 Content Too Large",
	  "\"status\":413",
	  413,
	  "body_too_large",
	  0,
	  0 },
	{ "a body too slow",
	  LISTENER("body_timeout: 20ms") UPSTREAM("") ALL,
	  { "never", NULL, 0, false },
	  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf",
	  NULL,
	  "HTTP/1.1 408 Request Timeout",
	  "Connection: close",
	  408,
	  "body_timeout",
	  1,
	  1 },

	/* What is tried again. */
	{ "silence: a GET is tried again",
	  PLAIN,
	  { "\r\n\r\n", NULL, 0, true },
	  GET,
	  "}\n",
	  "HTTP/1.1 502 Bad Gateway",
	  "connection_terminated",
	  502,
	  "upstream_reset",
	  2,
	  2 },
	{ "silence: a POST never is",
	  PLAIN,
	  { "body", NULL, 0, true },
	  POST,
	  "}\n",
	  "HTTP/1.1 502 Bad Gateway",
	  "connection_terminated",
	  502,
	  "upstream_reset",
	  1,
	  1 },
	{ "silence: a PUT is, with its body",
	  PLAIN,
	  { "body", NULL, 0, true },
	  PUT,
	  "}\n",
	  "HTTP/1.1 502 Bad Gateway",
	  "connection_terminated",
	  502,
	  "upstream_reset",
	  2,
	  2 },
	{ "silence: but not twice",
	  RETRIES("reset", "5"),
	  { "\r\n\r\n", NULL, 0, true },
	  GET,
	  "}\n",
	  "HTTP/1.1 502 Bad Gateway",
	  "connection_terminated",
	  502,
	  "upstream_reset",
	  2,
	  2 },
	{ "silence: not where it is not configured",
	  RETRIES("connect", "5"),
	  { "\r\n\r\n", NULL, 0, true },
	  GET,
	  "}\n",
	  "HTTP/1.1 502 Bad Gateway",
	  "connection_terminated",
	  502,
	  "upstream_reset",
	  1,
	  1 },
	{ "nobody is there: tried again, also a POST",
	  LISTENER("") "upstreams: { u: { endpoints: [\"127.0.0.1:1\"], retries: { attempts: 3, backoff: 0s "
		       "} } }\n" ALL,
	  { 0 },
	  POST,
	  "}\n",
	  "HTTP/1.1 502 Bad Gateway",
	  "connection_refused",
	  502,
	  "upstream_connect_refused",
	  3,
	  0 },
	{ "nobody is there: the next one is asked",
	  LISTENER("") "upstreams: { u: { endpoints: [{ address: \"127.0.0.1:1\", weight: 9 }, "
		       "\"127.0.0.1:%u\"], "
		       "retries: { backoff: 0s } } }\n" ALL,
	  { "body", DONE, 0, false },
	  POST,
	  "done",
	  "HTTP/1.1 200 OK",
	  "done",
	  200,
	  "",
	  2,
	  1 },
	{ "503: passed on as it is",
	  PLAIN,
	  { "\r\n\r\n", BUSY, 0, false },
	  GET,
	  "busy",
	  "HTTP/1.1 503 Busy",
	  "busy",
	  503,
	  "",
	  1,
	  1 },
	{ "503: tried again where configured",
	  RETRIES("503", "3"),
	  { "\r\n\r\n", BUSY, 0, false },
	  GET,
	  "busy",
	  "HTTP/1.1 503 Busy",
	  "busy",
	  503,
	  "",
	  3,
	  3 },
	{ "503: a POST never is",
	  RETRIES("503", "3"),
	  { "body", BUSY, 0, false },
	  POST,
	  "busy",
	  "HTTP/1.1 503 Busy",
	  "busy",
	  503,
	  "",
	  1,
	  1 },
	{ "503: with a long wait asked for, the client's to wait",
	  RETRIES("503", "3"),
	  { "\r\n\r\n", "HTTP/1.1 503 Busy\r\nRetry-After: 60\r\nContent-Length: 4\r\n\r\nbusy", 0, false },
	  GET,
	  "busy",
	  "HTTP/1.1 503 Busy",
	  "Retry-After: 60",
	  503,
	  "",
	  1,
	  1 },
	{ "no budget, no other try",
	  LISTENER("") UPSTREAM(", retries: { budget: 0 }") ALL,
	  { "\r\n\r\n", NULL, 0, true },
	  GET,
	  "}\n",
	  "HTTP/1.1 502 Bad Gateway",
	  "connection_terminated",
	  502,
	  "upstream_reset",
	  1,
	  1 },
	{ "a timeout: tried again where configured",
	  LISTENER("") UPSTREAM(", timeouts: { response: 10ms }, retries: { on: [timeout], backoff: 0s }")
		  ALL,
	  { "never", NULL, 0, false },
	  GET,
	  "}\n",
	  "HTTP/1.1 504 Gateway Timeout",
	  "http_response_timeout",
	  504,
	  "upstream_timeout",
	  2,
	  2 },
	{ "a PUT too large to be kept is not tried again",
	  LISTENER("replay: 3") UPSTREAM(", retries: { backoff: 0s }") ALL,
	  { "body", NULL, 0, true },
	  PUT,
	  "}\n",
	  "HTTP/1.1 502 Bad Gateway",
	  "connection_terminated",
	  502,
	  "upstream_reset",
	  1,
	  1 },

	/* What breaks off when it is too late for another answer. */
	{ "an answer that ends early",
	  PLAIN,
	  { "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", 0, true },
	  GET,
	  NULL,
	  "HTTP/1.1 200 OK",
	  "half",
	  200,
	  "upstream_aborted",
	  1,
	  1 },
	{ "chunks that end early",
	  PLAIN,
	  { "\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", 0, true },
	  GET,
	  NULL,
	  "HTTP/1.1 200 OK",
	  "4\r\nhalf",
	  200,
	  "upstream_aborted",
	  1,
	  1 },
	{ "chunks that are malformed",
	  PLAIN,
	  { "\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n", 0,
	    false },
	  GET,
	  NULL,
	  "HTTP/1.1 200 OK",
	  "4\r\nhalf",
	  200,
	  "upstream_malformed",
	  1,
	  1 },
	{ "an answer that stops",
	  LISTENER("") UPSTREAM(", timeouts: { idle: 20ms }") ALL,
	  { "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", 0, false },
	  GET,
	  NULL,
	  "HTTP/1.1 200 OK",
	  "half",
	  200,
	  "upstream_read_timeout",
	  1,
	  1 },
};

static void expect_in_log(const struct house *house, const struct row *row, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void expect_in_log(const struct house *house, const struct row *row, const char *format, ...)
{
	char text[128];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (!strstr(house->log, text))
		fail_msg("%s: no %s in %s", row->name, text, house->log);
}

static void check_row(const struct row *row)
{
	struct house house;
	str heard;

	house_open(&house, row->configuration, &row->play);
	house_connect(&house, row->asks);
	if (!house_run(&house, row->until))
		fail_msg("%s: it hangs", row->name);
	heard = house_heard(&house);
	if (!str_starts(heard, str_of(row->line)) || !str_contains(heard, str_of(row->text)))
		fail_msg("%s: %.*s", row->name, STR_ARG(heard));
	if (house.peer_count != row->connections && row->status > 0)
		fail_msg("%s: %zu connections", row->name, house.peer_count);
	house_hang_up(&house);
	assert_row(house_settle(&house), 0, row->name);
	house_close(&house);
	if (house_lines(&house) != 1)
		fail_msg("%s: %s", row->name, house.log);
	if (row->status > 0) {
		expect_in_log(&house, row, "\"status\":%d,", row->status);
		if (*row->reason)
			expect_in_log(&house, row, "\"reason\":\"%s\"", row->reason);
		else
			assert_null(strstr(house.log, "\"reason\""));
		expect_in_log(&house, row, "\"attempts\":%u,", row->attempts);
	}
	house_free(&house);
}

static void exchanges_end_as_they_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(&rows[i]);
}

/* ---- over one connection ---- */

static size_t count_of(str text, str part)
{
	size_t count = 0;

	for (; text.len >= part.len; text = str_skip(text, 1))
		count += str_starts(text, part);
	return count;
}

/* The upstream's connection is kept too: it is asked three times over one. */
static void requests_follow_each_other(void **state)
{
	struct house house;

	(void)state;
	house_open(&house, PLAIN, &(struct play) { "\r\n\r\n", DONE, 0, false });
	house_connect(&house, GET);
	assert_true(house_run(&house, "done"));
	for (unsigned i = 0; i < 2; i++) {
		house.client.said = house.client.heard = 0;
		house.peers[0].said = house.peers[0].heard = 0;
		house.peers[0].is_told = false;
		assert_true(house_run(&house, "done"));
	}
	assert_int_equal(house.peer_count, 1);
	house_hang_up(&house);
	assert_true(house_settle(&house));
	house_close(&house);
	assert_int_equal(house_lines(&house), 3);
	house_free(&house);
}

static void requests_may_come_at_once(void **state)
{
	struct house house;

	(void)state;
	house_open(&house, LISTENER("") "apis: { x: { policies: [respond: { body: sure }] } }\n",
		   &(struct play) { 0 });
	house_connect(&house, GET GET POST CLOSING);
	assert_true(house_run(&house, NULL));
	assert_int_equal(count_of(house_heard(&house), STR("HTTP/1.1 200 OK\r\n")), 4);
	assert_int_equal(count_of(house_heard(&house), STR("Connection: close\r\n")), 1);
	assert_true(house_settle(&house));
	house_close(&house);
	assert_int_equal(house_lines(&house), 4);
	house_free(&house);
}

static void a_connection_carries_no_more_than_allowed(void **state)
{
	struct house house;

	(void)state;
	house_open(&house,
		   LISTENER("requests_per_connection: 2") "apis: { x: { policies: [respond: { body: sure }] "
							  "} }\n",
		   &(struct play) { 0 });
	house_connect(&house, GET GET GET GET);
	assert_true(house_run(&house, NULL));
	assert_int_equal(count_of(house_heard(&house), STR("HTTP/1.1 200 OK\r\n")), 2);
	house_close(&house);
	assert_int_equal(house_lines(&house), 2);
	house_free(&house);
}

/* After a head in which nobody can tell where it ends nothing that follows is looked at. */
static void nothing_is_read_behind_a_malformed_head(void **state)
{
	struct house house;

	(void)state;
	house_open(&house, PLAIN, &(struct play) { "\r\n\r\n", DONE, 0, false });
	house_connect(
		&house,
		"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" GET
			GET);
	assert_true(house_run(&house, NULL));
	assert_int_equal(count_of(house_heard(&house), STR("HTTP/1.1 ")), 1);
	assert_int_equal(house.peer_count, 0);
	house_close(&house);
	assert_int_equal(house_lines(&house), 1);
	assert_non_null(strstr(house.log, "\"reason\":\"framing_ambiguous\""));
	house_free(&house);
}

/* ---- somebody goes ---- */

static const struct {
	const char *name, *asks;
	struct play play;
	size_t wants_lines;
} leaving_rows[] = {
	{ "before a byte", "", { 0 }, 0 },
	{ "within the head", "GET / HT", { 0 }, 1 },
	{ "while the upstream thinks", GET, { "never", NULL, 0, false }, 1 },
	{ "within the body",
	  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\nhalf",
	  { "never", NULL, 0, false },
	  1 },
	{ "within a chunk", CHUNKED "5\r\nha", { "never", NULL, 0, false }, 1 },
	{ "within a large answer",
	  GET,
	  { "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 6000001\r\n\r\nz", 6 * 1000 * 1000, false },
	  1 },
};

/* A client that goes takes the upstream's connection with it, at once. */
static void a_client_that_goes_cancels_everything(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(leaving_rows); i++) {
		struct house house;

		house_open(&house, PLAIN, &leaving_rows[i].play);
		house_connect(&house, leaving_rows[i].asks);
		house.reads_at_most = 1;
		for (unsigned step = 0; step < 10; step++)
			house_step(&house);
		house_hang_up(&house);
		assert_row(house_settle(&house), i, leaving_rows[i].name);
		for (unsigned step = 0; step < 5; step++)
			house_step(&house);
		if (house.peer_count)
			assert_row(house.peers[0].fd < 0, i, leaving_rows[i].name);
		house_close(&house);
		assert_row(house_lines(&house) == leaving_rows[i].wants_lines, i, leaving_rows[i].name);
		if (leaving_rows[i].wants_lines && !strstr(house.log, "\"reason\":\"client_aborted\""))
			fail_msg("%s: %s", leaving_rows[i].name, house.log);
		house_free(&house);
	}
}

/* In flight it finishes, and says that it is the last; what is idle goes at once. */
static void draining_lets_requests_finish(void **state)
{
	struct house house;

	(void)state;
	house_open(&house, PLAIN, &(struct play) { "\r\n\r\n", DONE, 0, false });
	house.play.hears = "never";
	house_connect(&house, GET);
	while (!house.peer_count || !house.peers[0].heard)
		house_step(&house);
	worker_drain(house.worker);
	for (unsigned step = 0; step < 5; step++)
		house_step(&house);
	assert_int_equal(house.worker->connection_count, 1);
	house.play.hears = "\r\n\r\n";
	assert_true(house_run(&house, NULL));
	assert_true(str_contains(house_heard(&house), STR("Connection: close\r\n")));
	assert_true(str_contains(house_heard(&house), STR("done")));
	assert_true(house_settle(&house));
	house_close(&house);
	assert_int_equal(house_lines(&house), 1);
	house_free(&house);
}

/* Stopped, it cuts: nothing is left behind, and the log has its line. */
static void stopping_cuts_what_is_in_flight(void **state)
{
	struct house house;

	(void)state;
	house_open(&house, PLAIN, &(struct play) { "never", NULL, 0, false });
	house_connect(&house, GET);
	while (!house.peer_count || !house.peers[0].heard)
		house_step(&house);
	house_close(&house);
	assert_int_equal(house_lines(&house), 1);
	assert_non_null(strstr(house.log, "\"reason\":\"shutting_down\""));
	house_free(&house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exchanges_end_as_they_should),
		cmocka_unit_test(requests_follow_each_other),
		cmocka_unit_test(requests_may_come_at_once),
		cmocka_unit_test(a_connection_carries_no_more_than_allowed),
		cmocka_unit_test(nothing_is_read_behind_a_malformed_head),
		cmocka_unit_test(a_client_that_goes_cancels_everything),
		cmocka_unit_test(draining_lets_requests_finish),
		cmocka_unit_test(stopping_cuts_what_is_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

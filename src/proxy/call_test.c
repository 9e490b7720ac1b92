/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls over HTTP/1 on both sides, where everything but the translation can be seen; and the translation
 * between two ends that are only printed.
 */
#include <stdio.h>

#include "codec/base64.h"
#include "http/http_testing.h"
#include "proxy/choice.h"
#include "proxy/handover.h"
#include "proxy/proxy_testing.h"

#define HEAD(type, more)                                                                 \
	"POST /a HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc" type "\r\n" more \
	"Content-Length: 4\r\n\r\nbody"
#define TO(policies)                                                                        \
	"listeners: { a: { address: \"127.0.0.1:0\" } }\n"                                  \
	"upstreams: { u: { endpoints: [\"127.0.0.1:%u\"], retries: { on: [connect] } } }\n" \
	"apis: { x: { path: /a, upstream: u" policies " } }\n"
#define PLAIN TO("")
#define ELSEWHERE "listeners: { a: { address: \"127.0.0.1:0\" } }\napis: {}\n"
#define ANSWER(status, type, body) \
	"HTTP/1.1 " status "\r\nContent-Type: " type "\r\nTransfer-Encoding: chunked\r\n\r\n" body
#define GRPC "application/grpc+proto"
#define NOTHING "Content-Length: 0\r\n"

static const struct row {
	const char *name, *configuration;
	struct play play; /* without hears: nobody listens */
	const char *asks;
	const char *line;   /* NULL: HTTP/1.1 200 OK */
	const char *has[4]; /* the last of them is what is waited for */
	const char *reason;
} rows[] = {
	/* the gateway's own answers */
	{ "no route",
	  ELSEWHERE,
	  { 0 },
	  HEAD("", ""),
	  NULL,
	  { "Content-Type: application/grpc\r\n", NOTHING, "grpc-status: 12\r\n",
	    "grpc-message: Nothing is served under this address.\r\n" },
	  "no_route" },
	{ "a format",
	  ELSEWHERE,
	  { 0 },
	  HEAD("+proto", ""),
	  NULL,
	  { "Content-Type: application/grpc+proto\r\n", "grpc-status: 12" },
	  "no_route" },
	{ "denied",
	  TO(", policies: [ip: { deny: [127.0.0.1] }]"),
	  { 0 },
	  HEAD("", ""),
	  NULL,
	  { "grpc-status: 7\r\n", "grpc-message: This client is not let in.\r\n" },
	  "ip_denied" },
	{ "no connection",
	  PLAIN,
	  { 0 },
	  HEAD("", ""),
	  NULL,
	  { "grpc-status: 14\r\n" },
	  "upstream_connect_refused" },
	{ "too large",
	  TO(", policies: [body_limit: { size: 3 }]"),
	  { 0 },
	  HEAD("", ""),
	  NULL,
	  { "grpc-status: 2\r\n" },
	  "body_too_large" },
	{ "a fault that a policy makes",
	  TO(", policies: [fault: { abort: 429 }]"),
	  { 0 },
	  HEAD("", ""),
	  NULL,
	  { "grpc-status: 8\r\n" },
	  "fault_injected" },
	{ "in the browser's way",
	  ELSEWHERE,
	  { 0 },
	  HEAD("-web+proto", ""),
	  NULL,
	  { "Content-Type: application/grpc-web+proto\r\n", "Content-Length: 75\r\n",
	    "grpc-status: 12\r\ngrpc-message: Nothing is served under this address.\r\n" },
	  "no_route" },
	{ "in the browser's way, as text",
	  ELSEWHERE,
	  { 0 },
	  HEAD("-web-text", ""),
	  NULL,
	  { "Content-Type: application/grpc-web-text\r\n", "\r\n\r\ngAAAAEZncnBjLXN0YXR1czogMTIN" },
	  "no_route" },
	{ "as text, for who accepts that",
	  ELSEWHERE,
	  { 0 },
	  HEAD("-web", "Accept: */*, application/grpc-web-text\r\n"),
	  NULL,
	  { "\r\n\r\ngAAAA" },
	  "no_route" },
	{ "not as text, for who accepts that",
	  ELSEWHERE,
	  { 0 },
	  HEAD("-web-text", "Accept: application/grpc-web\r\n"),
	  NULL,
	  { "grpc-status: 12\r\n" },
	  "no_route" },

	/* and those that are not told so */
	{ "a policy's answer is its own",
	  TO(", policies: [respond: { status: 404, body: \"not \\\"instance\\\"\" }]"),
	  { 0 },
	  HEAD("", ""),
	  "HTTP/1.1 404 Not Found",
	  { "not \"instance\"" },
	  "respond" },
	{ "no POST",
	  ELSEWHERE,
	  { 0 },
	  "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n",
	  "HTTP/1.1 404 Not Found",
	  { "application/problem+json", "\"instance\"" },
	  "no_route" },
	{ "another type",
	  ELSEWHERE,
	  { 0 },
	  HEAD("ify", ""),
	  "HTTP/1.1 404 Not Found",
	  { "\"instance\"" },
	  "no_route" },
	{ "a malformed head",
	  PLAIN,
	  { 0 },
	  HEAD("", "a b: c\r\n"),
	  "HTTP/1.1 400 Bad Request",
	  { "\"instance\"" },
	  "header_malformed" },

	/* time */
	{ "no answer in time",
	  PLAIN,
	  { "never", NULL, 0, false },
	  HEAD("", "grpc-timeout: 50m\r\n"),
	  NULL,
	  { "grpc-status: 4\r\n" },
	  "upstream_timeout" },
	{ "no time",
	  PLAIN,
	  { "never", NULL, 0, false },
	  HEAD("", "grpc-timeout: 0S\r\n"),
	  NULL,
	  { "grpc-status: 4\r\n" },
	  "total_timeout" },
	{ "no time that can be understood",
	  PLAIN,
	  { "never", NULL, 0, false },
	  HEAD("", "grpc-timeout: 123456789S\r\n"),
	  NULL,
	  { "grpc-status: 13\r\n" },
	  "header_malformed" },
	{ "no time, and no call",
	  PLAIN,
	  { "body", ANSWER("200 OK", "x/y", "4\r\ndone\r\n0\r\n\r\n"), 0, false },
	  HEAD("ify", "grpc-timeout: soon\r\n"),
	  NULL,
	  { "done", "0\r\n\r\n" },
	  "" },

	/* the upstream's answers */
	{ "a status in the trailers",
	  PLAIN,
	  { "body", ANSWER("200 OK", GRPC, "0\r\ngrpc-status: 3\r\nx-a: b\r\n\r\n"), 0, false },
	  HEAD("", ""),
	  NULL,
	  { "Content-Type: " GRPC "\r\n", "0\r\ngrpc-status: 3\r\nx-a: b\r\n\r\n" },
	  "" },
	{ "a status in the head",
	  PLAIN,
	  { "body",
	    "HTTP/1.1 200 OK\r\nContent-Type: " GRPC "\r\ngrpc-status: 5\r\nContent-Length: 0\r\n\r\n", 0,
	    false },
	  HEAD("", ""),
	  NULL,
	  { NOTHING, "grpc-status: 5\r\n" },
	  "" },
	{ "no status",
	  PLAIN,
	  { "body", ANSWER("200 OK", GRPC, "0\r\n\r\n"), 0, false },
	  HEAD("", ""),
	  NULL,
	  { "0\r\ngrpc-status: 2\r\n" },
	  "" },
	{ "an answer that breaks off",
	  PLAIN,
	  { "body", ANSWER("200 OK", GRPC, ""), 0, true },
	  HEAD("", ""),
	  NULL,
	  { "0\r\ngrpc-status: 14\r\ngrpc-message: the service broke off\r\n\r\n" },
	  "upstream_aborted" },
	{ "an answer that is late",
	  PLAIN,
	  { "body", ANSWER("200 OK", GRPC, ""), 0, false },
	  HEAD("", "grpc-timeout: 100m\r\n"),
	  NULL,
	  { "0\r\ngrpc-status: 4\r\n" },
	  "upstream_read_timeout" },
	{ "an error of HTTP",
	  PLAIN,
	  { "body", ANSWER("503 Busy", "text/html", "4\r\nbusy\r\n0\r\n\r\n"), 0, false },
	  HEAD("", ""),
	  NULL,
	  { NOTHING, "grpc-status: 14\r\n", "grpc-message: the service answered with HTTP status 503\r\n" },
	  "" },
	{ "a success of HTTP",
	  PLAIN,
	  { "body", ANSWER("200 OK", "text/html", "4\r\ndone\r\n0\r\n\r\n"), 0, false },
	  HEAD("", ""),
	  NULL,
	  { "grpc-status: 2\r\n" },
	  "" },
	{ "an error of HTTP that tells a status",
	  PLAIN,
	  { "body",
	    "HTTP/1.1 500 Oh\r\nContent-Type: " GRPC "\r\ngrpc-status: 5\r\nContent-Length: 0\r\n\r\n", 0,
	    false },
	  HEAD("", ""),
	  "HTTP/1.1 500 Oh",
	  { "grpc-status: 5\r\n" },
	  "" },

	/* gRPC-Web between two that both speak it */
	{ "is not touched",
	  PLAIN,
	  { "body", ANSWER("200 OK", "application/grpc-web", "4\r\ndone\r\n0\r\n\r\n"), 0, false },
	  HEAD("-web-text", ""),
	  NULL,
	  { "Content-Type: application/grpc-web\r\n", "4\r\ndone\r\n0\r\n\r\n" },
	  "" },
	{ "nor is an error",
	  PLAIN,
	  { "body", ANSWER("503 Busy", "text/html", "4\r\nbusy\r\n0\r\n\r\n"), 0, false },
	  HEAD("-web", ""),
	  "HTTP/1.1 503 Busy",
	  { "4\r\nbusy\r\n0\r\n\r\n" },
	  "" },
};

static const char *last_of(const struct row *row)
{
	size_t last = 0;

	while (last + 1 < COUNT_OF(row->has) && row->has[last + 1])
		last++;
	return row->has[last];
}

static void check_row(const struct row *row)
{
	const char *line = row->line ? row->line : "HTTP/1.1 200 OK";
	struct house house;
	char reason[64];

	house_open(&house, row->configuration, &row->play);
	if (!row->play.hears) {
		close(house.upstream);
		house.upstream = -1;
	}
	house_connect(&house, row->asks);
	if (!house_run(&house, last_of(row)) || !str_starts(house_heard(&house), str_of(line)))
		fail_msg("%s: %.*s", row->name, STR_ARG(house_heard(&house)));
	for (size_t i = 0; i < COUNT_OF(row->has) && row->has[i]; i++)
		if (!str_contains(house_heard(&house), str_of(row->has[i])))
			fail_msg("%s: \"%s\" is not in %.*s", row->name, row->has[i],
				 STR_ARG(house_heard(&house)));
	house_close(&house);
	snprintf(reason, sizeof reason, "\"reason\":\"%s\"", row->reason);
	if (row->reason[0] ? !strstr(house.log, reason) : strstr(house.log, "\"reason\"") != NULL)
		fail_msg("%s: %s", row->name, house.log);
	house_free(&house);
}

static void calls_end_as_they_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(&rows[i]);
}

/* ---- to and from an upstream that has gRPC ---- */

#define CONFIGURATION                                                                      \
	"listeners: { a: { address: \"127.0.0.1:0\" } }\n"                                 \
	"upstreams:\n"                                                                     \
	"  one: { endpoints: [\"g:1\"] }\n"                                                \
	"  two: { endpoints: [\"g:1\"], protocol: h2 }\n"                                  \
	"  any: { endpoints: [\"g:1\"], protocol: auto }\n"                                \
	"apis: { one: { path: /one, upstream: one }, two: { path: /two, upstream: two }, " \
	"any: { path: /any, upstream: any } }\n"

/* A desk that knows the time. */
static void desk_open_with_loop(struct desk *desk)
{
	result_value made;

	desk_open(desk, CONFIGURATION);
	made = loop_new(&desk->worker.loop);
	assert_false(failed(made));
}

static void desk_close_with_loop(struct desk *desk)
{
	loop_free(&desk->worker.loop);
	desk_close(desk);
}

static void desk_call(struct desk *desk, const char *head)
{
	struct exchange *x = &desk->exchange;

	desk_ask(desk, head, "192.0.2.1");
	x->until = DEADLINE_NEVER;
	x->began = loop_now(desk->worker.loop);
	call_begin(x);
	assert_int_equal(admission_check(x), REASON_NONE);
	assert_int_equal(admission_route(x), REASON_NONE);
	choice_make(x);
	call_prepare_request(x);
}

static const struct {
	const char *name, *head;
	const char *has[3], *lacks[3];
} head_rows[] = {
	{ "gRPC",
	  "POST /two HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc\r\nAccept: x\r\n\r\n",
	  { "Content-Type: application/grpc\r\n", "TE: trailers\r\n", "Accept: x\r\n" },
	  { NULL } },
	{ "gRPC-Web",
	  "POST /two HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc-web+proto\r\nContent-Length: 9\r\n"
	  "Accept: application/grpc-web\r\nX-Grpc-Web: 1\r\n\r\n",
	  { "Content-Type: application/grpc+proto\r\n", "TE: trailers\r\n", "Content-Length: 9\r\n" },
	  { "grpc-web", "Accept", NULL } },
	{ "gRPC-Web as text",
	  "POST /two HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc-web-text\r\nContent-Length: "
	  "8\r\n\r\n",
	  { "Content-Type: application/grpc\r\n", "TE: trailers\r\n", "Transfer-Encoding: chunked\r\n" },
	  { "grpc-web", "Content-Length" } },
	{ "gRPC-Web where nobody has gRPC",
	  "POST /one HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc-web-text\r\nContent-Length: 8\r\n"
	  "Accept: application/grpc-web-text\r\n\r\n",
	  { "Content-Type: application/grpc-web-text\r\n", "Content-Length: 8\r\n",
	    "Accept: application/grpc-web-text\r\n" },
	  { "TE:" } },
	{ "no call, but trailers",
	  "GET /two HTTP/1.1\r\nHost: h\r\nTE: gzip, trailers\r\nConnection: TE\r\n\r\n",
	  { "TE: trailers\r\n" },
	  { "gzip" } },
	{ "no call, and none",
	  "GET /two HTTP/1.1\r\nHost: h\r\nTE: gzip\r\nConnection: TE\r\n\r\n",
	  { NULL },
	  { "TE:", "Connection" } },
	{ "trailers end at HTTP/1",
	  "GET /one HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\n\r\n",
	  { NULL },
	  { "TE:", "Connection" } },
	{ "gRPC to whatever it will be",
	  "POST /any HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc\r\n\r\n",
	  { "Connection: TE\r\nTE: trailers\r\n" },
	  { NULL } },
	{ "gRPC-Web to whatever it will be",
	  "POST /any HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc-web\r\n\r\n",
	  { "Content-Type: application/grpc-web\r\n", "TE: trailers\r\n" },
	  { NULL } },
	{ "time",
	  "POST /one HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc\r\ngrpc-timeout: 0u\r\n\r\n",
	  { "grpc-timeout: 0n\r\n" },
	  { NULL } },
	{ "time of no call",
	  "POST /one HTTP/1.1\r\nHost: h\r\ngrpc-timeout: 0u\r\n\r\n",
	  { "grpc-timeout: 0u\r\n" },
	  { NULL } },
};

static void requests_are_translated(void **state)
{
	struct desk desk;

	(void)state;
	desk_open_with_loop(&desk);
	for (size_t i = 0; i < COUNT_OF(head_rows); i++) {
		str printed;

		desk_call(&desk, head_rows[i].head);
		call_tell_time(&desk.exchange);
		printed = handover_print_request(&desk.exchange);
		for (size_t k = 0; k < COUNT_OF(head_rows[i].has) && head_rows[i].has[k]; k++)
			assert_row(str_contains(printed, str_of(head_rows[i].has[k])), i, head_rows[i].name);
		for (size_t k = 0; k < COUNT_OF(head_rows[i].lacks) && head_rows[i].lacks[k]; k++)
			assert_row(!str_contains(printed, str_of(head_rows[i].lacks[k])), i,
				   head_rows[i].name);
	}
	desk_close_with_loop(&desk);
}

/* What is left of all the time that there is, not what the client gave. */
static void the_upstream_learns_what_is_left(void **state)
{
	struct desk desk;
	struct exchange *x = &desk.exchange;
	duration left;
	const struct http_field *field;

	(void)state;
	desk_open_with_loop(&desk);
	desk_call(&desk, "POST /one HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc\r\n"
			 "grpc-timeout: 9H\r\n\r\n");
	assert_true(x->until == deadline_after(x->began, 9 * HOUR));
	assert_true(call_until(x, 5) == x->until);
	x->until = deadline_after(exchange_now(x), 5 * SECOND);
	call_tell_time(x);
	field = http_fields_get(&x->request.head.fields, HTTP_GRPC_TIMEOUT);
	assert_true(grpc_timeout_parse(field->value, &left));
	assert_true(left == 5 * SECOND);
	desk_close_with_loop(&desk);
}

/* ---- what comes back ---- */

#define ASK(type) "POST /two HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc" type "\r\n\r\n"
#define BYTES(literal)                       \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

#define DOUBTFUL                                                                                             \
	BYTES("\x80\0\0\0\x54grpc-status: 2\r\ngrpc-message: the service ended the call with more than one " \
	      "status\r\n")

static const struct {
	const char *name, *asks;
	int status;
	const char *type, *grpc_status; /* of the answer's head; "0,7": it is there twice */
	str comes;                      /* its body, in chunks */
	const char *got_type;
	str got; /* the body, read if it is text */
} answer_rows[] = {
	{ "messages", ASK("-web"), 200, "application/grpc+proto", NULL,
	  BYTES("6\r\n\0\0\0\0\1x\r\n0\r\ngrpc-status: 0\r\n\r\n"), "application/grpc-web+proto",
	  BYTES("\0\0\0\0\1x\x80\0\0\0\x10grpc-status: 0\r\n") },
	{ "messages as text", ASK("-web-text"), 200, "application/grpc", NULL,
	  BYTES("6\r\n\0\0\0\0\1x\r\n0\r\ngrpc-status: 0\r\n\r\n"), "application/grpc-web-text",
	  BYTES("\0\0\0\0\1x\x80\0\0\0\x10grpc-status: 0\r\n") },
	{ "an end in the head", ASK("-web+proto"), 200, "application/grpc+proto", "5", BYTES("0\r\n\r\n"),
	  "application/grpc-web+proto",
	  BYTES("\x80\0\0\0\x3fgrpc-status: 5\r\ngrpc-message: no\r\ngrpc-status-details-bin: AA\r\n") },
	{ "an error of HTTP", ASK("-web+proto"), 404, "text/html", NULL, BYTES("0\r\n\r\n"),
	  "application/grpc-web+proto",
	  BYTES("\x80\0\0\0\x4agrpc-status: 12\r\ngrpc-message: the service answered with HTTP status "
		"404\r\n") },
	{ "an error of HTTP that says it is none", ASK("-web+proto"), 404, "text/html", "0",
	  BYTES("0\r\n\r\n"), "application/grpc-web+proto",
	  BYTES("\x80\0\0\0\x4agrpc-status: 12\r\ngrpc-message: the service answered with HTTP status "
		"404\r\n") },
	{ "an error of HTTP that tells a status", ASK("-web"), 500, "application/grpc", "5",
	  BYTES("0\r\n\r\n"), "application/grpc-web",
	  BYTES("\x80\0\0\0\x3fgrpc-status: 5\r\ngrpc-message: no\r\ngrpc-status-details-bin: AA\r\n") },
	{ "two ends in the head", ASK("-web"), 200, "application/grpc", "0,7", BYTES("0\r\n\r\n"),
	  "application/grpc-web", DOUBTFUL },
	{ "two ends in the head of an error", ASK("-web"), 503, "application/grpc", "0,7", BYTES("0\r\n\r\n"),
	  "application/grpc-web", DOUBTFUL },
	{ "an end in the head and one behind", ASK("-web"), 200, "application/grpc", "0",
	  BYTES("0\r\ngrpc-status: 7\r\n\r\n"), "application/grpc-web",
	  BYTES("\x80\0\0\0\x10grpc-status: 7\r\n") },
	{ "an end in the head and messages", ASK("-web"), 200, "application/grpc", "0",
	  BYTES("6\r\n\0\0\0\0\1x\r\n0\r\n\r\n"), "application/grpc-web",
	  BYTES("\0\0\0\0\1x\x80\0\0\0\x4bgrpc-status: 2\r\ngrpc-message: the service ended the call "
		"without a status\r\n") },
	{ "broken off", ASK("-web"), 200, "application/grpc", NULL, BYTES("6\r\n\0\0\0\0\1x\r\n"),
	  "application/grpc-web",
	  BYTES("\0\0\0\0\1x\x80\0\0\0\x36grpc-status: 14\r\ngrpc-message: the service broke off\r\n") },
	{ "gRPC stays gRPC", ASK("+proto"), 200, "application/grpc+proto", NULL,
	  BYTES("6\r\n\0\0\0\0\1x\r\n0\r\ngrpc-status: 0\r\n\r\n"), "application/grpc+proto",
	  BYTES("\0\0\0\0\1x") },
	{ "gRPC with an end in the head and one behind", ASK(""), 200, "application/grpc", "0",
	  BYTES("0\r\ngrpc-status: 7\r\n\r\n"), "application/grpc", BYTES("") },
	{ "gRPC with two ends in the head of an error", ASK(""), 503, "application/grpc", "0,7",
	  BYTES("0\r\n\r\n"), "application/grpc", BYTES("") },
};

static void add(struct http_response *response, const char *name, const char *value)
{
	result_value added =
		http_fields_add(&response->fields, http_name_find(str_of(name)), str_of(name), str_of(value));

	assert_false(failed(added));
}

static void add_statuses(struct http_response *response, const char *statuses)
{
	str rest = str_of(statuses), status;

	while (str_next(&rest, ',', &status)) {
		result_value added =
			http_fields_add(&response->fields, HTTP_GRPC_STATUS, STR("grpc-status"), status);

		assert_false(failed(added));
	}
	add(response, "grpc-message", "no");
	add(response, "grpc-status-details-bin", "AA");
}

static bool tells_status(const struct http_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++)
		if (!fields->at[i].removed && str_starts(fields->at[i].name, STR("grpc-")))
			return true;
	return false;
}

/* Several encodings in a row, as pieces came. */
static str text_read(str text, struct buf *out)
{
	struct base64_decoder decoder = { 0 };
	result_value decoded = base64_decode(&decoder, &text, out);

	assert_false(failed(decoded) || text.len || !base64_decode_is_whole(&decoder));
	return buf_str(out);
}

static void answers_are_translated(void **state)
{
	struct desk desk;
	struct exchange *x = &desk.exchange;

	(void)state;
	desk_open_with_loop(&desk);
	for (size_t i = 0; i < COUNT_OF(answer_rows); i++) {
		struct http_response response = { .status = answer_rows[i].status };
		struct body_source *body;
		struct h1_source below;
		struct wire wire;
		char bytes[512], more[512];
		struct buf out = buf_over(bytes, sizeof bytes), room = buf_over(more, sizeof more);
		str got;

		desk_call(&desk, answer_rows[i].asks);
		response.fields.arena = &x->arena;
		add(&response, "Content-Type", answer_rows[i].type);
		add(&response, "Content-Length", "99");
		if (answer_rows[i].grpc_status)
			add_statuses(&response, answer_rows[i].grpc_status);
		wire_open(&wire, answer_rows[i].comes, PACE(7));
		h1_source_init(&below, &wire.stream, &wire.in, HTTP_CHUNKED, 0);
		h1_source_allow(&below, UINT64_MAX, &h1_chunked_limits_usual, &wire.arena);
		body = &below.source;
		assert_false(failed(call_take_answer(x, &response, &body)));
		assert_int_equal(response.status, 200);
		assert_int_equal(response.framing, HTTP_CHUNKED);
		assert_null(http_fields_get(&response.fields, HTTP_CONTENT_LENGTH));
		assert_row(!tells_status(&response.fields), i, answer_rows[i].name);
		assert_text(http_fields_value(&response.fields, HTTP_CONTENT_TYPE), answer_rows[i].got_type);
		assert_false(failed(body_read(body, (struct pace) { 0 }, &out)));
		got = buf_str(&out);
		if (x->call.kind == GRPC_WEB_TEXT)
			got = text_read(got, &room);
		assert_row(str_eq(got, answer_rows[i].got), i, answer_rows[i].name);
		assert_row(http_fields_count(&body->trailers, HTTP_GRPC_STATUS) ==
				   (x->call.kind == GRPC_NATIVE),
			   i, answer_rows[i].name);
		wire_close(&wire);
	}
	desk_close_with_loop(&desk);
}

/* The upstream gets what the text says. */
static void text_is_read(void **state)
{
	struct desk desk;
	struct wire wire;
	struct h1_source below;
	struct body_source *body;
	char bytes[64];
	struct buf out = buf_over(bytes, sizeof bytes);

	(void)state;
	desk_open_with_loop(&desk);
	wire_open(&wire, STR("AAAAAAF4AAAAAAA="), PACE(3));
	h1_source_init(&below, &wire.stream, &wire.in, HTTP_LENGTH, 16);
	desk_call(&desk, ASK("-web"));
	assert_ptr_equal(call_request_body(&desk.exchange, &below.source), &below.source);
	desk_call(&desk, ASK("-web-text"));
	body = call_request_body(&desk.exchange, &below.source);
	assert_false(failed(body_read(body, (struct pace) { 0 }, &out)));
	assert_true(str_eq(buf_str(&out), (str)BYTES("\0\0\0\0\1x\0\0\0\0\0")));
	wire_close(&wire);
	desk_close_with_loop(&desk);
}

/* Both halves of a call may rest as long as an upstream may. */
static void a_call_is_patient(void **state)
{
	struct desk desk;
	struct exchange *x = &desk.exchange;

	(void)state;
	desk_open_with_loop(&desk);
	desk_call(&desk, ASK(""));
	assert_true(call_patience(x, SECOND) == x->timeouts->idle);
	assert_true(call_patience(x, DAY) == DAY);
	assert_true(call_until(x, 5) == DEADLINE_NEVER);
	desk_call(&desk, "POST /two HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_true(call_patience(x, SECOND) == SECOND);
	assert_true(call_until(x, 5) == 5);
	desk_close_with_loop(&desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_end_as_they_should),
		cmocka_unit_test(requests_are_translated),
		cmocka_unit_test(the_upstream_learns_what_is_left),
		cmocka_unit_test(answers_are_translated),
		cmocka_unit_test(text_is_read),
		cmocka_unit_test(a_call_is_patient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

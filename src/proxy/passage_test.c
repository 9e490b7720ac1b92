/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSockets through a worker: which handshakes become one, what either side sees of it, and how it ends
 * with the client, the upstream, a reload and the worker.
 */
#include "proxy/passage.h"

#include <unistd.h>

#include "proxy/proxy_testing.h"
#include "proxy/upgrade.h"

#define LISTENERS(more) "listeners: { " more " }\n"
#define A LISTENERS("a: { address: \"127.0.0.1:0\" }")
#define B LISTENERS("b: { address: \"127.0.0.1:0\" }")
#define UPSTREAM(more) \
	"upstreams: { u: { endpoints: [\"127.0.0.1:%u\"], timeouts: { response: 2s" more " } } }\n"
#define ALL "apis: { all: { upstream: u } }\n"
#define PLAIN A UPSTREAM("") ALL

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define UPGRADE "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
#define ASK "GET /chat HTTP/1.1\r\nHost: h\r\n" UPGRADE KEY VERSION "Sec-WebSocket-Protocol: a, b\r\n\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define SWITCHED "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: upgrade\r\n"
#define OPEN SWITCHED ACCEPT "Sec-WebSocket-Protocol: b\r\n\r\n"
#define DONE "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"
#define HELLO "\x81\x05hello"
#define MASKED "\x81\x85\x01\x02\x03\x04iemhn"
#define GOING_AWAY "\x88\x02\x03\xe9"

static const struct {
	const char *name, *asks, *says;
	const char *answer; /* what the client gets */
	int status;
	const char *reason; /* "": none */
	bool is_open;
	bool is_asked;
} rows[] = {
	{ "as it should be", ASK, OPEN, "HTTP/1.1 101 ", 101, "client_aborted", true, true },
	{ "the upstream speaks at once", ASK, OPEN HELLO, HELLO, 101, "client_aborted", true, true },
	{ "a list of protocols",
	  "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: h2c, websocket\r\n" KEY VERSION
	  "\r\n",
	  OPEN, "HTTP/1.1 101 ", 101, "client_aborted", true, true },

	{ "refused by the upstream", ASK, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", "no", 403, "",
	  false, true },
	{ "answered as if nothing were", ASK, DONE, "done", 200, "", false, true },
	{ "an upstream that wants another version", ASK,
	  "HTTP/1.1 426 No\r\nSec-WebSocket-Version: 14\r\nContent-Length: 0\r\n\r\n",
	  "Sec-WebSocket-Version: 14\r\n", 426, "", false, true },
	{ "no proof", ASK, SWITCHED "\r\n", "http_upgrade_failed", 502, "upstream_upgrade_failed", false,
	  true },
	{ "a wrong proof", ASK, SWITCHED "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n\r\n",
	  "http_upgrade_failed", 502, "upstream_upgrade_failed", false, true },
	{ "two proofs", ASK, SWITCHED ACCEPT ACCEPT "\r\n", "http_upgrade_failed", 502,
	  "upstream_upgrade_failed", false, true },
	{ "another protocol", ASK,
	  "HTTP/1.1 101 Yes\r\nUpgrade: h2c\r\nConnection: upgrade\r\n" ACCEPT "\r\n", "http_upgrade_failed",
	  502, "upstream_upgrade_failed", false, true },
	{ "no protocol", ASK, "HTTP/1.1 101 Yes\r\nConnection: upgrade\r\n" ACCEPT "\r\n",
	  "http_upgrade_failed", 502, "upstream_upgrade_failed", false, true },
	{ "not of this connection", ASK, "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\n" ACCEPT "\r\n",
	  "http_upgrade_failed", 502, "upstream_upgrade_failed", false, true },
	{ "by HTTP/1.0", ASK,
	  "HTTP/1.0 101 Yes\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" ACCEPT "\r\n",
	  "http_upgrade_failed", 502, "upstream_upgrade_failed", false, true },
	{ "unasked", "GET / HTTP/1.1\r\nHost: h\r\n" KEY VERSION "\r\n", OPEN, "http_protocol_error", 502,
	  "upstream_malformed", false, true },

	{ "with a body", "GET / HTTP/1.1\r\nHost: h\r\n" UPGRADE KEY VERSION "Content-Length: 0\r\n\r\n",
	  OPEN, "HTTP/1.1 400 ", 400, "framing_ambiguous", false, false },
	{ "by POST", "POST / HTTP/1.1\r\nHost: h\r\n" UPGRADE KEY VERSION "\r\n", OPEN, "HTTP/1.1 400 ", 400,
	  "framing_ambiguous", false, false },
	{ "no key", "GET / HTTP/1.1\r\nHost: h\r\n" UPGRADE VERSION "\r\n", OPEN, "HTTP/1.1 400 ", 400,
	  "websocket_malformed", false, false },
	{ "a short key",
	  "GET / HTTP/1.1\r\nHost: h\r\n" UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n\r\n", OPEN,
	  "HTTP/1.1 400 ", 400, "websocket_malformed", false, false },
	{ "two keys", "GET / HTTP/1.1\r\nHost: h\r\n" UPGRADE KEY KEY VERSION "\r\n", OPEN, "HTTP/1.1 400 ",
	  400, "header_malformed", false, false },
	{ "no version", "GET / HTTP/1.1\r\nHost: h\r\n" UPGRADE KEY "\r\n", OPEN,
	  "Sec-WebSocket-Version: 13\r\n", 426, "websocket_version_unsupported", false, false },
	{ "an old version", "GET / HTTP/1.1\r\nHost: h\r\n" UPGRADE KEY "Sec-WebSocket-Version: 8\r\n\r\n",
	  OPEN, "Upgrade: websocket\r\n", 426, "websocket_version_unsupported", false, false },
	{ "two versions",
	  "GET / HTTP/1.1\r\nHost: h\r\n" UPGRADE KEY VERSION "Sec-WebSocket-Version: 8\r\n\r\n", OPEN,
	  "HTTP/1.1 426 ", 426, "websocket_version_unsupported", false, false },

	/* Whoever asks for it in a way that is none gets an answer like others. */
	{ "HTTP/1.0", "GET / HTTP/1.0\r\nHost: h\r\n" UPGRADE KEY VERSION "\r\n", DONE, "done", 200, "",
	  false, true },
	{ "another protocol is asked for",
	  "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" KEY VERSION "\r\n", DONE,
	  "done", 200, "", false, true },
	{ "not of the connection", "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n" KEY VERSION "\r\n",
	  DONE, "done", 200, "", false, true },
};

static void turns(struct house *house, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		house_step(house);
}

static bool has(str text, const char *part)
{
	return str_contains(text, str_of(part));
}

/* Until the client has heard it. */
static void hears(struct house *house, const char *text)
{
	deadline late = deadline_after(time_monotonic(), 10 * SECOND);

	while (!has(house_heard(house), text)) {
		if (time_monotonic() > late)
			fail_msg("no \"%s\" in: %.*s", text, STR_ARG(house_heard(house)));
		house_step(house);
	}
}

static bool is_open(const struct house *house)
{
	const struct connection *connection = house->worker->doors[0]->connections;

	return connection && connection->passage;
}

static void check_row(size_t i)
{
	struct play play = { "\r\n\r\n", rows[i].says, 0, false, 0, false };
	char reason[64];
	struct house house;

	house_open(&house, PLAIN, &play);
	house_connect(&house, rows[i].asks);
	hears(&house, rows[i].answer);
	turns(&house, 5);
	assert_row((house.peer_count > 0) == rows[i].is_asked, i, rows[i].name);
	assert_row(is_open(&house) == rows[i].is_open, i, rows[i].name);
	house_hang_up(&house);
	assert_true(house_settle(&house));
	house_close(&house);
	assert_row(house_lines(&house) == 1, i, rows[i].name);
	snprintf(reason, sizeof reason, "\"status\":%d,", rows[i].status);
	assert_row(strstr(house.log, reason), i, rows[i].name);
	snprintf(reason, sizeof reason, "\"reason\":\"%s\"", rows[i].reason);
	if (*rows[i].reason)
		assert_row(strstr(house.log, reason), i, rows[i].name);
	else
		assert_row(!strstr(house.log, "\"reason\""), i, rows[i].name);
	house_free(&house);
}

static void handshakes_become_tunnels_or_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(i);
}

static const struct play echoes = { "\r\n\r\n", OPEN, 0, false, 0, false };

static void open_one(struct house *house, const char *configuration)
{
	house_open(house, configuration, &echoes);
	house_connect(house, ASK);
	hears(house, "\r\n\r\n");
	turns(house, 5);
	assert_null(house->worker->doors[0]->connections->fiber); /* it needs none */
	assert_int_equal(fibers_alive(house->worker->fibers), 0);
	assert_int_equal(house->worker->blocks.in_use, 0);
}

static void end(struct house *house)
{
	house_hang_up(house);
	assert_true(house_settle(house));
	house_close(house);
	house_free(house);
}

/* The fields of the connection are said anew, those of the protocol pass. */
static void both_heads_say_what_is_meant(void **state)
{
	struct house house;
	str up, down;

	(void)state;
	open_one(&house, PLAIN);
	up = house_upstream_heard(&house, 0);
	assert_true(has(up, "GET /chat HTTP/1.1\r\n"));
	assert_true(has(up, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
	assert_true(has(up, KEY VERSION "Sec-WebSocket-Protocol: a, b\r\n"));
	assert_false(has(up, "keep-alive"));
	down = house_heard(&house);
	assert_true(has(down, "HTTP/1.1 101 Switching Protocols\r\n" ACCEPT "Sec-WebSocket-Protocol: b\r\n"));
	assert_true(has(down, "\r\nVia: 1.1 gatehouse\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
	assert_false(has(down, "Content-Length"));
	assert_false(has(down, "close"));
	end(&house);
}

/* What the client says too early is held back until the upstream has agreed. */
static void nothing_passes_before_the_switch(void **state)
{
	struct play waits = { "\r\n\r\n", OPEN, 0, false, 1 << 20, false };
	struct house house;

	(void)state;
	house_open(&house, PLAIN, &waits);
	house_connect(&house, ASK MASKED);
	turns(&house, 30);
	assert_int_equal(house.peer_count, 1);
	assert_true(str_ends(house_upstream_heard(&house, 0), STR("\r\n\r\n")));
	house.play.hears_bytes = 1; /* now it answers */
	hears(&house, "\r\n\r\n");
	turns(&house, 5);
	assert_true(str_ends(house_upstream_heard(&house, 0), STR("\r\n\r\n" MASKED)));
	end(&house);
}

/* Behind an answer that is none of a WebSocket they are bytes like any others: parsed here, never passed on.
 */
static void what_was_said_too_early_is_read_as_a_request(void **state)
{
	static const struct play refuses = { "\r\n\r\n", DONE, 0, false, 0, true };
	struct house house;

	(void)state;
	house_open(&house, PLAIN, &refuses);
	house_connect(&house, ASK MASKED);
	hears(&house, "HTTP/1.1 400 ");
	assert_true(has(house_heard(&house), "done"));
	assert_int_equal(house_upstream_heard(&house, 0).len, 0); /* behind the request */
	assert_true(house_settle(&house));
	house_close(&house);
	assert_int_equal(house_lines(&house), 2);
	house_free(&house);
}

static void policies_come_first_and_last(void **state)
{
	struct house house;

	(void)state;
	house_open(
		&house,
		A UPSTREAM(
			"") "apis: { all: { upstream: u, policies: [ { ip: { deny: [127.0.0.1] } } ] } }\n",
		&echoes);
	house_connect(&house, ASK);
	hears(&house, "HTTP/1.1 403 ");
	assert_int_equal(house.peer_count, 0);
	end(&house);
	open_one(&house,
		 A UPSTREAM("") "apis: { all: { upstream: u, policies: [ "
				"{ headers: { response: { set: { X-A: b } } } }, { compress: {} } ] } }\n");
	assert_true(has(house_heard(&house), "X-A: b\r\n"));
	assert_false(has(house_heard(&house), "Content-Encoding"));
	end(&house);
}

static void the_line_tells_all_of_it(void **state)
{
	struct house house;
	char text[64];

	(void)state;
	open_one(&house, PLAIN);
	house.asks = ASK MASKED MASKED;
	turns(&house, 10);
	assert_true(str_ends(house_upstream_heard(&house, 0), STR(MASKED MASKED)));
	house_hang_up(&house);
	assert_true(house_settle(&house));
	house_close(&house);
	snprintf(text, sizeof text, "\"request_bytes\":%zu,", strlen(ASK MASKED MASKED));
	assert_non_null(strstr(house.log, text));
	snprintf(text, sizeof text, "\"response_bytes\":%zu,", house.client.heard);
	assert_non_null(strstr(house.log, text));
	assert_non_null(strstr(house.log, "\"path\":\"/chat\""));
	assert_non_null(strstr(house.log, "\"attempts\":1"));
	house_free(&house);
}

/* The endpoint is busy with it, and is not any more when it has ended. */
static void it_is_its_endpoints_load(void **state)
{
	const struct endpoint *endpoint;
	struct house house;

	(void)state;
	open_one(&house, PLAIN);
	endpoint = house.snapshot->upstreams[0]->roster->members[0].endpoint;
	assert_int_equal(atomic_load(&endpoint->active), 1);
	house_hang_up(&house);
	assert_true(house_settle(&house));
	assert_int_equal(atomic_load(&endpoint->active), 0);
	house_close(&house);
	house_free(&house);
}

static void silence_ends_it(void **state)
{
	struct house house;

	(void)state;
	open_one(&house, A UPSTREAM(", tunnel: 30ms") ALL);
	hears(&house, GOING_AWAY);
	assert_true(house_settle(&house));
	house_close(&house);
	assert_non_null(strstr(house.log, "\"reason\":\"tunnel_timeout\""));
	house_free(&house);
}

/* ---- reloads, and the end of the worker ---- */

static void a_reload_does_not_touch_it(void **state)
{
	struct house house;

	(void)state;
	open_one(&house, PLAIN);
	house_reload(&house, A UPSTREAM("") "apis: { all: { path: /other, upstream: u } }\n");
	turns(&house, 5);
	assert_int_equal(house.editions, 2); /* what it began under is held */
	house.asks = ASK MASKED;
	turns(&house, 10);
	assert_true(str_ends(house_upstream_heard(&house, 0), STR(MASKED)));
	house_hang_up(&house);
	assert_true(house_settle(&house));
	assert_int_equal(house.editions, 1);
	house_close(&house);
	house_free(&house);
}

static void is_told_to_go(struct house *house)
{
	hears(house, GOING_AWAY);
	assert_true(house_settle(house));
	house_close(house);
	assert_int_equal(house_lines(house), 1);
	assert_non_null(strstr(house->log, "\"reason\":\"shutting_down\""));
	house_free(house);
}

static void a_door_that_closes_sends_it_away(void **state)
{
	struct house house;

	(void)state;
	open_one(&house, PLAIN);
	house_reload(&house, B UPSTREAM("") ALL);
	is_told_to_go(&house);
}

static void a_worker_that_drains_sends_it_away(void **state)
{
	struct house house;

	(void)state;
	open_one(&house, PLAIN);
	worker_drain(house.worker);
	is_told_to_go(&house);
}

/* Another process accepts: there is no hurry. */
static void a_worker_that_retires_keeps_it(void **state)
{
	struct house house;

	(void)state;
	open_one(&house, PLAIN);
	worker_retire(house.worker);
	turns(&house, 5);
	house.asks = ASK MASKED;
	turns(&house, 10);
	assert_true(str_ends(house_upstream_heard(&house, 0), STR(MASKED)));
	assert_false(has(house_heard(&house), GOING_AWAY));
	end(&house);
}

static void a_worker_that_stops_cuts_it(void **state)
{
	struct house house;

	(void)state;
	open_one(&house, PLAIN);
	house_close(&house);
	assert_int_equal(house_lines(&house), 1);
	assert_non_null(strstr(house.log, "\"reason\":\"shutting_down\""));
	house_free(&house);
}

/* It was asked for before, and opened after the worker was told. */
static void one_that_opens_while_draining_is_sent_away(void **state)
{
	struct play waits = { "\r\n\r\n", OPEN, 0, false, 1 << 20, false };
	struct house house;

	(void)state;
	house_open(&house, PLAIN, &waits);
	house_connect(&house, ASK);
	turns(&house, 20);
	assert_int_equal(house.peer_count, 1);
	worker_drain(house.worker);
	turns(&house, 5);
	house.play.hears_bytes = 1;
	is_told_to_go(&house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshakes_become_tunnels_or_answers),
		cmocka_unit_test(both_heads_say_what_is_meant),
		cmocka_unit_test(nothing_passes_before_the_switch),
		cmocka_unit_test(what_was_said_too_early_is_read_as_a_request),
		cmocka_unit_test(policies_come_first_and_last),
		cmocka_unit_test(the_line_tells_all_of_it),
		cmocka_unit_test(it_is_its_endpoints_load),
		cmocka_unit_test(silence_ends_it),
		cmocka_unit_test(a_reload_does_not_touch_it),
		cmocka_unit_test(a_door_that_closes_sends_it_away),
		cmocka_unit_test(a_worker_that_drains_sends_it_away),
		cmocka_unit_test(a_worker_that_retires_keeps_it),
		cmocka_unit_test(a_worker_that_stops_cuts_it),
		cmocka_unit_test(one_that_opens_while_draining_is_sent_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

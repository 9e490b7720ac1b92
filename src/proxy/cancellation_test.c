/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cancellation at every parking point of an exchange: each scene is played again and again, and in the Nth
 * run the Nth park is cancelled. Whatever N, everybody unwinds, nothing is left open or allocated, the
 * endpoint is not said to be busy any more, and there is at most one line in the log for each request.
 */
#include "proxy/proxy_testing.h"

enum { NTH_MAX = 400, UNDISTURBED = 3, REPEATS = 5 * 1000 * 1000 /* more than the system buffers */ };

#define LISTENER "listeners: { a: { address: \"127.0.0.1:0\", limits: { body: 16MiB, replay: 64KiB } } }\n"
#define UPSTREAM LISTENER "upstreams: { u: { endpoints: [\"127.0.0.1:%u\"], retries: { backoff: 0s } } }\n"
#define PLAIN UPSTREAM "apis: { all: { upstream: u } }\n"
#define ASKING                                                                                              \
	"apis: { all: { upstream: u, policies: [ forward_auth: { url: \"http://127.0.0.1:%u/\", cache: 1s " \
	"}, "                                                                                               \
	"mirror: { upstream: u, compare: true }, compress: { minimum: 0 } ] } }\n"
#define TEXT_ANSWER \
	"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 4\r\n\r\ndone"
#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"

static const struct {
	const char *name, *configuration;
	struct play play;
	const char *asks;
	size_t asks_repeats;
	bool asks_slowly;
	size_t reads_at_most;
	const char *until; /* the client has heard enough; NULL: the connection closes */
	size_t requests;
} scenes[] = {
	{ "a GET",
	  PLAIN,
	  { "\r\n\r\n", OK_ANSWER, 0, false },
	  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	  0,
	  false,
	  0,
	  "done",
	  1 },
	{ "a GET that comes slowly",
	  PLAIN,
	  { "\r\n\r\n", OK_ANSWER, 0, true },
	  "GET /1 HTTP/1.0\r\n\r\n",
	  0,
	  true,
	  0,
	  NULL,
	  1 },
	{ "two GETs at once",
	  PLAIN,
	  { "\r\n\r\n", OK_ANSWER OK_ANSWER, 0, true },
	  "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	  0,
	  false,
	  0,
	  NULL,
	  2 },
	{ "a body with a length, slowly",
	  PLAIN,
	  { "body!", OK_ANSWER, 0, false },
	  "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nbody!",
	  0,
	  true,
	  0,
	  "done",
	  1 },
	{ "a body in chunks, slowly",
	  PLAIN,
	  { "0\r\n\r\n", OK_ANSWER, 0, false },
	  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
	  0,
	  true,
	  0,
	  "done",
	  1 },
	{ "a body that waits for leave",
	  PLAIN,
	  { "xxxx", OK_ANSWER, 0, false },
	  "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nx",
	  4,
	  true,
	  0,
	  "done",
	  1 },
	{ "a large body",
	  PLAIN,
	  { "zzzz", OK_ANSWER, 0, false, REPEATS },
	  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000001\r\n\r\nz",
	  REPEATS,
	  false,
	  0,
	  "done",
	  1 },
	{ "a large answer for a slow client",
	  PLAIN,
	  { "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5000001\r\n\r\nz", REPEATS, false },
	  "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	  0,
	  false,
	  200 * 1000,
	  NULL,
	  1 },
	{ "an answer until close",
	  PLAIN,
	  { "\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nthe end", 0, true },
	  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	  0,
	  false,
	  0,
	  "0\r\n\r\n",
	  1 },
	{ "an answer before the body is there",
	  PLAIN,
	  { "\r\n\r\n", OK_ANSWER, 0, true },
	  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nx",
	  0,
	  false,
	  0,
	  NULL,
	  1 },
	{ "hints before the answer",
	  PLAIN,
	  { "\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK_ANSWER, 0, false },
	  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	  0,
	  false,
	  0,
	  "done",
	  1 },
	{ "silence, tried again",
	  PLAIN,
	  { "\r\n\r\n", NULL, 0, true },
	  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	  0,
	  false,
	  0,
	  "}\n",
	  1 },
	{ "nobody there, tried again after a while",
	  LISTENER
	  "upstreams: { u: { endpoints: [\"127.0.0.1:1\"], retries: { attempts: 3, backoff: 1ms } } }\n"
	  "apis: { all: { upstream: u } }\n",
	  { 0 },
	  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	  0,
	  false,
	  0,
	  "}\n",
	  1 },
	{ "a name",
	  LISTENER "upstreams: { u: { endpoints: [\"localhost:%u\"] } }\napis: { all: { upstream: u } }\n",
	  { "\r\n\r\n", OK_ANSWER, 0, false },
	  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	  0,
	  false,
	  0,
	  "done",
	  1 },
	{ "a malformed answer",
	  PLAIN,
	  { "\r\n\r\n", "SSH-2.0\r\n\r\n", 0, true },
	  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	  0,
	  false,
	  0,
	  "}\n",
	  1 },
	{ "an answer that breaks off",
	  PLAIN,
	  { "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", 0, true },
	  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	  0,
	  false,
	  0,
	  NULL,
	  1 },
	{ "no route, and a body to drop",
	  LISTENER "apis: { x: { path: /x, policies: [respond: { status: 204 }] } }\n",
	  { 0 },
	  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789",
	  0,
	  true,
	  0,
	  "}\n",
	  1 },
	{ "a malformed head",
	  LISTENER "apis: { x: { path: /x, policies: [respond: { status: 204 }] } }\n",
	  { 0 },
	  "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
	  0,
	  true,
	  0,
	  NULL,
	  1 },
	{ "another decides, a copy goes elsewhere, and it is compressed",
	  UPSTREAM ASKING,
	  { "\r\n\r\n", TEXT_ANSWER, 0, true },
	  "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n",
	  0,
	  false,
	  0,
	  NULL,
	  1 },
	{ "a body of which a copy is taken",
	  UPSTREAM "apis: { all: { upstream: u, policies: [ mirror: { upstream: u } ] } }\n",
	  { "body!", TEXT_ANSWER, 0, true },
	  "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nbody!",
	  0,
	  true,
	  0,
	  NULL,
	  1 },
	{ "a delay, then a refusal that is only reported, and a body that is too large",
	  UPSTREAM "apis: { all: { upstream: u, policies: [ timeout: { total: 1m }, fault: { delay: 1ms }, "
		   "{ forward_auth: { url: \"http://127.0.0.1:%u/\" }, report: true }, body_limit: { size: 4 "
		   "} ] } }\n",
	  { "\r\n\r\n", TEXT_ANSWER, 0, true },
	  "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: "
	  "close\r\n\r\n5\r\nbody!\r\n0\r\n\r\n",
	  0,
	  true,
	  0,
	  NULL,
	  1 },
	{ "a large answer, compressed and compared",
	  UPSTREAM "apis: { all: { upstream: u, policies: [ compress: {}, mirror: { upstream: u, compare: "
		   "true } ] } }\n",
	  { "\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: "
	    "5000001\r\n\r\nz",
	    REPEATS, true },
	  "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\nConnection: close\r\n\r\n",
	  0,
	  false,
	  0,
	  NULL,
	  1 },
	{ "an answer until close, compressed as it comes",
	  UPSTREAM "apis: { all: { upstream: u, policies: [ compress: { minimum: 0 } ] } }\n",
	  { "\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n", 0, true },
	  "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: zstd\r\nConnection: close\r\n\r\n",
	  0,
	  false,
	  0,
	  NULL,
	  1 },
	{ "a refusal by another that breaks off",
	  UPSTREAM
	  "apis: { all: { upstream: u, policies: [ forward_auth: { url: \"http://127.0.0.1:%u/\" } ] } }\n",
	  { "\r\n\r\n", "HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nx", 0, true },
	  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nbody!",
	  0,
	  true,
	  0,
	  NULL,
	  1 },
	{ "a race",
	  LISTENER
	  "upstreams: { u: { endpoints: [\"127.0.0.1:%u\", \"[::ffff:127.0.0.1]:%u\"], hedging: { after: "
	  "1ms, budget: 100 }, circuit_breaker: { requests: 2, connections: 2 }, retries: { backoff: 0s } } "
	  "}\napis: { all: { upstream: u } }\n",
	  { "\r\n\r\n", OK_ANSWER, 0, true },
	  "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	  0,
	  true,
	  0,
	  NULL,
	  2 },
	{ "an introduction by a balancer",
	  "listeners: { a: { address: \"127.0.0.1:0\", proxy_protocol: true } }\n"
	  "apis: { x: { policies: [respond: { status: 204 }] } }\n",
	  { 0 },
	  "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	  0,
	  true,
	  0,
	  "\r\n\r\n",
	  1 },
};

static bool is_idle(struct house *house)
{
	struct upstream *upstream;
	uint32_t active = 0;

	if (!house->snapshot->upstream_count)
		return true;
	upstream = house->snapshot->upstreams[0];
	for (size_t i = 0; i < upstream->roster->count; i++)
		active += atomic_load(&upstream->roster->members[i].endpoint->active);
	return active + atomic_load(&upstream->state->breaker.requests) == 0;
}

static bool is_large(size_t i)
{
	return scenes[i].asks_repeats == REPEATS || scenes[i].play.repeats == REPEATS;
}

/* Whether there is a line for each request; what the client heard tells whether it was disturbed. */
static bool scene_play(size_t i, uint64_t nth, size_t *ret_heard)
{
	struct house house;
	bool is_over, is_settled;

	house_open(&house, scenes[i].configuration, &scenes[i].play);
	house_connect(&house, scenes[i].asks);
	house.asks_repeats = scenes[i].asks_repeats;
	house.asks_slowly = scenes[i].asks_slowly;
	house.reads_at_most = scenes[i].reads_at_most;
	fibers_fail_park(house.worker->fibers, nth);
	is_over = house_run(&house, scenes[i].until);
	house_hang_up(&house);
	is_settled = house_settle(&house);
	if (!is_over || !is_settled)
		fail_msg("%s: park %u: it hangs", scenes[i].name, (unsigned)nth);
	if (!is_idle(&house))
		fail_msg("%s: park %u: the endpoint is busy for ever", scenes[i].name, (unsigned)nth);
	*ret_heard = house.client.total;
	house_close(&house);
	if (house_lines(&house) > scenes[i].requests)
		fail_msg("%s: park %u: %s", scenes[i].name, (unsigned)nth, house.log);
	is_over = house_lines(&house) == scenes[i].requests;
	if (strstr(house.log, "unknown"))
		fail_msg("%s: park %u: %s", scenes[i].name, (unsigned)nth, house.log);
	house_free(&house);
	return is_over;
}

/* Beyond the last park nothing is disturbed any more. Of a relay's many parks, all alike, some are enough. */
static void scene_cancel_everywhere(size_t i)
{
	size_t whole, heard;
	unsigned undisturbed = 0;
	uint64_t nth;

	if (!scene_play(i, 0, &whole))
		fail_msg("%s: no line in the log", scenes[i].name);
	for (nth = 1; undisturbed < UNDISTURBED && nth < NTH_MAX; nth += is_large(i) ? 1 + nth / 8 : 1)
		undisturbed = scene_play(i, nth, &heard) && heard == whole ? undisturbed + 1 : 0;
	assert_row(nth > UNDISTURBED, i, scenes[i].name);
}

static void everybody_unwinds_wherever_one_is_cancelled(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(scenes); i++) {
		if (strstr(scenes[i].configuration, "localhost") && access("/etc/hosts", R_OK))
			continue; /* an image of a system before its first start has none */
		scene_cancel_everywhere(i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_unwinds_wherever_one_is_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

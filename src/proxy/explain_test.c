/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told of a request that nobody sends: its route, its policies and what they make of it, and where it
 * would go; or why it would be refused.
 */
#include "base/note.h"
#include "base/testing.h"
#include "proxy/explain.h"

#define CONFIGURATION                                                                                       \
	"listeners: { a: { address: \"127.0.0.1:0\" } }\n"                                                  \
	"upstreams: { u: { endpoints: [\"10.0.0.5:80\", \"10.0.0.6:80\"], circuit_breaker: { requests: 9, " \
	"connections: 8 }, retries: { on: [reset, 503] } } }\n"                                             \
	"policies: { tag: { headers: { request: { set: { X-T: t } } } } }\n"                                \
	"apis:\n"                                                                                           \
	"  orders: { path: /orders, methods: [GET], upstream: u, policies: [use: tag, request_id: {}], "    \
	"routes: {\n"                                                                                       \
	"    one: { match: { path: \"/{id}\" }, policies: [rewrite: { path: \"/v2/${path.id}\", host: "     \
	"in.test }] } } }\n"                                                                                \
	"  hello: { path: /hello, policies: [respond: { status: 418 }] }\n"                                 \
	"  pages: { path: /pages, methods: [PUT], upstream: u, policies: [cors: { origins: "                \
	"\"https://a.test\" }] }\n"                                                                         \
	"  picky: { path: /picky, upstream: u, policies: [{ ip: { deny: [127.0.0.1] }, report: true }, "    \
	"{ use: tag, when: 'request.query.a == \"1\"' }, { request_id: {}, report: true, when: "            \
	"'has(path.x)' }, { respond: {}, when: 'request.query.a == \"2\"' }] }\n"

struct row {
	const char *name, *head;
	enum explained want;
	const char *parts[16]; /* each stands in what is told, in this order */
};

static const struct row rows[] = {
	{ "an API",
	  "GET /orders?a=b HTTP/1.1\r\nHost: API.test\r\n\r\n",
	  EXPLAINED_MATCHED,
	  { "host      api.test\npath      /orders\n", "orders",
	    "policies  \n  1. tag (headers)\n  2. request_id\n", "upstream  u: 10.0.0.5:80 10.0.0.6:80\n",
	    "url       http://10.0.0.5:80/orders?a=b\n",
	    "breaker   503 beyond its bounds, requests 9, connections 8, pending 256\n",
	    "retries   at most 2 attempts on reset 503, for 20 % of requests\n" } },
	{ "a route that rewrites",
	  "GET /orders/7 HTTP/1.1\r\nHost: h\r\n\r\n",
	  EXPLAINED_MATCHED,
	  { "path      /orders/7\n", "one", "3. rewrite\n", "url       http://in.test/v2/7\n" } },
	{ "a policy that answers",
	  "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n",
	  EXPLAINED_MATCHED,
	  { "hello", "policies  \n  1. respond\n", "answer    418 by the gateway itself (respond)\n" } },
	{ "a preflight",
	  "OPTIONS /pages HTTP/1.1\r\nHost: h\r\nOrigin: https://a.test\r\n"
	  "Access-Control-Request-Method: PUT\r\n\r\n",
	  EXPLAINED_MATCHED,
	  { "preflight of PUT\n", "pages", "1. cors\n",
	    "answer    204 by the gateway itself (cors_preflight)\n" } },
	{ "a preflight of another's page",
	  "OPTIONS /pages HTTP/1.1\r\nHost: h\r\nOrigin: https://b.test\r\n"
	  "Access-Control-Request-Method: PUT\r\n\r\n",
	  EXPLAINED_MATCHED,
	  { "preflight of PUT\n", "pages", "answer    403 by the gateway itself (cors_denied)\n" } },
	{ "conditions and reports",
	  "GET /picky?a=1 HTTP/1.1\r\nHost: h\r\n\r\n",
	  EXPLAINED_MATCHED,
	  { "  1. ip, reports only\n  2. tag (headers), when request.query[\"a\"] == \"1\": holds\n",
	    "  3. request_id, reports only, when has(path[\"x\"]): does not hold\n",
	    "  4. respond, when request.query[\"a\"] == \"2\": does not hold\nreported  ip=ip_denied\n",
	    "upstream  u:" } },
	{ "a condition that makes it answer",
	  "GET /picky?a=2 HTTP/1.1\r\nHost: h\r\n\r\n",
	  EXPLAINED_MATCHED,
	  { "  2. tag (headers), when request.query[\"a\"] == \"1\": does not hold\n",
	    "  4. respond, when request.query[\"a\"] == \"2\": holds\n",
	    "answer    200 by the gateway itself (respond)\n" } },
	{ "a path in another form",
	  "GET /x/../orders/./%37 HTTP/1.1\r\nHost: h\r\n\r\n",
	  EXPLAINED_MATCHED,
	  { "path      /orders/7\n", "url       http://in.test/v2/7\n" } },
	{ "no route",
	  "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n",
	  EXPLAINED_NO_ROUTE,
	  { "path      /nothing\n" } },
	{ "a wrong method",
	  "PUT /orders HTTP/1.1\r\nHost: h\r\n\r\n",
	  EXPLAINED_NO_ROUTE,
	  { "path      /orders\n", "GET" } },
	{ "an encoded slash",
	  "GET /orders/a%2fb HTTP/1.1\r\nHost: h\r\n\r\n",
	  EXPLAINED_REFUSED,
	  { "refused with 400 after routing: an encoded slash" } },
	{ "a body too large",
	  "PUT /pages/x HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n",
	  EXPLAINED_REFUSED,
	  { "path      /pages/x\n", "matched", "refused with 413 after routing: body_too_large\n" } },
	{ "a body too large for nobody",
	  "PUT /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n",
	  EXPLAINED_NO_ROUTE,
	  { "path      /nothing\n" } },
	{ "a path above the root",
	  "GET /.. HTTP/1.1\r\nHost: h\r\n\r\n",
	  EXPLAINED_REFUSED,
	  { "refused with 400 before routing: path_invalid\n" } },
	{ "CONNECT",
	  "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n",
	  EXPLAINED_REFUSED,
	  { "refused with 405 before routing: method_not_allowed\n" } },
	{ "no host",
	  "GET / HTTP/1.1\r\n\r\n",
	  EXPLAINED_REFUSED,
	  { "refused with 400 before routing: The Host field is missing.\n" } },
	{ "a malformed field",
	  "GET / HTTP/1.1\r\nHost: h\r\nX Y: z\r\n\r\n",
	  EXPLAINED_REFUSED,
	  { "refused with 400 before routing: A field name is malformed.\n" } },
	{ "another version",
	  "GET / HTTP/3.0\r\nHost: h\r\n\r\n",
	  EXPLAINED_REFUSED,
	  { "refused with 505 before routing: " } },
};

/* Everything that bounds a request, and everything that says who is asked. */
#define BOUNDED                                                                                              \
	"listeners: { a: { address: \"127.0.0.1:0\" }, b: { address: \"127.0.0.1:0\", priority: high } }\n"  \
	"limits: { memory: 1GiB, lag: 200ms }\n"                                                             \
	"store: { redis: [\"127.0.0.1:6379\"], on_failure: deny }\n"                                         \
	"upstreams:\n"                                                                                       \
	"  u: { endpoints: [\"10.0.0.5:80\", { address: \"10.0.0.6:80\", backup: true }], slow_start: 10s, " \
	"health_check: { path: /ok, every: 1s }, outlier: { eject_for: 5s }, panic: 40, timeouts: { idle: "  \
	"3s, total: 20s } }\n"                                                                               \
	"  tcp: { endpoints: [\"10.0.0.7:80\"], health_check: { type: tcp }, panic: 0 }\n"                   \
	"apis:\n"                                                                                            \
	"  all: { upstream: u, policies: [fault: { delay: 1ms, abort: 503, percent: 0 }, timeout: { total: " \
	"5s }, rate_limit: { limit: 9/1m, by: [api, client_ip] }, rate_limit: { limit: 9/1s, burst: 20, "    \
	"store: local }, quota: { limit: 5/1mo, by: api }, concurrency: { limit: 7, queue: 2 }, "            \
	"concurrency: { adaptive: true, by: api }] }\n"                                                      \
	"  tcp: { path: /tcp, upstream: tcp, timeouts: { response: 1m } }\n"

static const struct row bounds[] = {
	{ "what bounds a request",
	  "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
	  EXPLAINED_MATCHED,
	  { "overload  503 near 1GiB of memory, or while a worker is 200ms late; left out: b\n",
	    "  1. fault: 0 % of requests wait 1ms, then 503\n", "  2. timeout: 5s\n",
	    "  3. rate_limit: 9/1m, 9 at once, by api, client_ip, on Redis (on_failure: deny)\n",
	    "  4. rate_limit: 9/1s, 20 at once, by client_ip\n",
	    "  5. quota: 5/1mo by api, on Redis (on_failure: deny)\n",
	    "  6. concurrency: 7 at once, 2 may wait\n",
	    "  7. concurrency: learnt, at most 1000 at once by api, 0 may wait\n",
	    "upstream  u: 10.0.0.5:80 10.0.0.6:80 (backup)\n",
	    "timeouts  connect 2s, response 15s, idle 3s, total 5s\n",
	    "slow      the share of one that is well again grows for 10s\n",
	    "health    GET /ok every 1s: not asked after 3 failures in a row, until 2 good answers\n",
	    "outlier   ejected for 5s after 5 failed tries in a row, at most 50 % at a time\n",
	    "panic     all are asked where fewer than 40 % are well\n",
	    "now       who is well is told by the log alone: there is no `admin` to ask\n" } },
	{ "what an upstream has little of",
	  "GET /tcp HTTP/1.1\r\nHost: h\r\n\r\n",
	  EXPLAINED_MATCHED,
	  { "policies  none\nupstream  tcp: 10.0.0.7:80\nurl       http://10.0.0.7:80/tcp\n"
	    "timeouts  connect 2s, response 1m, idle 1m\n"
	    "health    a connection every 2s: not asked after 3 failures in a row, until 2 good answers\n"
	    "now       " } },
};

static const struct row administered[] = {
	{ "where it is told who is well",
	  "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
	  EXPLAINED_MATCHED,
	  { "health    a call of grpc.health.v1 every 2s: ",
	    "now       who is well is told by GET /v1/upstreams of the gateway that runs\n" } },
};

#define ADMINISTERED                                                                         \
	"listeners: { a: { address: \"127.0.0.1:0\" } }\n"                                   \
	"upstreams: { u: { endpoints: [\"10.0.0.5:80\"], health_check: { type: grpc } } }\n" \
	"apis: { all: { upstream: u } }\n"                                                   \
	"admin: { address: \"127.0.0.1:1\" }\n"

static void check_row(struct snapshot *snapshot, const struct row *row)
{
	struct explanation explanation;
	struct arena arena;
	struct mask mask;
	struct note note;
	const struct rehearsal_request request = { .head = str_of(row->head) };
	const struct explain_question question = { .snapshot = snapshot,
						   .request = &request,
						   .now = time_wall() };
	const char *text, *at;

	arena_init(&arena, NULL, SIZE_MAX / 2);
	assert_false(failed(explain_request(&question, &arena, &explanation)));
	note_begin(&note);
	explanation_mask(&explanation, NULL, &arena, &mask);
	explanation_print(&explanation, &mask, &arena, note.to);
	fputc(0, note.to);
	at = text = note_end(&note, &arena).ptr;
	if (explanation.outcome != row->want)
		fail_msg("%s: %d: %s", row->name, (int)explanation.outcome, text);
	for (size_t p = 0; p < COUNT_OF(row->parts) && row->parts[p]; p++) {
		at = strstr(at, row->parts[p]);
		if (!at)
			fail_msg("%s: no \"%s\" in: %s", row->name, row->parts[p], text);
	}
	arena_fini(&arena);
}

static void check_rows(const char *text, const struct row *first, size_t count)
{
	struct identities identities;
	struct diagnostics *diagnostics;
	struct snapshot *snapshot;

	identities_init(&identities);
	assert_false(
		failed(snapshot_parse(STR("t.yaml"), str_of(text), &identities, &diagnostics, &snapshot)));
	for (size_t i = 0; i < count; i++)
		check_row(snapshot, &first[i]);
	snapshot_unref(&snapshot);
	identities_fini(&identities);
}

static void a_request_is_explained(void **state)
{
	(void)state;
	check_rows(CONFIGURATION, rows, COUNT_OF(rows));
	check_rows(BOUNDED, bounds, COUNT_OF(bounds));
	check_rows(ADMINISTERED, administered, COUNT_OF(administered));
}

static const char in_force[] =
	"listeners: { a: { address: \"127.0.0.1:0\" } }\n"
	"upstreams: { u: { endpoints: [\"10.0.0.5:80\", \"10.0.0.6:80\"], outlier: {}, circuit_breaker: { "
	"requests: 1 } } }\n"
	"apis: { all: { upstream: u, policies: [rate_limit: { limit: 1/1h, by: api }, quota: { limit: 1/1mo, "
	"by: "
	"api }, forward_auth: { url: \"http://10.0.0.5:80/ask\" }] } }\n";

static void ask_about(struct edition *edition, struct arena *arena, struct explanation *ret_explanation)
{
	const struct rehearsal_request request = { .head = STR("GET /x HTTP/1.1\r\nHost: h\r\n\r\n") };
	const struct explain_question question = {
		.snapshot = edition->snapshot, .edition = edition, .request = &request, .now = time_wall()
	};

	assert_false(failed(explain_request(&question, arena, ret_explanation)));
	assert_int_equal(ret_explanation->outcome, EXPLAINED_MATCHED);
}

/* Endpoints are those that serve, as they are; and none of them hears of it, however often. */
static void what_is_in_force_is_only_read(void **state)
{
	struct identities identities;
	struct diagnostics *diagnostics;
	struct snapshot *snapshot;
	struct edition *edition;
	struct explanation told;
	struct arena arena;
	const struct roster *roster;

	(void)state;
	identities_init(&identities);
	arena_init(&arena, NULL, SIZE_MAX / 2);
	assert_false(failed(
		snapshot_parse(STR("t.yaml"), str_of(in_force), &identities, &diagnostics, &snapshot)));
	edition = edition_new(snapshot, NULL, NULL);
	roster = edition_roster(edition, snapshot->upstreams[0]);
	serving_tell(roster, &roster->members[0], 502);
	atomic_store(&roster->members[1].endpoint->is_drained, true);
	for (int i = 0; i < 3; i++) {
		ask_about(edition, &arena, &told);
		assert_int_equal(told.status, 0);
		assert_text(told.upstream.endpoints[0].address, "10.0.0.5:80");
		assert_string_equal(told.upstream.endpoints[0].why_not, "");
		assert_string_equal(told.upstream.endpoints[1].why_not, "drained");
	}
	assert_int_equal(atomic_load(&roster->members[0].standing->failures), 1);
	assert_int_equal(upstream_load(snapshot->upstreams[0], UPSTREAM_BOUND_REQUESTS).now, 0);
	edition_unref(&edition);
	snapshot_unref(&snapshot);
	arena_fini(&arena);
	identities_fini(&identities);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_explained),
		cmocka_unit_test(what_is_in_force_is_only_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

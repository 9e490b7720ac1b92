/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told of a request that nobody sends: its route, its policies and what they make of it, and where it
 * would go; or why it would be refused.
 */
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

static const struct {
	const char *name, *head;
	enum explained want;
	const char *parts[8]; /* each stands in what is told, in this order */
} rows[] = {
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
	  { "refused with 400 before routing: an encoded slash" } },
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

static void check_row(struct snapshot *snapshot, size_t i)
{
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	enum explained got = explain_request(
		snapshot, &(struct rehearsal_request) { .head = str_of(rows[i].head) }, time_wall(), to);
	const char *at;

	fclose(to);
	at = text;
	if (got != rows[i].want)
		fail_msg("row %zu (%s): %d: %s", i, rows[i].name, (int)got, text);
	for (size_t p = 0; p < COUNT_OF(rows[i].parts) && rows[i].parts[p]; p++) {
		at = strstr(at, rows[i].parts[p]);
		if (!at)
			fail_msg("row %zu (%s): no \"%s\" in: %s", i, rows[i].name, rows[i].parts[p], text);
	}
	free(text);
}

static void a_request_is_explained(void **state)
{
	struct identities identities;
	struct diagnostics *diagnostics;
	struct snapshot *snapshot;

	(void)state;
	identities_init(&identities);
	assert_false(failed(
		snapshot_parse(STR("t.yaml"), STR(CONFIGURATION), &identities, &diagnostics, &snapshot)));
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(snapshot, i);
	snapshot_unref(&snapshot);
	identities_fini(&identities);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

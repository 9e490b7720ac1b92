/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a configuration to a snapshot: what refers to what, which timeouts and policies a route has; and what
 * is said of references that lead nowhere.
 */
#include <stdio.h>

#include "base/testing.h"
#include "proxy/snapshot.h"

struct bench {
	struct identities identities;
	struct snapshot *snapshot;
	struct diagnostics *diagnostics;
	result_value compiled;
	char *printed;
	size_t printed_len;
};

/* The messages, without the lines of the file that they show. */
static void keep_messages(struct bench *bench)
{
	char *to = bench->printed;

	for (const char *line = bench->printed, *next; *line; line = next) {
		next = strchr(line, '\n') + 1;
		if (*line == ' ')
			continue;
		memmove(to, line, (size_t)(next - line));
		to += next - line;
	}
	*to = 0;
}

static void bench_open(struct bench *bench, const char *text)
{
	FILE *to;

	*bench = (struct bench) { 0 };
	identities_init(&bench->identities);
	bench->compiled = snapshot_parse(STR("t.yaml"), str_of(text), &bench->identities, &bench->diagnostics,
					 &bench->snapshot);
	to = open_memstream(&bench->printed, &bench->printed_len);
	diagnostics_print(bench->diagnostics, to);
	fclose(to);
	keep_messages(bench);
}

static void bench_close(struct bench *bench)
{
	free(bench->printed);
	snapshot_unref(&bench->snapshot);
	assert_null(bench->snapshot);
	snapshot_unref(&bench->snapshot);
	identities_fini(&bench->identities);
}

/* The target of a request; NULL without one. */
static const struct target *find(const struct bench *bench, const char *path)
{
	struct route_scratch *scratch = route_scratch_new();
	struct http_fields none = { 0 };
	struct route_request request = {
		.method = STR("GET"), .host = STR("h"), .path = str_of(path), .fields = &none
	};
	struct route_match match;

	router_match(bench->snapshot->router, scratch, &request, &match);
	route_scratch_free(&scratch);
	return match.outcome == ROUTE_FOUND ? match.rule->target : NULL;
}

/* ---- bad ones ---- */

#define LISTENER "listeners: { a: { address: \"127.0.0.1:0\" } }\n"
#define UPSTREAMS "upstreams: { orders: { endpoints: [\"o:1\"] }, users: { endpoints: [\"u:1\"] } }\n"

static const struct {
	const char *name, *text, *want;
} bad_rows[] = {
	{ "nothing", "", "t.yaml:1:1: error: no listeners: nobody could reach the gateway\n" },
	{ "no listeners", UPSTREAMS "apis: { x: { upstream: orders } }\n",
	  "t.yaml:1:1: error: no listeners: nobody could reach the gateway\n" },
	{ "an upstream that is not there", LISTENER UPSTREAMS "apis: { x: { upstream: order } }\n",
	  "t.yaml:3:24: error: apis.x.upstream: no upstream is named \"order\"; did you mean \"orders\"?\n" },
	{ "a route's upstream that is not there",
	  LISTENER UPSTREAMS
	  "apis: { x: { upstream: orders, routes: { r: { match: { path: /r }, upstream: userz } } } }\n",
	  "t.yaml:3:78: error: apis.x.routes.r.upstream: no upstream is named \"userz\"; did you mean "
	  "\"users\"?\n" },
	{ "no upstream and nobody who answers", LISTENER "apis: { x: { path: /x } }\n",
	  "t.yaml:2:9: error: apis.x: needs an upstream, or a policy that answers (respond)\n" },
	{ "a policy by a name that is not there",
	  LISTENER UPSTREAMS "apis: { x: { upstream: orders, policies: [use: auth] } }\n",
	  "t.yaml:3:48: error: apis.x.policies[0].use: no policy is named \"auth\"\n" },
	{ "a policy of a kind that is not there",
	  LISTENER UPSTREAMS "apis: { x: { upstream: orders, policies: [zzzz: {}] } }\n",
	  "t.yaml:3:43: error: apis.x.policies[0].zzzz: no kind of policy is named \"zzzz\"; "
	  "allowed: use, request_id, headers, rewrite, compress, jwt, introspection, api_key, basic, "
	  "client_certificate, oidc, signature, any_of, forward_auth, mirror, respond, redirect, authorize, "
	  "ip, security_headers, cors, body_limit, rate_limit, quota, concurrency, timeout, fault, when and "
	  "report\n" },
	{ "without what is not inherited",
	  LISTENER UPSTREAMS
	  "apis: { x: { upstream: orders, routes: { r: { match: { path: /r }, without: [headers] } } } }\n",
	  "t.yaml:3:78: error: apis.x.routes.r.without[0]: no inherited policy is named, or of the kind, "
	  "\"headers\"\n" },
	{ "an address that is a name", "listeners: { a: { address: \"localhost:80\" } }\n",
	  "t.yaml:1:28: error: listeners.a.address: a listener needs an IP address, such as 0.0.0.0:8080, "
	  "read \"localhost:80\"\n" },
	{ "an address that is none", "listeners: { a: { address: \"80\" } }\n",
	  "t.yaml:1:28: error: listeners.a.address: want host:port, [address]:port or unix:/path, read "
	  "\"80\"\n" },
	{ "an address twice",
	  "listeners: { a: { address: \"0.0.0.0:80\" }, b: { address: \"0.0.0.0:80\" } }\n",
	  "t.yaml:1:58: error: listeners.b.address: listener \"a\" has the same address\n" },
	{ "a proxy that is no address",
	  "listeners: { a: { address: \"0.0.0.0:80\", trusted_proxies: [10.0.0.0/33, lb] } }\n",
	  "t.yaml:1:60: error: listeners.a.trusted_proxies[0]: want an address or a CIDR such as 10.0.0.0/8, "
	  "read \"10.0.0.0/33\"\n"
	  "t.yaml:1:73: error: listeners.a.trusted_proxies[1]: want an address or a CIDR such as 10.0.0.0/8, "
	  "read \"lb\"\n" },
	{ "an endpoint that is none",
	  LISTENER "upstreams: { u: { endpoints: [x] } }\napis: { x: { upstream: u } }\n",
	  "t.yaml:2:31: error: upstreams.u.endpoints[0]: want host:port, [address]:port or unix:/path, read "
	  "\"x\"\n" },
	{ "an upstream without endpoints", LISTENER "upstreams: { u: {} }\napis: { x: { upstream: u } }\n",
	  "t.yaml:2:14: error: upstreams.u: the key \"endpoints\" (or \"discovery\") is missing\n" },
	{ "an upstream and several",
	  LISTENER UPSTREAMS "apis: { x: { upstream: orders, weighted: { users: 1 } } }\n",
	  "t.yaml:3:32: error: apis.x.weighted: instead of \"upstream\", not beside it\n" },
	{ "a share of nobody", LISTENER UPSTREAMS "apis: { x: { weighted: { order: 1 } } }\n",
	  "t.yaml:3:26: error: apis.x.weighted.order: no upstream is named \"order\"; did you mean "
	  "\"orders\"?\n" },
	{ "sticky without a choice",
	  LISTENER UPSTREAMS "apis: { x: { upstream: orders, sticky: client_ip } }\n",
	  "t.yaml:3:32: error: apis.x.sticky: needs \"weighted\"\n" },
	{ "a split of which nobody has a weight",
	  LISTENER UPSTREAMS "apis: { x: { weighted: { orders: 0 } } }\n",
	  "t.yaml:3:24: error: apis.x.weighted: no upstream has a weight above 0\n" },
	{ "rules that nobody can tell apart",
	  LISTENER UPSTREAMS "apis: { x: { upstream: orders }, y: { upstream: users } }\n",
	  "t.yaml:3:34: error: apis.y: can never be told apart from apis.x (line 3): same host, path and "
	  "conditions, and a method in common\n" },
	{ "timeouts that are none",
	  LISTENER UPSTREAMS "apis: { x: { upstream: orders, timeouts: { conect: 1s } } }\n",
	  "t.yaml:3:44: error: apis.x.timeouts.conect: unknown key; did you mean \"connect\"?\n" },
	{ "everything in one go",
	  "listeners: { a: { address: x } }\nupstreams: { u: { endpoints: [y] } }\napis: { x: { upstream: z "
	  "} }\n",
	  "t.yaml:1:28: error: listeners.a.address: want host:port, [address]:port or unix:/path, read "
	  "\"x\"\n"
	  "t.yaml:2:31: error: upstreams.u.endpoints[0]: want host:port, [address]:port or unix:/path, read "
	  "\"y\"\n"
	  "t.yaml:3:24: error: apis.x.upstream: no upstream is named \"z\"; allowed: u\n" },
	{ "broken YAML", "listeners: { a: [\n", "t.yaml:1:17: error: this [ is not closed\n" },
};

static void references_that_lead_nowhere_are_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
		struct bench bench;

		bench_open(&bench, bad_rows[i].text);
		assert_row(bench.compiled.kind == ERROR_INVALID || bench.compiled.kind == ERROR_MALFORMED, i,
			   bad_rows[i].name);
		assert_row(diagnostics_errors(bench.diagnostics) > 0, i, bad_rows[i].name);
		if (strcmp(bench.printed, bad_rows[i].want) != 0)
			fail_msg("%s: %s", bad_rows[i].name, bench.printed);
		bench_close(&bench);
	}
}

/* ---- good ones ---- */

static void what_is_not_said_has_its_default(void **state)
{
	struct bench bench;
	const struct listener_snapshot *listener;

	(void)state;
	bench_open(&bench, LISTENER UPSTREAMS "apis: { x: { upstream: orders } }\n");
	assert_string_equal(bench.printed, "");
	assert_int_equal(bench.snapshot->listener_count, 1);
	assert_int_equal(bench.snapshot->upstream_count, 2);
	listener = &bench.snapshot->listeners[0];
	assert_text(listener->name, "a");
	assert_int_equal(listener->h1.request_line, 8192);
	assert_int_equal(listener->h1.field, 8192);
	assert_int_equal(listener->h1.name, 256);
	assert_int_equal(listener->h1.head, 32768);
	assert_int_equal(listener->h1.fields, 100);
	assert_int_equal(listener->trusted_count, 0);
	assert_int_equal(listener->config->limits.body, 10 << 20);
	assert_int_equal(listener->config->limits.replay, 64 << 10);
	assert_int_equal(listener->config->limits.header_timeout, 10 * SECOND);
	assert_int_equal(listener->config->limits.body_timeout, 30 * SECOND);
	assert_int_equal(listener->config->limits.idle_timeout, 75 * SECOND);
	assert_int_equal(listener->config->limits.requests_per_connection, 0);
	assert_int_equal(listener->config->limits.connections, 100000);
	assert_int_equal(bench.snapshot->config.workers, 0);
	assert_text(find(&bench, "/")->upstream->name, "orders");
	bench_close(&bench);
}

#define TIMEOUTS                                                                                          \
	LISTENER                                                                                          \
	"upstreams:\n"                                                                                    \
	"  one: { endpoints: [\"o:1\"], timeouts: { connect: 1s, response: 2s, idle: 3s, total: 4s } }\n" \
	"  two: { endpoints: [\"t:1\"], timeouts: { connect: 11s, response: 12s, idle: 13s } }\n"         \
	"apis:\n"                                                                                         \
	"  plain: { path: /plain, upstream: one, routes: {\n"                                             \
	"    own: { match: { path: /own }, timeouts: { idle: 33s } },\n"                                  \
	"    two: { match: { path: /two }, upstream: two },\n"                                            \
	"    two_own: { match: { path: /two-own }, upstream: two, timeouts: { total: 44s } } } }\n"       \
	"  api: { path: /api, upstream: one, timeouts: { response: 22s }, routes: {\n"                    \
	"    own: { match: { path: /own }, timeouts: { connect: 55s } },\n"                               \
	"    two: { match: { path: /two }, upstream: two } } }\n"

static const struct {
	const char *path;
	const char *upstream;
	unsigned connect, response, idle, total;
} timeout_rows[] = {
	{ "/plain", "one", 1, 2, 3, 4 },        { "/plain/own", "one", 1, 2, 33, 4 },
	{ "/plain/two", "two", 11, 12, 13, 0 }, { "/plain/two-own", "two", 11, 12, 13, 44 },
	{ "/api", "one", 1, 22, 3, 4 },         { "/api/own", "one", 55, 22, 3, 4 },
	{ "/api/two", "two", 11, 22, 13, 0 },
};

/* The nearest that says something has its way, key by key. */
static void timeouts_are_mixed_key_by_key(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, TIMEOUTS);
	assert_string_equal(bench.printed, "");
	for (size_t i = 0; i < COUNT_OF(timeout_rows); i++) {
		const struct target *target = find(&bench, timeout_rows[i].path);

		assert_non_null(target);
		assert_text(target->upstream->name, timeout_rows[i].upstream);
		assert_row(target->timeouts->connect == timeout_rows[i].connect * SECOND, i,
			   timeout_rows[i].path);
		assert_row(target->timeouts->response == timeout_rows[i].response * SECOND, i,
			   timeout_rows[i].path);
		assert_row(target->timeouts->idle == timeout_rows[i].idle * SECOND, i, timeout_rows[i].path);
		assert_row(target->timeouts->total == timeout_rows[i].total * SECOND, i,
			   timeout_rows[i].path);
	}
	bench_close(&bench);
}

#define SPLITS                                                                                             \
	LISTENER                                                                                           \
	"upstreams:\n"                                                                                     \
	"  one: { endpoints: [\"o:1\"], timeouts: { connect: 1s, idle: 3s } }\n"                           \
	"  two: { endpoints: [\"t:1\"], timeouts: { connect: 11s, idle: 13s } }\n"                         \
	"apis:\n"                                                                                          \
	"  api: { path: \"/api/{v}\", weighted: { one: 9, two: 1 }, sticky: client_ip, timeouts: { idle: " \
	"33s }, "                                                                                          \
	"routes: {\n"                                                                                      \
	"    same: { match: { path: /same } },\n"                                                          \
	"    timed: { match: { path: /timed }, timeouts: { connect: 55s } },\n"                            \
	"    kept: { match: { path: /kept }, sticky: \"cookie:gw\" },\n"                                   \
	"    turned: { match: { path: /turned }, weighted: { two: 9, one: 0 } },\n"                        \
	"    fixed: { match: { path: /fixed }, upstream: two } } }\n"

static const struct {
	const char *path;
	const char *split; /* empty: none */
	struct {
		unsigned connect, idle;
	} shares[2];
} split_rows[] = {
	{ "/api/1", "one 9, two 1; by client_ip", { { 1, 33 }, { 11, 33 } } },
	{ "/api/1/same", "one 9, two 1; by client_ip", { { 1, 33 }, { 11, 33 } } },
	{ "/api/1/timed", "one 9, two 1; by client_ip", { { 55, 33 }, { 55, 33 } } },
	{ "/api/1/kept", "one 9, two 1; by cookie gw", { { 1, 33 }, { 11, 33 } } },
	{ "/api/1/turned", "two 9, one 0; by client_ip", { { 11, 33 }, { 1, 33 } } },
	{ "/api/1/fixed", "", { { 0, 0 } } },
};

/* What a route says of a split holds, and of the rest the API's. */
static void splits_are_inherited_part_by_part(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, SPLITS);
	assert_string_equal(bench.printed, "");
	for (size_t i = 0; i < COUNT_OF(split_rows); i++) {
		const struct target *target = find(&bench, split_rows[i].path);
		const struct split *split = target->split;

		assert_row(!split == !*split_rows[i].split, i, split_rows[i].path);
		assert_row(!split == (target->upstream != NULL), i, split_rows[i].path);
		if (!split)
			continue;
		assert_text(split_print(split, &bench.snapshot->arena), split_rows[i].split);
		assert_text(split->cookie_path, "/api/");
		for (size_t j = 0; j < split->count; j++) {
			const struct upstream_timeouts *timeouts = split->shares[j].timeouts;

			assert_row(timeouts->connect == split_rows[i].shares[j].connect * SECOND, i,
				   split_rows[i].path);
			assert_row(timeouts->idle == split_rows[i].shares[j].idle * SECOND, i,
				   split_rows[i].path);
		}
	}
	bench_close(&bench);
}

#define CHAINS                                                                                             \
	LISTENER UPSTREAMS "policies: { tag: { headers: { request: { set: { X-T: t } } } } }\n"            \
			   "defaults: { policies: [request_id: {}] }\n"                                    \
			   "apis:\n"                                                                       \
			   "  bare: { path: /bare, upstream: orders }\n"                                   \
			   "  api: { path: /api, upstream: orders, policies: [use: tag], routes: {\n"      \
			   "    same: { match: { path: /same } },\n"                                       \
			   "    more: { match: { path: /more }, policies: [respond: { status: 204 }] },\n" \
			   "    less: { match: { path: /less }, without: [tag] },\n"                       \
			   "    none: { match: { path: /none }, without: [headers, request_id] } } }\n"

static const struct {
	const char *path, *want;
} chain_rows[] = {
	{ "/bare", "request_id;" },         { "/api", "request_id;tag;" },
	{ "/api/same", "request_id;tag;" }, { "/api/more", "request_id;tag;respond;" },
	{ "/api/less", "request_id;" },     { "/api/none", "" },
};

static void routes_inherit_their_policies(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, CHAINS);
	assert_string_equal(bench.printed, "");
	for (size_t i = 0; i < COUNT_OF(chain_rows); i++) {
		const struct target *target = find(&bench, chain_rows[i].path);
		char text[256];
		struct buf out = buf_over(text, sizeof text);

		for (size_t p = 0; p < target->chain.count; p++) {
			buf_put(&out, target->chain.at[p].name);
			buf_put_char(&out, ';');
		}
		assert_text(buf_str(&out), chain_rows[i].want);
	}
	/* A policy with a name is compiled once, whoever uses it. */
	assert_ptr_equal(find(&bench, "/api")->chain.at[1].self, find(&bench, "/api/same")->chain.at[1].self);
	bench_close(&bench);
}

/* Lists that every line of the log, and every request, goes through. */
static void names_that_many_policies_keep_stand_once(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench,
		   "listeners: { main: { address: 127.0.0.1:0 } }\n"
		   "log: { access: { redact: [pin] } }\n"
		   "consumers_from: []\n"
		   "apis:\n"
		   "  a: { path: /a, policies: [ api_key: { from: { query: mine } }, respond: {} ] }\n"
		   "  b: { path: /b, policies: [ api_key: { from: { query: mine } }, respond: {} ] }\n"
		   "  c: { path: /c, policies: [ api_key: { from: { query: pin } }, respond: {} ] }\n");
	assert_int_equal(diagnostics_errors(bench.diagnostics), 0);
	assert_int_equal(bench.snapshot->config.log.access.redact.len, 2);
	bench_close(&bench);
}

static void the_same_address_may_stand_in_two_snapshots(void **state)
{
	struct bench first, second;
	struct snapshot *again;
	struct diagnostics *diagnostics;

	(void)state;
	bench_open(&first, LISTENER UPSTREAMS "apis: { x: { upstream: orders } }\n");
	bench_open(&second, LISTENER);
	assert_false(
		failed(snapshot_parse(STR("t"), STR(LISTENER UPSTREAMS "apis: { y: { upstream: users } }\n"),
				      &first.identities, &diagnostics, &again)));
	assert_ptr_equal(first.snapshot->upstreams[0]->roster->members[0].endpoint,
			 again->upstreams[0]->roster->members[0].endpoint);
	assert_ptr_equal(first.snapshot->upstreams[0]->state, again->upstreams[0]->state);
	snapshot_unref(&again);
	bench_close(&second);
	bench_close(&first);
}

static void a_file_that_is_not_there_is_told(void **state)
{
	struct identities identities;
	struct diagnostics *diagnostics;
	struct snapshot *snapshot;

	(void)state;
	identities_init(&identities);
	assert_true(failed(snapshot_load(STR("/no/such/file.yaml"), &identities, &diagnostics, &snapshot)));
	snapshot_unref(&snapshot);
	identities_fini(&identities);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_that_lead_nowhere_are_told),
		cmocka_unit_test(what_is_not_said_has_its_default),
		cmocka_unit_test(timeouts_are_mixed_key_by_key),
		cmocka_unit_test(splits_are_inherited_part_by_part),
		cmocka_unit_test(routes_inherit_their_policies),
		cmocka_unit_test(names_that_many_policies_keep_stand_once),
		cmocka_unit_test(the_same_address_may_stand_in_two_snapshots),
		cmocka_unit_test(a_file_that_is_not_there_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upstream from its text to its members; and what is said of one that makes no sense.
 */
#include <stdio.h>

#include "base/testing.h"
#include "tls/client_identity.h"
#include "upstream/upstream.h"

enum { ARENA_MAX = 1 << 24 };

struct bench {
	struct arena arena;
	struct diagnostics *diagnostics;
	struct document *document;
	struct upstream_config config;
	struct upstream_identities identities;
	struct upstream *upstream;
	result_value compiled;
	char *printed;
	size_t printed_len;
};

static void bench_compile(struct bench *bench, const char *text)
{
	struct reader reader;
	FILE *to;

	*bench = (struct bench) { .identities = { endpoints_new(), upstream_states_new(), standings_new() } };
	bench->identities.discoveries = discoveries_new(bench->identities.endpoints);
	bench->identities.tls = tls_client_identities_new();
	arena_init(&bench->arena, NULL, ARENA_MAX);
	bench->diagnostics = diagnostics_new(&bench->arena);
	assert_int_equal(document_parse(&bench->arena, STR("t.yaml"), str_of(text), NULL, bench->diagnostics,
					&bench->document)
				 .kind,
			 ERROR_NONE);
	reader = (struct reader) { .arena = &bench->arena,
				   .diagnostics = bench->diagnostics,
				   .document = bench->document };
	fields_read(&reader, document_root(bench->document), upstream_fields, &bench->config);
	bench->config.entry = (struct entry) { STR("orders"), document_root(bench->document) };
	bench->compiled = upstream_compile(&reader, &bench->identities, &bench->config, 3, &bench->upstream);
	to = open_memstream(&bench->printed, &bench->printed_len);
	diagnostics_print(bench->diagnostics, to);
	fclose(to);
}

/* The messages, without the lines of the file that they show. */
static const char *messages(struct bench *bench)
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
	return bench->printed;
}

static void bench_close(struct bench *bench)
{
	free(bench->printed);
	upstream_fini(bench->upstream);
	/* Nothing is held any more, also where compiling has failed half-way. */
	assert_int_equal(endpoints_count(bench->identities.endpoints), 0);
	endpoints_free(&bench->identities.endpoints);
	assert_int_equal(tls_client_identities_count(bench->identities.tls), 0);
	tls_client_identities_free(&bench->identities.tls);
	upstream_states_free(&bench->identities.states);
	standings_free(&bench->identities.standings);
	discoveries_free(&bench->identities.discoveries);
	arena_fini(&bench->arena);
}

/* ---- good ones ---- */

static void what_is_not_said_has_its_default(void **state)
{
	struct bench bench;
	const struct upstream_config *config = &bench.config;

	(void)state;
	bench_compile(&bench, "endpoints: [\"127.0.0.1:80\"]\n");
	assert_string_equal(bench.printed, "");
	assert_false(failed(bench.compiled));
	assert_text(bench.upstream->name, "orders");
	assert_int_equal(bench.upstream->index, 3);
	assert_int_equal(bench.upstream->roster->count, 1);
	assert_int_equal(bench.upstream->roster->members[0].weight, 1);
	assert_false(bench.upstream->roster->members[0].is_backup);
	assert_int_equal(config->protocol, UPSTREAM_H1);
	assert_int_equal(config->balance.kind, BALANCE_ROUND_ROBIN);
	assert_int_equal(config->retries.attempts, 2);
	assert_int_equal(config->retries.on, 0);
	assert_int_equal(config->retries.backoff, 25 * MILLISECOND);
	assert_int_equal(config->retries.budget, 20);
	assert_int_equal(config->timeouts.connect, 2 * SECOND);
	assert_int_equal(config->timeouts.response, 15 * SECOND);
	assert_int_equal(config->timeouts.idle, 60 * SECOND);
	assert_int_equal(config->timeouts.total, 0);
	assert_int_equal(config->connections.idle, 128);
	assert_int_equal(config->connections.idle_timeout, 4 * SECOND);
	bench_close(&bench);
}

static void everything_can_be_said(void **state)
{
	struct bench bench;

	(void)state;
	bench_compile(&bench,
		      "endpoints:\n"
		      "  - a:1\n"
		      "  - { address: \"[::1]:2\", weight: 9 }\n"
		      "  - { address: \"unix:/run/x\", backup: true, weight: 0 }\n"
		      "protocol: h2\n"
		      "balance: least_requests\n"
		      "retries: { attempts: 4, on: [connect, 502, timeout], backoff: 1s, budget: 0 }\n"
		      "timeouts: { connect: 1ms, response: 2s, idle: 3m, total: 4h }\n"
		      "connections: { idle: 0, idle_timeout: 0s }\n");
	assert_string_equal(bench.printed, "");
	assert_int_equal(bench.upstream->roster->count, 3);
	assert_int_equal(bench.upstream->roster->members[1].weight, 9);
	assert_text(bench.upstream->roster->members[1].endpoint->text, "[::1]:2");
	assert_true(bench.upstream->roster->members[2].is_backup);
	assert_int_equal(bench.upstream->roster->members[2].weight, 0);
	assert_int_equal(bench.config.protocol, UPSTREAM_H2);
	assert_int_equal(bench.config.balance.kind, BALANCE_LEAST_REQUESTS);
	assert_int_equal(bench.config.retries.on, 1 << RETRY_CONNECT | 1 << RETRY_502 | 1 << RETRY_TIMEOUT);
	assert_int_equal(bench.config.timeouts.total, 4 * HOUR);
	bench_close(&bench);
}

/* ---- bad ones ---- */

static const struct {
	const char *name, *text;
	bool is_compiled; /* the mistake was one of the tables' */
	const char *want;
} bad_rows[] = {
	{ "a port that is none", "endpoints: [\"a:99999\"]\n", false,
	  "t.yaml:1:13: error: endpoints[0]: the port must be a number from 0 to 65535, read \"a:99999\"\n" },
	{ "no port", "endpoints: [a]\n", false,
	  "t.yaml:1:13: error: endpoints[0]: want host:port, [address]:port or unix:/path, read \"a\"\n" },
	{ "any host", "endpoints: [\":80\"]\n", false,
	  "t.yaml:1:13: error: endpoints[0]: an endpoint needs a host and a port, read \":80\"\n" },
	{ "two bad ones in one go", "endpoints:\n  - a:1\n  - b\n  - c:1\n  - d:x\n", false,
	  "t.yaml:3:5: error: endpoints[1]: want host:port, [address]:port or unix:/path, read \"b\"\n"
	  "t.yaml:5:5: error: endpoints[3]: the port must be a number from 0 to 65535, read \"d:x\"\n" },
	{ "nobody has a weight", "endpoints: [{ address: \"a:1\", weight: 0 }]\n", false,
	  "t.yaml:1:1: error: no endpoint has a weight above 0\n" },
	{ "no endpoint", "endpoints: []\n", false, NULL },
	{ "no endpoints", "balance: round_robin\n", false,
	  "t.yaml:1:1: error: the key \"endpoints\" (or \"discovery\") is missing\n" },
	{ "endpoints and discovery", "endpoints: [\"a:1\"]\ndiscovery: { dns: a, port: 1 }\n", false,
	  "t.yaml:2:1: error: discovery: instead of \"endpoints\", not beside them\n" },
	{ "discovery without a port", "discovery: { dns: a.internal }\n", false,
	  "t.yaml:1:12: error: discovery: the key \"port\" is missing\n" },
	{ "SRV with a port", "discovery: { dns: _a._tcp.b, type: SRV, port: 80 }\n", false,
	  "t.yaml:1:47: error: discovery.port: the SRV records say the port\n" },
	{ "discovery of an address", "discovery: { dns: 10.0.0.1, port: 80 }\n", false,
	  "t.yaml:1:19: error: discovery.dns: an address needs no discovery: use endpoints\n" },
	{ "discovery of no name", "discovery: { dns: \"a b\", port: 80 }\n", false,
	  "t.yaml:1:19: error: discovery.dns: want a host name, read \"a b\"\n" },
	{ "discovery of nothing", "discovery: { port: 80 }\n", false,
	  "t.yaml:1:1: error: discovery: the key \"dns\" is missing\n" },
	{ "a server that is a name", "discovery: { dns: a, port: 80, servers: [ns.internal] }\n", false,
	  "t.yaml:1:42: error: discovery.servers[0]: want addresses such as 10.0.0.53 or 127.0.0.1:8600, "
	  "read "
	  "\"ns.internal\"\n" },
	{ "a server without its port", "discovery: { dns: a, port: 80, servers: [\"10.0.0.1:0\"] }\n", false,
	  NULL },
	{ "another type", "discovery: { dns: a, port: 80, type: AAAA }\n", true, NULL },
	{ "a weight beyond its bound", "endpoints: [{ address: \"a:1\", weight: 1001 }]\n", true, NULL },
	{ "an unknown protocol", "endpoints: [\"a:1\"]\nprotocol: h3\n", true, NULL },
	{ "an unknown balance", "endpoints: [\"a:1\"]\nbalance: fair\n", true, NULL },
	{ "a hash of nothing", "endpoints: [\"a:1\"]\nbalance: { hash: \"header:\" }\n", true, NULL },
	{ "a hash without a map", "endpoints: [\"a:1\"]\nbalance: hash\n", true, NULL },
	{ "an unknown cause", "endpoints: [\"a:1\"]\nretries: { on: [500] }\n", true, NULL },
	{ "no attempt", "endpoints: [\"a:1\"]\nretries: { attempts: 0 }\n", true, NULL },
	{ "no time at all", "endpoints: [\"a:1\"]\ntimeouts: { connect: 0s }\n", true, NULL },
};

static void what_makes_no_sense_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
		struct bench bench;

		bench_compile(&bench, bad_rows[i].text);
		assert_row(failed(bench.compiled) == !bad_rows[i].is_compiled, i, bad_rows[i].name);
		assert_row(diagnostics_errors(bench.diagnostics) > 0, i, bad_rows[i].name);
		if (bad_rows[i].want)
			assert_string_equal(messages(&bench), bad_rows[i].want);
		bench_close(&bench);
	}
}

static void a_hash_of_what_is_never_kept_is_warned_of(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "endpoints: [\"a:1\"]\nbalance: { hash: \"header:X-Forwarded-For\" }\n",
		  "t.yaml:2:18: warning: balance.hash: nobody is told apart: X-Forwarded-For is never kept" },
		{ "endpoints: [\"a:1\"]\nbalance: { hash: \"header:X-Tenant\" }\n", "" },
		{ "endpoints: [\"a:1\"]\nbalance: { hash: client_ip }\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench bench;

		bench_compile(&bench, rows[i].text);
		assert_row(!failed(bench.compiled) && strstr(messages(&bench), rows[i].want), i,
			   bench.printed);
		assert_row(diagnostics_warnings(bench.diagnostics) == (*rows[i].want != 0), i, bench.printed);
		bench_close(&bench);
	}
}

/* Nobody asks here: the name stands for its addresses. */
static void a_name_is_discovered(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "discovery: { dns: Catalog.Internal, port: 8080 }\n", "catalog.internal:8080" },
		{ "discovery: { dns: _web._tcp.a.test, type: SRV, servers: [10.0.0.53, \"[::1]:8600\"] }\n",
		  "_web._tcp.a.test:80" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench bench;
		struct roster *roster;

		bench_compile(&bench, rows[i].text);
		assert_string_equal(bench.printed, "");
		assert_null(bench.upstream->roster);
		roster = upstream_roster(bench.upstream);
		assert_int_equal(roster->count, 1);
		assert_text(roster->members[0].endpoint->text, rows[i].want);
		roster_unref(&roster);
		bench_close(&bench);
	}
}

/* Two upstreams that name the same address share its load. */
static void an_address_is_shared(void **state)
{
	struct bench bench;

	(void)state;
	bench_compile(&bench, "endpoints: [\"a:1\", \"b:1\", \"a:1\"]\n");
	assert_ptr_equal(bench.upstream->roster->members[0].endpoint,
			 bench.upstream->roster->members[2].endpoint);
	assert_ptr_not_equal(bench.upstream->roster->members[0].endpoint,
			     bench.upstream->roster->members[1].endpoint);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_said_has_its_default),
		cmocka_unit_test(everything_can_be_said),
		cmocka_unit_test(what_makes_no_sense_is_told),
		cmocka_unit_test(a_hash_of_what_is_never_kept_is_warned_of),
		cmocka_unit_test(a_name_is_discovered),
		cmocka_unit_test(an_address_is_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which admin addresses are allowed, and which ways to them are refused. */
#include "proxy/admin_config.h"

#include <stdio.h>

#include "base/testing.h"
#include "proxy/gateway_config.h"

struct bench {
	struct arena arena;
	struct diagnostics *diagnostics;
	struct gateway_config config;
	struct admin_place place;
	char *printed;
};

static void bench_open(struct bench *bench, const char *text)
{
	struct reader reader = { 0 };
	struct document *document;
	size_t size;
	FILE *to;

	*bench = (struct bench) { 0 };
	arena_init(&bench->arena, NULL, SIZE_MAX / 2);
	bench->diagnostics = diagnostics_new(&bench->arena);
	assert_false(failed(document_parse(&bench->arena, STR("t.yaml"), str_of(text), NULL,
					   bench->diagnostics, &document)));
	reader = (struct reader) { .arena = &bench->arena,
				   .diagnostics = bench->diagnostics,
				   .document = document };
	fields_read(&reader, document_root(document), gateway_fields, &bench->config);
	admin_compile(&reader, &bench->config, NULL, &bench->place);
	to = open_memstream(&bench->printed, &size);
	diagnostics_print(bench->diagnostics, to);
	fclose(to);
}

static void bench_close(struct bench *bench)
{
	free(bench->printed);
	admin_fini(&bench->place);
	arena_fini(&bench->arena);
}

#define TOKEN "sha256:0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"

static void test_none(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, "workers: 1");
	assert_false(bench.place.is_open);
	assert_string_equal(bench.printed, "");
	assert_true(bench.config.metrics.enabled);
	bench_close(&bench);
}

static void test_right_ones(void **state)
{
	static const struct {
		const char *text;
		int family;
		uint16_t port;
		bool has_token;
	} rows[] = {
		{ "admin: { address: '127.0.0.1:9901' }", AF_INET, 9901, false },
		{ "admin: { address: '127.3.2.1:0' }", AF_INET, 0, false },
		{ "admin: { address: '[::1]:9901', token: '" TOKEN "' }", AF_INET6, 9901, true },
		{ "admin: { address: 'unix:/run/admin.sock' }", AF_UNIX, 0, false },
		{ "admin: { address: '127.0.0.1:9901' }\nlisteners: { a: { address: '127.0.0.1:9902' } }",
		  AF_INET, 9901, false },
		{ "admin: { address: '127.0.0.1:0' }\nlisteners: { a: { address: '127.0.0.1:0' } }", AF_INET,
		  0, false },
		{ "admin: { address: '127.0.0.1:9901' }\nupstreams: { a: { endpoints: ['10.0.0.1:9901', "
		  "'127.0.0.1:80', "
		  "'example.com:9901', 'unix:/run/x'] } }",
		  AF_INET, 9901, false },
		{ "admin: { address: 'unix:/run/x' }\nupstreams: { a: { endpoints: ['127.0.0.1:80', "
		  "'unix:/run/y'] } }",
		  AF_UNIX, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench bench;

		bench_open(&bench, rows[i].text);
		if (*bench.printed)
			fail_msg("%s", bench.printed);
		assert_row(bench.place.is_open, i, rows[i].text);
		assert_row(bench.place.address.any.sa_family == rows[i].family, i, rows[i].text);
		assert_row(rows[i].family == AF_UNIX || address_port(&bench.place.address) == rows[i].port, i,
			   rows[i].text);
		assert_row(bench.place.has_token == rows[i].has_token, i, rows[i].text);
		bench_close(&bench);
	}
}

static void test_digest(void **state)
{
	static const uint8_t eight[] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
	struct bench bench;

	(void)state;
	bench_open(&bench, "admin: { address: '127.0.0.1:1', token: '" TOKEN "' }");
	for (size_t i = 0; i < SHA256_LEN; i++)
		assert_int_equal(bench.place.token[i], eight[i % 8]);
	bench_close(&bench);
}

static void test_wrong_ones(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "admin: {}", "admin: needs an address" },
		{ "admin: { token: '" TOKEN "' }", "admin: needs an address" },
		{ "admin: { address: 'localhost:9901' }", "admin.address: want an IP address with a port" },
		{ "admin: { address: 'gw.example:9901', token: '" TOKEN "', tls: {} }",
		  "admin.address: want an IP address with a port" },
		{ "admin: { address: '127.0.0.1' }", "admin.address: " },
		{ "admin: { address: '127.0.0.1:99999' }", "admin.address: " },
		{ "admin: { address: 'unix:' }", "admin.address: " },
		{ "admin: { address: '127.0.0.1:1', token: '' }", "admin.token: want \"sha256:\"" },
		{ "admin: { address: '127.0.0.1:1', token: 'sha256:' }", "admin.token: want \"sha256:\"" },
		{ "admin: { address: '127.0.0.1:1', token: 'secret' }", "admin.token: want \"sha256:\"" },
		{ "admin: { address: '127.0.0.1:1', token: '" TOKEN "0' }", "admin.token: want \"sha256:\"" },
		{ "admin: { address: '127.0.0.1:1', token: '"
		  "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg' }",
		  "admin.token: want \"sha256:\"" },
		{ "admin: { address: '127.0.0.1:1', more: 1 }", "unknown key" },

		{ "admin: { address: '127.0.0.1:1' }\nlisteners: { a: { address: '127.0.0.1:1' } }",
		  "listeners.a.address: this is the admin address" },
		{ "admin: { address: '127.0.0.1:1' }\nlisteners: { a: { address: '0.0.0.0:1' } }",
		  "listeners.a.address: this is the admin address" },
		{ "admin: { address: '[::1]:1' }\nlisteners: { a: { address: '[::]:1' } }",
		  "listeners.a.address: this is the admin address" },
		{ "admin: { address: '10.0.0.1:1' }\nlisteners: { a: { address: '10.0.0.1:1' } }",
		  "listeners.a.address: this is the admin address" },
		{ "admin: { address: '10.0.0.1:1' }\nlisteners: { a: { address: '[::ffff:10.0.0.1]:1' } }",
		  "listeners.a.address: this is the admin address" },
		{ "admin: { address: '10.0.0.1:1' }\nlisteners: { a: { address: ':1' } }",
		  "listeners.a.address: this is the admin address" },
		{ "admin: { address: '0.0.0.0:1' }\nlisteners: { a: { address: '192.0.2.1:1' } }",
		  "listeners.a.address: this is the admin address" },
		{ "admin: { address: ':1' }\nlisteners: { a: { address: '127.0.0.1:1' } }",
		  "listeners.a.address: this is the admin address" },
		{ "admin: { address: 'unix:/x' }\nlisteners: { a: { address: 'unix:/x' } }",
		  "listeners.a.address: this is the admin address" },

		{ "admin: { address: '127.0.0.1:1' }\nupstreams: { a: { endpoints: ['127.0.0.1:1'] } }",
		  "upstreams.a.endpoints[0]: this leads to the admin address" },
		{ "admin: { address: '127.0.0.1:1' }\nupstreams: { a: { endpoints: ['10.1.1.1:1', { address: "
		  "'127.0.0.2:1' }] } }",
		  "upstreams.a.endpoints[1]: this leads to the admin address" },
		{ "admin: { address: '127.0.0.1:1' }\nupstreams: { a: { endpoints: ['0.0.0.0:1'] } }",
		  "upstreams.a.endpoints[0]: this leads to the admin address" },
		{ "admin: { address: '127.0.0.1:1' }\nupstreams: { a: { endpoints: ['[::ffff:127.0.0.1]:1'] "
		  "} }",
		  "upstreams.a.endpoints[0]: this leads to the admin address" },
		{ "admin: { address: '127.0.0.1:1' }\nupstreams: { a: { endpoints: ['LocalHost:1'] } }",
		  "upstreams.a.endpoints[0]: this leads to the admin address" },
		{ "admin: { address: '127.0.0.1:1' }\nupstreams: { a: { endpoints: ['x.localhost:1'] } }",
		  "upstreams.a.endpoints[0]: this leads to the admin address" },
		{ "admin: { address: '[::1]:1' }\nupstreams: { a: { endpoints: ['127.0.0.1:1'] } }",
		  "upstreams.a.endpoints[0]: this leads to the admin address" },
		{ "admin: { address: '10.0.0.1:1' }\nupstreams: { a: { endpoints: ['10.0.0.1:1'] } }",
		  "upstreams.a.endpoints[0]: this leads to the admin address" },
		{ "admin: { address: '[2001:db8::1]:1' }\nupstreams: { a: { endpoints: ['[2001:DB8:0::1]:1'] "
		  "} }",
		  "upstreams.a.endpoints[0]: this leads to the admin address" },
		{ "admin: { address: '0.0.0.0:1' }\nupstreams: { a: { endpoints: ['127.0.0.1:1'] } }",
		  "upstreams.a.endpoints[0]: this leads to the admin address" },
		{ "admin: { address: '[::]:1' }\nupstreams: { a: { endpoints: ['localhost:1'] } }",
		  "upstreams.a.endpoints[0]: this leads to the admin address" },
		{ "admin: { address: ':1' }\nupstreams: { a: { endpoints: ['[::1]:1'] } }",
		  "upstreams.a.endpoints[0]: this leads to the admin address" },
		{ "admin: { address: '0.0.0.0:1' }\nupstreams: { a: { discovery: { dns: localhost, port: 1 } "
		  "} }",
		  "upstreams.a.discovery: this leads to the admin address" },
		{ "admin: { address: 'unix:/x' }\nupstreams: { a: { endpoints: ['unix:/x'] } }",
		  "upstreams.a.endpoints[0]: this leads to the admin address" },
		{ "admin: { address: '127.0.0.1:1' }\nupstreams: { a: { discovery: { dns: localhost, port: 1 "
		  "} } }",
		  "upstreams.a.discovery: this leads to the admin address" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench bench;

		bench_open(&bench, rows[i].text);
		if (!strstr(bench.printed, rows[i].says))
			fail_msg("%s:\n%s", rows[i].text, bench.printed);
		assert_true(diagnostics_errors(bench.diagnostics) > 0);
		bench_close(&bench);
	}
}

/* Where others reach it: what is missing, and where. Files that are not there are told too. */
static void test_protection(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "admin: { address: '0.0.0.0:9901' }",
		  "t.yaml:1:19: error: admin.address: others than this machine can reach this, so it needs "
		  "\"tls\" and \"token\"; or use" },
		{ "admin:\n  address: ':9901'",
		  "t.yaml:2:12: error: admin.address: others than this machine" },
		{ "admin: { address: '[::]:9901', token: '" TOKEN "' }",
		  "t.yaml:1:19: error: admin.address: others than this machine can reach this, so it needs "
		  "\"tls\"; or use" },
		{ "admin: { address: '128.0.0.1:9901', token: '" TOKEN "' }", "so it needs \"tls\"; or use" },
		{ "admin: { tls: { certificates: [ { certificate: /none.pem, key: /none.key } ] }, address: "
		  "'10.0.0.1:9901' }",
		  "t.yaml:1:90: error: admin.address: others than this machine can reach this, so it needs "
		  "\"token\"; or use" },
		{ "admin: { address: '10.0.0.1:9901', token: '" TOKEN "', tls: {} }",
		  "t.yaml:1:118: error: admin.tls: the key \"certificates\" is missing" },
		{ "admin: { address: '127.0.0.1:1', tls: { certificates: [ { certificate: /none.pem } ] } }",
		  "t.yaml:1:57: error: admin.tls.certificates[0]: the key \"key\" is missing" },
		{ "admin: { address: '127.0.0.1:1', tls: { minimum: '1.4', certificates: [ {} ] } }",
		  "t.yaml:1:50: error: admin.tls.minimum: want " },
		{ "admin: { address: 'unix:/x', tls: { certificates: [ { certificate: /none.pem, key: "
		  "/none.key } ] } }",
		  "error: admin.tls.certificates[0].certificate: " },
		{ "admin: { address: '127.0.0.1:1', tls: { certificates: [ { certificate: /none.pem, key: "
		  "/none.key, client_certificate: required } ] } }",
		  "t.yaml:1:99: error: admin.tls.certificates[0].client_certificate: goes beside "
		  "\"certificates\"" },
		{ "admin: { address: '127.0.0.1:1', tls: { minimum: '1.3', certificates: [ { certificate: "
		  "/none.pem, key: /none.key, minimum: '1.2' } ] } }",
		  "t.yaml:1:115: error: admin.tls.certificates[0].minimum: goes beside \"certificates\": "
		  "at the admin address it holds for all names" },
		{ "admin: { address: '127.0.0.1:1', tls: { client_ca: /none.ca, certificates: [ { "
		  "certificate: /none.pem, key: /none.key } ] } }",
		  "admin.tls.client_ca: needs client_certificate: optional or required" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench bench;

		bench_open(&bench, rows[i].text);
		if (!strstr(bench.printed, rows[i].says))
			fail_msg("%s:\n%s", rows[i].text, bench.printed);
		bench_close(&bench);
	}
}

/* What shares a port with an address that others reach, and does not lead there. */
static void test_other_ways(void **state)
{
	static const char *const rows[] = {
		"admin: { address: '10.0.0.1:1' }\nlisteners: { a: { address: '10.0.0.2:1' } }",
		"admin: { address: '10.0.0.1:1' }\nlisteners: { a: { address: '127.0.0.1:1' } }",
		"admin: { address: '10.0.0.1:1' }\nupstreams: { a: { endpoints: ['127.0.0.1:1', "
		"'10.0.0.2:1', "
		"'10.0.0.1:2', 'gw.example:1', 'unix:/x'] } }",
		"admin: { address: '0.0.0.0:1' }\nupstreams: { a: { endpoints: ['192.0.2.1:1', "
		"'127.0.0.1:2'] } }",
		"admin: { address: '0.0.0.0:1' }\nlisteners: { a: { address: '127.0.0.1:2' } }",
		"admin: { address: '0.0.0.0:1' }\nupstreams: { a: { discovery: { dns: gw.example, port: 1 } "
		"} }",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench bench;

		bench_open(&bench, rows[i]);
		if (strstr(bench.printed, "this is the admin") || strstr(bench.printed, "this leads to"))
			fail_msg("%s:\n%s", rows[i], bench.printed);
		assert_true(bench.place.is_public);
		bench_close(&bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),       cmocka_unit_test(test_right_ones),
		cmocka_unit_test(test_digest),     cmocka_unit_test(test_wrong_ones),
		cmocka_unit_test(test_protection), cmocka_unit_test(test_other_ways),
	};

	return cmocka_run_group_tests_name("admin_config", tests, NULL, NULL);
}

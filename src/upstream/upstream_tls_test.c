/* SPDX-License-Identifier: Apache-2.0 */
/* What `tls` of an upstream comes to: whom it believes, as whom it speaks, and what is said of mistakes. */
#include <stdio.h>
#include <unistd.h>

#include "base/testing.h"
#include "config/file_list.h"
#include "tls/tls_testing.h"
#include "upstream/upstream_tls.h"

enum { ARENA_SIZE = 1 << 24 };

/* A folder with an authority, two pairs, and files that are no good. */
struct bench {
	struct arena arena;
	char folder[32];
	struct tls_pair authority, own;
	struct tls_client_identities *identities;
	struct file_list files;
	struct diagnostics *diagnostics;
	struct upstream_config config;
	struct tls_client_identity *identity;
	result_value compiled;
	char *printed;
	size_t printed_len;
};

static const char *const names[] = { "ca.pem",  "gw.pem",  "gw.key",  "other.key",
				     "old.pem", "old.key", "none.pem" };

static void write_file(const struct bench *bench, const char *name, str text)
{
	char path[64];
	FILE *to;

	snprintf(path, sizeof path, "%s/%s", bench->folder, name);
	to = fopen(path, "w");
	assert_non_null(to);
	assert_int_equal(fwrite(text.ptr, 1, text.len, to), text.len);
	fclose(to);
}

static void bench_open(struct bench *bench)
{
	struct tls_pair other, old;

	*bench = (struct bench) { .folder = "/tmp/upstream_tls.XXXXXX" };
	arena_init(&bench->arena, NULL, ARENA_SIZE);
	assert_non_null(mkdtemp(bench->folder));
	bench->authority = tls_issue(&bench->arena, NULL, (struct tls_issue) { "CA", .is_authority = true });
	bench->own = tls_issue(&bench->arena, NULL, (struct tls_issue) { "gw", .is_client = true });
	other = tls_issue(&bench->arena, NULL, (struct tls_issue) { "gw", .is_client = true });
	old = tls_issue(&bench->arena, NULL,
			(struct tls_issue) { "old", .is_client = true, .from_days = -9, .to_days = -1 });
	write_file(bench, "ca.pem", bench->authority.certificate);
	write_file(bench, "gw.pem", bench->own.certificate);
	write_file(bench, "gw.key", bench->own.key);
	write_file(bench, "other.key", other.key);
	write_file(bench, "old.pem", old.certificate);
	write_file(bench, "old.key", old.key);
	write_file(bench, "none.pem", STR("nothing\n"));
	bench->identities = tls_client_identities_new();
}

static void bench_close(struct bench *bench)
{
	char path[64];

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof path, "%s/%s", bench->folder, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(bench->folder), 0);
	assert_int_equal(tls_client_identities_count(bench->identities), 0);
	tls_client_identities_free(&bench->identities);
	arena_fini(&bench->arena);
}

/* Files are looked for beside the configuration. */
static void compile(struct bench *bench, const char *text, bool is_secure)
{
	struct document *document;
	struct reader reader;
	str name = arena_printf(&bench->arena, "%s/t.yaml", bench->folder);
	FILE *to;

	bench->config = (struct upstream_config) { .is_secure = is_secure };
	bench->diagnostics = diagnostics_new(&bench->arena);
	file_list_init(&bench->files, &bench->arena);
	assert_int_equal(document_parse(&bench->arena, name, str_of(text),
					&(struct document_options) { .files = &bench->files },
					bench->diagnostics, &document)
				 .kind,
			 ERROR_NONE);
	reader = (struct reader) { &bench->arena, bench->diagnostics, document };
	fields_read(&reader, document_root(document), upstream_fields, &bench->config);
	bench->config.entry = (struct entry) { STR("orders"), document_root(document) };
	bench->compiled = upstream_tls_compile(&reader, bench->identities, &bench->config, &bench->identity);
	to = open_memstream(&bench->printed, &bench->printed_len);
	diagnostics_print(bench->diagnostics, to);
	fclose(to);
}

static void done(struct bench *bench)
{
	upstream_tls_release(&bench->identity);
	assert_null(bench->identity);
	upstream_tls_release(&bench->identity);
	free(bench->printed);
}

#define ENDPOINT "endpoints: [\"a.test:443\"]\n"

/* ---- good ones ---- */

static void without_the_key_nothing_is_encrypted(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench);
	compile(&bench, ENDPOINT, false);
	assert_false(failed(bench.compiled));
	assert_null(bench.identity);
	done(&bench);
	bench_close(&bench);
}

static const struct {
	const char *label, *text;
	bool is_secure;
	const char *server_name, *protocols;
	bool is_verified, has_own, is_given;
} good_rows[] = {
	{ "every default", ENDPOINT "tls: {}\n", false, "", "\x08http/1.1", true, false, false },
	{ "a URL with https", ENDPOINT, true, "", "\x08http/1.1", true, false, false },
	{ "an authority", ENDPOINT "tls: { ca: ca.pem }\n", false, "", "\x08http/1.1", true, false, true },
	{ "everything",
	  ENDPOINT "protocol: h2\n"
		   "tls: { ca: ca.pem, server_name: b.test, certificate: gw.pem, key: gw.key }\n",
	  false, "b.test", "\x02h2", true, true, true },
	{ "whichever", ENDPOINT "protocol: auto\ntls: {}\n", false, "", "\x02h2\x08http/1.1", true, false,
	  false },
	{ "an address", ENDPOINT "tls: { ca: ca.pem, server_name: 10.0.0.1 }\n", false, "10.0.0.1",
	  "\x08http/1.1", true, false, true },
	{ "IPv6", ENDPOINT "tls: { ca: ca.pem, server_name: \"::1\" }\n", false, "::1", "\x08http/1.1", true,
	  false, true },
	{ "a socket with a name", "endpoints: [\"unix:/x\"]\ntls: { ca: ca.pem, server_name: a.test }\n",
	  false, "a.test", "\x08http/1.1", true, false, true },
	{ "a discovered name", "discovery: { dns: a.test, port: 1 }\ntls: { ca: ca.pem }\n", false, "a.test",
	  "\x08http/1.1", true, false, true },
	{ "a discovered service", "discovery: { dns: _https._tcp.a.test, type: SRV }\ntls: { ca: ca.pem }\n",
	  false, "a.test", "\x08http/1.1", true, false, true },
	{ "another name than the discovered",
	  "discovery: { dns: a.test, port: 1 }\ntls: { ca: ca.pem, server_name: b.test }\n", false, "b.test",
	  "\x08http/1.1", true, false, true },
};

static void what_is_said_is_what_comes_of_it(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench);
	for (size_t i = 0; i < COUNT_OF(good_rows); i++) {
		const struct tls_client_identity *identity;

		compile(&bench, good_rows[i].text, good_rows[i].is_secure);
		assert_row(!failed(bench.compiled), i, bench.printed);
		assert_int_equal(diagnostics_errors(bench.diagnostics), 0);
		identity = bench.identity;
		assert_text(identity->server_name, good_rows[i].server_name);
		assert_text(identity->protocols, good_rows[i].protocols);
		assert_int_equal(identity->is_verified, good_rows[i].is_verified);
		assert_row((identity->own.leaf != NULL) == good_rows[i].has_own, i, good_rows[i].label);
		assert_row(identity->is_partial_chain_enough == good_rows[i].is_given, i, good_rows[i].label);
		assert_true(tls_client_identity_is_listed(identity));
		done(&bench);
	}
	bench_close(&bench);
}

/* When one changes, the configuration is loaded again. */
static void files_belong_to_the_configuration(void **state)
{
	struct bench bench;
	struct tls_client_identity *before;

	(void)state;
	bench_open(&bench);
	compile(&bench, ENDPOINT "tls: { ca: ca.pem, certificate: gw.pem, key: gw.key }\n", false);
	assert_int_equal(bench.files.count, 3);
	before = tls_client_identity_ref(bench.identity);
	done(&bench);
	assert_false(tls_client_identity_is_listed(before));

	/* Loaded again it is the same, and another when a file is another. */
	compile(&bench, ENDPOINT "tls: { ca: ca.pem, certificate: gw.pem, key: gw.key }\n", false);
	assert_ptr_equal(bench.identity, before);
	done(&bench);
	write_file(&bench, "ca.pem", bench.own.certificate);
	compile(&bench, ENDPOINT "tls: { ca: ca.pem, certificate: gw.pem, key: gw.key }\n", false);
	assert_ptr_not_equal(bench.identity, before);
	done(&bench);
	tls_client_identity_unref(&before);
	bench_close(&bench);
}

/* A file that is not there may be there the next time. */
static void a_missing_file_is_watched(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench);
	compile(&bench, ENDPOINT "tls: { ca: nowhere.pem }\n", false);
	assert_true(failed(bench.compiled));
	assert_int_equal(bench.files.count, 1);
	done(&bench);
	bench_close(&bench);
}

/* ---- bad ones ---- */

static const struct {
	const char *label, *text;
	const char *wants[3]; /* in what is printed: place, path, words */
	int errors;
} bad_rows[] = {
	{ "nothing", ENDPOINT "tls:\n", { ":2:1: error: tls: is empty", "tls: {}" }, 1 },
	{ "a missing file", ENDPOINT "tls: { ca: x.pem }\n", { ":2:12: error: tls.ca: ", "x.pem" }, 1 },
	{ "no authority in it",
	  ENDPOINT "tls: { ca: none.pem }\n",
	  { ":2:12: error: tls.ca: no certificate" },
	  1 },
	{ "a key for an authority", ENDPOINT "tls: { ca: gw.key }\n", { "tls.ca: no certificate" }, 1 },
	{ "a folder", ENDPOINT "tls: { ca: . }\n", { "error: tls.ca: " }, 1 },
	{ "a certificate alone",
	  ENDPOINT "tls: { certificate: gw.pem }\n",
	  { "tls.certificate: needs \"key\"" },
	  1 },
	{ "a key alone", ENDPOINT "tls: { key: gw.key }\n", { "tls.key: needs \"certificate\"" }, 1 },
	{ "no certificate in it",
	  ENDPOINT "tls: { certificate: none.pem, key: gw.key }\n",
	  { ":2:21: error: tls.certificate: no certificate" },
	  1 },
	{ "no key in it",
	  ENDPOINT "tls: { certificate: gw.pem, key: none.pem }\n",
	  { ":2:34: error: tls.key: no key" },
	  1 },
	{ "another's key",
	  ENDPOINT "tls: { certificate: gw.pem, key: other.key }\n",
	  { ":2:34: error: tls.key: the key does not belong" },
	  1 },
	{ "all missing in one go",
	  ENDPOINT "tls: { ca: x, certificate: y, key: z }\n",
	  { "tls.ca: ", "tls.certificate: ", "tls.key: " },
	  3 },
	{ "a URL for a name",
	  ENDPOINT "tls: { server_name: \"https://a\" }\n",
	  { "tls.server_name: want a host name" },
	  1 },
	{ "a name with a port",
	  ENDPOINT "tls: { server_name: \"a.test:443\" }\n",
	  { "want a host name" },
	  1 },
	{ "a wildcard", ENDPOINT "tls: { server_name: \"*.test\" }\n", { "want a host name" }, 1 },
	{ "a path without a name",
	  "endpoints: [\"unix:/x\"]\ntls: {}\n",
	  { ":2:1: error: tls: needs \"server_name\"" },
	  1 },
	{ "an unknown key", ENDPOINT "tls: { cipher: x }\n", { "cipher" }, 1 },
	{ "neither true nor false", ENDPOINT "tls: { verify: maybe }\n", { "tls.verify: " }, 1 },
	{ "a file", ENDPOINT "tls: ca.pem\n", { "tls: " }, 1 },
};

static void a_mistake_is_told_at_its_place(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench);
	for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
		compile(&bench, bad_rows[i].text, false);
		assert_row((int)diagnostics_errors(bench.diagnostics) == bad_rows[i].errors, i,
			   bench.printed);
		for (size_t j = 0; j < 3 && bad_rows[i].wants[j]; j++)
			if (!strstr(bench.printed, bad_rows[i].wants[j]))
				fail_msg("%s: no \"%s\" in %s", bad_rows[i].label, bad_rows[i].wants[j],
					 bench.printed);
		assert_null(strstr(bench.printed, "PRIVATE"));
		done(&bench);
	}
	bench_close(&bench);
}

static void what_is_dangerous_is_warned_of(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ ENDPOINT "tls: { verify: false }\n",
		  ":2:16: warning: tls.verify: whoever answers is believed" },
		{ ENDPOINT "tls: { verify: false, ca: ca.pem }\n", "whoever answers is believed" },
		{ ENDPOINT "tls: { ca: ca.pem, certificate: old.pem, key: old.key }\n",
		  "warning: tls.certificate: the certificate expired" },
		{ ENDPOINT "tls: {}\n", "warning: tls: this system has no authorities" },
		{ "endpoints: [\"unix:/x\"]\ntls: { verify: false }\n", "whoever answers is believed" },
	};
	struct bench bench;

	(void)state;
	bench_open(&bench);
	setenv("SSL_CERT_FILE", "/nowhere", 1);
	setenv("SSL_CERT_DIR", "/nowhere", 1);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		compile(&bench, rows[i].text, false);
		assert_row(!failed(bench.compiled), i, bench.printed);
		assert_row(diagnostics_warnings(bench.diagnostics) == 1, i, bench.printed);
		assert_row(strstr(bench.printed, rows[i].want), i, bench.printed);
		done(&bench);
	}
	unsetenv("SSL_CERT_FILE");
	unsetenv("SSL_CERT_DIR");
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_the_key_nothing_is_encrypted),
		cmocka_unit_test(what_is_said_is_what_comes_of_it),
		cmocka_unit_test(files_belong_to_the_configuration),
		cmocka_unit_test(a_missing_file_is_watched),
		cmocka_unit_test(a_mistake_is_told_at_its_place),
		cmocka_unit_test(what_is_dangerous_is_warned_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

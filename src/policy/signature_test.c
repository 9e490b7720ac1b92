/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows: what a request says of its signature, what is signed in truth, and what comes of it. The signatures
 * are made here, by the secret that the policy knows; the clock of the bench stands at 1767323045.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/replay_cache.h"
#include "base/testing.h"
#include "codec/base64.h"
#include "http/digest_source.h"
#include "policy/policy_testing.h"
#include "policy/principal.h"

#define SECRET "a secret of at least thirty-two bytes"
#define KEY "{ id: k1, algorithm: hmac-sha256, key: " SECRET " }"
#define POLICY(options) "[ signature: { keys: [ " KEY " ]" options " } ]"
#define BY "keyid=\"k1\""
#define NOW "created=1767323045"
#define ALL "(\"@method\" \"@path\" \"@authority\")"
#define ALL_BASE "\"@method\": GET\n\"@path\": /orders/7\n\"@authority\": api.test\n"
#define EMPTY_DIGEST "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
#define WITH_DIGEST "(\"@method\" \"@path\" \"@authority\" \"content-digest\")"
#define DIGEST_BASE(digest) ALL_BASE "\"content-digest\": " digest "\n"

static const struct row {
	const char *options, *fields; /* fields: further ones */
	const char *lines, *input;    /* what is signed: the lines, and the input as it is sent */
	enum reason reason;
} rows[] = {
	{ "", "", ALL_BASE, ALL ";" NOW ";" BY, REASON_NONE },
	{ "", "", ALL_BASE, ALL ";created=1767322985;" BY, REASON_NONE },
	{ "", "", ALL_BASE, ALL ";created=1767323075;" BY, REASON_NONE },
	{ "", "", ALL_BASE, ALL ";" NOW ";" BY ";alg=\"hmac-sha256\";expires=1767323046;x=tok", REASON_NONE },
	{ ", max_age: 1h", "", ALL_BASE, ALL ";created=1767319445;" BY, REASON_NONE },
	{ ", components: [\"@path\"]", "", "\"@path\": /orders/7\n", "(\"@path\");" NOW ";" BY, REASON_NONE },
	{ ", components: [x-a]", "X-A: 1\nx-a: 2\n", "\"x-a\": 1, 2\n", "(\"x-a\");" NOW ";" BY,
	  REASON_NONE },
	{ "", "Content-Digest: " EMPTY_DIGEST "\n", DIGEST_BASE(EMPTY_DIGEST), WITH_DIGEST ";" NOW ";" BY,
	  REASON_NONE },
	{ "", "Content-Digest: none\n", ALL_BASE, ALL ";" NOW ";" BY, REASON_NONE }, /* nobody signed it */

	/* by nobody that is known */
	{ "", "", ALL_BASE, ALL ";" NOW, REASON_SIGNATURE_KEY_UNKNOWN },
	{ "", "", ALL_BASE, ALL ";" NOW ";keyid=\"k2\"", REASON_SIGNATURE_KEY_UNKNOWN },
	{ "", "", ALL_BASE, ALL ";" NOW ";keyid=k1", REASON_SIGNATURE_KEY_UNKNOWN },
	{ "", "", ALL_BASE, ALL ";" NOW ";keyid=:azE=:", REASON_SIGNATURE_KEY_UNKNOWN },

	/* too little */
	{ "", "", "", "();" NOW ";" BY, REASON_SIGNATURE_UNCOVERED },
	{ "", "", "\"@path\": /orders/7\n", "(\"@path\");" NOW ";" BY, REASON_SIGNATURE_UNCOVERED },
	{ ", components: [\"@query\"]", "", ALL_BASE, ALL ";" NOW ";" BY, REASON_SIGNATURE_UNCOVERED },
	{ ", components: [content-digest]", "", ALL_BASE, ALL ";" NOW ";" BY, REASON_SIGNATURE_UNCOVERED },

	/* not now */
	{ "", "", ALL_BASE, ALL ";" BY, REASON_SIGNATURE_EXPIRED },
	{ "", "", ALL_BASE, ALL ";created=1767322984;" BY, REASON_SIGNATURE_EXPIRED },
	{ "", "", ALL_BASE, ALL ";created=1767323076;" BY, REASON_SIGNATURE_EXPIRED },
	{ "", "", ALL_BASE, ALL ";created=-999999999999999;" BY, REASON_SIGNATURE_EXPIRED },
	{ "", "", ALL_BASE, ALL ";created=999999999999999;" BY, REASON_SIGNATURE_EXPIRED },
	{ "", "", ALL_BASE, ALL ";created=1767323045.0;" BY, REASON_SIGNATURE_EXPIRED },
	{ "", "", ALL_BASE, ALL ";created=\"1767323045\";" BY, REASON_SIGNATURE_EXPIRED },
	{ "", "", ALL_BASE, ALL ";" NOW ";expires=1767323045;" BY, REASON_SIGNATURE_EXPIRED },
	{ "", "", ALL_BASE, ALL ";" NOW ";expires=\"x\";" BY, REASON_SIGNATURE_EXPIRED },

	/* of something else */
	{ "", "", "\"@method\": PUT\n\"@path\": /orders/7\n\"@authority\": api.test\n", ALL ";" NOW ";" BY,
	  REASON_SIGNATURE_WRONG },
	{ "", "", "\"@method\": GET\n\"@path\": /orders/8\n\"@authority\": api.test\n", ALL ";" NOW ";" BY,
	  REASON_SIGNATURE_WRONG },
	{ "", "", "\"@method\": GET\n\"@path\": /orders/7\n\"@authority\": api\n", ALL ";" NOW ";" BY,
	  REASON_SIGNATURE_WRONG },
	{ "", "", ALL_BASE, ALL ";" NOW ";" BY ";alg=\"ed25519\"", REASON_SIGNATURE_WRONG },
	{ "", "", ALL_BASE, ALL ";" NOW ";" BY ";alg=hmac-sha256", REASON_SIGNATURE_WRONG },
	{ ", components: [x-a]", "", "\"x-a\": \n", "(\"x-a\");" NOW ";" BY, REASON_SIGNATURE_WRONG },

	/* not understood */
	{ "", "", ALL_BASE, "7;" NOW ";" BY, REASON_SIGNATURE_MALFORMED },
	{ ", components: [x-a]", "X-A: 1\n", "\"x-a\": 1\n\"x-a\": 1\n", "(\"x-a\" \"x-a\");" NOW ";" BY,
	  REASON_SIGNATURE_MALFORMED },
	{ ", components: [x-a]", "X-A: 1\n", "", "(\"x-a\" \"x-a\";sf);" NOW ";" BY,
	  REASON_SIGNATURE_MALFORMED },
	{ "", "", ALL_BASE, ALL ";" NOW ";" NOW ";" BY, REASON_SIGNATURE_MALFORMED },

	/* of another body */
	{ "", "Content-Digest: sha-256=:YWJj:\n", DIGEST_BASE("sha-256=:YWJj:"), WITH_DIGEST ";" NOW ";" BY,
	  REASON_DIGEST_MISMATCH },
	{ "", "Content-Digest: md5=:YWJj:\n", DIGEST_BASE("md5=:YWJj:"), WITH_DIGEST ";" NOW ";" BY,
	  REASON_DIGEST_MISMATCH },
	{ "", "Content-Digest: sha-256=1\n", DIGEST_BASE("sha-256=1"), WITH_DIGEST ";" NOW ";" BY,
	  REASON_DIGEST_MISMATCH },
	{ "", "Content-Digest: (\n", DIGEST_BASE("("), WITH_DIGEST ";" NOW ";" BY, REASON_DIGEST_MISMATCH },
	{ "", "Content-Digest: sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:\n",
	  DIGEST_BASE("sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"), WITH_DIGEST ";" NOW ";" BY,
	  REASON_DIGEST_MISMATCH },
};

static void put_signature(const char *lines, const char *input, struct buf *out)
{
	char text[2048];
	struct buf base = buf_over(text, sizeof text);
	unsigned char mac[EVP_MAX_MD_SIZE];
	struct base64_encoder encoder = { 0 };
	unsigned len = 0;
	str rest;

	buf_put(&base, str_of(lines));
	buf_put(&base, STR("\"@signature-params\": "));
	buf_put(&base, str_of(input));
	assert_non_null(
		HMAC(EVP_sha256(), SECRET, sizeof SECRET - 1, (unsigned char *)text, base.len, mac, &len));
	rest = (str) { (const char *)mac, len };
	base64_encode(&encoder, &rest, out);
	base64_encode_end(&encoder, out);
}

static enum verdict ask(struct bench *bench, const char *fields)
{
	bench_ask(bench, "GET /orders/7", fields);
	bench->request.target = STR("/orders/7");
	return bench_request(bench);
}

static void print_fields(const struct row *row, char *text, size_t size)
{
	struct buf out = buf_over(text, size - 1);

	buf_put(&out, STR("Host: api.test\n"));
	buf_put(&out, str_of(row->fields));
	buf_put(&out, STR("Signature-Input: s="));
	buf_put(&out, str_of(row->input));
	buf_put(&out, STR("\nSignature: s=:"));
	put_signature(row->lines, row->input, &out);
	buf_put(&out, STR(":\n"));
	assert_false(buf_overflowed(&out));
	text[out.len] = 0;
}

static struct bench *bench_with(const char *options)
{
	char policies[512];
	struct buf text = buf_over(policies, sizeof policies - 1);

	buf_put(&text, STR("[ signature: { keys: [ " KEY " ]"));
	buf_put(&text, str_of(options));
	buf_put(&text, STR(" } ]"));
	policies[text.len] = 0;
	return bench_new(policies);
}

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench *bench = bench_with(rows[i].options);
		char fields[4096];
		enum verdict verdict;

		print_fields(&rows[i], fields, sizeof fields);
		print_message("%s %s\n", rows[i].options, fields);
		verdict = ask(bench, fields);
		assert_int_equal(verdict, rows[i].reason == REASON_NONE ? POLICY_CONTINUE : POLICY_ANSWERED);
		if (rows[i].reason != REASON_NONE) {
			assert_text(reason_word(bench->view.answer.reason), reason_word(rows[i].reason).ptr);
			assert_null(bench->view.principal);
		} else {
			assert_text(bench->view.principal->method, "signature");
		}
		bench_free(&bench);
	}
}

static const struct bare {
	const char *fields;
	enum reason reason;
} bare[] = {
	{ "Host: api.test\n", REASON_SIGNATURE_MISSING },
	{ "Signature: s=:YWJj:\n", REASON_SIGNATURE_MALFORMED },
	{ "Signature-Input: \nSignature: \n", REASON_SIGNATURE_MALFORMED },
	{ "Signature-Input: s=()\n", REASON_SIGNATURE_KEY_UNKNOWN },
	{ "Signature-Input: s=(\nSignature: s=:YWJj:\n", REASON_SIGNATURE_MALFORMED },
	{ "Signature-Input: s=()\nSignature-Input: s=()\nSignature: s=:YWJj:\n", REASON_SIGNATURE_MALFORMED },
	{ "Host: api.test\nSignature-Input: s=" ALL ";" NOW ";" BY "\nSignature: s=:YWJj\n",
	  REASON_SIGNATURE_MALFORMED },
	{ "Host: api.test\nSignature-Input: s=" ALL ";" NOW ";" BY "\nSignature: s=tok\n",
	  REASON_SIGNATURE_MALFORMED },
	{ "Host: api.test\nSignature-Input: s=" ALL ";" NOW ";" BY "\nSignature: t=:YWJj:\n",
	  REASON_SIGNATURE_MALFORMED },
	{ "Host: api.test\nSignature-Input: s=" ALL ";" NOW ";" BY "\nSignature: s=::\n",
	  REASON_SIGNATURE_WRONG },
};

static void without_a_signature_nobody_is_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bare); i++) {
		struct bench *bench = bench_new(POLICY(""));

		print_message("%s\n", bare[i].fields);
		assert_int_equal(ask(bench, bare[i].fields), POLICY_ANSWERED);
		assert_text(reason_word(bench->view.answer.reason), reason_word(bare[i].reason).ptr);
		bench_free(&bench);
	}
}

static void a_signed_digest_is_for_the_body(void **state)
{
	static const struct row row = { "", "Content-Digest: sha-512=1, " EMPTY_DIGEST "\n", "", "", 0 };
	struct row signed_row = { "", "Content-Digest: " EMPTY_DIGEST "\n", DIGEST_BASE(EMPTY_DIGEST),
				  WITH_DIGEST ";" NOW ";" BY, REASON_NONE };
	struct bench *bench = bench_new(POLICY(""));
	char fields[4096];

	(void)state;
	print_fields(&signed_row, fields, sizeof fields);
	assert_int_equal(ask(bench, fields), POLICY_CONTINUE);
	assert_non_null(bench->view.body_digest);
	assert_true(bench->view.body_digest->has_256);
	assert_false(bench->view.body_digest->has_512);
	signed_row.fields = row.fields;
	signed_row.lines = DIGEST_BASE("sha-512=1, " EMPTY_DIGEST);
	print_fields(&signed_row, fields, sizeof fields);
	assert_int_equal(ask(bench, fields), POLICY_ANSWERED);
	assert_null(bench->view.body_digest);
	bench_free(&bench);
}

/* And a report takes none: the policy that refuses must find it new. */
static void a_nonce_is_good_once(void **state)
{
	static const struct row once = { "", "", ALL_BASE, ALL ";" NOW ";" BY ";nonce=\"1\"", 0 },
				again = { "", "", ALL_BASE, ALL ";" NOW ";" BY ";nonce=\"2\"", 0 };
	struct replay_cache *replays = replay_cache_new(0);
	struct bench *report = bench_new("[ { signature: { keys: [ " KEY " ] }, report: true } ]");
	struct bench *bench = bench_new(POLICY(""));
	char fields[4096];

	(void)state;
	report->auth.replays = bench->auth.replays = replays;
	print_fields(&once, fields, sizeof fields);
	assert_int_equal(ask(report, fields), POLICY_CONTINUE);
	assert_int_equal(ask(bench, fields), POLICY_CONTINUE);
	assert_int_equal(ask(bench, fields), POLICY_ANSWERED);
	assert_text(reason_word(bench->view.answer.reason), "token_replayed");
	print_fields(&again, fields, sizeof fields);
	assert_int_equal(ask(bench, fields), POLICY_CONTINUE);
	bench_free(&report);
	bench_free(&bench);
	replay_cache_free(&replays);
}

/* Of whose key it is; of a key of nobody's the client's own word is taken out all the same. */
static void the_upstream_is_told(void **state)
{
	static const struct {
		const char *policies, *line; /* line: of X-Partner; empty: there is none */
	} told[] = {
		{ "[ signature: { keys: [ { id: k1, algorithm: hmac-sha256, consumer: acme, key: " SECRET
		  " } ], forward: { X-Partner: name } } ]",
		  "X-Partner: acme\n" },
		{ POLICY(", forward: { X-Partner: name }"), "" },
	};
	const struct consumer_config acme = { .entry = { .name = STR("acme") } };
	const struct row row = { "", "X-Partner: mallory\n", ALL_BASE, ALL ";" NOW ";" BY, REASON_NONE };
	struct consumers *consumers = bench_consumers(&acme, 1);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(told); i++) {
		struct bench *bench = bench_new(told[i].policies);
		char fields[4096];
		const char *left;

		assert_string_equal(bench->managed, "X-Partner;");
		print_fields(&row, fields, sizeof fields);
		bench_ask(bench, "GET /orders/7", fields);
		bench->request.target = STR("/orders/7");
		bench->view.consumers = consumers;
		assert_int_equal(bench_request(bench), POLICY_CONTINUE);
		left = bench_fields(bench, &bench->request.fields);
		assert_null(strstr(left, "mallory"));
		assert_true(told[i].line[0] ? strstr(left, told[i].line) != NULL
					    : !strstr(left, "X-Partner"));
		bench_free(&bench);
	}
	consumers_unref(&consumers);
}

static const struct bench_check checks[] = {
	{ POLICY(""), "" },
	{ POLICY(", forward: { X-Partner: subject }"), "want name, groups or label.NAME" },
	{ POLICY(", components: [\"@query\", content-digest], max_age: 5m"), "" },
	{ "[ signature: {} ]", "keys" },
	{ "[ signature: { keys: [] } ]", "keys" },
	{ "[ signature: { keys: [ { id: k1, key: " SECRET " } ] } ]", "algorithm" },
	{ "[ signature: { keys: [ { id: k1, algorithm: none, key: " SECRET " } ] } ]", "algorithm" },
	{ "[ signature: { keys: [ { id: k1, algorithm: hmac-sha256, key: short } ] } ]",
	  "at least 32 bytes" },
	{ "[ signature: { keys: [ { id: k1, algorithm: hmac-sha256, key: \"file:x\" } ] } ]",
	  "want the secret" },
	{ "[ signature: { keys: [ { id: k1, algorithm: ed25519, key: " SECRET " } ] } ]", "want file:PATH" },
	{ "[ signature: { keys: [ " KEY ", " KEY " ] } ]", "another key is called so" },
	{ POLICY(", components: [\"@Method\"]"), "small letters" },
	{ POLICY(", max_age: 2h"), "max_age" },
};

static void check_tells_what_is_wrong(void **state)
{
	(void)state;
	bench_assert_checks(checks, COUNT_OF(checks));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(without_a_signature_nobody_is_known),
		cmocka_unit_test(a_signed_digest_is_for_the_body),
		cmocka_unit_test(a_nonce_is_good_once),
		cmocka_unit_test(the_upstream_is_told),
		cmocka_unit_test(check_tells_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

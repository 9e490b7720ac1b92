/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/certificate.h"

#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/assert.h"
#include "tls/self_signed.h"
#include "tls/tls_testing.h"
#include "tls/x509_text.h"

struct shelf {
	struct arena arena;
	struct tls_pair authority, pair, other;
};

static void shelf_open(struct shelf *shelf)
{
	arena_init(&shelf->arena, NULL, 1 << 24);
	shelf->authority = tls_issue(&shelf->arena, NULL, (struct tls_issue) { "CA", .is_authority = true });
	shelf->pair = tls_issue(&shelf->arena, &shelf->authority, (struct tls_issue) { "a", "DNS:a.test" });
	shelf->other = tls_issue(&shelf->arena, &shelf->authority, (struct tls_issue) { "b", "DNS:b.test" });
}

/* The bytes in memory of their own, so that reading past them is seen. */
static result_value try_pair(str chain, str key)
{
	struct certificate certificate;
	char *chain_bytes = malloc(chain.len + !chain.len), *key_bytes = malloc(key.len + !key.len);
	result_value read;

	if (chain.len)
		memcpy(chain_bytes, chain.ptr, chain.len);
	if (key.len)
		memcpy(key_bytes, key.ptr, key.len);
	read = certificate_init(&certificate, NULL, (str) { chain_bytes, chain.len },
				(str) { key_bytes, key.len });
	if (failed(read))
		assert_int_equal(certificate.is_key_to_blame, strstr(read.why, "key") != NULL);
	else
		certificate_fini(&certificate);
	assert_null(certificate.leaf);
	free(chain_bytes);
	free(key_bytes);
	return read;
}

static void expect(str chain, str key, enum error_kind kind, const char *words)
{
	result_value read = try_pair(chain, key);

	if (read.kind != kind || !strstr(read.why, words))
		fail_msg("%s: %s %s", words, error_name(read.kind), read.why);
}

static void lists_are_read_whole_or_not_at_all(void **state)
{
	struct shelf shelf;
	str one, parts[2], damaged = STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	STACK_OF(X509) * all;
	bool is_damaged;

	(void)state;
	shelf_open(&shelf);
	one = tls_issue(&shelf.arena, &shelf.authority, (struct tls_issue) { "a", "DNS:a.test" }).certificate;
	parts[0] = parts[1] = one;
	all = certificates_read(arena_join(&shelf.arena, parts, 2), NULL, &is_damaged);
	assert_int_equal(sk_X509_num(all), 2);
	assert_false(is_damaged);
	sk_X509_pop_free(all, X509_free);
	all = certificates_read(STR("nothing of the kind\n"), NULL, &is_damaged);
	assert_int_equal(sk_X509_num(all), 0);
	assert_false(is_damaged);
	sk_X509_pop_free(all, X509_free);
	parts[1] = damaged;
	assert_null(certificates_read(arena_join(&shelf.arena, parts, 2), NULL, &is_damaged));
	assert_true(is_damaged);
	arena_fini(&shelf.arena);
}

static str encrypted(struct arena *arena, str key)
{
	BIO *from = BIO_new_mem_buf(key.ptr, (int)key.len), *to = BIO_new(BIO_s_mem());
	EVP_PKEY *parsed = PEM_read_bio_PrivateKey(from, NULL, NULL, NULL);
	char *bytes;
	long len;
	str text;

	ASSERT(parsed &&
	       PEM_write_bio_PKCS8PrivateKey(to, parsed, EVP_aes_128_cbc(), "secret", 6, NULL, NULL));
	len = BIO_get_mem_data(to, &bytes);
	text = arena_str(arena, (str) { bytes, (size_t)len });
	EVP_PKEY_free(parsed);
	BIO_free(from);
	BIO_free(to);
	return text;
}

static str without_middle(struct arena *arena, str pem)
{
	return arena_join(arena, (str[]) { str_slice(pem, 0, 100), str_skip(pem, 110) }, 2);
}

static void what_is_wrong_with_files_is_told(void **state)
{
	struct shelf shelf;
	str chain, key;

	(void)state;
	shelf_open(&shelf);
	chain = shelf.pair.certificate;
	key = shelf.pair.key;
	expect((str) { 0 }, key, ERROR_MALFORMED, "no certificate");
	expect(STR("hello\n"), key, ERROR_MALFORMED, "no certificate");
	expect(key, key, ERROR_MALFORMED, "no certificate");
	expect(chain, (str) { 0 }, ERROR_MALFORMED, "no key");
	expect(chain, chain, ERROR_MALFORMED, "no key");
	expect(chain, encrypted(&shelf.arena, key), ERROR_INVALID, "pass phrase");
	expect(chain, shelf.other.key, ERROR_INVALID, "does not belong");
	expect(without_middle(&shelf.arena, chain), key, ERROR_MALFORMED,
	       "certificate in this file is damaged");
	expect(chain, without_middle(&shelf.arena, key), ERROR_MALFORMED, "key in this file is damaged");
	expect(arena_join(&shelf.arena, (str[]) { chain, without_middle(&shelf.arena, chain) }, 2), key,
	       ERROR_MALFORMED, "behind the first");
	expect(arena_join(&shelf.arena, (str[]) { shelf.authority.certificate, chain }, 2), key,
	       ERROR_INVALID, "not the first");
	arena_fini(&shelf.arena);
}

/* Half-written: whatever part of a file is there, it is not taken for the whole, but where only line ends
 * lack. */
static void what_is_half_written_is_refused(void **state)
{
	struct shelf shelf;

	(void)state;
	shelf_open(&shelf);
	for (size_t len = 0; len < shelf.pair.certificate.len - 1; len += 7)
		assert_true(failed(try_pair(str_slice(shelf.pair.certificate, 0, len), shelf.pair.key)));
	for (size_t len = 0; len < shelf.pair.key.len - 1; len += 7)
		assert_true(failed(try_pair(shelf.pair.certificate, str_slice(shelf.pair.key, 0, len))));
	arena_fini(&shelf.arena);
}

static void too_many_are_refused(void **state)
{
	struct shelf shelf;
	str chain;

	(void)state;
	shelf_open(&shelf);
	chain = shelf.pair.certificate;
	for (int i = 0; i < 32; i++)
		chain = arena_join(&shelf.arena, (str[]) { chain, shelf.authority.certificate }, 2);
	assert_false(failed(try_pair(chain, shelf.pair.key)));
	chain = arena_join(&shelf.arena, (str[]) { chain, shelf.authority.certificate }, 2);
	expect(chain, shelf.pair.key, ERROR_LIMIT, "too many");
	arena_fini(&shelf.arena);
}

static const char *const types[][2] = {
	{ "RSA", "RSA" }, { "P-256", "EC" }, { "P-384", "EC" }, { "ED25519", "ED25519" }
};

static void good_pairs_are_taken(void **state)
{
	struct shelf shelf;

	(void)state;
	shelf_open(&shelf);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct tls_pair pair =
			tls_issue(&shelf.arena, &shelf.authority,
				  (struct tls_issue) { "x, y", "DNS:x.test", .key = types[i][0] });
		str both = arena_join(&shelf.arena, (str[]) { pair.key, pair.certificate }, 2);
		struct certificate certificate;
		result_value read = certificate_init(&certificate, NULL, both, both); /* in one file */

		assert_false(failed(read));
		assert_string_equal(certificate_key_type(&certificate), types[i][1]);
		assert_true(str_eq(certificate_subject(&certificate, &shelf.arena), STR("CN=x\\, y")));
		assert_true(str_eq(certificate_issuer(&certificate, &shelf.arena), STR("CN=CA")));
		assert_in_range(certificate_serial(&certificate, &shelf.arena).len, 8, 16);
		assert_int_equal(sk_X509_num(certificate.chain), 0);
		certificate_fini(&certificate);
	}
	arena_fini(&shelf.arena);
}

/* Of the demonstration. */
static void a_self_signed_pair_is_good(void **state)
{
	struct arena arena;
	struct tls_pair pair;
	result_value made;

	(void)state;
	arena_init(&arena, NULL, 1 << 20);
	made = self_signed_make(&arena, &pair.certificate, &pair.key);
	assert_false(failed(made));
	assert_false(failed(try_pair(pair.certificate, pair.key)));
	arena_fini(&arena);
}

static const struct {
	const char *subject, *alternatives;
	const char *names; /* joined by spaces */
} namings[] = {
	{ "a.test", NULL, "a.test" },
	{ "A.Test", NULL, "a.test" },
	{ "a.test", "DNS:b.test", "b.test" }, /* RFC 6125: then the common name does not count */
	{ "a.test", "DNS:B.test,DNS:*.C.test", "b.test *.c.test" },
	{ "a.test", "URI:spiffe://x,IP:127.0.0.1,email:a@b.test", "a.test" },
	{ "a.test", "URI:spiffe://x,DNS:b.test", "b.test" },
	{ "Some Company", NULL, "" },
	{ "a test", "DNS:b test", "" },
	{ "*", NULL, "" },
	{ NULL, NULL, "" },
	{ NULL, "DNS:x_y.test,DNS:xn--bcher-kva.test", "x_y.test xn--bcher-kva.test" },
};

static void names_are_read(void **state)
{
	struct shelf shelf;

	(void)state;
	shelf_open(&shelf);
	for (size_t i = 0; i < sizeof namings / sizeof *namings; i++) {
		struct tls_pair pair =
			tls_issue(&shelf.arena, &shelf.authority,
				  (struct tls_issue) { namings[i].subject, namings[i].alternatives });
		struct certificate certificate;
		result_value read = certificate_init(&certificate, NULL, pair.certificate, pair.key);
		char joined[200];
		struct buf text = buf_over(joined, sizeof joined);
		str_list names;

		assert_false(failed(read));
		names = certificate_names(&certificate, &shelf.arena);
		for (size_t n = 0; n < names.len; n++) {
			buf_put(&text, n ? STR(" ") : STR(""));
			buf_put(&text, names.at[n]);
		}
		if (!str_eq(buf_str(&text), str_of(namings[i].names)))
			fail_msg("row %zu: %.*s", i, STR_ARG(buf_str(&text)));
		certificate_fini(&certificate);
	}
	arena_fini(&shelf.arena);
}

static void names_are_bounded(void **state)
{
	struct shelf shelf;
	char text[100 * 16];
	size_t len = 0;
	struct tls_pair pair;
	struct certificate certificate;
	result_value read;

	(void)state;
	shelf_open(&shelf);
	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%sDNS:n%d.test", i ? "," : "", i);
	pair = tls_issue(&shelf.arena, &shelf.authority, (struct tls_issue) { "a", text });
	read = certificate_init(&certificate, NULL, pair.certificate, pair.key);
	assert_false(failed(read));
	assert_int_equal(certificate_names(&certificate, &shelf.arena).len, 100);
	assert_int_equal(x509_alternative_names(certificate.leaf, &shelf.arena, 64, false).len, 64);
	assert_int_equal(x509_alternative_names(certificate.leaf, &shelf.arena, 0, false).len, 0);
	certificate_fini(&certificate);
	arena_fini(&shelf.arena);
}

static const struct {
	int from_days, to_days;
	const char *complaint; /* the beginning of it */
} validities[] = {
	{ -1, 1, "" },
	{ -10, -1, "expired on 2" },
	{ 1, 10, "not valid before 2" },
	{ -1, 365 * 500, "" }, /* beyond what nanoseconds can say */
	{ -365 * 40, -365 * 30, "expired on 1" },
};

static void times_are_read(void **state)
{
	struct shelf shelf;

	(void)state;
	shelf_open(&shelf);
	for (size_t i = 0; i < sizeof validities / sizeof *validities; i++) {
		struct tls_issue what = { "a", .from_days = validities[i].from_days,
					  .to_days = validities[i].to_days };
		struct tls_pair pair = tls_issue(&shelf.arena, &shelf.authority, what);
		struct certificate certificate;
		result_value read = certificate_init(&certificate, NULL, pair.certificate, pair.key);
		str complaint;

		assert_false(failed(read));
		complaint = certificate_complaint(&certificate, time_wall(), &shelf.arena);
		if (!*validities[i].complaint)
			assert_int_equal(complaint.len, 0);
		else if (!str_starts(complaint, str_of(validities[i].complaint)) ||
			 !str_ends(complaint, STR("Z")))
			fail_msg("row %zu: %.*s", i, STR_ARG(complaint));
		assert_true(certificate.not_before < certificate.not_after);
		certificate_fini(&certificate);
	}
	arena_fini(&shelf.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_with_files_is_told),
		cmocka_unit_test(what_is_half_written_is_refused),
		cmocka_unit_test(too_many_are_refused),
		cmocka_unit_test(good_pairs_are_taken),
		cmocka_unit_test(a_self_signed_pair_is_good),
		cmocka_unit_test(names_are_read),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(lists_are_read_whole_or_not_at_all),
		cmocka_unit_test(times_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that was told to trust it does, for this machine's names and no other; and nothing else follows
 * from that trust.
 */
#include "tls/self_signed.h"

#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/testing.h"

struct made {
	struct arena arena;
	str certificate_text, key_text;
	X509 *certificate;
	EVP_PKEY *key;
};

static void made_open(struct made *made)
{
	BIO *certificate, *key;

	arena_init(&made->arena, NULL, 1 << 20);
	assert_false(failed(self_signed_make(&made->arena, &made->certificate_text, &made->key_text)));
	certificate = BIO_new_mem_buf(made->certificate_text.ptr, (int)made->certificate_text.len);
	key = BIO_new_mem_buf(made->key_text.ptr, (int)made->key_text.len);
	made->certificate = PEM_read_bio_X509(certificate, NULL, NULL, NULL);
	made->key = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
	BIO_free(certificate);
	BIO_free(key);
	assert_non_null(made->certificate);
	assert_non_null(made->key);
}

static void made_close(struct made *made)
{
	X509_free(made->certificate);
	EVP_PKEY_free(made->key);
	arena_fini(&made->arena);
}

static bool is_trusted(X509 *certificate, X509 *by)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	bool is_good;

	assert_int_equal(X509_STORE_add_cert(store, by), 1);
	assert_int_equal(X509_STORE_CTX_init(context, store, certificate, NULL), 1);
	X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
	is_good = X509_verify_cert(context) == 1;
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return is_good;
}

static void the_key_is_its_own_and_it_is_trusted_by_who_has_it(void **state)
{
	struct made made, other;

	(void)state;
	made_open(&made);
	made_open(&other);
	assert_int_equal(X509_check_private_key(made.certificate, made.key), 1);
	assert_int_equal(X509_check_private_key(made.certificate, other.key), 0);
	assert_true(is_trusted(made.certificate, made.certificate));
	assert_false(is_trusted(made.certificate, other.certificate));
	made_close(&other);
	made_close(&made);
}

static void it_is_for_this_machine_alone(void **state)
{
	static const struct {
		const char *name;
		bool is_address, is_good;
	} rows[] = {
		{ "localhost", false, true },
		{ "127.0.0.1", true, true },
		{ "::1", true, true },
		{ "example.com", false, false },
		{ "a.localhost", false, false },
		{ "127.0.0.2", true, false },
		{ "Gatehouse demo", false, false },
		{ "::2", true, false },
	};
	struct made made;

	(void)state;
	made_open(&made);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *name = rows[i].name;
		int fits = rows[i].is_address ? X509_check_ip_asc(made.certificate, name, 0)
					      : X509_check_host(made.certificate, name, 0, 0, NULL);

		assert_int_equal(fits, rows[i].is_good);
	}
	made_close(&made);
}

/* Its key may lie in a folder that others read. */
static void nothing_can_be_signed_by_it(void **state)
{
	struct made made;

	(void)state;
	made_open(&made);
	assert_int_equal(X509_check_ca(made.certificate), 0);
	assert_int_equal(X509_check_purpose(made.certificate, X509_PURPOSE_SSL_SERVER, 0), 1);
	assert_int_equal(X509_check_purpose(made.certificate, X509_PURPOSE_SSL_CLIENT, 0), 0);
	assert_int_equal(X509_check_purpose(made.certificate, X509_PURPOSE_SSL_SERVER, 1), 0);
	made_close(&made);
}

static void it_is_good_now_and_not_for_ever(void **state)
{
	struct made made;
	int days, seconds;

	(void)state;
	made_open(&made);
	assert_int_equal(X509_cmp_current_time(X509_get0_notBefore(made.certificate)), -1);
	assert_int_equal(X509_cmp_current_time(X509_get0_notAfter(made.certificate)), 1);
	assert_int_equal(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(made.certificate),
					X509_get0_notAfter(made.certificate)),
			 1);
	assert_in_range(days, 390, SELF_SIGNED_DAYS);
	made_close(&made);
}

static void no_two_have_a_number_in_common(void **state)
{
	struct made one, other;

	(void)state;
	made_open(&one);
	made_open(&other);
	assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(one.certificate),
					      X509_get0_serialNumber(other.certificate)),
			     0);
	made_close(&other);
	made_close(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_key_is_its_own_and_it_is_trusted_by_who_has_it),
		cmocka_unit_test(it_is_for_this_machine_alone),
		cmocka_unit_test(nothing_can_be_signed_by_it),
		cmocka_unit_test(it_is_good_now_and_not_for_ever),
		cmocka_unit_test(no_two_have_a_number_in_common),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

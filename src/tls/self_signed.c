/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/self_signed.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { HOUR_SECONDS = 3600, DAY_SECONDS = 24 * HOUR_SECONDS };

static const char names[] = "DNS:localhost, IP:127.0.0.1, IP:::1";

/* What is being made; what is not yet is NULL. */
struct making {
	EVP_PKEY *key;
	X509 *certificate;
	BIO *text;
};

static void making_fini(struct making *making)
{
	EVP_PKEY_free(making->key);
	X509_free(making->certificate);
	BIO_free(making->text);
}

static bool add_extension(X509 *certificate, int id, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, id, value);
	bool is_added = extension && X509_add_ext(certificate, extension, -1);

	X509_EXTENSION_free(extension);
	return is_added;
}

/* Browsers keep an exception by the number too, and take two certificates with the same one for a forgery. */
static bool set_serial(X509 *certificate)
{
	BIGNUM *number = BN_new();
	bool is_set = number && BN_rand(number, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
		      BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));

	BN_free(number);
	return is_set;
}

static bool set_name(X509 *certificate)
{
	X509_NAME *name = X509_get_subject_name(certificate);

	return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const unsigned char *)"Gatehouse demo",
					  -1, -1, 0) &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1,
					  -1, 0) &&
	       X509_set_issuer_name(certificate, name);
}

static bool set_validity(X509 *certificate)
{
	return X509_gmtime_adj(X509_getm_notBefore(certificate), -HOUR_SECONDS) &&
	       X509_gmtime_adj(X509_getm_notAfter(certificate),
			       (long)SELF_SIGNED_DAYS * DAY_SECONDS - HOUR_SECONDS);
}

static bool fill(X509 *certificate, EVP_PKEY *key)
{
	return certificate && key && X509_set_version(certificate, X509_VERSION_3) &&
	       set_serial(certificate) && set_name(certificate) && set_validity(certificate) &&
	       X509_set_pubkey(certificate, key) &&
	       add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
	       add_extension(certificate, NID_subject_alt_name, names) &&
	       X509_sign(certificate, key, EVP_sha256());
}

/* Empties the memory that the text stands in: it may be a key. */
static str take_text(BIO *text, struct arena *arena)
{
	char *bytes = NULL;
	long len = BIO_get_mem_data(text, &bytes);
	str copy = arena_str(arena, (str) { bytes, len > 0 ? (size_t)len : 0 });

	OPENSSL_cleanse(bytes, copy.len);
	(void)BIO_reset(text);
	return copy;
}

result self_signed_make(struct arena *arena, str *ret_certificate, str *ret_key)
{
	__attribute__((cleanup(making_fini))) struct making making = {
		.key = EVP_EC_gen("P-256"),
		.certificate = X509_new(),
		.text = BIO_new(BIO_s_mem()),
	};

	if (!making.text || !fill(making.certificate, making.key) ||
	    !PEM_write_bio_X509(making.text, making.certificate))
		return error_make(ERROR_SYSTEM, "no certificate can be made");
	*ret_certificate = take_text(making.text, arena);
	if (!PEM_write_bio_PKCS8PrivateKey(making.text, making.key, NULL, NULL, 0, NULL, NULL))
		return error_make(ERROR_SYSTEM, "no private key can be made");
	*ret_key = take_text(making.text, arena);
	return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a file is told apart by what was found before OpenSSL stopped: nothing at all, or the
 * beginning of something. Its own reasons speak of PEM lines.
 */
#include "tls/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "codec/host.h"
#include "tls/x509_text.h"

enum { CHAIN_MAX = 32, NAMES_MAX = 4096 };

/* OpenSSL takes lengths as int. */
static BIO *reader_open(str pem)
{
	return pem.len <= INT32_MAX ? BIO_new_mem_buf(pem.ptr ? pem.ptr : "", (int)pem.len) : NULL;
}

/* OpenSSL's reader stopped because there was no further block, which is how every file ends. */
static bool is_at_end(void)
{
	unsigned long code = ERR_peek_last_error();

	return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

/* Nobody is asked for a pass phrase; that it was wanted is remembered. */
static int refuse_password(char *out, int size, int is_writing, void *argument)
{
	(void)out, (void)size, (void)is_writing;
	*(bool *)argument = true;
	return -1;
}

/* NULL with the reason in OpenSSL's queue. */
static X509 *read_one(BIO *reader, OSSL_LIB_CTX *library)
{
	X509 *certificate = X509_new_ex(library, NULL);
	bool is_encrypted;

	if (certificate && !PEM_read_bio_X509(reader, &certificate, refuse_password, &is_encrypted)) {
		X509_free(certificate);
		return NULL;
	}
	return certificate;
}

STACK_OF(X509) * certificates_read(str pem, OSSL_LIB_CTX *library, bool *ret_is_damaged)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	BIO *reader = reader_open(pem);
	X509 *next;

	ERR_clear_error();
	while (all && reader && (next = read_one(reader, library)))
		if (!sk_X509_push(all, next))
			X509_free(next);
	*ret_is_damaged = all && reader && !is_at_end();
	ERR_clear_error();
	BIO_free(reader);
	if (reader && !*ret_is_damaged)
		return all;
	sk_X509_pop_free(all, X509_free);
	return NULL;
}

static result read_chain(struct certificate *certificate, OSSL_LIB_CTX *library, BIO *reader)
{
	X509 *next = read_one(reader, library);

	if (!next)
		return error_make(ERROR_MALFORMED, is_at_end() ? "no certificate in this file"
							       : "the certificate in this file is damaged");
	certificate->leaf = next;
	certificate->chain = sk_X509_new_null();
	if (!certificate->chain)
		return error_make(ERROR_SYSTEM, "no memory for a certificate");
	while ((next = read_one(reader, library))) {
		if (sk_X509_num(certificate->chain) < CHAIN_MAX && sk_X509_push(certificate->chain, next))
			continue;
		X509_free(next);
		return error_make(ERROR_LIMIT, "too many certificates in one file");
	}
	if (!is_at_end())
		return error_make(ERROR_MALFORMED,
				  "a certificate behind the first one in this file is damaged");
	return OK;
}

static result read_key(struct certificate *certificate, OSSL_LIB_CTX *library, BIO *reader, bool is_empty)
{
	bool is_encrypted = false;

	certificate->key =
		PEM_read_bio_PrivateKey_ex(reader, NULL, refuse_password, &is_encrypted, library, NULL);
	if (certificate->key)
		return OK;
	if (is_encrypted)
		return error_make(ERROR_INVALID,
				  "the key is encrypted: it must be stored without a pass phrase");
	return error_make(ERROR_MALFORMED,
			  is_empty ? "no key in this file" : "the key in this file is damaged");
}

static bool has_key_block(str pem)
{
	return str_contains(pem, STR("PRIVATE KEY-----"));
}

static result check_pair(const struct certificate *certificate)
{
	if (X509_check_private_key(certificate->leaf, certificate->key))
		return OK;
	for (int i = 0; i < sk_X509_num(certificate->chain); i++)
		if (X509_check_private_key(sk_X509_value(certificate->chain, i), certificate->key))
			return error_make(
				ERROR_INVALID,
				"the key belongs to a certificate that is not the first in the file");
	return error_make(ERROR_INVALID, "the key does not belong to the certificate");
}

static result certificate_read(struct certificate *certificate, OSSL_LIB_CTX *library, str chain, str key)
{
	BIO *chain_reader = reader_open(chain), *key_reader = reader_open(key);
	result_value done = error_make(ERROR_SYSTEM, "no memory for a certificate");

	if (chain_reader && key_reader)
		done = read_chain(certificate, library, chain_reader);
	certificate->is_key_to_blame = !failed(done);
	if (!failed(done))
		done = read_key(certificate, library, key_reader, !has_key_block(key));
	if (!failed(done))
		done = check_pair(certificate);
	BIO_free(chain_reader);
	BIO_free(key_reader);
	return done;
}

result certificate_init(struct certificate *certificate, OSSL_LIB_CTX *library, str chain, str key)
{
	result_value done;
	bool is_key_to_blame;

	*certificate = (struct certificate) { .leaf = NULL };
	ERR_clear_error();
	done = certificate_read(certificate, library, chain, key);
	ERR_clear_error();
	if (failed(done)) {
		is_key_to_blame = certificate->is_key_to_blame;
		certificate_fini(certificate);
		certificate->is_key_to_blame = is_key_to_blame;
		return done;
	}
	certificate->is_key_to_blame = false;
	certificate->not_before = x509_time(X509_get0_notBefore(certificate->leaf));
	certificate->not_after = x509_time(X509_get0_notAfter(certificate->leaf));
	return OK;
}

void certificate_fini(struct certificate *certificate)
{
	X509_free(certificate->leaf);
	sk_X509_pop_free(certificate->chain, X509_free);
	EVP_PKEY_free(certificate->key);
	*certificate = (struct certificate) { .leaf = NULL };
}

static str lower(str name, struct arena *arena)
{
	char *bytes = arena_bytes(arena, name.len);

	for (size_t i = 0; i < name.len; i++)
		bytes[i] = ascii_lower(name.ptr[i]);
	return (str) { bytes, name.len };
}

static str common_name(const X509 *certificate)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	const ASN1_STRING *text = at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));

	return text ? (str) { (const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text) }
		    : (str) { 0 };
}

/* A name of DNS, perhaps with "*." in front: letters, digits, hyphens, underscores and dots. */
static bool is_host_name(str name)
{
	str rest = str_starts(name, STR("*.")) ? str_skip(name, 2) : name;

	for (size_t i = 0; i < rest.len; i++) {
		char c = ascii_lower(rest.ptr[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
			return false;
	}
	return rest.len > 0 && rest.len <= HOST_LEN_MAX;
}

str_list certificate_names(const struct certificate *certificate, struct arena *arena)
{
	str_list found = x509_alternative_names(certificate->leaf, arena, NAMES_MAX, true);
	str common = common_name(certificate->leaf);
	str *names;
	size_t count = 0;

	if (!found.len && common.len)
		found = (str_list) { &common, 1 };
	names = ARENA_ARRAY(arena, str, found.len);
	for (size_t i = 0; i < found.len; i++)
		if (is_host_name(found.at[i]))
			names[count++] = lower(found.at[i], arena);
	return (str_list) { names, count };
}

/* Whole seconds: certificates have no others. */
static str time_text(wall_time at, struct arena *arena)
{
	char text[TIME_RFC3339_LEN];

	time_print_rfc3339(at, text);
	return arena_printf(arena, "%.19sZ", text);
}

str certificate_complaint(const struct certificate *certificate, wall_time now, struct arena *arena)
{
	if (now < certificate->not_before)
		return arena_join(
			arena,
			(str[]) { STR("not valid before "), time_text(certificate->not_before, arena) }, 2);
	if (now > certificate->not_after)
		return arena_join(
			arena, (str[]) { STR("expired on "), time_text(certificate->not_after, arena) }, 2);
	return (str) { 0 };
}

str certificate_subject(const struct certificate *certificate, struct arena *arena)
{
	return x509_name_text(X509_get_subject_name(certificate->leaf), arena);
}

str certificate_issuer(const struct certificate *certificate, struct arena *arena)
{
	return x509_name_text(X509_get_issuer_name(certificate->leaf), arena);
}

str certificate_serial(const struct certificate *certificate, struct arena *arena)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate->leaf), NULL);
	char *text = number ? BN_bn2hex(number) : NULL;
	str copy = arena_str(arena, str_of(text));

	OPENSSL_free(text);
	BN_free(number);
	return copy;
}

const char *certificate_key_type(const struct certificate *certificate)
{
	return EVP_PKEY_get0_type_name(certificate->key);
}

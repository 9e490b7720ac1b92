/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/token_mint.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "base/assert.h"
#include "codec/base64url.h"

enum { SIGNATURE_MAX = 512 };

static const str mint_kid = STR_INIT("gatehouse-test");

struct token_mint {
	EVP_PKEY *keys[JOSE_ALGORITHMS]; /* made when they are needed */
};

struct token_mint *token_mint_new(void)
{
	struct token_mint *mint = calloc(1, sizeof *mint);

	ASSERT(mint);
	return mint;
}

void token_mint_free(struct token_mint **address)
{
	struct token_mint *mint = *address;

	if (!mint)
		return;
	for (size_t i = 0; i < JOSE_ALGORITHMS; i++)
		EVP_PKEY_free(mint->keys[i]);
	free(mint);
	*address = NULL;
}

/* ---- the key ---- */

static EVP_PKEY *make_key(enum jose_algorithm algorithm)
{
	const struct jose_algorithm_row *row = jose_algorithm_row(algorithm);
	const char *curve = algorithm == JOSE_ES256 ? "P-256" : algorithm == JOSE_ES384 ? "P-384" : "P-521";

	switch (row->family) {
	case JOSE_EDWARDS:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	case JOSE_ECDSA:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);
	default:
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	}
}

static EVP_PKEY *key_of(struct token_mint *mint, enum jose_algorithm algorithm)
{
	if (!mint->keys[algorithm])
		mint->keys[algorithm] = make_key(algorithm);
	ASSERT(mint->keys[algorithm]);
	return mint->keys[algorithm];
}

static struct jwk_set *public_half(EVP_PKEY *key)
{
	BIO *to = BIO_new(BIO_s_mem());
	struct jwk_set *set = NULL;
	result_value made;
	char *pem;
	long len;

	ASSERT(to && PEM_write_bio_PUBKEY(to, key) == 1);
	len = BIO_get_mem_data(to, &pem);
	made = jwk_set_from_pem(mint_kid, (str) { pem, (size_t)len }, &set);
	ASSERT(!failed(made));
	BIO_free(to);
	return set;
}

static bool has_key(const struct jwk_set *set, enum jose_algorithm algorithm)
{
	const struct jwk *jwk = NULL;

	while (set && (jwk = jwk_set_next(set, mint_kid, algorithm, jwk)))
		if (str_eq(jwk->kid, mint_kid))
			return true;
	return false;
}

/* Those that were there stay: what they have signed is as good as before. */
static void tell(struct key_set *keys, EVP_PKEY *key, enum jose_algorithm algorithm)
{
	struct jwk_set *both[2] = { key_set_take(keys), NULL };

	if (!has_key(both[0], algorithm)) {
		both[1] = public_half(key);
		key_set_publish(keys, both[0] ? jwk_set_join(both, 2) : jwk_set_ref(both[1]));
	}
	jwk_set_unref(&both[0]);
	jwk_set_unref(&both[1]);
}

/* ---- the signature ---- */

/* OpenSSL's is DER, JOSE's two numbers of the same length (RFC 7518 section 3.4). */
static size_t plain_ecdsa(const unsigned char *der, size_t len, unsigned half, unsigned char *out)
{
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)len);

	ASSERT(signature);
	ASSERT(BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, (int)half) == (int)half);
	ASSERT(BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + half, (int)half) == (int)half);
	ECDSA_SIG_free(signature);
	return (size_t)2 * half;
}

/* Keys of test cases are made by the mint itself, so nothing can fail but memory. */
static size_t sign_by_key(EVP_PKEY *key, enum jose_algorithm algorithm, str text, unsigned char *out)
{
	const struct jose_algorithm_row *row = jose_algorithm_row(algorithm);
	unsigned char der[SIGNATURE_MAX] = { 0 };
	size_t len = SIGNATURE_MAX;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *options;
	bool is_ecdsa = row->family == JOSE_ECDSA;

	ASSERT(context && EVP_DigestSignInit_ex(context, &options, row->digest, NULL, NULL, key, NULL) == 1);
	if (row->family == JOSE_RSA_PSS) {
		ASSERT(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1);
		ASSERT(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1);
	}
	ASSERT(EVP_DigestSign(context, is_ecdsa ? der : out, &len, (const unsigned char *)text.ptr,
			      text.len) == 1);
	EVP_MD_CTX_free(context);
	return is_ecdsa ? plain_ecdsa(der, len, row->size, out) : len;
}

static size_t sign_by_secret(str secret, enum jose_algorithm algorithm, str text, unsigned char *out)
{
	size_t len = 0;

	ASSERT(EVP_Q_mac(NULL, "HMAC", NULL, jose_algorithm_row(algorithm)->digest, NULL, secret.ptr,
			 secret.len, (const unsigned char *)text.ptr, text.len, out, SIGNATURE_MAX, &len));
	return len;
}

/* ---- the token ---- */

static str encode(str text, struct arena *arena)
{
	struct buf out = arena_open(arena, base64url_encoded_len(text.len));

	base64url_encode(text, &out);
	return arena_close(arena, &out);
}

/* The secret that the set has for an algorithm; NULL: none. Lives as long as the set. */
static const struct jwk *secret_of(const struct jwk_set *set, enum jose_algorithm algorithm)
{
	const struct jwk *jwk = NULL;

	while (set && (jwk = jwk_set_next(set, STR(""), algorithm, jwk)))
		if (!jwk->key)
			return jwk;
	return NULL;
}

/* What is quickest to make a key for comes first. JOSE_UNKNOWN: none of them can be had. */
static enum jose_algorithm choose(const struct jwk_set *set, unsigned allowed)
{
	static const enum jose_algorithm order[] = { JOSE_HS256, JOSE_HS384, JOSE_HS512, JOSE_EDDSA,
						     JOSE_ES256, JOSE_ES384, JOSE_ES512, JOSE_RS256,
						     JOSE_RS384, JOSE_RS512, JOSE_PS256, JOSE_PS384,
						     JOSE_PS512 };

	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		bool is_secret = JOSE_BIT(order[i]) & JOSE_SYMMETRIC;

		if ((allowed & JOSE_BIT(order[i])) && (!is_secret || secret_of(set, order[i])))
			return order[i];
	}
	return JOSE_UNKNOWN;
}

static str sign(struct token_mint *mint, const struct jwk_set *set, struct key_set *keys,
		enum jose_algorithm algorithm, str text, struct arena *arena)
{
	unsigned char signature[SIGNATURE_MAX];
	size_t len;

	if (JOSE_BIT(algorithm) & JOSE_SYMMETRIC) {
		len = sign_by_secret(secret_of(set, algorithm)->secret, algorithm, text, signature);
	} else {
		tell(keys, key_of(mint, algorithm), algorithm);
		len = sign_by_key(key_of(mint, algorithm), algorithm, text, signature);
	}
	return encode((str) { (const char *)signature, len }, arena);
}

result token_mint_sign(struct token_mint *mint, struct key_set *keys, unsigned allowed, str type, str payload,
		       struct arena *arena, str *ret_token)
{
	struct jwk_set *set = key_set_take(keys);
	enum jose_algorithm algorithm = choose(set, allowed);
	str header, parts[5];

	if (algorithm == JOSE_UNKNOWN) {
		jwk_set_unref(&set);
		return error_make(ERROR_INVALID, "no key fits the algorithms");
	}
	header = arena_printf(arena, "{\"alg\":\"%.*s\",\"kid\":\"%.*s\",\"typ\":\"%.*s\"}",
			      STR_ARG(jose_algorithm_row(algorithm)->name), STR_ARG(mint_kid), STR_ARG(type));
	parts[0] = encode(header, arena);
	parts[1] = STR(".");
	parts[2] = encode(payload, arena);
	parts[3] = STR(".");
	parts[4] = sign(mint, set, keys, algorithm, arena_join(arena, parts, 3), arena);
	*ret_token = arena_join(arena, parts, 5);
	jwk_set_unref(&set);
	return OK;
}

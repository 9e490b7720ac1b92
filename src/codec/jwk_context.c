/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwk_context: what verifying by a public key begins with, made once for each key and algorithm and then
 * copied.
 *
 * A context that is ready is only read: several threads copy it at once. Where one could not be made ahead it
 * is made for each token, which is slower and as right.
 */
#include "codec/jwk_context.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

static bool set_padding(EVP_PKEY_CTX *context, enum jose_family family)
{
	if (family != JOSE_RSA_PSS)
		return true;
	/* The salt is as long as the digest (RFC 7518 section 3.5); the digest of the mask is the same. */
	return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) > 0;
}

/* NULL: OpenSSL has no such digest, or the key is of another kind than the algorithm. */
static EVP_MD_CTX *make(const struct jwk *jwk, enum jose_algorithm algorithm)
{
	const struct jose_algorithm_row *row = jose_algorithm_row(algorithm);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *padding;

	if (context &&
	    EVP_DigestVerifyInit_ex(context, &padding, row->digest, NULL, NULL, jwk->key, NULL) == 1 &&
	    set_padding(padding, row->family))
		return context;
	EVP_MD_CTX_free(context);
	ERR_clear_error(); /* or TLS takes what is left for its own */
	return NULL;
}

EVP_MD_CTX *jwk_context_new(const struct jwk *jwk, enum jose_algorithm algorithm)
{
	EVP_MD_CTX *copy;

	if (!jwk->ready[algorithm])
		return make(jwk, algorithm);
	copy = EVP_MD_CTX_new();
	if (copy && EVP_MD_CTX_copy_ex(copy, jwk->ready[algorithm]) == 1)
		return copy;
	EVP_MD_CTX_free(copy);
	ERR_clear_error();
	return NULL;
}

/* Secrets have none: HMAC is computed in one call. */
void jwk_context_prepare(struct jwk *jwk)
{
	for (enum jose_algorithm i = JOSE_RS256; jwk->key && i < JOSE_HS256; i++)
		if (jwk->fits & JOSE_BIT(i))
			jwk->ready[i] = make(jwk, i);
}

void jwk_context_drop(struct jwk *jwk)
{
	for (enum jose_algorithm i = JOSE_RS256; i < JOSE_HS256; i++) {
		EVP_MD_CTX_free(jwk->ready[i]);
		jwk->ready[i] = NULL;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jose_testing: tokens and public keys as issuers and clients make them, with Ed25519.
 */
#pragma once

#include <openssl/evp.h>

#include "base/arena.h"
#include "base/testing.h"
#include "codec/base64url.h"

enum { JOSE_KEY_LEN = 32, JOSE_SIGNATURE_LEN = 64 };

static inline str jose_encode(struct arena *arena, str bytes)
{
	struct buf out = arena_open(arena, base64url_encoded_len(bytes.len));

	base64url_encode(bytes, &out);
	return arena_close(arena, &out);
}

static inline str jose_public_key(struct arena *arena, const EVP_PKEY *key)
/* As member "x" of a JWK has it. */
{
	unsigned char public[JOSE_KEY_LEN];
	size_t len = sizeof public;

	assert_int_equal(EVP_PKEY_get_raw_public_key(key, public, &len), 1);
	return jose_encode(arena, (str) { (char *)public, len });
}

static inline str jose_sign(struct arena *arena, EVP_PKEY *key, str header, str claims)
/* The whole token. */
{
	str head = jose_encode(arena, header), body = jose_encode(arena, claims);
	str text = arena_printf(arena, "%.*s.%.*s", STR_ARG(head), STR_ARG(body)), tail;
	unsigned char signature[JOSE_SIGNATURE_LEN];
	size_t len = sizeof signature;
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	assert_int_equal(EVP_DigestSignInit(context, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(context, signature, &len, (const unsigned char *)text.ptr, text.len),
			 1);
	EVP_MD_CTX_free(context);
	tail = jose_encode(arena, (str) { (char *)signature, len });
	return arena_printf(arena, "%.*s.%.*s", STR_ARG(text), STR_ARG(tail));
}

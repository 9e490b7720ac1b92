/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwk: keys that verify: of a JWK or a set of them (RFC 7517, 7518 section 6, 8037), of PEM, or a secret.
 *
 * A key fits the algorithms of its kind and no others: what a token asks for cannot make a public RSA key
 * the secret of an HMAC. Sets come from others, so keys of a kind that is not known are passed over (RFC 7517
 * section 5), and so are those that are too weak (RFC 7518 section 3.3) or not for signatures. Symmetric keys
 * are only taken where they were given as a secret: never out of a set.
 */
#pragma once

#include "base/arena.h"
#include "base/result.h"
#include "codec/jose_algorithm.h"
#include "codec/operand.h"

struct evp_md_ctx_st;
struct evp_pkey_st;

enum { JWK_SET_MAX = 256 }; /* keys */

/* Immutable, and used by several threads at once. */
struct jwk {
	str kid;                 /* empty: it has none */
	unsigned fits;           /* JOSE_BIT() of each algorithm that it may be used with */
	struct evp_pkey_st *key; /* NULL: a secret */
	str secret;
	/* By algorithm; see jwk_context.h. NULL: it is made when it is needed. */
	struct evp_md_ctx_st *ready[JOSE_HS256];
};

struct jwk_set;

result jwk_set_parse(str json, struct jwk_set **ret_set);
/* A JWK Set. The caller has a reference. ERROR_MALFORMED: it is none; ERROR_LIMIT: too many keys. One
 * without a usable key is a set all the same. */

result jwk_set_from_pem(str kid, str pem, struct jwk_set **ret_set);
/* One public key or certificate for each block of PEM. ERROR_MALFORMED: something else is in it, also a
 * private key; or a key is too weak, or of an unknown kind. */

struct jwk_set *jwk_set_from_secret(str kid, str secret);
/* For HMAC: fits those algorithms whose digest is not longer than it (RFC 7518 section 3.2). */

struct jwk_set *jwk_set_join(struct jwk_set *const *sets, size_t count);
/* All keys of all; takes references to them. */

struct jwk_set *jwk_set_ref(struct jwk_set *set);
void jwk_set_unref(struct jwk_set **set);
/* From any thread. Clears the address, accepts NULL. */

size_t jwk_set_count(const struct jwk_set *set);
const struct jwk *jwk_set_at(const struct jwk_set *set, size_t index);
/* As long as the set. */

const struct jwk *jwk_set_next(const struct jwk_set *set, str kid, enum jose_algorithm algorithm,
			       const struct jwk *after);
/* The next that fits behind `after` (NULL: the first). kid empty: whatever its own; otherwise those with that
 * kid, or without any. NULL: no more. */

result jwk_read(const struct operand *json, struct arena *arena, struct jwk *ret_jwk);
/* One public key by itself, as in a DPoP proof (RFC 9449 section 4.2): jwk_drop() it. ERROR_MALFORMED;
 * ERROR_DENIED: it bears a private part. */

void jwk_drop(struct jwk *jwk);

result jwk_thumbprint(const struct operand *json, struct buf *out);
/* RFC 7638 with SHA-256, in base64url: SHA256_BASE64URL_LEN characters. ERROR_MALFORMED: a member that it
 * needs is missing. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token for a case of `gatehouse test`: what the case says of it, and for the rest what the policy wants to
 * see.
 */
#include "auth/token_mint.h"
#include "codec/sha256.h"
#include "policy/jwt_private.h"
#include "policy/wish.h"

enum { STANDARD_CLAIMS_MAX = 512, EXPIRY_SECONDS = 3600 };

/* Of the one that is named, else the first; one that nobody knows would be refused whoever signs. */
static const struct jwt_issuer *issuer_for(const struct jwt *jwt, const struct credential_wish *wish)
{
	const struct node *named = node_find(wish->claims, STR("iss"));

	for (size_t i = 0; named && i < jwt->issuers.len; i++)
		if (str_eq(jwt->issuers.at[i].issuer, named->text))
			return &jwt->issuers.at[i];
	return &jwt->issuers.at[0];
}

/* RFC 8705 section 3.1. */
static void put_confirmation(const struct credential_wish *wish, struct buf *out)
{
	if (!wish_begin_claim(wish, STR("cnf"), out))
		return;
	buf_put(out, STR("{\"x5t#S256\":\""));
	sha256_put_base64url(wish->certificate, out);
	buf_put(out, STR("\"}"));
}

static str payload_for(const struct jwt *jwt, const struct jwt_issuer *issuer,
		       const struct credential_wish *wish)
{
	str audience = issuer->takes_any_audience ? STR("") : issuer->audiences.at[0];
	struct buf out = wish_open(wish, 6 * (issuer->issuer.len + audience.len) + STANDARD_CLAIMS_MAX);

	wish_put_text(wish, STR("iss"), issuer->issuer, &out);
	wish_put_text(wish, STR("aud"), audience, &out);
	wish_put_time(wish, STR("iat"), wish->now / SECOND, &out);
	wish_put_time(wish, STR("exp"), wish->now / SECOND + EXPIRY_SECONDS, &out);
	if (jwt->bound == BOUND_CERTIFICATE && wish->certificate.len)
		put_confirmation(wish, &out);
	return wish_close(wish, &out);
}

str jwt_make(const void *self, const struct credential_wish *wish)
{
	const struct jwt *jwt = self;
	const struct jwt_issuer *issuer = issuer_for(jwt, wish);
	str type = STR("JWT"), token;
	bool is_type = false;

	for (size_t i = 0; i < jwt->types.len; i++)
		is_type |= str_eq_nocase(jwt->types.at[i], type);
	if (!is_type && jwt->types.len)
		type = jwt->types.at[0];
	if (jwt->bound == BOUND_DPOP || jwt->from.query.len ||
	    failed(token_mint_sign(wish->mint, issuer->keys, issuer->allowed, type,
				   payload_for(jwt, issuer, wish), wish->arena, &token)))
		return (str) { 0 };
	return wish_line(&jwt->from, token, wish->arena);
}

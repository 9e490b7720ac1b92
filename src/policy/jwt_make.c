/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token for a case of `gatehouse test`: what the case says of it, and for the rest what the policy wants to
 * see, so that a case names only what it is about.
 */
#include "auth/token_mint.h"
#include "codec/json_text.h"
#include "codec/sha256.h"
#include "policy/jwt_private.h"

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

/* Behind what the case says, and only where it says nothing, be it null. */
static bool begin_claim(const struct credential_wish *wish, str name, struct buf *out)
{
	if (node_find(wish->claims, name))
		return false;
	if (out->len > 1)
		buf_put_char(out, ',');
	json_put_string(out, name);
	buf_put_char(out, ':');
	return true;
}

/* What a case says itself comes first; only what it leaves out is filled in. */
static void put_text(const struct credential_wish *wish, str name, str value, struct buf *out)
{
	if (value.len && begin_claim(wish, name, out))
		json_put_string(out, value);
}

static void put_time(const struct credential_wish *wish, str name, int64_t seconds, struct buf *out)
{
	if (begin_claim(wish, name, out))
		buf_put_u64(out, (uint64_t)seconds);
}

/* RFC 8705 section 3.1. */
static void put_confirmation(const struct credential_wish *wish, struct buf *out)
{
	if (!begin_claim(wish, STR("cnf"), out))
		return;
	buf_put(out, STR("{\"x5t#S256\":\""));
	sha256_put_base64url(wish->certificate, out);
	buf_put(out, STR("\"}"));
}

static str payload_for(const struct jwt *jwt, const struct jwt_issuer *issuer,
		       const struct credential_wish *wish)
{
	str audience = issuer->takes_any_audience ? STR("") : issuer->audiences.at[0];
	/* A character of JSON takes six at most. */
	size_t room = wish->json.len + 6 * (issuer->issuer.len + audience.len) + STANDARD_CLAIMS_MAX;
	struct buf out = arena_open(wish->arena, room);

	buf_put(&out, str_slice(wish->json, 0, wish->json.len - 1)); /* without its last brace */
	put_text(wish, STR("iss"), issuer->issuer, &out);
	put_text(wish, STR("aud"), audience, &out);
	put_time(wish, STR("iat"), wish->now / SECOND, &out);
	put_time(wish, STR("exp"), wish->now / SECOND + EXPIRY_SECONDS, &out);
	if (jwt->bound == BOUND_CERTIFICATE && wish->certificate.len)
		put_confirmation(wish, &out);
	buf_put_char(&out, '}');
	return arena_close(wish->arena, &out);
}

static str line_of(const struct jwt *jwt, struct arena *arena, str token)
{
	str in_scheme[] = { STR("Authorization: Bearer "), token };
	str in_field[] = { jwt->from.header, STR(": "), token };
	str in_cookie[] = { STR("Cookie: "), jwt->from.cookie, STR("="), token };

	if (jwt->from.id == HTTP_AUTHORIZATION)
		return arena_join(arena, in_scheme, 2);
	return jwt->from.cookie.len ? arena_join(arena, in_cookie, 4) : arena_join(arena, in_field, 3);
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
	return line_of(jwt, wish->arena, token);
}

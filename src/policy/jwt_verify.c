/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose token it is, and whether he has signed it. The issuer is the one that the token names, of those that
 * are configured; its keys and its algorithms are the only ones that count. A token that the worker knows is
 * not verified again while the keys are the same.
 */
#include "auth/auth_worker.h"
#include "auth/claims.h"
#include "codec/json.h"
#include "codec/sha256.h"
#include "policy/jwt_private.h"
#include "policy/key_verify.h"
#include "policy/principal.h"
#include "policy/token_parties.h"

/* One without a name, which stands alone, takes any: its keys say enough. */
static const struct jwt_issuer *find_issuer(const struct jwt *jwt, const struct operand *claims)
{
	for (size_t i = 0; i < jwt->issuers.len; i++) {
		const struct jwt_issuer *issuer = &jwt->issuers.at[i];

		if (!issuer->issuer.len || token_is_from(claims, issuer->issuer))
			return issuer;
	}
	return NULL;
}

/* ---- by its keys ---- */

/* By whom it says that it is, if he is trusted with such a signature. */
static enum reason verify_by_issuer(const struct jwt *jwt, struct view *view, const struct jws *jws,
				    struct jwt_found *found)
{
	const struct jwt_issuer *issuer = find_issuer(jwt, &found->token->claims);
	uint64_t version;
	enum reason reason;

	found->issuer = issuer;
	if (!issuer)
		return REASON_TOKEN_ISSUER;
	if (jws->algorithm == JOSE_UNKNOWN || !(issuer->allowed & JOSE_BIT(jws->algorithm)))
		return REASON_TOKEN_ALGORITHM;
	reason = key_verify(issuer->keys, view, jws, &version);
	if (reason == REASON_NONE)
		verified_tokens_add(view->auth->tokens, found->token, version);
	return reason;
}

/* The claims are read once, before the signature is looked at, because they say whose it should be;
 * nothing of them is used before it is good. */
static enum reason verify_new(const struct jwt *jwt, struct view *view, str text, struct jwt_found *ret_found)
{
	struct jws jws;
	result_value split = jws_split(text, view->arena, &jws);
	enum reason reason;

	if (failed(split))
		return split.kind == ERROR_LIMIT ? REASON_TOKEN_TOO_LARGE : REASON_TOKEN_MALFORMED;
	ret_found->token = verified_token_new(text, &jws);
	if (!ret_found->token)
		return REASON_TOKEN_MALFORMED;
	reason = verify_by_issuer(jwt, view, &jws, ret_found);
	if (reason != REASON_NONE) {
		jwt_tell(jwt, view, ret_found, jws.kid, reason);
		verified_token_release(ret_found->token);
	}
	return reason;
}

/* By another policy, perhaps, which trusts others. */
static bool is_still_verified(const struct jwt_found *known)
{
	const struct jwt_issuer *issuer = known->issuer;

	return issuer && known->token->version == key_set_version(issuer->keys) &&
	       (issuer->allowed & JOSE_BIT(known->token->algorithm));
}

/* What is remembered is that the keys of some issuer of this process have signed it; whether this policy
 * trusts them is looked at anew. */
enum reason jwt_verify(const struct jwt *jwt, struct view *view, str text, struct jwt_found *ret_found)
{
	struct jwt_found known = { .token = verified_tokens_find(view->auth->tokens, text) };
	enum reason reason = REASON_NONE;

	if (known.token)
		known.issuer = find_issuer(jwt, &known.token->claims);
	if (known.token && is_still_verified(&known)) {
		*ret_found = known;
	} else {
		if (known.token)
			verified_token_release(known.token);
		reason = verify_new(jwt, view, text, ret_found);
	}
	if (reason == REASON_NONE)
		view_hold(view, verified_token_release, ret_found->token);
	return reason;
}

/* ---- by what it says ---- */

/* RFC 7515 section 4.1.9: `application/` may be left out. */
static str without_prefix(str type)
{
	static const str prefix = STR_INIT("application/");

	return type.len > prefix.len && str_eq_nocase(str_slice(type, 0, prefix.len), prefix)
		       ? str_skip(type, prefix.len)
		       : type;
}

/* A token that does not say is a JWT (RFC 7519 section 5.1). */
static bool is_of_type(const struct jwt *jwt, str type)
{
	str name = type.len ? without_prefix(type) : STR("JWT");

	for (size_t i = 0; i < jwt->types.len; i++)
		if (str_eq_nocase(name, without_prefix(jwt->types.at[i])))
			return true;
	return false;
}

/* A claim that is null is missing. */
static bool has_required(const struct jwt *jwt, const struct operand *claims)
{
	for (size_t i = 0; i < jwt->require.len; i++)
		if (json_find_path(claims, jwt->require.at[i]).kind == OPERAND_MISSING)
			return false;
	return claim_rules_hold(&jwt->claims, claims);
}

/* RFC 8705 section 3.1: the certificate of this very connection. */
static bool is_bound_to_certificate(const struct operand *claims, const struct view *view)
{
	struct operand confirmation = json_find(claims, STR("cnf"));
	str wanted = json_find_text(&confirmation, STR("x5t#S256"));
	char text[SHA256_BASE64URL_LEN];
	struct buf out = buf_over(text, sizeof text);

	if (!view->principal || !view->principal->certificate.len || !wanted.len)
		return false;
	sha256_put_base64url(view->principal->certificate, &out);
	return str_eq(buf_str(&out), wanted);
}

/* Looked up once for each change of the list. */
static bool is_revoked(struct revocations *revocations, struct verified_token *token, struct arena *arena)
{
	uint64_t version = revocations_version(revocations);

	if (token->not_revoked_in == version)
		return false;
	if (revocations_have(revocations, &token->claims, arena))
		return true;
	token->not_revoked_in = version;
	return false;
}

/* With each request, also of a token that is known: time goes on, and lists change. */
enum reason jwt_check(const struct jwt *jwt, const struct view *view, const struct jwt_found *found)
{
	const struct operand *claims = &found->token->claims;
	const struct jwt_issuer *issuer = found->issuer;
	enum reason reason = claims_check_time(claims, view_now(view), jwt->skew, jwt->requires_expiry);

	if (reason != REASON_NONE)
		return reason;
	if (!issuer->takes_any_audience && !claims_is_for(claims, &issuer->audiences))
		return REASON_TOKEN_AUDIENCE;
	if (!is_of_type(jwt, found->token->type))
		return REASON_TOKEN_TYPE;
	if (!has_required(jwt, claims))
		return REASON_TOKEN_CLAIMS;
	if (jwt->revocations && is_revoked(jwt->revocations, found->token, view->arena))
		return REASON_TOKEN_REVOKED;
	if (jwt->bound == BOUND_CERTIFICATE && !is_bound_to_certificate(claims, view))
		return REASON_TOKEN_BINDING;
	if (jwt->bound == BOUND_NO && claims_are_bound(claims)) /* RFC 9449 section 7.2 */
		return REASON_TOKEN_BINDING;
	return REASON_NONE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of the issuer: its metadata, tokens for a code or a refresh token, and whether an ID token is
 * of its making. Nothing that it says is believed before it is checked: the metadata must be its own, the
 * token signed by its keys for this client.
 */
#include "auth/claims.h"
#include "auth/issuer.h"
#include "codec/json.h"
#include "codec/url.h"
#include "policy/fetch_json.h"
#include "policy/fetch_trouble.h"
#include "policy/key_verify.h"
#include "policy/oauth_client.h"
#include "policy/oidc_private.h"

enum {
	METADATA_MAX = 64 * 1024,
	TOKENS_MAX = 32 * 1024,
	TIMEOUT_SECONDS = 5,
	METADATA_MINUTES = 10,
	SKEW_SECONDS = 30,
	FORM_MAX = 8 * 1024,
	EXPIRES_UNSAID = 300, /* seconds */
	EXPIRES_MAX = 365 * 24 * 60 * 60,
};

/* What failed is in the log; people are told to come again. */
static enum reason reason_of_failure(const struct view *view, str url, result_value why)
{
	fetch_tell_failure(view, "oidc", url, why);
	return why.kind == ERROR_CANCELLED ? REASON_CLIENT_ABORTED : REASON_AUTH_UNAVAILABLE;
}

/* ---- its metadata ---- */

/* What is no URL could break out of the field that it is sent in. */
static str endpoint_of(const struct oidc *p, const struct operand *metadata, str name)
{
	str text = json_find_text(metadata, name);

	return issuer_may_name(p->issuer, text) ? text : (str) { 0 };
}

/* What is not said is client_secret_basic (OpenID Connect Discovery section 3). */
static bool wants_post(const struct operand *metadata)
{
	struct operand methods = json_find(metadata, STR("token_endpoint_auth_methods_supported"));

	if (methods.kind != OPERAND_LIST)
		return false;
	for (size_t i = 0; i < methods.list.count; i++)
		if (methods.list.at[i].kind == OPERAND_STRING &&
		    str_eq(methods.list.at[i].text, STR("client_secret_basic")))
			return false;
	return true;
}

/* A question for metadata. */
struct metadata_question {
	const struct oidc *oidc;
	struct fetch_json json;
};

/* The issuer named there must be the one that is configured, or one could speak for another (OpenID Connect
 * Discovery section 4.3). NULL: nothing is wrong. */
static const char *read_metadata(struct metadata_question *question, struct arena *arena,
				 const struct fetch_answer *answer, struct oidc_endpoints *ret_endpoints)
{
	const struct oidc *p = question->oidc;
	const struct operand *metadata;

	if (answer->status != 200 || !answer->is_body_whole)
		return "cannot be had";
	metadata = fetch_json_parse(&question->json, arena, answer);
	if (metadata->kind == OPERAND_MISSING)
		return "are no JSON";
	if (!str_eq(json_find_text(metadata, STR("issuer")), p->issuer))
		return "name another issuer";
	*ret_endpoints = (struct oidc_endpoints) {
		.authorization = endpoint_of(p, metadata, STR("authorization_endpoint")),
		.token = endpoint_of(p, metadata, STR("token_endpoint")),
		.end_session = endpoint_of(p, metadata, STR("end_session_endpoint")),
		.wants_post = wants_post(metadata),
	};
	return ret_endpoints->authorization.len && ret_endpoints->token.len
		       ? NULL
		       : "lack an endpoint, or name one without TLS";
}

static bool are_metadata(void *self, struct arena *arena, const struct fetch_answer *answer)
{
	struct oidc_endpoints endpoints;

	return !read_metadata(self, arena, answer, &endpoints);
}

/* Remembered by each worker: a login costs the issuer no question but for its tokens. */
enum reason oidc_find_endpoints(const struct oidc *p, struct view *view, struct oidc_endpoints *ret_endpoints)
{
	struct metadata_question question = { .oidc = p };
	struct http_fields fields = { 0 };
	struct fetch_request request = { .to = p->metadata,
					 .method = HTTP_GET,
					 .fields = &fields,
					 .timeout = TIMEOUT_SECONDS * SECOND,
					 .body_max = METADATA_MAX,
					 .remembers = METADATA_MINUTES * MINUTE,
					 .is_of_use = are_metadata,
					 .self = &question };
	struct fetch_answer answer;
	result_value asked = view_fetch(view, &request, &answer);
	const char *wrong;

	if (failed(asked))
		return reason_of_failure(view, p->issuer, asked);
	if (answer.is_supposed) {
		fetch_tell_supposed(view, "oidc", "the metadata", p->issuer);
		return REASON_AUTH_UNAVAILABLE;
	}
	wrong = read_metadata(&question, view->arena, &answer, ret_endpoints);
	if (wrong)
		view_tell(view, TELL_TROUBLE, "oidc: the metadata of %.*s %s (status %d)", STR_ARG(p->issuer),
			  wrong, answer.status);
	return wrong ? REASON_AUTH_UNAVAILABLE : REASON_NONE;
}

/* ---- tokens ---- */

/* For those that take it in the form only. */
static str with_secret(const struct oidc *p, str form, struct arena *arena)
{
	struct buf out = arena_open(arena, form.len + 3 * (p->client_id.len + p->client_secret.len) + 64);

	buf_put(&out, form);
	oauth_put_parameter(&out, "client_id", p->client_id);
	oauth_put_parameter(&out, "client_secret", p->client_secret);
	return arena_close(arena, &out);
}

/* Whether it is about the code or the session that it says no (RFC 6749 section 5.2). Anything else is
 * trouble of the issuer's, or of this client with it, and ends nobody's session. */
static bool is_no(const struct view *view, const struct fetch_answer *answer)
{
	struct operand json;

	return answer->status == 400 && answer->is_body_whole &&
	       !failed(json_parse(view->arena, answer->body, &json)) &&
	       !str_eq(json_find_text(&json, STR("error")), STR("invalid_client"));
}

/* Also as a text or with a fraction, as some issuers write it. Not said, or nonsense: not long (RFC 6749
 * section 5.1 leaves it open). */
static int64_t lifetime_of(const struct operand *expires)
{
	wall_time time = 0;
	uint64_t seconds = 0;

	if (expires->kind == OPERAND_STRING)
		(void)str_to_u64(expires->text, EXPIRES_MAX, &seconds);
	else if (claims_read_date(expires, &time))
		seconds = (uint64_t)(time / SECOND);
	return seconds > 0 && seconds < EXPIRES_MAX ? (int64_t)seconds : EXPIRES_UNSAID;
}

static enum reason read_tokens(const struct fetch_answer *answer, struct view *view, str url,
			       struct oidc_tokens *ret_tokens)
{
	struct operand json, expires;

	if (answer->status != 200 || !answer->is_body_whole) {
		fetch_tell_answer(view, "oidc", url, answer);
		return is_no(view, answer) ? REASON_LOGIN_FAILED : REASON_AUTH_UNAVAILABLE;
	}
	if (failed(json_parse(view->arena, answer->body, &json))) {
		view_tell(view, TELL_TROUBLE, "oidc: the answer of %.*s is no JSON",
			  STR_ARG(url_without_query(url)));
		return REASON_AUTH_UNAVAILABLE;
	}
	expires = json_find(&json, STR("expires_in"));
	*ret_tokens = (struct oidc_tokens) {
		.id_token = json_find_text(&json, STR("id_token")),
		.refresh_token = json_find_text(&json, STR("refresh_token")),
	};
	ret_tokens->expires_in = lifetime_of(&expires);
	return REASON_NONE;
}

enum reason oidc_fetch_tokens(const struct oidc *p, struct view *view, str form,
			      struct oidc_tokens *ret_tokens)
{
	const struct effects *effects = view->effects;
	struct http_field at[OAUTH_CLIENT_FIELDS];
	struct http_fields fields = { .at = at, .max = OAUTH_CLIENT_FIELDS };
	struct oidc_endpoints endpoints;
	struct fetch_answer answer;
	result_value asked;
	enum reason reason = oidc_find_endpoints(p, view, &endpoints);

	if (reason != REASON_NONE)
		return reason;
	if (!effects->fetch_url || form.len > FORM_MAX)
		return REASON_AUTH_UNAVAILABLE;
	if (endpoints.wants_post)
		form = with_secret(p, form, view->arena);
	asked = oauth_client_fields(&fields, endpoints.wants_post ? STR("") : p->credentials);
	if (!failed(asked))
		asked = effects->fetch_url(effects->self, view,
					   &(struct url_request) { .url = endpoints.token,
								   .method = HTTP_POST,
								   .fields = &fields,
								   .body = form,
								   .timeout = TIMEOUT_SECONDS * SECOND,
								   .body_max = TOKENS_MAX },
					   &answer);
	if (failed(asked))
		return reason_of_failure(view, endpoints.token, asked);
	return read_tokens(&answer, view, endpoints.token, ret_tokens);
}

/* ---- ID tokens ---- */

static enum reason reject(const struct oidc *p, const struct view *view, const char *why)
{
	view_tell(view, TELL_TROUBLE, "oidc: the ID token of %.*s %s", STR_ARG(p->issuer), why);
	return REASON_LOGIN_FAILED;
}

/* One by HMAC is not taken, whatever the issuer would allow: whoever knows the client's secret could make it.
 */
static enum reason verify_signature(const struct oidc *p, struct view *view, const struct jws *jws)
{
	uint64_t version;
	enum reason reason;

	if (!(JOSE_BIT(jws->algorithm) & JOSE_ASYMMETRIC))
		return reject(p, view, "is signed by a secret");
	reason = key_verify(p->keys, view, jws, &version);
	if (reason == REASON_TOKEN_KEY_UNKNOWN)
		return reject(p, view, "is signed by a key that the issuer does not publish");
	return reason == REASON_TOKEN_SIGNATURE ? reject(p, view, "has a wrong signature") : reason;
}

/* OpenID Connect Core section 3.1.3.7, items 3 to 5: a token for several says for which of them it was made.
 */
static bool is_for_us(const struct oidc *p, const struct operand *claims)
{
	const str_list us = { &p->client_id, 1 };
	struct operand audience = json_find(claims, STR("aud"));
	str party = json_find_text(claims, STR("azp"));

	if (!claims_is_for(claims, &us))
		return false;
	if (audience.kind == OPERAND_LIST && audience.list.count > 1 && !party.len)
		return false;
	return !party.len || str_eq(party, p->client_id);
}

static result split(str id_token, struct arena *arena, struct jws *ret_jws, struct operand *ret_claims)
{
	TRY(jws_split(id_token, arena, ret_jws));
	TRY(json_parse(arena, ret_jws->payload, ret_claims));
	return ret_claims->kind == OPERAND_MAP ? OK : error_make(ERROR_MALFORMED, "claims are an object");
}

result oidc_claims(str id_token, struct arena *arena, struct operand *ret_claims)
{
	struct jws jws;

	return split(id_token, arena, &jws, ret_claims);
}

/* NULL: nothing is. */
static const char *wrong_claim(const struct oidc *p, const struct view *view, const struct operand *claims,
			       str nonce)
{
	wall_time now = view_now(view);

	if (!str_eq(json_find_text(claims, STR("iss")), p->issuer))
		return "names another issuer";
	if (!is_for_us(p, claims))
		return "is for another client (`aud`, `azp`)";
	if (!json_find_text(claims, STR("sub")).len)
		return "does not say who it is (`sub`)";
	if (claims_check_time(claims, now, SKEW_SECONDS * SECOND, true) != REASON_NONE)
		return "is not in force (`exp`, `nbf`, `iat`)";
	if (nonce.len && !str_eq(json_find_text(claims, STR("nonce")), nonce))
		return "is of another login (`nonce`)";
	return NULL;
}

/* Also of tokens that came straight from the issuer: what is kept in sessions was signed, whoever stood
 * between. */
enum reason oidc_verify(const struct oidc *p, struct view *view, str id_token, str nonce)
{
	struct operand claims;
	struct jws jws;
	const char *wrong;
	enum reason reason;

	if (!id_token.len)
		return reject(p, view, "is missing");
	if (failed(split(id_token, view->arena, &jws, &claims)))
		return reject(p, view, "is malformed");
	reason = verify_signature(p, view, &jws);
	if (reason != REASON_NONE)
		return reason;
	wrong = wrong_claim(p, view, &claims, nonce);
	return wrong ? reject(p, view, wrong) : REASON_NONE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oidc, for its own files: what is configured, what the issuer says of itself, and what a browser keeps.
 */
#pragma once

#include "auth/session_cookie.h"
#include "codec/operand.h"
#include "policy/policy.h"

struct oidc_cookie {
	str name;
	str_list secrets;
	duration max_age;
};

struct oidc {
	str issuer, client_id, client_secret;
	str_list scopes;
	str callback, logout;
	struct oidc_cookie cookie;
	struct pair_list forward;
	str consumer;
	/* Compiled. */
	struct own_path own_paths[3];
	struct key_set *keys;
	const struct destination *metadata;
	struct session_keys session_keys;
	str scope;       /* the list as one text */
	str credentials; /* "Basic ..." (RFC 6749 section 2.3.1) */
	str label;       /* whose sessions they are */
};

str oidc_base(const struct view *view);
/* What the API's paths begin with, from the configuration; empty: all are its own. */

/* ---- the issuer: oidc_issuer.c ---- */

struct oidc_endpoints {
	str authorization, token;
	str end_session; /* empty: it has none */
	bool wants_post; /* the client's secret in the body, not in Authorization */
};

enum reason oidc_find_endpoints(const struct oidc *p, struct view *view,
				struct oidc_endpoints *ret_endpoints);
/* What its metadata say (OpenID Connect Discovery). Yields. REASON_AUTH_UNAVAILABLE; REASON_CLIENT_ABORTED:
 * the exchange is over. */

/* What the token endpoint gives (RFC 6749 section 5.1). */
struct oidc_tokens {
	str id_token, refresh_token; /* empty: none */
	int64_t expires_in;          /* seconds; more than 0 */
};

enum reason oidc_fetch_tokens(const struct oidc *p, struct view *view, str form,
			      struct oidc_tokens *ret_tokens);
/* form: the grant, encoded. Yields. REASON_LOGIN_FAILED: it said no; otherwise as above. */

enum reason oidc_verify(const struct oidc *p, struct view *view, str id_token, str nonce);
/* That the issuer has made it, for this client, and it is in force (OpenID Connect Core section 3.1.3.7).
 * nonce empty: none is asked for. Yields when keys must be fetched. REASON_LOGIN_FAILED, or as above. */

result oidc_claims(str id_token, struct arena *arena, struct operand *ret_claims);
/* Of one that was verified. */

/* ---- the session: oidc_session.c ---- */

struct oidc_session {
	wall_time until;               /* it ends, whatever else */
	wall_time refresh_at, good_to; /* asked for anew from then on, and no good from then on; 0: neither */
	str id_token, refresh_token;
};

enum reason oidc_session_find(const struct oidc *p, struct view *view, struct oidc_session *ret_session);
/* The request's, refreshed where it is time. Yields. REASON_SESSION_MISSING, _INVALID, _EXPIRED,
 * REASON_AUTH_UNAVAILABLE, REASON_CLIENT_ABORTED. */

bool oidc_session_peek(const struct oidc *p, struct view *view, struct oidc_session *ret_session);
/* The same as it is, also when it would have to be refreshed. False: there is none. */

enum reason oidc_session_begin(const struct oidc *p, struct view *view, const struct oidc_tokens *tokens,
			       struct http_fields *to);
/* A new one, as Set-Cookie. REASON_LOGIN_FAILED: it is too large. */

str oidc_session_make(const void *self, const struct credential_wish *wish);
/* See struct authenticator. */

result oidc_session_end(const struct oidc *p, struct view *view, struct http_fields *to);
/* Set-Cookie that takes it from the browser. */

void oidc_session_answer(const struct oidc *p, struct view *view);
/* On the response's way: what was refreshed goes to the browser. */

/* ---- coming and going: oidc_login.c ---- */

enum verdict oidc_login(const struct oidc *p, struct view *view);
/* To the issuer. Yields. */

enum verdict oidc_callback(const struct oidc *p, struct view *view);
/* Back from there. Yields. */

enum verdict oidc_logout(const struct oidc *p, struct view *view);
/* Yields. */

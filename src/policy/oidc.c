/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oidc: people log in with a browser at an issuer of OpenID Connect, and have a session here.
 *
 * The authorization code flow with PKCE. Services behind the gateway see neither codes, tokens nor the
 * session's cookie, only what `forward` tells them. Whoever asks as a program does (no navigation of a
 * browser) gets 401 and no redirection, which it could do nothing with.
 */
#include "auth/issuer.h"
#include "codec/json.h"
#include "codec/uri.h"
#include "policy/credential.h"
#include "policy/identity_fields.h"
#include "policy/oauth_client.h"
#include "policy/oidc_private.h"

enum { SCOPES_MAX = 32, SECRETS_LEN_MAX = 4096, OWN_PATH_MAX = 2048, COOKIE_NAME_MAX = 128 };

static const struct field cookie_fields[] = {
	FIELD_STR(struct oidc_cookie, name, "name", "gatehouse_session", "What the cookie is called."),
	FIELD_CUSTOM_REQUIRED(
		struct oidc_cookie, secrets, "secret", str_list, &field_texts_form,
		"What it is sealed by: at least 32 random bytes, better from `${file:PATH}`; of several the "
		"first one seals, and all open, so that one can be replaced while people are logged in."),
	FIELD_DURATION(struct oidc_cookie, max_age, "max_age", "8h", MINUTE, 365 * DAY,
		       "How long after a login a session ends."),
	FIELD_END
};

const struct field policy_oidc_fields[] = {
	FIELD_STR_REQUIRED(
		struct oidc, issuer, "issuer",
		"Where people log in, such as `https://id.example.com`; its metadata say the rest."),
	FIELD_STR_REQUIRED(struct oidc, client_id, "client_id", "What the gateway is called there."),
	FIELD_STR_REQUIRED(struct oidc, client_secret, "client_secret",
			   "What it proves itself by there, better from `${file:PATH}`."),
	FIELD_STRS_DEFAULT(struct oidc, scopes, "scopes", "[openid]", 1, SCOPES_MAX,
			   "What is asked for; `offline_access` has many issuers give a refresh token."),
	FIELD_STR(struct oidc, callback, "callback", "/oidc/callback",
		  "The path, beneath the API's, to which the issuer sends browsers back."),
	FIELD_STR(struct oidc, logout, "logout", "/logout",
		  "The path, beneath the API's, that ends the session, here and at the issuer."),
	FIELD_OBJECT_REQUIRED(struct oidc, cookie, "cookie", struct oidc_cookie, cookie_fields,
			      "How browsers keep the session."),
	FIELD_PAIRS(
		struct oidc, forward, "forward", FORWARD_MAX,
		"Fields that the upstream gets, each from a claim of the ID token, such as `X-User: sub`; "
		"no client can send them. A list is joined by `,`, an object is left out."),
	FIELD_STR(struct oidc, consumer, "consumer", NULL,
		  "The claim that names the consumer, such as `sub`; who is none that is configured is "
		  "refused."),
	FIELD_END
};

/* ---- compiling ---- */

/* Written as requests come to be seen, so that the two can be compared. */
static bool is_path(str path)
{
	char bytes[OWN_PATH_MAX];
	struct buf room = buf_over(bytes, sizeof bytes);
	struct uri_path normal;

	return path.len > 1 && path.ptr[0] == '/' && !str_ends(path, STR("/")) &&
	       path.len < OWN_PATH_MAX / 4 && !failed(uri_path_normalise(path, 0, &room, &normal)) &&
	       str_eq(normal.text, path);
}

/* That the secret is there was seen to before. */
static result check_cookie(struct policy_compile *compile, const struct oidc *p)
{
	const struct node *cookie = node_find(compile->node, STR("cookie"));
	const struct node *at = node_find(cookie, STR("secret"));
	const char *wrong = NULL;

	if (!at)
		return error_make(ERROR_INVALID, "reported");
	for (size_t i = 0; i < p->cookie.secrets.len; i++)
		if (p->cookie.secrets.at[i].len < SESSION_SECRET_MIN ||
		    p->cookie.secrets.at[i].len > SECRETS_LEN_MAX)
			wrong = "want at least 32 bytes that nobody can guess";
	if (!p->cookie.secrets.len || p->cookie.secrets.len > SESSION_SECRETS_MAX)
		wrong = "want one to four secrets of at least 32 bytes";
	if (!wrong && (!http_is_token(p->cookie.name) || p->cookie.name.len > COOKIE_NAME_MAX)) {
		wrong = "want the name of a cookie, of at most 128 bytes";
		at = node_find(cookie, STR("name"));
	}
	if (!wrong)
		return OK;
	diagnostic_error(compile->reader->diagnostics, at, "%s", wrong);
	return error_make(ERROR_INVALID, wrong);
}

/* As if the URL of the metadata stood where the issuer does. */
static const struct destination *find_metadata(struct policy_compile *compile, const struct oidc *p)
{
	const struct node *issuer = node_find(compile->node, STR("issuer"));
	struct node *url = ARENA_NEW(compile->reader->arena, struct node);

	*url = *issuer;
	url->text = issuer_metadata_url(compile->reader->arena, p->issuer);
	return compile->hooks->find_url(compile->hooks->owner, url);
}

/* Without it the answer has no ID token (OpenID Connect Core section 3.1.2.1), and nobody would be known. */
static bool has_openid(const str_list *scopes)
{
	for (size_t i = 0; i < scopes->len; i++)
		if (str_eq(scopes->at[i], STR("openid")))
			return true;
	return false;
}

/* What a row alone cannot tell. */
static result check_options(struct policy_compile *compile, const struct oidc *p)
{
	if (!is_path(p->callback))
		return policy_reject(compile, "callback", "want a path such as /oidc/callback");
	if (!is_path(p->logout) || str_eq(p->logout, p->callback))
		return policy_reject(compile, "logout", "want a path of its own such as /logout");
	if (!has_openid(&p->scopes))
		return policy_reject(compile, "scopes", "openid must be among them: it brings the ID token");
	if (str_contains(p->issuer, STR("?")))
		return policy_reject(compile, "issuer", "want a URL without a query");
	return OK;
}

static result oidc_compile(struct policy_compile *compile, void *self)
{
	struct oidc *p = self;
	struct arena *arena = compile->reader->arena;
	const struct policy_hooks *hooks = compile->hooks;
	str label[] = { p->issuer, STR(" "), p->client_id };
	result_value forward = claims_fields_compile(compile, &p->forward);
	result_value cookie = check_cookie(compile, p);

	if (!p->issuer.len || !p->client_id.len || !p->client_secret.len || !hooks)
		return error_make(ERROR_INVALID, "reported");
	TRY(check_options(compile, p));
	TRY(forward);
	TRY(cookie);
	hooks->keep_cookie(hooks->owner, p->cookie.name);
	p->metadata = find_metadata(compile, p);
	if (!p->metadata)
		return error_make(ERROR_INVALID, "nobody can be asked that way");
	p->keys = hooks->find_keys(hooks->owner, node_find(compile->node, STR("issuer")), NULL, p->issuer);
	if (!p->keys)
		return error_make(ERROR_INVALID, "the issuer has no keys");
	session_keys_init(&p->session_keys, p->cookie.secrets.at, p->cookie.secrets.len);
	p->own_paths[0] = (struct own_path) { "callback", p->callback, true };
	p->own_paths[1] = (struct own_path) { "logout", p->logout, false };
	p->scope = arena_join_list(arena, &p->scopes, STR(" "));
	p->credentials = oauth_client_authorization(arena, p->client_id, p->client_secret);
	p->label = arena_join(arena, label, 3);
	return OK;
}

/* ---- requests ---- */

/* Who can follow a redirection to a page for people (Fetch Metadata); old browsers say what they want to see.
 */
static bool is_navigation(const struct view *view)
{
	const struct http_fields *fields = &view->request->fields;
	const struct http_field *mode = http_fields_find(fields, STR("Sec-Fetch-Mode"));
	const struct http_field *dest = http_fields_find(fields, STR("Sec-Fetch-Dest"));

	if (view->request->method != HTTP_GET && view->request->method != HTTP_HEAD)
		return false;
	if (mode)
		return str_eq(mode->value, STR("navigate")) &&
		       (!dest || str_eq(dest->value, STR("document")));
	return str_contains(http_fields_value(fields, HTTP_ACCEPT), STR("text/html"));
}

str oidc_base(const struct view *view)
{
	return view->names ? view->names->base : (str) { 0 };
}

/* Beneath the API's own path, which the configuration knows and no request says. */
static bool is_at(const struct view *view, str path)
{
	str base = oidc_base(view);

	return view->path.len == base.len + path.len && str_starts(view->path, base) &&
	       str_ends(view->path, path);
}

/* Logging in anew would help. */
static bool is_over(enum reason reason)
{
	return reason == REASON_SESSION_MISSING || reason == REASON_SESSION_INVALID ||
	       reason == REASON_SESSION_EXPIRED;
}

/* The order matters: who comes back from the issuer has no session yet, and a logout needs none that is good.
 */
static enum verdict oidc_request(const void *self, struct view *view)
{
	const struct oidc *p = self;
	struct oidc_session session;
	struct operand claims;
	enum reason reason;

	if (!view->is_report && is_at(view, p->callback))
		return oidc_callback(p, view);
	if (!view->is_report && is_at(view, p->logout))
		return oidc_logout(p, view);
	reason = oidc_session_find(p, view, &session);
	if (reason == REASON_NONE && failed(oidc_claims(session.id_token, view->arena, &claims)))
		reason = REASON_SESSION_INVALID;
	if (is_over(reason) && !view->is_report && is_navigation(view))
		return oidc_login(p, view);
	if (reason == REASON_NONE)
		reason = claims_identify(view, STR("oidc"), &claims, p->consumer);
	if (reason != REASON_NONE)
		return view_refuse_credential(view, reason, (str) { 0 });
	if (view->is_report)
		return POLICY_CONTINUE;
	if (failed(session_cookie_strip(p->cookie.name, view->arena, &view->request->fields)))
		return view_refuse(view, REASON_AUTH_UNAVAILABLE);
	return claims_fields_set(&p->forward, view, &claims);
}

static void oidc_response(const void *self, struct view *view)
{
	if (!view->is_report)
		oidc_session_answer(self, view);
}

/* Among others (any_of): who has a session, is on the way to one, or out, and whoever could follow there. */
static bool oidc_recognises(const void *self, const struct view *view)
{
	const struct oidc *p = self;

	return is_at(view, p->callback) || is_at(view, p->logout) ||
	       session_cookie_parts(&view->request->fields, p->cookie.name) > 0 || is_navigation(view);
}

/* Its sessions' cookie: whoever could log in goes to the first anyway. */
static str oidc_place(const void *self, struct arena *arena)
{
	const struct oidc *p = self;

	return credential_place_text(&(struct credential_place) { .cookie = p->cookie.name }, (str) { 0 },
				     arena);
}

static const struct own_path *oidc_own_paths(const void *self)
{
	const struct oidc *p = self;

	return p->own_paths;
}

/* There is no scheme of HTTP's for a login with a form, and so no challenge. */
static const struct authenticator authenticator = { .recognises = oidc_recognises,
						    .place = oidc_place,
						    .make = oidc_session_make };

static const struct policy_risk risks[] = {
	{ "issuer", RISK_ANY },
	{ "client_id", RISK_ANY },
	{ "cookie.secret", RISK_ANY },
	{ "cookie.max_age", RISK_MORE },
	{ "forward", RISK_FEWER },
	{ "consumer", RISK_ANY },
	{ 0 },
};

const struct policy policy_oidc = {
	.name = "oidc",
	.doc = "Lets people log in with a browser (OpenID Connect).",
	.size = sizeof(struct oidc),
	.fields = policy_oidc_fields,
	.compile = oidc_compile,
	.on_request = oidc_request,
	.on_response = oidc_response,
	.authenticates = true,
	.authenticator = &authenticator,
	.own_paths = oidc_own_paths,
	.risks = risks,
	.page = "Who has no session and navigates with a browser is sent to the issuer (302, the log says "
		"`login_redirect`), logs in there, comes back to `callback`, and is sent on to the page that "
		"was asked for. Everything else without a session (scripts, programs) gets 401: "
		"`session_missing`, `session_invalid` (forged, or sealed by a secret that is gone) or "
		"`session_expired`. The issuer must know the URL of the callback, such as "
		"`https://shop.example.com/oidc/callback`, and, for the logout, that of the API's path, such "
		"as `https://shop.example.com/`.\n"
		"\n"
		"The flow is that of the authorization code with PKCE, `state` and `nonce`; the ID token "
		"must "
		"be signed by a key of the issuer's, for this client, and be in force. What cannot be "
		"believed "
		"is answered by 400 `login_failed`; while the issuer cannot be asked, or "
		"refuses the client itself, by 503 `auth_unavailable`; the log says why.\n"
		"\n"
		"The session lies in the browser alone, in cookies (`HttpOnly`, `SameSite=Lax`, `Secure` "
		"with "
		"TLS) that are encrypted and authenticated by AES-256-GCM; the upstream does not get them. "
		"With a refresh token, which some issuers give for the scope `offline_access`, the issuer is "
		"asked anew whenever its tokens expire, and a session that it has ended is over then. "
		"Without "
		"one it lasts for `max_age`. A logout (303) ends the session in this browser and at the "
		"issuer; "
		"who "
		"has copied its cookie keeps it until then.\n"
		"\n"
		"`callback` and `logout` lie beneath the path of the API, so the policy belongs to an API "
		"rather than to one of its routes, and before any that rewrites the path. On a route they "
		"must be paths that it matches: `check` refuses others. Who is sent to log "
		"in returns to the path and host that were asked for, never elsewhere. A logout that another "
		"site asks for is refused. In `any_of` it stands last: a browser's navigation is its to "
		"answer.\n",
	.example =
		"listeners: { public: { address: 127.0.0.1:8080 } }\n"
		"upstreams: { shop: { endpoints: [127.0.0.1:9000] } }\n"
		"apis:\n"
		"  shop:\n"
		"    upstream: shop\n"
		"    policies:\n"
		"      - oidc:\n"
		"          issuer: https://id.example.com\n"
		"          client_id: shop\n"
		"          client_secret: \"${CLIENT_SECRET:-only an example}\"\n"
		"          cookie: { secret: \"${COOKIE_SECRET:-only an example: take 32 random bytes}\" }\n"
		"          forward: { X-User: sub }\n"
		"---\n"
		"cases:\n"
		"  - name: a program is not sent to log in\n"
		"    request: { url: \"http://gw.test/\", headers: { X-User: mallory } }\n"
		"    expect: { status: 401, reason: session_missing }\n"
		"  - name: nobody comes back who was not sent\n"
		"    request: { url: \"http://gw.test/oidc/callback?code=1&state=2\" }\n"
		"    expect: { status: 400, reason: login_failed }\n",
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coming and going: to the issuer, back from it with a code, and out.
 *
 * What was begun is known by a cookie alone, sealed, for ten minutes: state (RFC 6749 section 10.12), nonce
 * (OpenID Connect Core section 15.5.2), the verifier of PKCE (RFC 7636), and the page to return to, which is
 * one of this host's own because nothing else is ever written there. There are eight such cookies, so that
 * some windows can log in at the same time and no foreign page can fill the browser with them.
 */
#include <openssl/crypto.h>

#include "base/random.h"
#include "codec/base64url.h"
#include "codec/sha256.h"
#include "codec/uri.h"
#include "policy/oauth_client.h"
#include "policy/oidc_private.h"
#include "policy/value.h"

enum {
	SLOTS = 8,
	LOGIN_MINUTES = 10,
	SECRET_BYTES = 32,
	SECRET_LEN = 43, /* in base64url */
	RETURN_MAX = 2048,
	NUMBER_LEN = 20,
};

static const str login_label = STR_INIT("login ");

/* What a login is known by when it comes back. */
struct login {
	uint64_t until; /* seconds */
	str state, nonce, verifier, page;
};

/* ---- answers ---- */

enum { ANSWER_FIELDS = 2 * SESSION_COOKIES_MAX + 4 };

static void answer_begin(struct answer *answer, enum reason reason, struct view *view)
{
	*answer = (struct answer) { .reason = reason };
	answer->fields.at = ARENA_ARRAY(view->arena, struct http_field, ANSWER_FIELDS);
	answer->fields.max = ANSWER_FIELDS;
}

/* Never stored: the next answer at this URL is another one (RFC 9700 section 4.2). */
static enum verdict redirect(struct view *view, struct answer *answer, str to)
{
	result_value added = http_fields_add(&answer->fields, HTTP_LOCATION, STR("Location"), to);

	if (!failed(added))
		added = http_fields_add(&answer->fields, HTTP_CACHE_CONTROL, STR("Cache-Control"),
					STR("no-store"));
	return failed(added) ? view_refuse(view, REASON_LOGIN_FAILED) : view_answer(view, answer);
}

static str join(struct view *view, str a, str b)
{
	str parts[] = { a, b };

	return arena_join(view->arena, parts, 2);
}

/* Beneath the API's. */
static str path_of(const struct view *view, str path)
{
	str parts[] = { oidc_base(view), path };

	return arena_join(view->arena, parts, 2);
}

static str home_of(struct view *view)
{
	return path_of(view, STR("/"));
}

/* Of a path beneath the API's, as the client writes it: "https://host:port/...". */
static str url_of(const struct view *view, str path)
{
	str parts[] = { view->scheme, STR("://"), view->authority, oidc_base(view), path };

	return arena_join(view->arena, parts, 5);
}

/* ---- what is remembered of a login ---- */

/* Which of the eight it is, the state says that comes back. Sent to the callback and nowhere else. */
static struct session_cookie login_cookie(const struct oidc *p, struct view *view, str state)
{
	char slot = (char)('0' + (unsigned char)state.ptr[0] % SLOTS);
	str parts[] = { p->cookie.name, STR("-login"), { &slot, 1 } };

	return (struct session_cookie) {
		.name = arena_join(view->arena, parts, 3),
		.path = path_of(view, p->callback),
		.is_secure = str_eq(view->scheme, STR("https")),
		.parts = 1,
	};
}

static str login_print(const struct login *login, struct arena *arena)
{
	struct buf out = arena_open(arena, NUMBER_LEN + 4 + 3 * SECRET_LEN + login->page.len);

	buf_put_u64(&out, login->until);
	buf_put_char(&out, '\n');
	buf_put(&out, login->state);
	buf_put_char(&out, '\n');
	buf_put(&out, login->nonce);
	buf_put_char(&out, '\n');
	buf_put(&out, login->verifier);
	buf_put_char(&out, '\n');
	buf_put(&out, login->page);
	return arena_close(arena, &out);
}

static bool login_parse(str text, struct login *ret_login)
{
	str until;

	return str_cut(text, '\n', &until, &text) && str_to_u64(until, INT64_MAX, &ret_login->until) &&
	       str_cut(text, '\n', &ret_login->state, &text) &&
	       str_cut(text, '\n', &ret_login->nonce, &text) &&
	       str_cut(text, '\n', &ret_login->verifier, &ret_login->page);
}

static uint64_t now_seconds(const struct view *view)
{
	return (uint64_t)(view_now(view) / SECOND);
}

static result login_keep(const struct oidc *p, struct view *view, const struct login *login,
			 struct http_fields *to)
{
	struct session_cookie cookie = login_cookie(p, view, login->state);
	str sealed;

	TRY(session_seal(&p->session_keys, join(view, login_label, p->label), login_print(login, view->arena),
			 view->arena, &sealed));
	return session_cookie_put(&cookie, sealed, LOGIN_MINUTES * MINUTE, view->arena, to);
}

/* In constant time, as for every secret that somebody could guess byte by byte. */
static bool is_same_secret(str a, str b)
{
	return a.len == b.len && CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* The cookie says what was sent, the query what has come back: both must be of this browser and of this
 * login. */
static bool login_find(const struct oidc *p, struct view *view, str state, struct login *ret_login)
{
	struct session_cookie cookie;
	str sealed, plain;

	if (state.len != SECRET_LEN)
		return false;
	cookie = login_cookie(p, view, state);
	return !failed(session_cookie_find(&view->request->fields, cookie.name, view->arena, &sealed)) &&
	       !failed(session_open(&p->session_keys, join(view, login_label, p->label), sealed, view->arena,
				    &plain)) &&
	       login_parse(plain, ret_login) && is_same_secret(ret_login->state, state) &&
	       ret_login->until > now_seconds(view);
}

/* ---- to the issuer ---- */

/* From the kernel: 256 bits each, also in rehearsals. */
static str random_text(struct arena *arena)
{
	char bytes[SECRET_BYTES];
	struct buf out = arena_open(arena, SECRET_LEN);

	random_bytes(bytes, sizeof bytes);
	base64url_encode((str) { bytes, sizeof bytes }, &out);
	return arena_close(arena, &out);
}

/* S256 (RFC 7636 section 4.2). */
static str challenge_of(str verifier, struct arena *arena)
{
	struct buf out = arena_open(arena, SHA256_BASE64URL_LEN);

	sha256_put_base64url(verifier, &out);
	return arena_close(arena, &out);
}

/* Too long a one would not fit into a cookie: people land where the API begins. */
static str page_of(struct view *view)
{
	str parts[] = { view->path, STR("?"), view->query };

	if (view->path.len + view->query.len > RETURN_MAX)
		return home_of(view);
	return arena_join(view->arena, parts, view->query.len ? 3 : 1);
}

static str login_url(const struct oidc *p, struct view *view, str endpoint, const struct login *login)
{
	str back = url_of(view, p->callback);
	str challenge = challenge_of(login->verifier, view->arena);
	struct buf out = arena_open(
		view->arena,
		endpoint.len + 3 * (back.len + p->client_id.len + p->scope.len + 4 * SECRET_LEN) + 256);

	buf_put(&out, endpoint);
	buf_put(&out,
		str_contains(endpoint, STR("?")) ? STR("&response_type=code") : STR("?response_type=code"));
	oauth_put_parameter(&out, "client_id", p->client_id);
	oauth_put_parameter(&out, "redirect_uri", back);
	oauth_put_parameter(&out, "scope", p->scope);
	oauth_put_parameter(&out, "state", login->state);
	oauth_put_parameter(&out, "nonce", login->nonce);
	oauth_put_parameter(&out, "code_challenge", challenge);
	oauth_put_parameter(&out, "code_challenge_method", STR("S256"));
	return arena_close(view->arena, &out);
}

/* Where the issuer cannot be asked nobody is sent anywhere: an error page there would be a dead end. */
enum verdict oidc_login(const struct oidc *p, struct view *view)
{
	struct oidc_endpoints endpoints;
	struct answer answer;
	struct login login;
	enum reason reason = oidc_find_endpoints(p, view, &endpoints);

	if (reason != REASON_NONE)
		return view_refuse_credential(view, reason, (str) { 0 });
	login = (struct login) { .until = now_seconds(view) + LOGIN_MINUTES * 60,
				 .state = random_text(view->arena),
				 .nonce = random_text(view->arena),
				 .verifier = random_text(view->arena),
				 .page = page_of(view) };
	answer_begin(&answer, REASON_LOGIN_REDIRECT, view);
	if (failed(login_keep(p, view, &login, &answer.fields)))
		return view_refuse(view, REASON_LOGIN_FAILED);
	return redirect(view, &answer, login_url(p, view, endpoints.authorization, &login));
}

/* ---- back from it ---- */

static str parameter(struct view *view, const char *wanted)
{
	str rest = view->query, name, value;

	while (uri_query_next(&rest, &name, &value)) {
		struct buf room;
		str decoded;

		if (!str_eq(name, str_of(wanted)))
			continue;
		room = arena_open(view->arena, value.len);
		decoded = uri_decode(value, true, &room);
		arena_close(view->arena, &room);
		return decoded;
	}
	return (str) { 0 };
}

/* The verifier proves that who brings the code is who began (RFC 7636 section 4.5). */
static str code_form(const struct oidc *p, struct view *view, const struct login *login, str code)
{
	str back = url_of(view, p->callback);
	struct buf out = arena_open(view->arena, 3 * (code.len + back.len + login->verifier.len) + 128);

	oauth_put_parameter(&out, "grant_type", STR("authorization_code"));
	oauth_put_parameter(&out, "code", code);
	oauth_put_parameter(&out, "redirect_uri", back);
	oauth_put_parameter(&out, "code_verifier", login->verifier);
	return arena_close(view->arena, &out);
}

/* Without a code there is an error (RFC 6749 section 4.1.2.1): it is the configuration's, or somebody has
 * said no. */
static void tell_return(const struct oidc *p, struct view *view)
{
	str error = parameter(view, "error");

	view_tell(view, TELL_TROUBLE, "oidc: somebody came back from %.*s with %s%.*s", STR_ARG(p->issuer),
		  error.len ? "the error " : "no code, or from another issuer", STR_ARG(error));
}

/* Who answers says who he is where he can (RFC 9207): another issuer's code is not sent to this one. */
static enum reason redeem(const struct oidc *p, struct view *view, const struct login *login,
			  struct http_fields *to)
{
	str code = parameter(view, "code"), issuer = parameter(view, "iss");
	struct oidc_tokens tokens;
	enum reason reason;

	if (!code.len || (issuer.len && !str_eq(issuer, p->issuer))) {
		tell_return(p, view);
		return REASON_LOGIN_FAILED;
	}
	reason = oidc_fetch_tokens(p, view, code_form(p, view, login, code), &tokens);
	if (reason == REASON_NONE)
		reason = oidc_verify(p, view, tokens.id_token, login->nonce);
	return reason == REASON_NONE ? oidc_session_begin(p, view, &tokens, to) : reason;
}

/* A path of this host: what a browser could take for another's was never written there, and is looked at
 * again all the same. */
static str safe_page(struct view *view, str page)
{
	bool is_path =
		str_starts(page, STR("/")) && !str_starts(page, STR("//")) && !str_starts(page, STR("/\\"));

	return is_path ? page : home_of(view);
}

enum verdict oidc_callback(const struct oidc *p, struct view *view)
{
	struct session_cookie cookie;
	struct answer answer;
	struct login login;
	str state = parameter(view, "state");
	enum reason reason;

	if (view->request->method != HTTP_GET || !login_find(p, view, state, &login))
		return view_refuse(view, REASON_LOGIN_FAILED);
	answer_begin(&answer, REASON_LOGIN_REDIRECT, view);
	reason = redeem(p, view, &login, &answer.fields);
	if (reason != REASON_NONE)
		return view_refuse_credential(view, reason, (str) { 0 });
	cookie = login_cookie(p, view, state);
	if (failed(session_cookie_put(&cookie, (str) { 0 }, 0, view->arena, &answer.fields)))
		return view_refuse(view, REASON_LOGIN_FAILED);
	return redirect(view, &answer, safe_page(view, login.page));
}

/* ---- and out ---- */

/* A page of another site shall not be able to log people out: browsers say where a request comes from. */
static bool is_foreign(const struct view *view)
{
	const struct http_field *site = http_fields_find(&view->request->fields, STR("Sec-Fetch-Site"));

	return site && str_eq(site->value, STR("cross-site"));
}

/* RP-Initiated Logout 1.0 section 2. */
static str logout_url(const struct oidc *p, struct view *view, str endpoint, str id_token)
{
	str home = url_of(view, STR("/"));
	struct buf out = arena_open(view->arena,
				    endpoint.len + 3 * (home.len + p->client_id.len) + id_token.len + 128);

	buf_put(&out, endpoint);
	buf_put(&out, str_contains(endpoint, STR("?")) ? STR("&client_id=") : STR("?client_id="));
	value_put_encoded(&out, p->client_id);
	oauth_put_parameter(&out, "post_logout_redirect_uri", home);
	if (id_token.len)
		oauth_put_parameter(&out, "id_token_hint", id_token);
	return arena_close(view->arena, &out);
}

/* The session here ends also when the issuer cannot be asked where its own does. */
enum verdict oidc_logout(const struct oidc *p, struct view *view)
{
	struct oidc_endpoints endpoints = { 0 };
	struct oidc_session session = { 0 };
	struct answer answer;
	enum reason reason;
	str to = home_of(view);

	if ((view->request->method != HTTP_GET && view->request->method != HTTP_POST) || is_foreign(view))
		return view_refuse(view, REASON_LOGIN_FAILED);
	if (oidc_session_peek(p, view, &session)) {
		reason = oidc_find_endpoints(p, view, &endpoints);
		if (reason == REASON_CLIENT_ABORTED)
			return view_abandon(view);
	}
	answer_begin(&answer, REASON_LOGOUT, view);
	if (failed(oidc_session_end(p, view, &answer.fields)))
		return view_refuse(view, REASON_LOGIN_FAILED);
	if (endpoints.end_session.len)
		to = logout_url(p, view, endpoints.end_session, session.id_token);
	answer.status = 303; /* also of a POST: by GET (RFC 9110 section 15.4.4) */
	return redirect(view, &answer, to);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: all that there is of one lies in the browser's cookie, sealed. The gateway keeps nothing of it
 * but, for a minute, what a refresh has brought, so that requests which come together do not each ask for it.
 *
 * A session with a refresh token is as good as the issuer says from one time to the next; one without ends by
 * `max_age` alone.
 */
#include <openssl/crypto.h>

#include "auth/auth_worker.h"
#include "auth/session_refresh.h"
#include "codec/base64url.h"
#include "codec/json.h"
#include "policy/oauth_client.h"
#include "policy/oidc_private.h"

enum {
	WAIT_MILLISECONDS = 25, /* between two looks at what another is doing */
	WAITS_MAX = 400,
	NUMBER_LEN = 20,
};

static const str session_label = STR_INIT("session ");

/* A session of another issuer, or for another client, is none here, also where they share a secret. */
static str label_of(const struct oidc *p, struct arena *arena)
{
	str parts[] = { session_label, p->label };

	return arena_join(arena, parts, 2);
}

/* ---- as text ---- */

static void put_time(struct buf *out, wall_time time)
{
	buf_put_u64(out, (uint64_t)(time / SECOND));
	buf_put_char(out, '\n');
}

/* Lines: tokens have no line ends, and what has one does not come from an issuer that is believed. */
static str session_print(const struct oidc_session *session, struct arena *arena)
{
	struct buf out =
		arena_open(arena, session->id_token.len + session->refresh_token.len + 4 * (NUMBER_LEN + 1));

	put_time(&out, session->until);
	put_time(&out, session->refresh_at);
	put_time(&out, session->good_to);
	buf_put(&out, session->id_token);
	buf_put_char(&out, '\n');
	buf_put(&out, session->refresh_token);
	return arena_close(arena, &out);
}

static bool cut_time(str *text, wall_time *ret_time)
{
	str line;
	uint64_t seconds;

	if (!str_cut(*text, '\n', &line, text) || !str_to_u64(line, INT64_MAX / SECOND, &seconds))
		return false;
	*ret_time = (wall_time)seconds * SECOND;
	return true;
}

static bool session_parse(str text, struct oidc_session *ret_session)
{
	return cut_time(&text, &ret_session->until) && cut_time(&text, &ret_session->refresh_at) &&
	       cut_time(&text, &ret_session->good_to) &&
	       str_cut(text, '\n', &ret_session->id_token, &ret_session->refresh_token);
}

/* ---- sealed ---- */

/* By the session's own time: how long the browser keeps the cookie is the browser's word. */
static enum reason session_read(const struct oidc *p, struct view *view, str sealed,
				struct oidc_session *ret_session)
{
	str plain;

	if (failed(session_open(&p->session_keys, label_of(p, view->arena), sealed, view->arena, &plain)) ||
	    !session_parse(plain, ret_session))
		return REASON_SESSION_INVALID;
	return ret_session->until <= view_now(view) ? REASON_SESSION_EXPIRED : REASON_NONE;
}

/* Asked for anew when a quarter of the time is left, so that an outage of less than that ends no session. An
 * issuer that rotates tokens gives a new one, any other leaves the old one good. */
static void set_tokens(struct oidc_session *session, const struct oidc_tokens *tokens, wall_time now)
{
	if (tokens->id_token.len)
		session->id_token = tokens->id_token;
	if (tokens->refresh_token.len)
		session->refresh_token = tokens->refresh_token;
	session->refresh_at = session->good_to = 0;
	if (session->refresh_token.len) {
		session->good_to = now + tokens->expires_in * SECOND;
		session->refresh_at = session->good_to - tokens->expires_in * SECOND / 4;
	}
}

static result session_write(const struct oidc *p, struct arena *arena, const struct oidc_session *session,
			    str *ret_sealed)
{
	if (session->id_token.len + session->refresh_token.len > SESSION_PLAIN_MAX)
		return error_make(ERROR_LIMIT, "the tokens are too large for a session");
	return session_seal(&p->session_keys, label_of(p, arena), session_print(session, arena), arena,
			    ret_sealed);
}

static struct session_cookie cookie_of(const struct oidc *p, const struct view *view)
{
	str base = oidc_base(view);

	return (struct session_cookie) {
		.name = p->cookie.name,
		.path = base.len ? base : STR("/"),
		.is_secure = str_eq(view->scheme, STR("https")),
		.parts = session_cookie_parts(&view->request->fields, p->cookie.name),
	};
}

enum reason oidc_session_begin(const struct oidc *p, struct view *view, const struct oidc_tokens *tokens,
			       struct http_fields *to)
{
	struct session_cookie cookie = cookie_of(p, view);
	wall_time now = view_now(view);
	struct oidc_session session = { .until = now + p->cookie.max_age };
	str sealed;

	set_tokens(&session, tokens, now);
	if (failed(session_write(p, view->arena, &session, &sealed)) ||
	    failed(session_cookie_put(&cookie, sealed, p->cookie.max_age, view->arena, to)))
		return REASON_LOGIN_FAILED;
	return REASON_NONE;
}

/* Nobody has signed the token, which is not looked at any more: the seal is what counts. */
str oidc_session_make(const void *self, const struct credential_wish *wish)
{
	const struct oidc *p = self;
	struct oidc_session session = { .until = wish->now + p->cookie.max_age };
	struct buf token = arena_open(wish->arena, base64url_encoded_len(wish->json.len) + 8);
	str parts[] = { STR("Cookie: "), p->cookie.name, STR("=1"), { 0 } };

	buf_put(&token, STR("e30."));
	base64url_encode(wish->json, &token);
	buf_put_char(&token, '.');
	session.id_token = arena_close(wish->arena, &token);
	if (failed(session_write(p, wish->arena, &session, &parts[3])))
		return (str) { 0 };
	return arena_join(wish->arena, parts, 4);
}

result oidc_session_end(const struct oidc *p, struct view *view, struct http_fields *to)
{
	struct session_cookie cookie = cookie_of(p, view);

	return session_cookie_put(&cookie, (str) { 0 }, 0, view->arena, to);
}

/* ---- what the answer brings ---- */

/* Between the request and the answer it is kept where what is held until the exchange ends is. */
struct renewed {
	const struct oidc *policy;
	struct session_cookie cookie;
	str sealed;
	duration lasts;
};

static void renewed_release(void *self)
{
	struct renewed *renewed = self;

	renewed->policy = NULL;
}

static void keep_renewed(const struct oidc *p, struct view *view, const struct oidc_session *session,
			 str sealed)
{
	struct renewed *renewed = ARENA_NEW(view->arena, struct renewed);

	*renewed = (struct renewed) { p, cookie_of(p, view), sealed, session->until - view_now(view) };
	view_hold(view, renewed_release, renewed);
}

/* Without room for it the browser keeps the old one, and what was refreshed is asked for once more. No cache
 * may keep an answer that bears a session, whatever the service says. */
void oidc_session_answer(const struct oidc *p, struct view *view)
{
	for (struct view_held *held = view->held; held; held = held->next) {
		const struct renewed *renewed = held->self;
		result_value put;

		if (held->release != renewed_release || renewed->policy != p)
			continue;
		put = session_cookie_put(&renewed->cookie, renewed->sealed, renewed->lasts, view->arena,
					 &view->response->fields);
		if (!failed(put))
			put = http_fields_set(&view->response->fields, HTTP_CACHE_CONTROL,
					      STR("Cache-Control"), STR("no-store"));
		(void)put;
		return;
	}
}

/* ---- refreshing ---- */

/* OpenID Connect Core section 12.2: the subject must be the one it was. */
static bool is_same_person(const struct oidc_session *session, str id_token, struct arena *arena)
{
	struct operand before, now;

	return !failed(oidc_claims(session->id_token, arena, &before)) &&
	       !failed(oidc_claims(id_token, arena, &now)) &&
	       str_eq(json_find_text(&before, STR("sub")), json_find_text(&now, STR("sub")));
}

/* OpenID Connect Core section 12. */
static enum reason ask(const struct oidc *p, struct view *view, struct oidc_session *session)
{
	struct oidc_tokens tokens;
	struct buf form = arena_open(view->arena, 3 * session->refresh_token.len + 64);
	enum reason reason;
	str text;

	oauth_put_parameter(&form, "grant_type", STR("refresh_token"));
	oauth_put_parameter(&form, "refresh_token", session->refresh_token);
	text = arena_close(view->arena, &form);
	reason = oidc_fetch_tokens(p, view, text, &tokens);
	if (reason == REASON_NONE && tokens.id_token.len) {
		reason = oidc_verify(p, view, tokens.id_token, (str) { 0 });
		if (reason == REASON_NONE && !is_same_person(session, tokens.id_token, view->arena))
			reason = REASON_LOGIN_FAILED;
	}
	if (reason == REASON_NONE)
		set_tokens(session, &tokens, view_now(view));
	return reason;
}

/* Who has the turn: whatever comes of it is told to those who wait. */
static enum reason refresh_myself(const struct oidc *p, struct view *view, struct oidc_session *session)
{
	struct session_refreshes *refreshes = view->auth->refreshes;
	str token = session->refresh_token, sealed = { 0 };
	enum reason reason = ask(p, view, session);
	enum session_outcome outcome = SESSION_UNANSWERED;

	if (reason == REASON_NONE && failed(session_write(p, view->arena, session, &sealed)))
		reason = REASON_LOGIN_FAILED;
	if (reason == REASON_NONE)
		outcome = SESSION_RENEWED;
	else if (reason == REASON_LOGIN_FAILED)
		outcome = SESSION_DENIED;
	else if (reason == REASON_CLIENT_ABORTED)
		outcome = SESSION_DROPPED;
	session_refresh_end(refreshes, token, time_monotonic(), outcome, sealed);
	if (reason == REASON_NONE)
		keep_renewed(p, view, session, sealed);
	return reason == REASON_LOGIN_FAILED ? REASON_SESSION_EXPIRED : reason;
}

static enum reason take_renewed(const struct oidc *p, struct view *view, str sealed,
				struct oidc_session *session)
{
	enum reason reason = session_read(p, view, sealed, session);

	if (reason == REASON_NONE)
		keep_renewed(p, view, session, sealed);
	return reason;
}

/* A browser waits as long as an issuer may take, and no longer than somebody looks at a page that does not
 * come. */
static enum reason refresh(const struct oidc *p, struct view *view, struct oidc_session *session)
{
	const struct effects *effects = view->effects;
	str sealed;

	for (unsigned i = 0; i < WAITS_MAX; i++) {
		switch (session_refresh_begin(view->auth->refreshes, session->refresh_token, time_monotonic(),
					      view->arena, &sealed)) {
		case SESSION_TURN_MINE:
			return refresh_myself(p, view, session);
		case SESSION_TURN_DONE:
			return take_renewed(p, view, sealed, session);
		case SESSION_TURN_OVER:
			return REASON_SESSION_EXPIRED;
		case SESSION_TURN_NEVER:
			return REASON_AUTH_UNAVAILABLE;
		case SESSION_TURN_WAIT:
			if (failed(effects->sleep(effects->self, view, WAIT_MILLISECONDS * MILLISECOND)))
				return REASON_CLIENT_ABORTED;
		}
	}
	return REASON_AUTH_UNAVAILABLE;
}

bool oidc_session_peek(const struct oidc *p, struct view *view, struct oidc_session *ret_session)
{
	str sealed;

	return !failed(session_cookie_find(&view->request->fields, p->cookie.name, view->arena, &sealed)) &&
	       session_read(p, view, sealed, ret_session) == REASON_NONE;
}

/* An issuer that cannot be asked ends no session that is still good. */
enum reason oidc_session_find(const struct oidc *p, struct view *view, struct oidc_session *ret_session)
{
	wall_time now = view_now(view);
	struct oidc_session fresh;
	str sealed;
	enum reason reason;
	result_value found =
		session_cookie_find(&view->request->fields, p->cookie.name, view->arena, &sealed);

	if (failed(found))
		return found.kind == ERROR_MISSING ? REASON_SESSION_MISSING : REASON_SESSION_INVALID;
	reason = session_read(p, view, sealed, ret_session);
	if (reason != REASON_NONE || !ret_session->refresh_at || now < ret_session->refresh_at ||
	    view->is_report)
		return reason;
	fresh = *ret_session;
	reason = refresh(p, view, &fresh);
	if (reason == REASON_NONE)
		*ret_session = fresh;
	else if (reason == REASON_AUTH_UNAVAILABLE && now < ret_session->good_to)
		reason = REASON_NONE;
	return reason;
}

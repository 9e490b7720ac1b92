/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oidc between a browser and an issuer that are not there: what one keeps and what the other answers is
 * written here.
 */
#include <openssl/evp.h>
#include <stdio.h>

#include "auth/key_set.h"
#include "auth/session_refresh.h"
#include "base/testing.h"
#include "codec/base64url.h"
#include "codec/json.h"
#include "policy/policy_testing.h"
#include "policy/principal.h"

enum { TEXT_MAX = 16 * 1024, CLAIMS_MAX = 1024, KEY_LEN = 32, SIGNATURE_LEN = 64 };

#define NOW 1767323045 /* the bench's clock */
#define SECRET "0123456789abcdef0123456789abcdef"
#define OPTIONS_(issuer, more)                                                                   \
	"[ oidc: { issuer: \"" issuer "\", client_id: shop, client_secret: \"s+cret\", cookie: " \
	"{ name: gw, secret: \"" SECRET "\" }, forward: { X-User: sub, X-Groups: groups }" more " } ]"
#define OPTIONS OPTIONS_("https://id.test", "")

static const char metadata[] =
	"{\"issuer\":\"https://id.test\",\"authorization_endpoint\":\"https://id.test/auth?tenant=1\","
	"\"token_endpoint\":\"https://id.test/token\",\"end_session_endpoint\":\"https://id.test/end\"}";

struct desk {
	struct bench *bench;
	EVP_PKEY *key;
	/* Of the issuer. */
	const char *metadata;
	int metadata_status, token_status;
	enum error_kind token_error;
	char token_answer[TEXT_MAX]; /* empty: made of claims */
	char claims[CLAIMS_MAX];     /* of the ID token, with NONCE for that of the login */
	const char *header;
	const char *more; /* in the token endpoint's answer */
	unsigned token_requests;
	char form[TEXT_MAX], authorization[256];
	wall_time ahead; /* of the clock */
	/* Of the browser. */
	char cookies[TEXT_MAX], nonce[64], state[64];
};

/* ---- the issuer ---- */

static str encode(struct arena *arena, str bytes)
{
	struct buf out = arena_open(arena, base64url_encoded_len(bytes.len));

	base64url_encode(bytes, &out);
	return arena_close(arena, &out);
}

static str with_nonce(struct desk *desk, struct arena *arena)
{
	char *at = strstr(desk->claims, "NONCE");

	if (!at)
		return str_of(desk->claims);
	return arena_printf(arena, "%.*s%s%s", (int)(at - desk->claims), desk->claims, desk->nonce, at + 5);
}

static str id_token(struct desk *desk, struct arena *arena)
{
	str head = encode(arena, str_of(desk->header)), body = encode(arena, with_nonce(desk, arena));
	str text = arena_printf(arena, "%.*s.%.*s", STR_ARG(head), STR_ARG(body));
	unsigned char signature[SIGNATURE_LEN];
	size_t len = sizeof signature;
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	assert_int_equal(EVP_DigestSignInit(context, NULL, NULL, NULL, desk->key), 1);
	assert_int_equal(EVP_DigestSign(context, signature, &len, (const unsigned char *)text.ptr, text.len),
			 1);
	EVP_MD_CTX_free(context);
	return arena_printf(arena, "%.*s.%.*s", STR_ARG(text),
			    STR_ARG(encode(arena, (str) { (char *)signature, len })));
}

static wall_time clock_of(void *self)
{
	const struct desk *desk = self;

	return (wall_time)NOW * SECOND + desk->ahead;
}

static result fetch(void *self, struct view *view, const struct fetch_request *request,
		    struct fetch_answer *ret_answer)
{
	struct desk *desk = self;

	(void)view;
	assert_int_equal(request->method, HTTP_GET);
	assert_non_null(request->to);
	if (!desk->metadata)
		return error_make(ERROR_REFUSED, "nobody is there");
	*ret_answer = (struct fetch_answer) { .status = desk->metadata_status,
					      .body = str_of(desk->metadata),
					      .is_body_whole = true };
	return OK;
}

static void copy(char *to, size_t max, str text)
{
	assert_true(text.len < max);
	memcpy(to, text.ptr, text.len);
	to[text.len] = 0;
}

static result fetch_url(void *self, struct view *view, const struct url_request *request,
			struct fetch_answer *ret_answer)
{
	struct desk *desk = self;
	str token = id_token(desk, view->arena);

	desk->token_requests++;
	assert_text(request->url, "https://id.test/token");
	assert_int_equal(request->method, HTTP_POST);
	copy(desk->form, sizeof desk->form, request->body);
	copy(desk->authorization, sizeof desk->authorization,
	     http_fields_value(request->fields, HTTP_AUTHORIZATION));
	if (desk->token_error)
		return error_make(desk->token_error, "no answer");
	*ret_answer = (struct fetch_answer) { .status = desk->token_status, .is_body_whole = true };
	ret_answer->body = desk->token_answer[0] ? str_of(desk->token_answer)
						 : arena_printf(view->arena, "{\"id_token\":\"%.*s\"%s}",
								STR_ARG(token), desk->more);
	return OK;
}

/* ---- the browser ---- */

static void ask(struct desk *desk, const char *target, const char *fields)
{
	char lines[2 * TEXT_MAX];

	snprintf(lines, sizeof lines, "%s%s%s%s", fields, desk->cookies[0] ? "Cookie: " : "", desk->cookies,
		 desk->cookies[0] ? "\n" : "");
	bench_ask(desk->bench, target, lines);
	desk->bench->effects.self = desk;
	desk->bench->effects.fetch = fetch;
	desk->bench->effects.fetch_url = fetch_url;
	desk->bench->effects.wall = clock_of;
}

static void keep_cookies(struct desk *desk, const struct http_fields *fields)
{
	size_t len = 0;

	for (size_t i = 0; i < fields->count; i++) {
		str pair, rest;

		if (fields->at[i].id != HTTP_SET_COOKIE || str_contains(fields->at[i].value, STR("=;")))
			continue;
		assert_true(str_cut(fields->at[i].value, ';', &pair, &rest));
		len += (size_t)snprintf(desk->cookies + len, sizeof desk->cookies - len, "%s%.*s",
					len ? "; " : "", STR_ARG(pair));
	}
	if (!len)
		desk->cookies[0] = 0;
}

static str location(struct desk *desk)
{
	return http_fields_value(&desk->bench->view.answer.fields, HTTP_LOCATION);
}

static void copy_parameter(struct desk *desk, const char *name, char *to, size_t max)
{
	const char *text = bench_text(desk->bench, location(desk));
	const char *at = strstr(text, name);

	assert_non_null(at);
	at += strlen(name);
	copy(to, max, (str) { at, strcspn(at, "&") });
}

static void begin_login(struct desk *desk, const char *target)
{
	desk->cookies[0] = 0;
	ask(desk, target, "Accept: text/html\n");
	assert_int_equal(bench_request(desk->bench), POLICY_ANSWERED);
	assert_int_equal(desk->bench->view.answer.reason, REASON_LOGIN_REDIRECT);
	copy_parameter(desk, "&state=", desk->state, sizeof desk->state);
	copy_parameter(desk, "&nonce=", desk->nonce, sizeof desk->nonce);
	keep_cookies(desk, &desk->bench->view.answer.fields);
}

static enum reason come_back(struct desk *desk, const char *more)
{
	char target[512];

	snprintf(target, sizeof target, "GET /oidc/callback?code=a%%2Bb&state=%s%s", desk->state, more);
	ask(desk, target, "Accept: text/html\n");
	assert_int_equal(bench_request(desk->bench), POLICY_ANSWERED);
	return desk->bench->view.answer.reason;
}

static void log_in(struct desk *desk)
{
	begin_login(desk, "GET /orders/1?x=1");
	assert_int_equal(come_back(desk, ""), REASON_LOGIN_REDIRECT);
	keep_cookies(desk, &desk->bench->view.answer.fields);
}

static enum reason visit(struct desk *desk)
{
	ask(desk, "GET /orders/1", "X-User: mallory\n");
	return bench_request(desk->bench) == POLICY_CONTINUE ? REASON_NONE : desk->bench->view.answer.reason;
}

/* ---- set-up ---- */

#define CLAIMS_(iss, sub, aud, exp, nonce)                                                            \
	"{\"iss\":\"" iss "\",\"sub\":\"" sub "\",\"aud\":" aud ",\"exp\":" exp ",\"nonce\":\"" nonce \
	"\",\"groups\":[\"a\",\"b\"]}"
#define CLAIMS CLAIMS_("https://id.test", "alice", "\"shop\"", "1767323645", "NONCE")

static void publish(struct desk *desk)
{
	unsigned char public[KEY_LEN];
	size_t len = sizeof public;
	struct jwk_set *keys;
	str json;

	assert_int_equal(EVP_PKEY_get_raw_public_key(desk->key, public, &len), 1);
	json = encode(&desk->bench->snapshot, (str) { (char *)public, len });
	json = arena_printf(
		&desk->bench->snapshot,
		"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"one\",\"x\":\"%.*s\"}]}",
		STR_ARG(json));
	assert_false(failed(jwk_set_parse(json, &keys)));
	key_set_publish(desk->bench->kept[0], keys);
}

static int set_up(void **state)
{
	struct desk *desk = calloc(1, sizeof *desk);

	assert_non_null(desk);
	desk->bench = bench_new(OPTIONS);
	assert_string_equal(bench_errors(desk->bench), "");
	desk->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	desk->bench->auth.refreshes = session_refreshes_new();
	desk->metadata = metadata;
	desk->metadata_status = desk->token_status = 200;
	desk->header = "{\"alg\":\"EdDSA\",\"kid\":\"one\"}";
	desk->more = "";
	copy(desk->claims, sizeof desk->claims, STR(CLAIMS));
	publish(desk);
	*state = desk;
	return 0;
}

static int tear_down(void **state)
{
	struct desk *desk = *state;

	session_refreshes_free(&desk->bench->auth.refreshes);
	bench_free(&desk->bench);
	EVP_PKEY_free(desk->key);
	free(desk);
	return 0;
}

/* ---- tests ---- */

static void check_tells_what_is_wrong(void **state)
{
	static const struct bench_check rows[] = {
		{ OPTIONS, "" },
		{ OPTIONS_("https://id.test", ", callback: /back, logout: /bye, consumer: sub"), "" },
		{ "[ oidc: {} ]", "issuer" },
		{ OPTIONS_("no", ""), "nobody is there" },
		{ OPTIONS_("https://id.test?x=1", ""), "without a query" },
		{ OPTIONS_("https://id.test", ", callback: back"), "want a path" },
		{ OPTIONS_("https://id.test", ", callback: //back"), "want a path" },
		{ OPTIONS_("https://id.test", ", callback: /back/../x"), "want a path" },
		{ OPTIONS_("https://id.test", ", callback: /"), "want a path" },
		{ OPTIONS_("https://id.test", ", callback: /logout"), "of its own" },
		{ OPTIONS_("https://id.test", ", logout: \"/log out\""), "want a path" },
		{ OPTIONS_("https://id.test", ", scopes: [profile]"), "openid" },
		{ "[ oidc: { issuer: \"https://id.test\", client_id: a, client_secret: b } ]",
		  "[0].oidc: the key \"cookie\" is missing, such as cookie: { secret: ... }\n" },
		{ "[ oidc: { issuer: \"https://id.test\", client_id: a, client_secret: b, cookie: } ]",
		  "cookie: the key \"secret\" is missing" },
		{ OPTIONS_("https://id.test", ", redirect_uri: /back"), "here it is \"callback\"" },
		{ OPTIONS_("https://id.test", ", session_secret: a"), "here it is cookie: { secret: ... }" },
		{ "[ oidc: { issuer: \"https://id.test\", client_id: a, client_secret: b, cookie: { secret: "
		  "short } } ]",
		  "at least 32 bytes" },
		{ "[ oidc: { issuer: \"https://id.test\", client_id: a, client_secret: b, cookie: { name: "
		  "\"a b\", secret: " SECRET " } } ]",
		  "name of a cookie" },
		{ "[ oidc: { issuer: \"https://id.test\", client_id: a, client_secret: b, cookie: { secret: "
		  "[" SECRET ", short] } } ]",
		  "at least 32 bytes" },
	};

	(void)state;
	bench_assert_checks(rows, COUNT_OF(rows));
}

static void a_browser_logs_in(void **state)
{
	struct desk *desk = *state;
	const struct principal *principal;
	const char *fields;

	begin_login(desk, "GET /orders/1?x=1");
	assert_true(str_starts(location(desk), STR("https://id.test/auth?tenant=1&response_type=code&"
						   "client_id=shop&redirect_uri=https%3A%2F%2Fapi.test%2F"
						   "oidc%2Fcallback&scope=openid&state=")));
	assert_true(str_contains(location(desk), STR("&code_challenge_method=S256")));
	assert_true(str_starts(str_of(desk->cookies), STR("gw-login")));
	assert_int_equal(come_back(desk, ""), REASON_LOGIN_REDIRECT);
	assert_text(location(desk), "/orders/1?x=1");
	assert_non_null(strstr(desk->form, "grant_type=authorization_code&code=a%2Bb&redirect_uri="
					   "https%3A%2F%2Fapi.test%2Foidc%2Fcallback&code_verifier="));
	assert_string_equal(desk->authorization, "Basic c2hvcDpzJTJCY3JldA==");

	keep_cookies(desk, &desk->bench->view.answer.fields);
	assert_true(str_starts(str_of(desk->cookies), STR("gw=1")));
	assert_null(strstr(desk->cookies, "login"));
	assert_int_equal(visit(desk), REASON_NONE);
	fields = bench_fields(desk->bench, &desk->bench->request.fields);
	assert_string_equal(fields, "X-User: alice\nX-Groups: a,b\n");
	principal = desk->bench->view.principal;
	assert_non_null(principal);
	assert_text(principal->method, "oidc");
	assert_text(json_find_text(&principal->claims, STR("sub")), "alice");
	assert_int_equal(desk->token_requests, 1);
}

static void only_navigations_are_sent_to_log_in(void **state)
{
	static const struct {
		const char *target, *fields;
		enum reason want;
	} rows[] = {
		{ "GET /", "Accept: text/html,*/*\n", REASON_LOGIN_REDIRECT },
		{ "HEAD /", "Accept: text/html\n", REASON_LOGIN_REDIRECT },
		{ "GET /", "Sec-Fetch-Mode: navigate\nSec-Fetch-Dest: document\n", REASON_LOGIN_REDIRECT },
		{ "GET /", "Sec-Fetch-Mode: navigate\n", REASON_LOGIN_REDIRECT },
		{ "GET /", "", REASON_SESSION_MISSING },
		{ "GET /", "Accept: application/json\n", REASON_SESSION_MISSING },
		{ "GET /", "Accept: */*\n", REASON_SESSION_MISSING },
		{ "POST /", "Accept: text/html\n", REASON_SESSION_MISSING },
		{ "GET /", "Accept: text/html\nSec-Fetch-Mode: cors\n", REASON_SESSION_MISSING },
		{ "GET /", "Sec-Fetch-Mode: navigate\nSec-Fetch-Dest: iframe\n", REASON_SESSION_MISSING },
		{ "GET /", "Cookie: gw=1abc\n", REASON_SESSION_INVALID },
		{ "GET /", "Cookie: gw=2abc\n", REASON_SESSION_INVALID },
		{ "GET /", "Cookie: gw=1abc\nAccept: text/html\n", REASON_LOGIN_REDIRECT },
	};
	struct desk *desk = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ask(desk, rows[i].target, rows[i].fields);
		assert_row(bench_request(desk->bench) == POLICY_ANSWERED, i, rows[i].fields);
		assert_row(desk->bench->view.answer.reason == rows[i].want, i, rows[i].fields);
		assert_row(!desk->bench->view.principal, i, rows[i].fields);
	}
}

/* What comes back must be what was sent out, by this browser, once. */
static void nobody_comes_back_who_was_not_sent(void **state)
{
	static const char *const targets[] = {
		"GET /oidc/callback",
		"GET /oidc/callback?code=1",
		"GET /oidc/callback?code=1&state=",
		"GET /oidc/callback?code=1&state=2",
		"GET /oidc/callback?code=1&state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	};
	struct desk *desk = *state;
	char target[256];

	begin_login(desk, "GET /");
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		ask(desk, targets[i], "");
		assert_row(bench_request(desk->bench) == POLICY_ANSWERED, i, targets[i]);
		assert_row(desk->bench->view.answer.reason == REASON_LOGIN_FAILED, i, targets[i]);
	}
	/* One that would be in the same cookie. */
	snprintf(target, sizeof target, "GET /oidc/callback?code=1&state=%c%.*s", desk->state[0],
		 (int)strlen(desk->state) - 1, "______________________________________________");
	ask(desk, target, "");
	assert_int_equal(bench_request(desk->bench), POLICY_ANSWERED);
	assert_int_equal(desk->bench->view.answer.reason, REASON_LOGIN_FAILED);
	assert_int_equal(desk->token_requests, 0);
	snprintf(target, sizeof target, "POST /oidc/callback?code=1&state=%s", desk->state);
	ask(desk, target, "");
	assert_int_equal(bench_request(desk->bench), POLICY_ANSWERED);
	assert_int_equal(desk->bench->view.answer.reason, REASON_LOGIN_FAILED);

	assert_int_equal(come_back(desk, "&iss=https%3A%2F%2Fevil.test"), REASON_LOGIN_FAILED);
	desk->ahead = 11 * MINUTE;
	assert_int_equal(come_back(desk, ""), REASON_LOGIN_FAILED);
	desk->ahead = 0;
	assert_int_equal(desk->token_requests, 0);
	desk->cookies[0] = 0;
	assert_int_equal(come_back(desk, ""), REASON_LOGIN_FAILED);
	assert_int_equal(desk->token_requests, 0);

	/* Refused by the issuer: there is no code. */
	begin_login(desk, "GET /");
	snprintf(target, sizeof target, "GET /oidc/callback?error=access_denied&state=%s", desk->state);
	ask(desk, target, "");
	assert_int_equal(bench_request(desk->bench), POLICY_ANSWERED);
	assert_int_equal(desk->bench->view.answer.reason, REASON_LOGIN_FAILED);
	assert_int_equal(desk->token_requests, 0);
}

static void tokens_that_prove_nothing_are_refused(void **state)
{
	static const struct {
		const char *claims, *header;
	} rows[] = {
		{ CLAIMS_("https://evil.test", "alice", "\"shop\"", "1767323645", "NONCE"), NULL },
		{ CLAIMS_("https://id.test", "", "\"shop\"", "1767323645", "NONCE"), NULL },
		{ CLAIMS_("https://id.test", "alice", "\"other\"", "1767323645", "NONCE"), NULL },
		{ CLAIMS_("https://id.test", "alice", "[]", "1767323645", "NONCE"), NULL },
		{ CLAIMS_("https://id.test", "alice", "[\"shop\",\"other\"]", "1767323645", "NONCE"), NULL },
		{ CLAIMS_("https://id.test", "alice", "\"shop\",\"azp\":\"other\"", "1767323645", "NONCE"),
		  NULL },
		{ CLAIMS_("https://id.test", "alice", "\"shop\"", "1767320000", "NONCE"), NULL },
		{ CLAIMS_("https://id.test", "alice", "\"shop\"", "\"never\"", "NONCE"), NULL },
		{ CLAIMS_("https://id.test", "alice", "\"shop\"", "1767323645", "another"), NULL },
		{ CLAIMS_("https://id.test", "alice", "\"shop\"", "1767323645", ""), NULL },
		{ "[]", NULL },
		{ "{", NULL },
		{ CLAIMS, "{\"alg\":\"none\"}" },
		{ CLAIMS, "{\"alg\":\"HS256\",\"kid\":\"one\"}" },
		{ CLAIMS, "{\"alg\":\"RS256\",\"kid\":\"one\"}" },
		{ CLAIMS, "{\"alg\":\"EdDSA\",\"kid\":\"two\"}" },
		{ CLAIMS, "{\"alg\":\"EdDSA\",\"crit\":[\"x\"]}" },
	};
	struct desk *desk = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		copy(desk->claims, sizeof desk->claims, str_of(rows[i].claims));
		desk->header = rows[i].header ? rows[i].header : "{\"alg\":\"EdDSA\"}";
		begin_login(desk, "GET /");
		assert_row(come_back(desk, "") == REASON_LOGIN_FAILED, i, rows[i].claims);
		keep_cookies(desk, &desk->bench->view.answer.fields);
		assert_row(!desk->cookies[0], i, rows[i].claims);
	}
}

/* Signed by somebody else's key. */
static void another_key_opens_nothing(void **state)
{
	struct desk *desk = *state;

	EVP_PKEY_free(desk->key);
	desk->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	begin_login(desk, "GET /");
	assert_int_equal(come_back(desk, ""), REASON_LOGIN_FAILED);
}

static void what_the_issuer_says_is_not_believed(void **state)
{
	static const struct {
		const char *metadata;
		int status;
	} rows[] = {
		{ NULL, 200 },
		{ metadata, 500 },
		{ metadata, 302 },
		{ "", 200 },
		{ "[]", 200 },
		{ "{}", 200 },
		{ "{\"issuer\":\"https://evil.test\",\"authorization_endpoint\":\"https://id.test/auth\","
		  "\"token_endpoint\":\"https://id.test/token\"}",
		  200 },
		/* What would end the field that it is sent in, or be no URL to send somebody to. */
		{ "{\"issuer\":\"https://id.test\",\"authorization_endpoint\":\"https://id.test/auth\\r\\nX: "
		  "1\","
		  "\"token_endpoint\":\"https://id.test/token\"}",
		  200 },
		{ "{\"issuer\":\"https://id.test\",\"authorization_endpoint\":\"https://id.test/auth#a\","
		  "\"token_endpoint\":\"https://id.test/token\"}",
		  200 },
		{ "{\"issuer\":\"https://id.test\",\"authorization_endpoint\":\"https://a@id.test/auth\","
		  "\"token_endpoint\":\"https://id.test/token\"}",
		  200 },
		{ "{\"issuer\":\"https://id.test\",\"authorization_endpoint\":\"https://id.test/auth\"}",
		  200 },
		{ "{\"issuer\":\"https://id.test\",\"authorization_endpoint\":\"http://id.test/auth\","
		  "\"token_endpoint\":\"https://id.test/token\"}",
		  200 },
		{ "{\"issuer\":\"https://id.test\",\"authorization_endpoint\":\"https://id.test/auth\","
		  "\"token_endpoint\":\"http://id.test/token\"}",
		  200 },
	};
	struct desk *desk = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		desk->metadata = rows[i].metadata;
		desk->metadata_status = rows[i].status;
		ask(desk, "GET /", "Accept: text/html\n");
		assert_row(bench_request(desk->bench) == POLICY_ANSWERED, i, "metadata");
		assert_row(desk->bench->view.answer.reason == REASON_AUTH_UNAVAILABLE, i, "metadata");
	}
}

static void answers_for_a_code_are_checked(void **state)
{
	static const struct {
		const char *answer;
		int status;
		enum reason want;
	} rows[] = {
		{ "{\"error\":\"invalid_grant\"}", 400, REASON_LOGIN_FAILED },
		{ "{\"error\":\"invalid_client\"}", 400, REASON_AUTH_UNAVAILABLE },
		{ "{\"error\":\"invalid_client\"}", 401, REASON_AUTH_UNAVAILABLE },
		{ "{\"error\":\"invalid_grant\"}", 403, REASON_AUTH_UNAVAILABLE },
		{ "slow down", 429, REASON_AUTH_UNAVAILABLE },
		{ "no", 400, REASON_AUTH_UNAVAILABLE },
		{ "{}", 200, REASON_LOGIN_FAILED },
		{ "{\"id_token\":\"\"}", 200, REASON_LOGIN_FAILED },
		{ "{\"id_token\":7}", 200, REASON_LOGIN_FAILED },
		{ "{\"id_token\":\"a.b.c\"}", 200, REASON_LOGIN_FAILED },
		{ "id_token", 200, REASON_AUTH_UNAVAILABLE },
		{ "oops", 502, REASON_AUTH_UNAVAILABLE },
	};
	struct desk *desk = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		copy(desk->token_answer, sizeof desk->token_answer, str_of(rows[i].answer));
		desk->token_status = rows[i].status;
		begin_login(desk, "GET /");
		assert_row(come_back(desk, "") == rows[i].want, i, rows[i].answer);
	}
	desk->token_error = ERROR_TIMEOUT;
	begin_login(desk, "GET /");
	assert_int_equal(come_back(desk, ""), REASON_AUTH_UNAVAILABLE);
	desk->token_error = ERROR_CANCELLED;
	begin_login(desk, "GET /");
	assert_int_equal(come_back(desk, ""), REASON_NONE);
}

static void sessions_end(void **state)
{
	struct desk *desk = *state;

	log_in(desk);
	desk->ahead = 8 * HOUR - SECOND;
	assert_int_equal(visit(desk), REASON_NONE);
	desk->ahead = 8 * HOUR;
	assert_int_equal(visit(desk), REASON_SESSION_EXPIRED);
	desk->ahead = 0;
	desk->cookies[strlen(desk->cookies) - 3] ^= 1;
	assert_int_equal(visit(desk), REASON_SESSION_INVALID);
}

/* ---- refreshing ---- */

static const char *answered(struct desk *desk)
{
	bench_answer(desk->bench, "");
	return bench_fields(desk->bench, &desk->bench->response.fields);
}

static void a_session_is_refreshed_once(void **state)
{
	struct desk *desk = *state;
	const char *fields;

	desk->more = ",\"refresh_token\":\"r/1\",\"expires_in\":400";
	log_in(desk);
	desk->ahead = 299 * SECOND;
	assert_int_equal(visit(desk), REASON_NONE);
	assert_string_equal(answered(desk), "");
	assert_int_equal(desk->token_requests, 1);

	desk->ahead = 300 * SECOND;
	desk->more = ",\"refresh_token\":\"r/2\",\"expires_in\":400";
	assert_int_equal(visit(desk), REASON_NONE);
	assert_string_equal(desk->form, "grant_type=refresh_token&refresh_token=r%2F1");
	fields = answered(desk);
	assert_non_null(strstr(fields, "Set-Cookie: gw=1"));
	assert_non_null(strstr(fields, "Cache-Control: no-store"));
	/* What comes with the old one gets the same. */
	assert_int_equal(visit(desk), REASON_NONE);
	assert_non_null(strstr(answered(desk), "Set-Cookie: gw=1"));
	assert_int_equal(desk->token_requests, 2);
	keep_cookies(desk, &desk->bench->response.fields);
	assert_int_equal(visit(desk), REASON_NONE);
	assert_string_equal(answered(desk), "");
	assert_int_equal(desk->token_requests, 2);
}

/* As a text, with a fraction, or not said: five minutes then. */
static void what_a_token_lasts_is_read_as_issuers_write_it(void **state)
{
	static const struct {
		const char *more;
		duration good_for;
	} rows[] = {
		{ ",\"expires_in\":\"400\"", 300 * SECOND },
		{ ",\"expires_in\":400.5", 300 * SECOND },
		{ "", 225 * SECOND },
		{ ",\"expires_in\":null", 225 * SECOND },
		{ ",\"expires_in\":\"soon\"", 225 * SECOND },
		{ ",\"expires_in\":-1", 225 * SECOND },
	};
	struct desk *desk = *state;
	char more[100];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		snprintf(more, sizeof more, ",\"refresh_token\":\"r%zu\"%s", i, rows[i].more);
		desk->more = more;
		desk->ahead = 0;
		log_in(desk);
		desk->token_requests = 0;
		desk->ahead = rows[i].good_for - SECOND;
		assert_int_equal(visit(desk), REASON_NONE);
		assert_row(desk->token_requests == 0, i, rows[i].more);
		desk->ahead = rows[i].good_for;
		assert_int_equal(visit(desk), REASON_NONE);
		assert_row(desk->token_requests == 1, i, rows[i].more);
	}
}

static void who_is_gone_at_the_issuer_is_gone_here(void **state)
{
	struct desk *desk = *state;

	desk->more = ",\"refresh_token\":\"r\",\"expires_in\":400";
	log_in(desk);
	desk->ahead = 300 * SECOND;
	desk->token_status = 400;
	assert_int_equal(visit(desk), REASON_SESSION_EXPIRED);
	assert_int_equal(visit(desk), REASON_SESSION_EXPIRED);
	assert_int_equal(desk->token_requests, 2);
}

/* Somebody else's token is no refresh of this session. */
static void a_refresh_brings_the_same_person(void **state)
{
	struct desk *desk = *state;

	desk->more = ",\"refresh_token\":\"r\",\"expires_in\":400";
	log_in(desk);
	desk->ahead = 300 * SECOND;
	copy(desk->claims, sizeof desk->claims,
	     STR(CLAIMS_("https://id.test", "bob", "\"shop\"", "1767323645", "NONCE")));
	assert_int_equal(visit(desk), REASON_SESSION_EXPIRED);
}

static void an_outage_ends_no_session_that_is_good(void **state)
{
	struct desk *desk = *state;

	desk->more = ",\"refresh_token\":\"r\",\"expires_in\":400";
	log_in(desk);
	desk->token_error = ERROR_TIMEOUT;
	desk->ahead = 399 * SECOND;
	assert_int_equal(visit(desk), REASON_NONE);
	assert_int_equal(visit(desk), REASON_NONE);
	assert_int_equal(desk->token_requests, 2); /* not asked again at once */
	desk->ahead = 400 * SECOND;
	assert_int_equal(visit(desk), REASON_AUTH_UNAVAILABLE);
}

static void a_logout_ends_both(void **state)
{
	struct desk *desk = *state;
	const char *fields;

	log_in(desk);
	ask(desk, "GET /logout", "Sec-Fetch-Site: cross-site\n");
	assert_int_equal(bench_request(desk->bench), POLICY_ANSWERED);
	assert_int_equal(desk->bench->view.answer.reason, REASON_LOGIN_FAILED);
	ask(desk, "DELETE /logout", "");
	assert_int_equal(bench_request(desk->bench), POLICY_ANSWERED);
	assert_int_equal(desk->bench->view.answer.reason, REASON_LOGIN_FAILED);

	ask(desk, "POST /logout", "Sec-Fetch-Site: same-origin\n");
	assert_int_equal(bench_request(desk->bench), POLICY_ANSWERED);
	assert_int_equal(desk->bench->view.answer.reason, REASON_LOGOUT);
	assert_int_equal(desk->bench->view.answer.status, 303);
	assert_true(str_starts(location(desk), STR("https://id.test/end?client_id=shop&post_logout_redirect_"
						   "uri=https%3A%2F%2Fapi.test%2F&id_token_hint=ey")));
	fields = bench_fields(desk->bench, &desk->bench->view.answer.fields);
	assert_non_null(strstr(fields, "Set-Cookie: gw=; Path=/; Max-Age=0;"));

	/* Without a session, or without an issuer to ask. */
	desk->metadata = NULL;
	ask(desk, "GET /logout", "");
	assert_int_equal(bench_request(desk->bench), POLICY_ANSWERED);
	assert_text(location(desk), "/");
	desk->cookies[0] = 0;
	ask(desk, "GET /logout", "");
	assert_int_equal(bench_request(desk->bench), POLICY_ANSWERED);
	assert_text(location(desk), "/");
}

/* ---- among others ---- */

static void any_of_knows_whose_a_request_is(void **state)
{
	static const struct {
		const char *target, *fields;
		bool want;
	} rows[] = {
		{ "GET /", "Cookie: gw=1abc\n", true },
		{ "GET /", "Cookie: a=b; gw.1=abc\n", true },
		{ "POST /", "Cookie: gw=\n", true },
		{ "GET /oidc/callback", "", true },
		{ "POST /logout", "", true },
		{ "GET /", "Accept: text/html\n", true },
		{ "GET /", "", false },
		{ "POST /", "Accept: text/html\n", false },
		{ "GET /", "Cookie: gwx=1abc\n", false },
		{ "GET /oidc/callback/", "", false },
		{ "GET /x/logout", "", false },
		{ "GET /logout", "Authorization: Bearer abc\n", true },
		{ "GET /", "Authorization: Bearer abc\n", false },
	};
	struct desk *desk = *state;
	const struct policy_instance *instance = &desk->bench->chain.at[0];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ask(desk, rows[i].target, rows[i].fields);
		assert_row(instance->policy->authenticator->recognises(instance->self, &desk->bench->view) ==
				   rows[i].want,
			   i, rows[i].target);
	}
	assert_null(instance->policy->authenticator->challenge);
}

static void sessions_can_be_made_for_cases(void **state)
{
	struct desk *desk = *state;
	const struct policy_instance *instance = &desk->bench->chain.at[0];
	struct credential_wish wish = { .json = STR("{\"sub\":\"bob\"}"),
					.now = (wall_time)NOW * SECOND,
					.arena = &desk->bench->snapshot };
	str line = instance->policy->authenticator->make(instance->self, &wish), name, value;

	assert_true(str_cut(line, ' ', &name, &value));
	assert_text(name, "Cookie:");
	copy(desk->cookies, sizeof desk->cookies, value);
	assert_int_equal(visit(desk), REASON_NONE);
	assert_string_equal(bench_fields(desk->bench, &desk->bench->request.fields), "X-User: bob\n");
}

/* What is only to report sends nobody anywhere, and takes no code. */
static void a_report_changes_nothing(void **state)
{
	struct desk *desk = *state;

	session_refreshes_free(&desk->bench->auth.refreshes);
	bench_free(&desk->bench);
	desk->bench = bench_new("[ { oidc: { issuer: \"https://id.test\", client_id: shop, client_secret: s, "
				"cookie: { name: gw, secret: " SECRET " } }, report: true } ]");
	assert_string_equal(bench_errors(desk->bench), "");
	ask(desk, "GET /", "Accept: text/html\n");
	assert_int_equal(bench_request(desk->bench), POLICY_CONTINUE);
	assert_true(str_contains(desk->bench->view.reported, STR("session_missing")));
	ask(desk, "GET /oidc/callback?code=1&state=2", "");
	assert_int_equal(bench_request(desk->bench), POLICY_CONTINUE);
	assert_int_equal(desk->token_requests, 0);
	assert_null(desk->bench->view.principal);
}

#define DESK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_tells_what_is_wrong),
		DESK_TEST(a_browser_logs_in),
		DESK_TEST(only_navigations_are_sent_to_log_in),
		DESK_TEST(nobody_comes_back_who_was_not_sent),
		DESK_TEST(tokens_that_prove_nothing_are_refused),
		DESK_TEST(another_key_opens_nothing),
		DESK_TEST(what_the_issuer_says_is_not_believed),
		DESK_TEST(answers_for_a_code_are_checked),
		DESK_TEST(sessions_end),
		DESK_TEST(a_session_is_refreshed_once),
		DESK_TEST(what_a_token_lasts_is_read_as_issuers_write_it),
		DESK_TEST(who_is_gone_at_the_issuer_is_gone_here),
		DESK_TEST(a_refresh_brings_the_same_person),
		DESK_TEST(an_outage_ends_no_session_that_is_good),
		DESK_TEST(a_logout_ends_both),
		DESK_TEST(any_of_knows_whose_a_request_is),
		DESK_TEST(sessions_can_be_made_for_cases),
		DESK_TEST(a_report_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

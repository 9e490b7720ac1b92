/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oidc_testing: oidc between a browser and an issuer that are not there: what one keeps and what the other
 * answers is written here.
 */
#pragma once

#include <openssl/evp.h>
#include <stdio.h>

#include "auth/jose_testing.h"
#include "auth/key_set.h"
#include "auth/session_refresh.h"
#include "base/testing.h"
#include "codec/json.h"
#include "policy/policy_testing.h"
#include "policy/principal.h"

enum { TEXT_MAX = 16 * 1024, CLAIMS_MAX = 1024 };

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

static inline str with_nonce(struct desk *desk, struct arena *arena)
{
	char *at = strstr(desk->claims, "NONCE");

	if (!at)
		return str_of(desk->claims);
	return arena_printf(arena, "%.*s%s%s", (int)(at - desk->claims), desk->claims, desk->nonce, at + 5);
}

static inline str id_token(struct desk *desk, struct arena *arena)
{
	return jose_sign(arena, desk->key, str_of(desk->header), with_nonce(desk, arena));
}

static inline wall_time clock_of(void *self)
{
	const struct desk *desk = self;

	return (wall_time)NOW * SECOND + desk->ahead;
}

static inline result fetch(void *self, struct view *view, const struct fetch_request *request,
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

static inline void copy(char *to, size_t max, str text)
{
	assert_true(text.len < max);
	memcpy(to, text.ptr, text.len);
	to[text.len] = 0;
}

static inline result fetch_url(void *self, struct view *view, const struct url_request *request,
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

static inline void ask(struct desk *desk, const char *target, const char *fields)
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

static inline void keep_cookies(struct desk *desk, const struct http_fields *fields)
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

static inline str location(struct desk *desk)
{
	return http_fields_value(&desk->bench->view.answer.fields, HTTP_LOCATION);
}

static inline void copy_parameter(struct desk *desk, const char *name, char *to, size_t max)
{
	const char *text = bench_text(desk->bench, location(desk));
	const char *at = strstr(text, name);

	assert_non_null(at);
	at += strlen(name);
	copy(to, max, (str) { at, strcspn(at, "&") });
}

static inline void begin_login(struct desk *desk, const char *target)
{
	desk->cookies[0] = 0;
	ask(desk, target, "Accept: text/html\n");
	assert_int_equal(bench_request(desk->bench), POLICY_ANSWERED);
	assert_int_equal(desk->bench->view.answer.reason, REASON_LOGIN_REDIRECT);
	copy_parameter(desk, "&state=", desk->state, sizeof desk->state);
	copy_parameter(desk, "&nonce=", desk->nonce, sizeof desk->nonce);
	keep_cookies(desk, &desk->bench->view.answer.fields);
}

static inline enum reason come_back(struct desk *desk, const char *more)
{
	char target[512];

	snprintf(target, sizeof target, "GET /oidc/callback?code=a%%2Bb&state=%s%s", desk->state, more);
	ask(desk, target, "Accept: text/html\n");
	assert_int_equal(bench_request(desk->bench), POLICY_ANSWERED);
	return desk->bench->view.answer.reason;
}

static inline void log_in(struct desk *desk)
{
	begin_login(desk, "GET /orders/1?x=1");
	assert_int_equal(come_back(desk, ""), REASON_LOGIN_REDIRECT);
	keep_cookies(desk, &desk->bench->view.answer.fields);
}

static inline enum reason visit(struct desk *desk)
{
	ask(desk, "GET /orders/1", "X-User: mallory\n");
	return bench_request(desk->bench) == POLICY_CONTINUE ? REASON_NONE : desk->bench->view.answer.reason;
}

/* ---- set-up ---- */

#define CLAIMS_(iss, sub, aud, exp, nonce)                                                            \
	"{\"iss\":\"" iss "\",\"sub\":\"" sub "\",\"aud\":" aud ",\"exp\":" exp ",\"nonce\":\"" nonce \
	"\",\"groups\":[\"a\",\"b\"]}"
#define CLAIMS CLAIMS_("https://id.test", "alice", "\"shop\"", "1767323645", "NONCE")

static inline void publish(struct desk *desk)
{
	struct arena *arena = &desk->bench->snapshot;
	str key = jose_public_key(arena, desk->key);
	str json = arena_printf(
		arena, "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"one\",\"x\":\"%.*s\"}]}",
		STR_ARG(key));
	struct jwk_set *keys;

	assert_false(failed(jwk_set_parse(json, &keys)));
	key_set_publish(desk->bench->kept[0], keys);
}

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
	struct desk *desk = *state;

	session_refreshes_free(&desk->bench->auth.refreshes);
	bench_free(&desk->bench);
	EVP_PKEY_free(desk->key);
	free(desk);
	return 0;
}

#define DESK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

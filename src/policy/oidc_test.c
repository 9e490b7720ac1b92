/* SPDX-License-Identifier: Apache-2.0 */
/* Logins: who is sent, who comes back, and what of the issuer's is believed. */
#include "policy/oidc_testing.h"

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
		DESK_TEST(any_of_knows_whose_a_request_is),
		DESK_TEST(sessions_can_be_made_for_cases),
		DESK_TEST(a_report_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

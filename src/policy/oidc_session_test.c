/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: how long they last, how they are refreshed at the issuer, and how they end. */
#include "policy/oidc_testing.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		DESK_TEST(sessions_end),
		DESK_TEST(a_session_is_refreshed_once),
		DESK_TEST(what_a_token_lasts_is_read_as_issuers_write_it),
		DESK_TEST(who_is_gone_at_the_issuer_is_gone_here),
		DESK_TEST(a_refresh_brings_the_same_person),
		DESK_TEST(an_outage_ends_no_session_that_is_good),
		DESK_TEST(a_logout_ends_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

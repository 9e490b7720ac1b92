/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy does to the view: answers, and the path that is checked again. */
#include "policy/policy.h"

#include "auth/consumer.h"
#include "base/testing.h"
#include "policy/principal.h"

enum { ARENA_MAX = 1024 * 1024 };

static const struct {
	const char *path;
	enum error_kind want_kind;
	const char *want_path;
} path_cases[] = {
	{ "/a", ERROR_NONE, "/a" },
	{ "/", ERROR_NONE, "/" },
	{ "/a/b/", ERROR_NONE, "/a/b/" },
	{ "//a//b", ERROR_NONE, "/a/b" },
	{ "/a/./b/../c", ERROR_NONE, "/a/c" },
	{ "/%61", ERROR_NONE, "/a" },
	{ "/%7e%c3%a4", ERROR_NONE, "/~%C3%A4" },
	{ "/{x}", ERROR_NONE, "/%7Bx%7D" },
	{ "/a b", ERROR_MALFORMED, "/old" },
	{ "/a%2Fb", ERROR_NONE, "/a%2Fb" }, /* whether it may was decided when it came in */
	{ "/..", ERROR_MALFORMED, "/old" },
	{ "/a/../../b", ERROR_MALFORMED, "/old" },
	{ "/%2e%2e/b", ERROR_MALFORMED, "/old" },
	{ "/a%00", ERROR_MALFORMED, "/old" },
	{ "/a%0a", ERROR_MALFORMED, "/old" },
	{ "/a%3Fb", ERROR_MALFORMED, "/old" },
	{ "/a%zz", ERROR_MALFORMED, "/old" },
	{ "/a%", ERROR_MALFORMED, "/old" },
	{ "/a\\b", ERROR_MALFORMED, "/old" },
	{ "/%ff", ERROR_MALFORMED, "/old" },
	{ "/%c0%af", ERROR_MALFORMED, "/old" },
	{ "/..;x/b", ERROR_MALFORMED, "/old" },
	{ "", ERROR_MALFORMED, "/old" },
	{ "a", ERROR_MALFORMED, "/old" },
};

static void a_path_is_checked_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(path_cases); i++) {
		struct arena arena;
		struct view view = { .arena = &arena, .path = STR("/old") };
		result_value set;

		arena_init(&arena, NULL, ARENA_MAX);
		set = view_set_path(&view, str_of(path_cases[i].path));
		if (set.kind != path_cases[i].want_kind ||
		    !str_eq(view.path, str_of(path_cases[i].want_path)))
			fail_msg("%s: %s, %.*s", path_cases[i].path, error_name(set.kind),
				 STR_ARG(view.path));
		arena_fini(&arena);
	}
}

static void a_path_without_room_is_an_error(void **state)
{
	struct arena arena;
	struct view view = { .arena = &arena, .path = STR("/old") };

	(void)state;
	arena_init(&arena, NULL, 0);
	assert_int_equal(view_set_path(&view, STR("//a")).kind, ERROR_LIMIT);
	assert_true(str_eq(view.path, STR("/old")));
	arena_fini(&arena);
}

static void an_answer_is_copied(void **state)
{
	struct view view = { 0 };
	struct answer answer = {
		.reason = REASON_RESPOND, .status = 201, .body = STR("b"), .detail = STR("d")
	};

	(void)state;
	assert_int_equal(view_answer(&view, &answer), POLICY_ANSWERED);
	answer = (struct answer) { 0 };
	assert_int_equal(view.answer.reason, REASON_RESPOND);
	assert_int_equal(view.answer.status, 201);
	assert_true(str_eq(view.answer.body, STR("b")));
	assert_true(str_eq(view.answer.detail, STR("d")));
}

/* Nothing of an answer that a policy had prepared before is left. */
static void a_refusal_is_the_reason_and_nothing_else(void **state)
{
	struct view view = { .answer = { .reason = REASON_RESPOND, .status = 200, .body = STR("secret") } };

	(void)state;
	assert_int_equal(view_refuse(&view, REASON_NO_ROUTE), POLICY_ANSWERED);
	assert_int_equal(view.answer.reason, REASON_NO_ROUTE);
	assert_int_equal(view.answer.status, 0);
	assert_int_equal(view.answer.body.len, 0);
	assert_int_equal(view.answer.detail.len, 0);
	assert_int_equal(view.answer.fields.count, 0);
}

static void an_abandoned_exchange_is_answered_with_nothing(void **state)
{
	struct view view = { .answer = { .reason = REASON_NO_ROUTE, .status = 404 } };

	(void)state;
	assert_int_equal(view_abandon(&view), POLICY_ANSWERED);
	assert_int_equal(view.answer.reason, REASON_NONE);
	assert_int_equal(view.answer.status, 0);
}

static void bounds_are_only_narrowed(void **state)
{
	struct http_request request = { .framing = HTTP_CHUNKED };
	struct view view = { .request = &request, .body_max = 100 };

	(void)state;
	assert_int_equal(view_limit_body(&view, 200), POLICY_CONTINUE);
	assert_int_equal(view.body_max, 100);
	assert_int_equal(view_limit_body(&view, 50), POLICY_CONTINUE);
	assert_int_equal(view.body_max, 50);
	view_limit_time(&view, 2 * SECOND);
	view_limit_time(&view, 3 * SECOND);
	assert_int_equal(view.total_timeout, 2 * SECOND);
	view.is_report = true;
	view_limit_time(&view, SECOND);
	assert_int_equal(view.total_timeout, 2 * SECOND);
	assert_int_equal(view_limit_body(&view, 10), POLICY_CONTINUE);
	assert_int_equal(view.body_max, 50);
	request = (struct http_request) { .framing = HTTP_LENGTH, .length = 11 };
	assert_int_equal(view_limit_body(&view, 10), POLICY_ANSWERED);
	assert_int_equal(view.answer.reason, REASON_BODY_TOO_LARGE);
}

static void a_challenge_that_is_empty_is_none(void **state)
{
	struct arena arena;
	struct view view = { .arena = &arena };
	const str challenges[] = { STR("Bearer"), STR(""), STR("Basic realm=\"a\"") };
	const struct http_fields *fields = &view.answer.fields;

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	assert_int_equal(view_unauthorized(&view, REASON_TOKEN_EXPIRED, challenges, 3), POLICY_ANSWERED);
	assert_int_equal(view.answer.reason, REASON_TOKEN_EXPIRED);
	assert_int_equal(fields->count, 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(fields->at[i].id, HTTP_WWW_AUTHENTICATE);
	assert_true(str_eq(fields->at[0].value, challenges[0]));
	assert_true(str_eq(fields->at[1].value, challenges[2]));
	/* A 401 has a challenge in any case (RFC 9110 section 15.5.2), another status none. */
	view_unauthorized(&view, REASON_KEY_UNKNOWN, challenges + 1, 1);
	assert_int_equal(fields->count, 1);
	assert_true(str_eq(fields->at[0].value, STR("Gatehouse")));
	view_refuse(&view, REASON_NOT_AUTHENTICATED);
	assert_int_equal(fields->count, 1);
	view_refuse(&view, REASON_GROUP_DENIED);
	assert_int_equal(fields->count, 0);
	arena_fini(&arena);
}

static void who_asks_is_known_by_a_policy_and_not_by_a_certificate(void **state)
{
	struct arena arena;
	static const struct principal bearer = { .certificate_subject = STR_INIT("CN=a") };
	const struct consumer acme = { .name = STR("acme") };
	struct view view = { .arena = &arena, .principal = &bearer };
	struct principal *principal;

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	assert_false(view_is_authenticated(&view));
	principal = view_identify(&view, STR("jwt"));
	view_set_consumer(principal, &acme);
	assert_true(view_is_authenticated(&view));
	assert_true(str_eq(view.principal->certificate_subject, STR("CN=a")));
	principal = view_identify(&view, STR("basic")); /* what the first one knew holds on */
	assert_true(str_eq(principal->consumer, STR("acme")));
	assert_true(str_eq(view.principal->method, STR("basic")));
	assert_int_equal(bearer.method.len, 0);
	arena_fini(&arena);
}

static void append(void *self)
{
	char **at = self;

	*(*at)++ = 'x';
}

static void what_is_held_is_released_once(void **state)
{
	struct arena arena;
	struct view view = { .arena = &arena };
	char text[8] = "", *at = text;

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	view_release(&view);
	view_hold(&view, append, &at);
	view_hold(&view, append, &at);
	assert_string_equal(text, "");
	view_release(&view);
	view_release(&view);
	assert_string_equal(text, "xx");
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_checked_again),
		cmocka_unit_test(a_path_without_room_is_an_error),
		cmocka_unit_test(an_answer_is_copied),
		cmocka_unit_test(a_refusal_is_the_reason_and_nothing_else),
		cmocka_unit_test(an_abandoned_exchange_is_answered_with_nothing),
		cmocka_unit_test(bounds_are_only_narrowed),
		cmocka_unit_test(a_challenge_that_is_empty_is_none),
		cmocka_unit_test(who_asks_is_known_by_a_policy_and_not_by_a_certificate),
		cmocka_unit_test(what_is_held_is_released_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

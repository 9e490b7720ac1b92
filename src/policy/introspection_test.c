/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows: options, the request, what the issuer answers, and what comes of the request. The issuer is a double
 * that writes down what it was asked.
 */
#include "base/testing.h"
#include "policy/policy_testing.h"
#include "policy/principal.h"

#define POLICY(options)                                                                                      \
	"[ introspection: { url: \"https://issuer/introspect\", client_id: \"a b\", client_secret: \"p%:\" " \
	"" options " } ]"
#define BEARER "Authorization: Bearer t.0-_~+/=\n"
#define ACTIVE "{\"active\": true, \"sub\": \"alice\", \"org\": {\"id\": 7}}"
#define LARGE_TOKEN_LEN (8 * 1024 + 1)

/* The clock of the bench stands at this second. */
#define NOW "1767323045"
#define NEXT "1767323046"

/* What the issuer says. */
struct issuer {
	int status; /* 0: fails with the error */
	enum error_kind error;
	const char *body;
	bool is_cut;
	/* What it was asked. */
	unsigned asked;
	char body_asked[3 * LARGE_TOKEN_LEN + 64], fields_asked[512];
	struct fetch_request request;
};

static void write_down(struct issuer *issuer, const struct fetch_request *request)
{
	struct buf fields = buf_over(issuer->fields_asked, sizeof issuer->fields_asked - 1);
	struct buf body = buf_over(issuer->body_asked, sizeof issuer->body_asked - 1);

	for (size_t i = 0; i < request->fields->count; i++) {
		buf_put(&fields, request->fields->at[i].name);
		buf_put(&fields, STR(": "));
		buf_put(&fields, request->fields->at[i].value);
		buf_put_char(&fields, '\n');
	}
	buf_put(&body, request->body);
	assert_false(buf_overflowed(&fields) || buf_overflowed(&body));
	issuer->fields_asked[fields.len] = 0;
	issuer->body_asked[body.len] = 0;
}

static result fetch(void *self, struct view *view, const struct fetch_request *request,
		    struct fetch_answer *ret_answer)
{
	struct issuer *issuer = self;

	(void)view;
	issuer->asked++;
	issuer->request = *request;
	write_down(issuer, request);
	if (!issuer->status)
		return error_make(issuer->error, "no answer");
	*ret_answer = (struct fetch_answer) { .status = issuer->status,
					      .body = str_of(issuer->is_cut ? NULL : issuer->body),
					      .is_body_whole = !issuer->is_cut };
	return OK;
}

static enum verdict ask(struct bench *bench, struct issuer *issuer, const char *fields)
{
	bench_ask(bench, "GET /orders/7", fields);
	bench->effects.fetch = fetch;
	bench->effects.self = issuer;
	return bench_request(bench);
}

static const struct row {
	const char *options, *request;
	int status;
	const char *says;
	enum reason reason; /* REASON_NONE: passes */
	const char *left;   /* of the request's fields; NULL: not looked at */
} rows[] = {
	/* passes, with the issuer's word in the place of the client's */
	{ "", BEARER, 200, ACTIVE, REASON_NONE, BEARER },
	{ ", forward: { X-User: sub, X-Org: org.id, X-None: name }", BEARER "X-User: mallory\nX-None: m\n",
	  200, ACTIVE, REASON_NONE, BEARER "X-User: alice\nX-Org: 7\n" },
	{ ", strip: true", BEARER "A: 1\n", 200, ACTIVE, REASON_NONE, "A: 1\n" },
	{ ", from: { header: X-Token }", "X-Token: t\n", 200, ACTIVE, REASON_NONE, "X-Token: t\n" },
	{ ", require: [sub, org.id]", BEARER, 200, ACTIVE, REASON_NONE, NULL },
	{ "", BEARER, 200, "{\"active\": true}", REASON_NONE, NULL },
	{ "", BEARER, 200, "{\"active\": true, \"exp\": " NEXT "}", REASON_NONE, NULL },
	{ "", BEARER, 200, "{\"active\": true, \"exp\": " NOW ".5}", REASON_NONE, NULL },
	{ "", "Authorization: bearer   t\n", 200, ACTIVE, REASON_NONE, NULL },
	{ ", audience: orders, issuer: \"https://id\"", BEARER, 200,
	  "{\"active\": true, \"aud\": \"orders\", \"iss\": \"https://id\"}", REASON_NONE, NULL },
	{ ", audience: [a, orders]", BEARER, 200, "{\"active\": true, \"aud\": [\"x\", \"orders\"]}",
	  REASON_NONE, NULL },
	{ ", audience: any", BEARER, 200, "{\"active\": true, \"aud\": \"other\"}", REASON_NONE, NULL },
	{ ", audience: any", BEARER, 200, ACTIVE, REASON_NONE, NULL },

	/* no token, or what cannot be one: nobody is asked */
	{ "", "", 0, "", REASON_TOKEN_MISSING, NULL },
	{ "", "Authorization: Basic dDp0\n", 0, "", REASON_TOKEN_MISSING, NULL },
	{ "", "Authorization: Bearer\n", 0, "", REASON_TOKEN_MISSING, NULL },
	{ "", "Authorization: Bearer a b\n", 0, "", REASON_TOKEN_MALFORMED, NULL },
	{ "", "Authorization: Bearer a\"\n", 0, "", REASON_TOKEN_MALFORMED, NULL },
	{ "", BEARER BEARER, 0, "", REASON_TOKEN_MALFORMED, NULL },

	/* the issuer says no */
	{ "", BEARER, 200, "{\"active\": false}", REASON_TOKEN_INACTIVE, NULL },
	{ "", BEARER, 200, "{\"active\": false, \"sub\": \"alice\", \"exp\": " NEXT "}",
	  REASON_TOKEN_INACTIVE, NULL },
	{ "", BEARER, 200, "{\"active\": true, \"exp\": " NOW "}", REASON_TOKEN_EXPIRED, NULL },
	{ "", BEARER, 200, "{\"active\": true, \"exp\": -1}", REASON_TOKEN_EXPIRED, NULL },
	{ "", BEARER, 200, "{\"active\": true, \"exp\": " NOW ".0}", REASON_TOKEN_EXPIRED, NULL },
	{ "", BEARER, 200, "{\"active\": true, \"exp\": \"" NEXT "\"}", REASON_TOKEN_CLAIMS, NULL },
	{ ", require: [sub, name]", BEARER, 200, ACTIVE, REASON_TOKEN_CLAIMS, NULL },
	{ ", consumer: sub", BEARER, 200, ACTIVE, REASON_TOKEN_CONSUMER_UNKNOWN, NULL },
	{ ", audience: orders", BEARER, 200, ACTIVE, REASON_TOKEN_AUDIENCE, NULL },
	{ ", audience: orders", BEARER, 200, "{\"active\": true, \"aud\": \"somebody-else\"}",
	  REASON_TOKEN_AUDIENCE, NULL },
	{ ", audience: orders", BEARER, 200, "{\"active\": true, \"aud\": [\"orders2\", \"\"]}",
	  REASON_TOKEN_AUDIENCE, NULL },
	{ ", audience: orders", BEARER, 200, "{\"active\": true, \"aud\": {\"orders\": 1}}",
	  REASON_TOKEN_AUDIENCE, NULL },
	{ ", audience: [any, orders]", BEARER, 200, "{\"active\": true, \"aud\": \"x\"}",
	  REASON_TOKEN_AUDIENCE, NULL },
	{ ", issuer: \"https://id\"", BEARER, 200, ACTIVE, REASON_TOKEN_ISSUER, NULL },
	{ ", issuer: \"https://id\"", BEARER, 200, "{\"active\": true, \"iss\": \"https://id/\"}",
	  REASON_TOKEN_ISSUER, NULL },
	{ ", issuer: \"https://id\"", BEARER, 200, "{\"active\": true, \"iss\": [\"https://id\"]}",
	  REASON_TOKEN_ISSUER, NULL },

	/* it says neither yes nor no */
	{ "", BEARER, 401, "{\"active\": true}", REASON_AUTH_UNAVAILABLE, NULL },
	{ "", BEARER, 201, ACTIVE, REASON_AUTH_UNAVAILABLE, NULL },
	{ "", BEARER, 302, ACTIVE, REASON_AUTH_UNAVAILABLE, NULL },
	{ "", BEARER, 500, "", REASON_AUTH_UNAVAILABLE, NULL },
	{ "", BEARER, 200, "", REASON_AUTH_UNAVAILABLE, NULL },
	{ "", BEARER, 200, "true", REASON_AUTH_UNAVAILABLE, NULL },
	{ "", BEARER, 200, "{}", REASON_AUTH_UNAVAILABLE, NULL },
	{ "", BEARER, 200, "{\"active\": \"true\"}", REASON_AUTH_UNAVAILABLE, NULL },
	{ "", BEARER, 200, "{\"active\": 1}", REASON_AUTH_UNAVAILABLE, NULL },
	{ "", BEARER, 200, "{\"active\": null}", REASON_AUTH_UNAVAILABLE, NULL },
	{ "", BEARER, 200, "[{\"active\": true}]", REASON_AUTH_UNAVAILABLE, NULL },
	{ "", BEARER, 200, "{\"active\": false, \"active\": true}", REASON_AUTH_UNAVAILABLE, NULL },
	{ "", BEARER, 200, "{\"active\": true} {}", REASON_AUTH_UNAVAILABLE, NULL },
};

static struct bench *bench_with(const char *options)
{
	char policies[512];
	struct buf text = buf_over(policies, sizeof policies - 1);

	buf_put(&text, STR("[ introspection: { url: \"https://issuer/introspect\", client_id: \"a b\", "
			   "client_secret: \"p%:\""));
	buf_put(&text, str_of(options));
	buf_put(&text, STR(" } ]"));
	policies[text.len] = 0;
	return bench_new(policies);
}

static void assert_refused(const struct bench *bench, enum verdict verdict, enum reason reason)
{
	const struct answer *answer = &bench->view.answer;

	assert_int_equal(verdict, POLICY_ANSWERED);
	assert_text(reason_word(answer->reason), reason_word(reason).ptr);
	assert_null(bench->view.principal);
	if (reason_status(reason) != 401) {
		assert_int_equal(answer->fields.count, 0);
		return;
	}
	assert_int_equal(answer->fields.count, 1);
	assert_text(answer->fields.at[0].value,
		    reason == REASON_TOKEN_MISSING ? "Bearer" : "Bearer error=\"invalid_token\"");
}

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct issuer issuer = { .status = rows[i].status, .body = rows[i].says };
		struct bench *bench = bench_with(rows[i].options);
		enum verdict verdict;

		print_message("%s %s %s\n", rows[i].options, rows[i].request, rows[i].says);
		verdict = ask(bench, &issuer, rows[i].request);
		assert_int_equal(issuer.asked, rows[i].status != 0);
		if (rows[i].reason != REASON_NONE)
			assert_refused(bench, verdict, rows[i].reason);
		else
			assert_int_equal(verdict, POLICY_CONTINUE);
		if (rows[i].left)
			assert_string_equal(bench_fields(bench, &bench->request.fields), rows[i].left);
		bench_free(&bench);
	}
}

static void the_issuer_is_asked_as_it_wants_to_be(void **state)
{
	struct issuer issuer = { .status = 200, .body = ACTIVE };
	struct bench *bench = bench_new(POLICY(", cache: 10s, timeout: 2s"));

	(void)state;
	assert_int_equal(ask(bench, &issuer, BEARER), POLICY_CONTINUE);
	assert_int_equal(issuer.request.method, HTTP_POST);
	assert_int_equal(issuer.request.timeout, 2 * SECOND);
	assert_int_equal(issuer.request.remembers, 10 * SECOND);
	assert_string_equal(issuer.body_asked, "token=t.0-_~%2B%2F%3D&token_type_hint=access_token");
	/* "a%20b:p%25%3A" */
	assert_string_equal(issuer.fields_asked, "Content-Type: application/x-www-form-urlencoded\n"
						 "Accept: application/json\n"
						 "Authorization: Basic YSUyMGI6cCUyNSUzQQ==\n");
	bench_free(&bench);
}

static void what_it_says_are_the_claims(void **state)
{
	struct issuer issuer = { .status = 200, .body = ACTIVE };
	struct bench *bench = bench_new(POLICY(""));
	struct operand subject = { 0 };

	(void)state;
	assert_int_equal(ask(bench, &issuer, BEARER), POLICY_CONTINUE);
	assert_text(bench->view.principal->method, "introspection");
	assert_text(bench->view.principal->consumer, "");
	assert_int_equal(bench->view.principal->claims.kind, OPERAND_MAP);
	assert_true(bench->view.principal->claims.map.find(bench->view.principal->claims.map.self, STR("sub"),
							   &subject));
	assert_text(subject.text, "alice");
	bench_free(&bench);
}

static void a_token_has_a_bound(void **state)
{
	static char field[sizeof "Authorization: Bearer " + LARGE_TOKEN_LEN + 1];
	struct issuer issuer = { .status = 200, .body = ACTIVE };
	struct bench *bench = bench_new(POLICY(""));
	struct buf text = buf_over(field, sizeof field - 1);

	(void)state;
	buf_put(&text, STR("Authorization: Bearer "));
	for (size_t i = 0; i < LARGE_TOKEN_LEN; i++)
		buf_put_char(&text, '+');
	field[text.len] = '\n';
	assert_refused(bench, ask(bench, &issuer, field), REASON_TOKEN_TOO_LARGE);
	assert_int_equal(issuer.asked, 0);
	field[text.len - 1] = '\n';
	field[text.len] = 0;
	assert_int_equal(ask(bench, &issuer, field), POLICY_CONTINUE);
	assert_int_equal(issuer.asked, 1);
	bench_free(&bench);
}

static void no_answer_is_no_judgement(void **state)
{
	static const enum error_kind errors[] = { ERROR_REFUSED, ERROR_RESET, ERROR_CLOSED,   ERROR_MISSING,
						  ERROR_TIMEOUT, ERROR_LIMIT, ERROR_MALFORMED };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(errors); i++) {
		struct issuer issuer = { .error = errors[i] };
		struct bench *bench = bench_new(POLICY(""));

		assert_refused(bench, ask(bench, &issuer, BEARER), REASON_AUTH_UNAVAILABLE);
		bench_free(&bench);
	}
}

static void a_body_that_breaks_off_is_no_answer(void **state)
{
	struct issuer issuer = { .status = 200, .body = ACTIVE, .is_cut = true };
	struct bench *bench = bench_new(POLICY(""));

	(void)state;
	assert_refused(bench, ask(bench, &issuer, BEARER), REASON_AUTH_UNAVAILABLE);
	bench_free(&bench);
}

static void whoever_has_gone_gets_no_answer(void **state)
{
	struct issuer issuer = { .error = ERROR_CANCELLED };
	struct bench *bench = bench_new(POLICY(""));

	(void)state;
	assert_int_equal(ask(bench, &issuer, BEARER), POLICY_ANSWERED);
	assert_int_equal(bench->view.answer.reason, REASON_NONE);
	bench_free(&bench);
}

static void where_nobody_can_be_asked_nobody_passes(void **state)
{
	struct bench *bench = bench_new(POLICY(""));

	(void)state;
	bench_ask(bench, "GET /", BEARER);
	bench->effects.fetch = NULL;
	assert_refused(bench, bench_request(bench), REASON_AUTH_UNAVAILABLE);
	bench_free(&bench);
}

static void names_are_managed(void **state)
{
	struct bench *bench = bench_new(POLICY(", forward: { X-User: sub }"));

	(void)state;
	assert_string_equal(bench->managed, "X-User;");
	bench_free(&bench);
}

static const struct bench_check checks[] = {
	{ POLICY(", audience: any"), "" },
	{ POLICY(", audience: [a, b], issuer: c, cache: 0s, from: { cookie: token }"), "" },
	{ POLICY(""), "policies[0].introspection: without \"audience\"" },
	{ POLICY(", issuer: c"), "without \"audience\"" },
	{ "[ introspection: { client_id: a, client_secret: b } ]", "url" },
	{ "[ introspection: { url: \"http://a/\", client_secret: b } ]", "client_id" },
	{ "[ introspection: { url: \"http://a/\", client_id: b } ]", "client_secret" },
	{ "[ introspection: { url: \"nobody\", client_id: a, client_secret: b } ]", "nobody is there" },
	{ POLICY(", from: { cookie: a, header: b }"), "only one of header, cookie, query may be given" },
	{ POLICY(", cache: 2h"), "cache" },
	{ POLICY(", forward: { \"bad name\": sub }"), "bad name" },
	{ POLICY(", scopes: x"), "scopes" },
	{ POLICY(", audience: []"), "audience" },
	{ POLICY(", issuer: [a, b]"), "issuer" },
};

static void check_tells_what_is_wrong(void **state)
{
	(void)state;
	bench_assert_checks(checks, COUNT_OF(checks));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(the_issuer_is_asked_as_it_wants_to_be),
		cmocka_unit_test(what_it_says_are_the_claims),
		cmocka_unit_test(a_token_has_a_bound),
		cmocka_unit_test(no_answer_is_no_judgement),
		cmocka_unit_test(a_body_that_breaks_off_is_no_answer),
		cmocka_unit_test(whoever_has_gone_gets_no_answer),
		cmocka_unit_test(where_nobody_can_be_asked_nobody_passes),
		cmocka_unit_test(names_are_managed),
		cmocka_unit_test(check_tells_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: what is written, and the answer that it gives. */
#include "base/testing.h"
#include "policy/policy_testing.h"

#define RESPOND(options) "[ respond: { " options " } ]"

static const struct {
	const char *what, *policies;
	int want_status;
	const char *want_type, *want_fields, *want_body;
} cases[] = {
	{ "nothing at all", "[ respond: {} ]", 200, "", "", "" },
	{ "a status", RESPOND("status: 204"), 204, "", "", "" },
	{ "a text", RESPOND("body: hello"), 200, "text/plain; charset=utf-8", "", "hello" },
	{ "lines", RESPOND("body: \"a\\nb\\n\""), 200, "text/plain; charset=utf-8", "", "a\nb\n" },
	{ "a text with a type", RESPOND("body: <p>, headers: { content-type: text/html }"), 200, "",
	  "content-type: text/html\n", "<p>" },
	{ "fields", RESPOND("status: 503, headers: { Retry-After: 60, X-A: '${request.id}' }"), 503, "",
	  "Retry-After: 60\nX-A: id-1\n", "" },
	{ "a field that would be empty", RESPOND("headers: { X-A: '${request.header.None}' }"), 200, "", "",
	  "" },
	{ "a text is filled in", RESPOND("body: 'you asked ${request.path} of ${api}'"), 200,
	  "text/plain; charset=utf-8", "", "you asked /orders/7 of orders" },
	{ "JSON", RESPOND("json: { a: 1, b: [true, null, -2.5e3], c: text, d: {} }"), 200, "application/json",
	  "", "{\"a\":1,\"b\":[true,null,-2.5e3],\"c\":\"text\",\"d\":{}}" },
	{ "JSON in quotes is text", RESPOND("json: { a: '1', b: \"true\", c: 'null' }"), 200,
	  "application/json", "", "{\"a\":\"1\",\"b\":\"true\",\"c\":\"null\"}" },
	{ "JSON of what is no number there", RESPOND("json: [ 012, .5, 1., +1, 0x1f, 1e, -x, 1_000 ]"), 200,
	  "application/json", "", "[\"012\",\".5\",\"1.\",\"+1\",\"0x1f\",\"1e\",\"-x\",\"1_000\"]" },
	{ "JSON numbers", RESPOND("json: [ 0, -0, 10, 0.5, 1E+2, 12345678901234567890 ]"), 200,
	  "application/json", "", "[0,-0,10,0.5,1E+2,12345678901234567890]" },
	{ "JSON text alone", RESPOND("json: hello"), 200, "application/json", "", "\"hello\"" },
	{ "JSON with quotes and lines", RESPOND("json: { 'a\"b': \"c\\\"\\\\\\n\" }"), 200,
	  "application/json", "", "{\"a\\\"b\":\"c\\\"\\\\\\n\"}" },
	{ "JSON is filled in, and stays JSON",
	  RESPOND("json: { q: '${request.query.q}', p: 'x${request.path}' }"), 200, "application/json", "",
	  "{\"q\":\"\\\",\\\"admin\\\":\\\"1\",\"p\":\"x/orders/7\"}" },
	{ "JSON keys are not filled in", RESPOND("json: { '${request.id}': 1 }"), 200, "application/json", "",
	  "{\"${request.id}\":1}" },
	{ "a number cannot come from outside", RESPOND("json: { n: '${request.query.n}' }"), 200,
	  "application/json", "", "{\"n\":\"5\"}" },
	{ "JSON with a type", RESPOND("json: {}, headers: { Content-Type: application/hal+json }"), 200, "",
	  "Content-Type: application/hal+json\n", "{}" },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct bench *bench = bench_new(cases[i].policies);
		const struct answer *answer = &bench->view.answer;

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, "GET /orders/7?q=%22,%22admin%22:%221&n=5", "");
		assert_int_equal(bench_request(bench), POLICY_ANSWERED);
		assert_int_equal(answer->reason, REASON_RESPOND);
		if (answer->status != cases[i].want_status ||
		    !str_eq(answer->body, str_of(cases[i].want_body)))
			fail_msg("%s: %d %.*s", cases[i].what, answer->status, STR_ARG(answer->body));
		assert_string_equal(bench_text(bench, answer->content_type), cases[i].want_type);
		assert_string_equal(bench_fields(bench, &answer->fields), cases[i].want_fields);
		bench_free(&bench);
	}
}

static void nothing_after_it_runs(void **state)
{
	struct bench *bench = bench_new("[ respond: { status: 401 }, rewrite: { path: /x } ]");

	(void)state;
	bench_free(&bench);
	bench = bench_new("[ respond: { status: 401 }, { rewrite: { path: /x } } ]");
	assert_non_null(strstr(bench_errors(bench), "warning: policies[1]: never runs"));
	bench_ask(bench, "GET /orders/7", "");
	assert_int_equal(bench_request(bench), POLICY_ANSWERED);
	assert_true(str_eq(bench->view.path, STR("/orders/7")));
	bench_free(&bench);
}

static void a_value_that_must_not_be_refuses(void **state)
{
	static const char *const policies[] = {
		RESPOND("body: 'x${request.query.q}'"),
		RESPOND("json: { a: '${request.query.q}' }"),
		RESPOND("headers: { X-A: '${request.query.q}' }"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(policies); i++) {
		struct bench *bench = bench_new(policies[i]);

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, "GET /?q=a%0d%0ab", "");
		assert_int_equal(bench_request(bench), POLICY_ANSWERED);
		assert_int_equal(bench->view.answer.reason, REASON_VALUE_INVALID);
		assert_int_equal(bench->view.answer.body.len, 0);
		bench_free(&bench);
	}
}

static void mistakes_are_reported(void **state)
{
	static const struct bench_check bad[] = {
		{ RESPOND("status: 99"), "status" },
		{ RESPOND("status: 600"), "status" },
		{ RESPOND("status: 100"), "status" },
		{ RESPOND("body: a, json: b"), "either a body or json" },
		{ RESPOND("status: 204, body: a"), "has no body" },
		{ RESPOND("status: 304, json: {}"), "has no body" },
		{ RESPOND("headers: { Content-Length: 5 }"), "the gateway writes it itself" },
		{ RESPOND("headers: { Transfer-Encoding: chunked }"), "the gateway writes it itself" },
		{ RESPOND("headers: { X-A: '${upstream.endpoint}' }"), "known in answers only" },
		{ RESPOND("json: { a: [ { b: '${request.nope}' } ] }"), "there is no value ${request.nope}" },
		{ RESPOND("body: '${request.nope}'"), "there is no value ${request.nope}" },
		{ RESPOND("code: 200"), "code" },
	};

	(void)state;
	bench_assert_checks(bad, COUNT_OF(bad));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(nothing_after_it_runs),
		cmocka_unit_test(a_value_that_must_not_be_refuses),
		cmocka_unit_test(mistakes_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

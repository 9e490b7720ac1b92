/* SPDX-License-Identifier: Apache-2.0 */
/* Each row is one behaviour that a reader of the manual would expect. */
#include "base/testing.h"
#include "policy/policy_testing.h"

#define REQUEST(options) "[ headers: { request: { " options " } } ]"
#define RESPONSE(options) "[ headers: { response: { " options " } } ]"

static const struct {
	const char *what, *policies, *fields, *want;
} request_cases[] = {
	{ "nothing to do", "[ headers: {} ]", "A: 1\n", "A: 1\n" },
	{ "set a new one", REQUEST("set: { X-A: b }"), "A: 1\n", "A: 1\nX-A: b\n" },
	{ "set replaces every one of its name", REQUEST("set: { x-a: new }"), "X-A: 1\nB: 2\nX-A: 3\n",
	  "B: 2\nx-a: new\n" },
	{ "set a known field", REQUEST("set: { User-Agent: us }"), "user-agent: them\n", "User-Agent: us\n" },
	{ "add keeps what is there", REQUEST("add: { X-A: 2 }"), "X-A: 1\n", "X-A: 1\nX-A: 2\n" },
	{ "remove, case folded", REQUEST("remove: [x-a]"), "X-A: 1\nB: 2\n", "B: 2\n" },
	{ "remove what is not there", REQUEST("remove: [X-A]"), "B: 2\n", "B: 2\n" },
	{ "remove a family", REQUEST("remove: [ 'X-Internal-*' ]"),
	  "X-Internal-A: 1\nx-internal-b: 2\nX-Internal: 3\nX-Intern: 4\n", "X-Internal: 3\nX-Intern: 4\n" },
	{ "what a service could take for the name", REQUEST("remove: [ X-Role ]"),
	  "X_Role: 1\nx.role: 2\nX-Role: 3\nX-Roles: 4\n", "X-Roles: 4\n" },
	{ "and for one of a family", REQUEST("remove: [ 'X-A-*' ]"),
	  "X_A_b: 1\nx.a-c: 2\nX-A-d: 3\nX_A: 4\nXA-b: 5\n", "X_A: 4\nXA-b: 5\n" },
	{ "in whichever way the family is written", REQUEST("remove: [ 'X_A_*' ]"), "X-A-b: 1\nX_A_c: 2\n",
	  "" },
	{ "a family cannot reach what frames the message", REQUEST("remove: [ 'C*', 'H*' ]"),
	  "Host: api.test\nContent-Length: 5\nCookie: a\n", "Host: api.test\nContent-Length: 5\n" },
	{ "remove comes first", REQUEST("set: { X-A: b }, remove: [ X-A ]"), "X-A: 1\n", "X-A: b\n" },
	{ "a value is filled in", REQUEST("set: { X-Id: 'id=${request.id}' }"), "", "X-Id: id=id-1\n" },
	{ "an empty one is not set", REQUEST("set: { X-A: '${request.header.X-None}' }"), "B: 1\n",
	  "B: 1\n" },
	{ "nor does the client's stand in for it", REQUEST("set: { X-User: '${request.header.X-None}' }"),
	  "X-User: mallory\n", "" },
	{ "an empty one is not added", REQUEST("add: { X-A: '${request.query.none}' }"), "X-A: 1\n",
	  "X-A: 1\n" },
	{ "blanks alone are empty", REQUEST("set: { X-A: '${request.query.blank}' }"), "X-A: 1\nB: 1\n",
	  "B: 1\n" },
	{ "also where one is added", REQUEST("add: { X-A: '${request.query.blank}' }"), "X-A: 1\n",
	  "X-A: 1\n" },
	{ "also of the configuration", REQUEST("set: { X-A: '  ' }"), "X-A: 1\n", "" },
	{ "blanks around a value are no part of it", REQUEST("set: { X-A: ' ${request.query.wide} ' }"), "",
	  "X-A: a b\n" },
	{ "nor of one that is added", REQUEST("add: { X-A: '${request.query.wide}' }"), "", "X-A: a b\n" },
	{ "a value from outside is not looked at again", REQUEST("set: { X-A: '${request.header.B}' }"),
	  "B: ${request.id}\n", "B: ${request.id}\nX-A: ${request.id}\n" },
	{ "nor one from the environment", REQUEST("set: { X-A: '${FROM_OUTSIDE}' }"), "",
	  "X-A: ${request.id}\n" },
	{ "a field can be moved", REQUEST("set: { X-B: '${request.header.X-A}' }"), "X-A: 1\n",
	  "X-A: 1\nX-B: 1\n" },
	{ "answers only", RESPONSE("set: { X-A: b }"), "", "" },
};

static void requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(request_cases); i++) {
		struct bench *bench = bench_new(request_cases[i].policies);
		const char *got;

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, "GET /orders/7?q=1&blank=%20+%09&wide=+a+b%20", request_cases[i].fields);
		assert_int_equal(bench_request(bench), POLICY_CONTINUE);
		got = bench_fields(bench, &bench->request.fields);
		if (strcmp(got, request_cases[i].want) != 0)
			fail_msg("%s: got\n%s", request_cases[i].what, got);
		bench_free(&bench);
	}
}

static const struct {
	const char *what, *policies, *fields, *want;
} response_cases[] = {
	{ "set", RESPONSE("set: { X-A: b }"), "Server: x\n", "Server: x\nX-A: b\n" },
	{ "remove", RESPONSE("remove: [ Server, 'X-*' ]"), "Server: x\nX-Powered-By: y\nETag: z\n",
	  "ETag: z\n" },
	{ "the endpoint is known", RESPONSE("set: { X-By: '${upstream.endpoint}' }"), "",
	  "X-By: 10.0.0.5:8080\n" },
	{ "the request too", RESPONSE("add: { X-Path: '${request.path}' }"), "", "X-Path: /orders/7\n" },
	{ "a value that must not be is left out", RESPONSE("set: { X-A: '${request.query.bad}' }"), "B: 1\n",
	  "B: 1\n" },
	{ "and nothing else is",
	  RESPONSE("set: { X-A: '${request.query.bad}', X-B: b }, add: { X-C: '${request.query.bad}', X-D: d "
		   "}"),
	  "B: 1\n", "B: 1\nX-B: b\nX-D: d\n" },
	{ "what it was to replace is gone", RESPONSE("set: { Server: '${request.query.bad}' }"),
	  "Server: x\nB: 1\n", "B: 1\n" },
	{ "requests only", REQUEST("set: { X-A: b }"), "", "" },
};

static void responses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(response_cases); i++) {
		struct bench *bench = bench_new(response_cases[i].policies);
		const char *got;

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, "GET /orders/7?bad=a%0d%0aB:%20c", "");
		assert_int_equal(bench_request(bench), POLICY_CONTINUE);
		bench_answer(bench, response_cases[i].fields);
		got = bench_fields(bench, &bench->response.fields);
		if (strcmp(got, response_cases[i].want) != 0)
			fail_msg("%s: got\n%s", response_cases[i].what, got);
		bench_free(&bench);
	}
}

static const struct {
	const char *what, *policies, *target;
} refused_cases[] = {
	{ "a line end", REQUEST("set: { X-A: '${request.query.q}' }"), "GET /?q=a%0D%0AX-Admin:%201" },
	{ "a line feed alone", REQUEST("add: { X-A: 'v${request.query.q}' }"), "GET /?q=%0a" },
	{ "NUL", REQUEST("set: { X-A: '${request.query.q}' }"), "GET /?q=%00" },
	{ "in the second of two", REQUEST("set: { X-A: a, X-B: '${request.query.q}' }"), "GET /?q=%1b[2J" },
};

static void values_that_break_a_field_refuse_the_request(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(refused_cases); i++) {
		struct bench *bench = bench_new(refused_cases[i].policies);

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, refused_cases[i].target, "");
		assert_int_equal(bench_request(bench), POLICY_ANSWERED);
		assert_int_equal(bench->view.answer.reason, REASON_VALUE_INVALID);
		bench_free(&bench);
	}
}

static void too_many_fields_refuse_the_request(void **state)
{
	struct bench *bench = bench_new(REQUEST("add: { X-A: b }"));

	(void)state;
	bench_ask(bench, "GET /", "A: 1\nB: 2\n");
	bench->request.fields.max = 2;
	assert_int_equal(bench_request(bench), POLICY_ANSWERED);
	assert_int_equal(bench->view.answer.reason, REASON_OVERLOADED);
	bench_free(&bench);
}

static const struct bench_check config_cases[] = {
	{ REQUEST("set: { Host: x }"), "the host is changed by rewrite" },
	{ REQUEST("set: { Content-Length: 5 }"), "the gateway writes it itself" },
	{ REQUEST("add: { Transfer-Encoding: chunked }"), "the gateway writes it itself" },
	{ REQUEST("set: { connection: close }"), "the gateway writes it itself" },
	{ RESPONSE("set: { Keep-Alive: x }"), "the gateway writes it itself" },
	{ REQUEST("set: { 'X A': b }"), "that is no name of a field" },
	{ REQUEST("set: { '': b }"), "a key cannot be empty" },
	{ REQUEST("set: { X-A: \"a\\nb\" }"), "a control character cannot stand here" },
	{ REQUEST("remove: [ '*' ]"), "want some letters before the *" },
	{ REQUEST("remove: [ 'X-*-Y' ]"), "a * stands at the end" },
	{ REQUEST("remove: [ 'X-*-*' ]"), "a * stands at the end" },
	{ REQUEST("remove: [ 'X-*' ]"), "" },
	{ REQUEST("set: { 'X-*': a }"), "want the whole name of a field" },
	{ RESPONSE("add: { 'X-*': a }"), "want the whole name of a field" },
	{ REQUEST("remove: [ 'X A' ]"), "that is no name of a field" },
	{ REQUEST("remove: [ Host ]"), "the host is changed by rewrite" },
	{ REQUEST("remove: [ via ]"), "Via stays in requests" },
	{ REQUEST("remove: [ 'V*' ]"), "Via stays in requests" },
	{ REQUEST("set: { Via: '1.1 me' }"), "Via stays in requests" },
	{ REQUEST("add: { Via: '1.1 me' }, remove: [ 'Via-*' ]"), "" },
	{ RESPONSE("set: { Via: '1.1 me' }, remove: [ Via ]"), "" },
	{ REQUEST("set: { X-A: '${request.hots}' }"), "did you mean \"request.host\"?" },
	{ REQUEST("set: { X-A: '${upstream.endpoint}' }"), "known in answers only" },
	{ RESPONSE("set: { X-A: '${request.id' }"), "without its }" },
	{ REQUEST("put: { X-A: b }"), "put" },
	{ "[ headers: { requests: {} } ]", "did you mean \"request\"?" },
	{ "[ headers: 5 ]", "map" },
};

static void mistakes_are_reported(void **state)
{
	(void)state;
	bench_assert_checks(config_cases, COUNT_OF(config_cases));
}

/* All in one go. */
static void every_mistake_is_reported(void **state)
{
	struct bench *bench = bench_new("[ headers: { request: { set: { Host: a, X-A: '${b.c}' }, remove: [ "
					"'*' ] }, response: { add: { TE: x } } } ]");

	(void)state;
	bench_errors(bench);
	assert_int_equal(diagnostics_errors(bench->diagnostics), 4);
	bench_free(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(responses),
		cmocka_unit_test(values_that_break_a_field_refuse_the_request),
		cmocka_unit_test(too_many_fields_refuse_the_request),
		cmocka_unit_test(mistakes_are_reported),
		cmocka_unit_test(every_mistake_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: options, what a browser asks, and what it is told: preflights, and the requests behind them. */
#include "base/testing.h"
#include "policy/policy_testing.h"

#define CORS(options) "[ cors: { " options " } ]"
#define ONE "origins: \"https://a.test\""
#define ANY "origins: \"*\""
#define FROM(origin, method) "Origin: " origin "\nAccess-Control-Request-Method: " method "\n"
#define SEND(fields) "Access-Control-Request-Headers: " fields "\n"
#define ALLOW "Access-Control-Allow-"
#define VARY "Vary: Origin\n"
#define VARY_ASKED "Vary: Access-Control-Request-Method\nVary: Access-Control-Request-Headers\n"

static const struct {
	const char *what, *policies, *fields, *want;
} preflights[] = {
	{ "any method, nothing else", CORS(ONE), FROM("https://a.test", "PUT"),
	  ALLOW "Methods: PUT\nAccess-Control-Max-Age: 600\n" VARY VARY_ASKED ALLOW
		"Origin: https://a.test\n" },
	{ "any fields", CORS(ONE), FROM("https://a.test", "GET") SEND("content-type,x-a"),
	  ALLOW "Methods: GET\n" ALLOW
		"Headers: content-type,x-a\nAccess-Control-Max-Age: 600\n" VARY VARY_ASKED ALLOW
		"Origin: https://a.test\n" },
	{ "listed methods and fields", CORS(ONE ", methods: [GET, PURGE], headers: [Content-Type, X-A]"),
	  FROM("https://a.test", "PURGE") SEND("x-a , , content-type"),
	  ALLOW "Methods: GET, PURGE\n" ALLOW
		"Headers: Content-Type, X-A\nAccess-Control-Max-Age: 600\n" VARY VARY_ASKED ALLOW
		"Origin: https://a.test\n" },
	{ "no fields, and none asked for", CORS(ONE ", headers: []"), FROM("https://a.test", "GET"),
	  ALLOW "Methods: GET\nAccess-Control-Max-Age: 600\n" VARY VARY_ASKED ALLOW
		"Origin: https://a.test\n" },
	{ "a star is any", CORS(ONE ", methods: [\"*\"], headers: [\"*\"]"),
	  FROM("https://a.test", "PUT") SEND("x-a"),
	  ALLOW "Methods: PUT\n" ALLOW "Headers: x-a\nAccess-Control-Max-Age: 600\n" VARY VARY_ASKED ALLOW
		"Origin: https://a.test\n" },
	{ "credentials", CORS(ONE ", credentials: true, max_age: 0s, expose: [X-Total]"),
	  FROM("https://a.test", "GET"),
	  ALLOW "Methods: GET\nAccess-Control-Max-Age: 0\n" VARY VARY_ASKED ALLOW
		"Origin: https://a.test\n" ALLOW "Credentials: true\n" },
	{ "all may ask", CORS(ANY ", max_age: 24h"), FROM("https://b.test", "GET"),
	  ALLOW "Methods: GET\nAccess-Control-Max-Age: 86400\n" VARY_ASKED ALLOW "Origin: *\n" },
	{ "also a page without an origin", CORS(ANY), FROM("null", "GET"),
	  ALLOW "Methods: GET\nAccess-Control-Max-Age: 600\n" VARY_ASKED ALLOW "Origin: *\n" },
	{ "before those that would refuse it", "[ { ip: { allow: [10.0.0.1] } }, { cors: { " ANY " } } ]",
	  FROM("https://b.test", "GET"),
	  ALLOW "Methods: GET\nAccess-Control-Max-Age: 600\n" VARY_ASKED ALLOW "Origin: *\n" },
};

/* The answer with the fields that the response side adds, as the gateway puts them together. */
static const char *answered(struct bench *bench)
{
	bench->response = (struct http_response) { .status = 204 };
	bench->response.fields =
		(struct http_fields) { .at = bench->response_fields, .max = BENCH_FIELDS_MAX };
	for (size_t i = 0; i < bench->view.answer.fields.count; i++)
		bench->response.fields.at[bench->response.fields.count++] = bench->view.answer.fields.at[i];
	bench->view.response = &bench->response;
	policy_chain_response(&bench->chain, &bench->view);
	return bench_fields(bench, &bench->response.fields);
}

static void a_preflight_is_answered(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(preflights); i++) {
		struct bench *bench = bench_new(preflights[i].policies);
		const char *got;

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, "OPTIONS /orders/7", preflights[i].fields);
		assert_int_equal(bench_request(bench), POLICY_ANSWERED);
		assert_int_equal(bench->view.answer.reason, REASON_CORS_PREFLIGHT);
		got = answered(bench);
		if (strcmp(got, preflights[i].want) != 0)
			fail_msg("%s: got\n%s", preflights[i].what, got);
		bench_free(&bench);
	}
}

static const struct {
	const char *what, *policies, *fields, *detail, *want;
} denied[] = {
	{ "another origin", CORS(ONE), FROM("https://b.test", "GET"), "origin", VARY VARY_ASKED },
	{ "no origin in particular", CORS(ONE), FROM("null", "GET"), "origin", VARY VARY_ASKED },
	{ "another method", CORS(ONE ", methods: [GET]"), FROM("https://a.test", "PUT"), "method",
	  VARY VARY_ASKED ALLOW "Origin: https://a.test\n" },
	{ "a method in other letters", CORS(ONE ", methods: [PATCH]"), FROM("https://a.test", "patch"),
	  "method", VARY VARY_ASKED ALLOW "Origin: https://a.test\n" },
	{ "what is no method", CORS(ONE), FROM("https://a.test", "P T"), "method",
	  VARY VARY_ASKED ALLOW "Origin: https://a.test\n" },
	{ "another field", CORS(ONE ", headers: [X-A]"),
	  FROM("https://a.test", "GET") SEND("x-a, authorization"), "fields",
	  VARY VARY_ASKED ALLOW "Origin: https://a.test\n" },
	{ "any field where none may be", CORS(ONE ", headers: []"), FROM("https://a.test", "GET") SEND("x-a"),
	  "fields", VARY VARY_ASKED ALLOW "Origin: https://a.test\n" },
	{ "what is no field", CORS(ONE), FROM("https://a.test", "GET") SEND("x-a, x b"), "fields",
	  VARY VARY_ASKED ALLOW "Origin: https://a.test\n" },
	{ "two lists", CORS(ONE), FROM("https://a.test", "GET") SEND("x-a") SEND("x-b"), "fields",
	  VARY VARY_ASKED ALLOW "Origin: https://a.test\n" },
};

static void a_preflight_is_denied(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(denied); i++) {
		struct bench *bench = bench_new(denied[i].policies);
		const char *got;

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, "OPTIONS /orders/7", denied[i].fields);
		assert_int_equal(bench_request(bench), POLICY_ANSWERED);
		assert_int_equal(bench->view.answer.reason, REASON_CORS_DENIED);
		if (!str_contains(bench->view.answer.detail, str_of(denied[i].detail)))
			fail_msg("%s: %.*s", denied[i].what, STR_ARG(bench->view.answer.detail));
		got = answered(bench);
		if (strcmp(got, denied[i].want) != 0)
			fail_msg("%s: got\n%s", denied[i].what, got);
		bench_free(&bench);
	}
}

static const struct {
	const char *what, *policies, *request, *fields, *answer, *want;
} requests[] = {
	{ "that the service does not get",
	  "[ { headers: { request: { remove: [Origin] } } }, { cors: { " ONE " } } ]", "GET /",
	  "Origin: https://a.test\n", "A: 1\n", "A: 1\n" VARY ALLOW "Origin: https://a.test\n" },
	{ "of the origin", CORS(ONE), "GET /", "Origin: https://a.test\n", "A: 1\n",
	  "A: 1\n" VARY ALLOW "Origin: https://a.test\n" },
	{ "of another one", CORS(ONE), "GET /", "Origin: https://b.test\n", "A: 1\n", "A: 1\n" VARY },
	{ "of no page", CORS(ONE), "GET /", "", "A: 1\n", "A: 1\n" VARY },
	{ "all may read it", CORS(ANY), "GET /", "Origin: https://b.test\n", "", ALLOW "Origin: *\n" },
	{ "also whoever does not say", CORS(ANY), "GET /", "", "", ALLOW "Origin: *\n" },
	{ "credentials and fields", CORS(ONE ", credentials: true, expose: [X-A, X-B]"), "POST /",
	  "Origin: https://a.test\n", "",
	  VARY ALLOW "Origin: https://a.test\n" ALLOW
		     "Credentials: true\nAccess-Control-Expose-Headers: X-A, X-B\n" },
	{ "all fields", CORS(ANY ", expose: [\"*\"]"), "GET /", "Origin: https://a.test\n", "",
	  ALLOW "Origin: *\nAccess-Control-Expose-Headers: *\n" },
	{ "what the service says goes", CORS(ONE), "GET /", "Origin: https://b.test\n",
	  "access-control-allow-origin: *\nAccess-Control-Allow-Origin: x\n" ALLOW
	  "Credentials: true\nAccess-Control-Expose-Headers: X\n",
	  VARY },
	{ "Vary is said once", CORS(ONE), "GET /", "Origin: https://b.test\n", "Vary: Accept, origin\n",
	  "Vary: Accept, origin\n" },
	{ "Vary of everything", CORS(ONE), "GET /", "Origin: https://b.test\n", "Vary: *\n", "Vary: *\n" },
	{ "Vary beside another", CORS(ONE), "GET /", "Origin: https://b.test\n", "Vary: Accept\n",
	  "Vary: Accept\n" VARY },
	{ "OPTIONS that is no preflight", CORS(ONE), "OPTIONS /", "Origin: https://a.test\n", "Allow: GET\n",
	  "Allow: GET\n" VARY ALLOW "Origin: https://a.test\n" },
	{ "nor is one without an origin", CORS(ONE), "OPTIONS /", "Access-Control-Request-Method: PUT\n", "",
	  VARY },
	{ "nor GET", CORS(ONE), "GET /", FROM("https://a.test", "PUT"), "",
	  VARY ALLOW "Origin: https://a.test\n" },
	{ "the first one has the last word", "[ { cors: { " ANY " } }, { cors: { " ONE " } } ]", "GET /",
	  "Origin: https://a.test\n", "", VARY ALLOW "Origin: *\n" },
};

static void an_answer_can_be_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(requests); i++) {
		struct bench *bench = bench_new(requests[i].policies);
		const char *got;

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, requests[i].request, requests[i].fields);
		assert_int_equal(bench_request(bench), POLICY_CONTINUE);
		bench_answer(bench, requests[i].answer);
		got = bench_fields(bench, &bench->response.fields);
		if (strcmp(got, requests[i].want) != 0)
			fail_msg("%s: got\n%s", requests[i].what, got);
		bench_free(&bench);
	}
}

static void mistakes_are_reported(void **state)
{
	static const struct bench_check bad[] = {
		{ "[ cors: {} ]", "the key \"origins\" is missing" },
		{ "[ cors: ]", "the key \"origins\" is missing" },
		{ CORS(ANY ", credentials: true"), "list the origins" },
		{ CORS("origins: [\"*\"], credentials: true"), "list the origins" },
		{ CORS(ONE ", credentials: true, expose: [\"*\"]"), "list the fields" },
		{ CORS(ONE ", methods: []"), "methods" },
		{ CORS(ONE ", methods: GET"), "methods" },
		{ CORS(ONE ", methods: [get]"), "methods are written in capitals" },
		{ CORS(ONE ", methods: [GET, Patch]"), "methods are written in capitals" },
		{ CORS(ONE ", methods: [\"G T\"]"), "want names, or \"*\" alone" },
		{ CORS(ONE ", methods: [GET, \"*\"]"), "want names, or \"*\" alone" },
		{ CORS(ONE ", headers: [\"X A\"]"), "want names, or \"*\" alone" },
		{ CORS(ONE ", headers: [\"X-A\", \"*\"]"), "want names, or \"*\" alone" },
		{ CORS(ONE ", expose: [\"\"]"), "want names, or \"*\" alone" },
		{ CORS(ONE ", max_age: 600"), "max_age" },
		{ CORS(ONE ", max_age: 2d"), "max_age" },
		{ CORS(ONE ", credentials: include"), "credentials" },
		{ CORS(ONE ", origin: x"), "did you mean \"origins\"?" },
		{ CORS("origins: https://a.test/"), "without a / behind it" },
	};

	(void)state;
	bench_assert_checks(bad, COUNT_OF(bad));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_preflight_is_answered),
		cmocka_unit_test(a_preflight_is_denied),
		cmocka_unit_test(an_answer_can_be_read),
		cmocka_unit_test(mistakes_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

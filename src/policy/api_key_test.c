/* SPDX-License-Identifier: Apache-2.0 */
/* Whose key it is, wherever it may stand; what the upstream is told then, and what it does not get. */
#include "auth/consumers.h"

#include "base/testing.h"
#include "policy/policy_testing.h"
#include "policy/principal.h"

/* SHA-256 of "key". */
#define DIGEST "sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"

#define PLAIN "[ api_key: {} ]"
#define COOKIE "[ api_key: { from: { cookie: key } } ]"
#define QUERY "[ api_key: { from: { query: key } } ]"
#define TOLD                                                                                                \
	"[ api_key: { forward: { X-Name: name, X-Groups: groups, X-Plan: label.plan, X-None: label.none } " \
	"} ]"

static struct consumers *make_consumers(void)
{
	static str digest = STR_INIT(DIGEST), groups[] = { STR_INIT("a"), STR_INIT("b") };
	static struct pair label = { .name = STR_INIT("plan"), .value = STR_INIT("gold") };
	const struct consumer_config acme = { .entry = { .name = STR("acme") },
					      .groups = { groups, 2 },
					      .api_keys = { &digest, 1 },
					      .labels = { &label, 1 } };

	return bench_consumers(&acme, 1);
}

static const struct {
	const char *policies, *target, *fields;
	enum reason want;
	const char *left; /* what the upstream gets; NULL: nothing is looked at */
} rows[] = {
	{ PLAIN, "GET /", "X-API-Key: key\nX-Other: 1\n", REASON_NONE, "X-Other: 1\n" },
	{ PLAIN, "GET /", "x-api-KEY: key\n", REASON_NONE, "" },
	{ PLAIN, "GET /", "", REASON_KEY_MISSING, NULL },
	{ PLAIN, "GET /", "X-API-Key:\n", REASON_KEY_MISSING, NULL },
	{ PLAIN, "GET /?X-API-Key=key", "", REASON_KEY_MISSING, NULL },
	{ PLAIN, "GET /", "Cookie: X-API-Key=key\n", REASON_KEY_MISSING, NULL },
	{ PLAIN, "GET /", "X-API-Key: Key\n", REASON_KEY_UNKNOWN, NULL },
	{ PLAIN, "GET /", "X-API-Key: ke\n", REASON_KEY_UNKNOWN, NULL },
	{ PLAIN, "GET /", "X-API-Key: keyy\n", REASON_KEY_UNKNOWN, NULL },
	{ PLAIN, "GET /", "X-API-Key: key, key\n", REASON_KEY_UNKNOWN, NULL },
	{ PLAIN, "GET /", "X-API-Key: " DIGEST "\n", REASON_KEY_UNKNOWN, NULL },
	{ PLAIN, "GET /", "X-API-Key: key\nX-API-Key: key\n", REASON_KEY_UNKNOWN, NULL },
	{ PLAIN, "GET /", "X-API-Key: other\nX-API-Key: key\n", REASON_KEY_UNKNOWN, NULL },
	{ "[ api_key: { strip: false } ]", "GET /", "X-API-Key: key\n", REASON_NONE, "X-API-Key: key\n" },
	{ "[ api_key: { from: { header: Authorization } } ]", "GET /", "Authorization: key\n", REASON_NONE,
	  "" },

	{ COOKIE, "GET /", "Cookie: a=1; key=key; b=2\n", REASON_NONE, "Cookie: a=1; b=2\n" },
	{ COOKIE, "GET /", "Cookie: key=key\nX-Other: 1\n", REASON_NONE, "X-Other: 1\n" },
	{ COOKIE, "GET /", "Cookie: a=1\nCookie: key=key\n", REASON_NONE, "Cookie: a=1\n" },
	{ COOKIE, "GET /", "Cookie: a=key\n", REASON_KEY_MISSING, NULL },
	{ COOKIE, "GET /", "Cookie: KEY=key\n", REASON_KEY_MISSING, NULL },
	{ COOKIE, "GET /", "X-API-Key: key\n", REASON_KEY_MISSING, NULL },
	{ COOKIE, "GET /", "Cookie: key=key; key=key\n", REASON_KEY_UNKNOWN, NULL },
	{ COOKIE, "GET /", "Cookie: key=key\nCookie: key=other\n", REASON_KEY_UNKNOWN, NULL },

	{ QUERY, "GET /?key=key", "", REASON_NONE, "" },
	{ QUERY, "GET /?a=1&%6bey=k%65y&b", "", REASON_NONE, "" },
	{ QUERY, "GET /?a=key", "", REASON_KEY_MISSING, NULL },
	{ QUERY, "GET /?key=", "", REASON_KEY_MISSING, NULL },
	{ QUERY, "GET /?key=key&key=key", "", REASON_KEY_UNKNOWN, NULL },
	{ QUERY, "GET /?key=other&k%65y=key", "", REASON_KEY_UNKNOWN, NULL },

	{ TOLD, "GET /", "X-API-Key: key\nX-Name: mallory\nX-None: x\nX-Groups: root\n", REASON_NONE,
	  "X-Name: acme\nX-Groups: a,b\nX-Plan: gold\n" },
};

static void each_row(void **state)
{
	struct consumers *consumers = make_consumers();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench *bench = bench_new(rows[i].policies);
		bool is_in = rows[i].want == REASON_NONE;

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, rows[i].target, rows[i].fields);
		bench->view.consumers = consumers;
		if ((bench_request(bench) == POLICY_CONTINUE) != is_in ||
		    bench->view.answer.reason != rows[i].want || view_is_authenticated(&bench->view) != is_in)
			fail_msg("row %zu: %.*s", i, STR_ARG(reason_word(bench->view.answer.reason)));
		if (is_in && !str_eq(bench->view.principal->consumer, STR("acme")))
			fail_msg("row %zu: %.*s", i, STR_ARG(bench->view.principal->consumer));
		if (rows[i].left)
			assert_string_equal(bench_fields(bench, &bench->request.fields), rows[i].left);
		bench_free(&bench);
	}
	consumers_unref(&consumers);
}

static void a_key_in_the_query_is_taken_out_of_it(void **state)
{
	static const struct {
		const char *target, *query;
	} queries[] = {
		{ "GET /?key=key", "" },
		{ "GET /?key=key&a=1", "a=1" },
		{ "GET /?a=1&key=key", "a=1" },
		{ "GET /?a=%26&%6bey=key&&b=", "a=%26&b=" },
	};
	struct consumers *consumers = make_consumers();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(queries); i++) {
		struct bench *bench = bench_new(QUERY);

		bench_ask(bench, queries[i].target, "");
		bench->view.consumers = consumers;
		assert_int_equal(bench_request(bench), POLICY_CONTINUE);
		assert_string_equal(bench_text(bench, bench->view.query), queries[i].query);
		bench_free(&bench);
	}
	consumers_unref(&consumers);
}

static void without_consumers_every_key_is_unknown(void **state)
{
	struct bench *bench = bench_new(PLAIN);

	(void)state;
	bench_ask(bench, "GET /", "X-API-Key: key\n");
	bench->view.consumers = NULL;
	assert_int_equal(bench_request(bench), POLICY_ANSWERED);
	assert_int_equal(bench->view.answer.reason, REASON_KEY_UNKNOWN);
	bench_free(&bench);
}

static void to_report_changes_nothing(void **state)
{
	struct consumers *consumers = make_consumers();
	struct bench *bench = bench_new("[ { api_key: { forward: { X-Name: name } }, report: true } ]");

	(void)state;
	bench_ask(bench, "GET /", "X-API-Key: key\n");
	bench->view.consumers = consumers;
	assert_int_equal(bench_request(bench), POLICY_CONTINUE);
	assert_string_equal(bench_fields(bench, &bench->request.fields), "X-API-Key: key\n");
	assert_false(view_is_authenticated(&bench->view));
	bench_ask(bench, "GET /", "X-API-Key: other\n");
	bench->view.consumers = consumers;
	assert_int_equal(bench_request(bench), POLICY_CONTINUE);
	assert_string_equal(bench_text(bench, bench->view.reported), "api_key=key_unknown");
	bench_free(&bench);
	consumers_unref(&consumers);
}

static void options_are_checked(void **state)
{
	static const struct bench_check checks[] = {
		{ PLAIN, "" },
		{ "[ api_key: ]", "" },
		{ TOLD, "" },
		{ "[ api_key: { from: { header: X-Key, query: key } } ]",
		  "only one of header, cookie, query may be given" },
		{ "[ api_key: { from: { header: \"X Key\" } } ]", "that is no name of a field" },
		{ "[ api_key: { from: { header: \"X-*\" } } ]", "want the whole name of a field" },
		{ "[ api_key: { from: { header: Host } } ]", "the host is changed by rewrite" },
		{ "[ api_key: { from: { header: Connection } } ]", "this field is the connection's" },
		{ "[ api_key: { from: { cookie: \"a b\" } } ]", "want the name of a cookie" },
		{ "[ api_key: { from: { body: x } } ]", "body" },
		{ "[ api_key: { forward: { X-A: sub } } ]", "want name, groups or label.NAME, read \"sub\"" },
		{ "[ api_key: { forward: { X-A: label. } } ]", "want name, groups or label.NAME" },
		{ "[ api_key: { forward: { \"X-A*\": name } } ]", "want the whole name of a field" },
		{ "[ api_key: { forward: { Content-Length: name } } ]", "this field is the connection's" },
		{ "[ api_key: { keys: [a] } ]", "keys" },
	};

	(void)state;
	bench_assert_checks(checks, COUNT_OF(checks));
}

static void names_are_managed(void **state)
{
	struct bench *bench = bench_new("[ api_key: { forward: { X-Name: name, Authorization: name } } ]");

	(void)state;
	assert_string_equal(bench->managed, "X-Name;"); /* clients have a use of their own for the other */
	bench_free(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(a_key_in_the_query_is_taken_out_of_it),
		cmocka_unit_test(without_consumers_every_key_is_unknown),
		cmocka_unit_test(to_report_changes_nothing),
		cmocka_unit_test(options_are_checked),
		cmocka_unit_test(names_are_managed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: ways to be known, what a request bears, and who decided. */
#include "auth/consumers.h"
#include "base/testing.h"
#include "policy/policy_testing.h"
#include "policy/principal.h"

/* SHA-256 of "key". */
#define KEY_DIGEST "sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"

#define EITHER "[ any_of: [ api_key: {}, client_certificate: {} ] ]"
#define OTHER_ORDER "[ any_of: [ client_certificate: {}, api_key: {} ] ]"
#define TWO_KEYS "[ any_of: [ api_key: {}, api_key: { from: { query: key } } ] ]"
#define NESTED "[ any_of: [ any_of: [ client_certificate: {} ], api_key: {} ] ]"

#define TOKENS "jwt: { audience: orders, secret: 0123456789abcdef0123456789abcdef }"

static struct consumers *make_consumers(void)
{
	static str key = STR_INIT(KEY_DIGEST), subject = STR_INIT("CN=globex");
	const struct consumer_config configs[] = {
		{ .entry = { .name = STR("acme") }, .api_keys = { &key, 1 } },
		{ .entry = { .name = STR("globex") }, .certificates = { &subject, 1 } },
	};

	return bench_consumers(configs, COUNT_OF(configs));
}

static const struct {
	const char *policies, *target, *fields, *subject; /* NULL: no certificate */
	enum reason want;
	const char *consumer;
} cases[] = {
	{ EITHER, "GET /", "", NULL, REASON_CREDENTIALS_MISSING, "" },
	{ EITHER, "GET /", "Authorization: Bearer key\n", NULL, REASON_CREDENTIALS_MISSING, "" },
	{ EITHER, "GET /", "X-API-Key: key\n", NULL, REASON_NONE, "acme" },
	{ EITHER, "GET /", "", "CN=globex", REASON_NONE, "globex" },
	{ EITHER, "GET /", "", "CN=other", REASON_CERTIFICATE_UNKNOWN, "" },
	/* The first that is recognised decides, for bad as well. */
	{ EITHER, "GET /", "X-API-Key: wrong\n", "CN=globex", REASON_KEY_UNKNOWN, "" },
	{ EITHER, "GET /", "X-API-Key: key\n", "CN=globex", REASON_NONE, "acme" },
	{ OTHER_ORDER, "GET /", "X-API-Key: key\n", "CN=globex", REASON_NONE, "globex" },
	{ OTHER_ORDER, "GET /", "X-API-Key: key\n", "CN=other", REASON_CERTIFICATE_UNKNOWN, "" },
	{ OTHER_ORDER, "GET /", "X-API-Key: key\n", NULL, REASON_NONE, "acme" },
	{ EITHER, "GET /", "X-API-Key: key\nX-API-Key: key\n", NULL, REASON_KEY_UNKNOWN, "" },
	{ TWO_KEYS, "GET /?key=key", "", NULL, REASON_NONE, "acme" },
	{ TWO_KEYS, "GET /?key=key", "X-API-Key: wrong\n", NULL, REASON_KEY_UNKNOWN, "" },
	{ NESTED, "GET /", "X-API-Key: key\n", NULL, REASON_NONE, "acme" },
	{ NESTED, "GET /", "X-API-Key: key\n", "CN=globex", REASON_NONE, "globex" },
	{ NESTED, "GET /", "", NULL, REASON_CREDENTIALS_MISSING, "" },
	/* Beside it stand `when` and `report`. */
	{ "[ { any_of: [ api_key: {} ], when: 'request.method == \"PUT\"' } ]", "GET /", "", NULL,
	  REASON_NONE, "" },
	{ "[ { any_of: [ api_key: {} ], report: true } ]", "GET /", "", NULL, REASON_NONE, "" },
	{ "[ { any_of: [ api_key: {} ], report: true } ]", "GET /", "X-API-Key: key\n", NULL, REASON_NONE,
	  "" },
};

static void ask(struct bench *bench, size_t row, const struct consumers *consumers)
{
	struct principal *principal;

	bench_ask(bench, cases[row].target, cases[row].fields);
	bench->view.consumers = consumers;
	if (!cases[row].subject)
		return;
	principal = ARENA_NEW(&bench->exchange, struct principal);
	*principal = (struct principal) { .certificate_subject = str_of(cases[row].subject),
					  .certificate = STR("DER") };
	bench->view.principal = principal;
}

static void each_row(void **state)
{
	struct consumers *consumers = make_consumers();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct bench *bench = bench_new(cases[i].policies);
		enum verdict verdict;
		str consumer = { 0 };

		assert_string_equal(bench_errors(bench), "");
		ask(bench, i, consumers);
		verdict = bench_request(bench);
		if (view_is_authenticated(&bench->view))
			consumer = bench->view.principal->consumer;
		if ((verdict == POLICY_CONTINUE) != (cases[i].want == REASON_NONE) ||
		    bench->view.answer.reason != cases[i].want ||
		    !str_eq(consumer, str_of(cases[i].consumer)))
			fail_msg("%zu: %s: %.*s \"%.*s\"", i, cases[i].policies,
				 STR_ARG(reason_word(bench->view.answer.reason)), STR_ARG(consumer));
		bench_free(&bench);
	}
	consumers_unref(&consumers);
}

/* What one of them takes away before the upstream sees it. */
static void who_decides_strips_its_own(void **state)
{
	struct consumers *consumers = make_consumers();
	struct bench *bench = bench_new(EITHER);

	(void)state;
	bench_ask(bench, "GET /", "X-API-Key: key\nX-Other: 1\n");
	bench->view.consumers = consumers;
	assert_int_equal(bench_request(bench), POLICY_CONTINUE);
	assert_string_equal(bench_fields(bench, &bench->request.fields), "X-Other: 1\n");
	bench_free(&bench);
	consumers_unref(&consumers);
}

static void mistakes_are_reported(void **state)
{
	static const struct bench_check bad[] = {
		{ "[ any_of: [] ]", "want a list of policies" },
		{ "[ any_of: {} ]", "[0].any_of: the key \"policies\" is missing" },
		{ "[ any_of: { api_key: {}, basic: {} } ]",
		  "[0].any_of: want a list: any_of: [ api_key: {}, basic: {} ]" },
		{ "[ any_of: { nope: {} } ]", "unknown key" },
		{ "[ any_of: api_key ]", "" },
		{ "[ any_of: [ api_key ] ]", "want one policy here" },
		{ "[ any_of: [ respond: {} ] ]", "want a policy that knows who asks by a credential" },
		{ "[ any_of: [ authorize: {} ] ]", "want a policy that knows who asks" },
		{ "[ any_of: [ { api_key: {}, when: 'true' } ] ]",
		  "`when` and `report` stand beside any_of" },
		{ "[ any_of: [ { api_key: {}, report: true } ] ]", "stand beside any_of" },
		{ "[ any_of: [ api_key: { fro: {} } ] ]", "fro" },
		{ "[ any_of: [ api_keys: {} ] ]", "api_key" },
		{ "[ any_of: [ use: nobody ] ]", "no policy is named \"nobody\"" },
		{ "[ any_of: [ any_of: [ respond: {} ] ] ]", "want a policy that knows who asks" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct bench *bench = bench_new(bad[i].policies);

		if (diagnostics_errors(bench->diagnostics) == 0 || !strstr(bench_errors(bench), bad[i].want))
			fail_msg("%s: %s", bad[i].policies, bench_errors(bench));
		/* Each in its place. */
		assert_int_not_equal(str_starts(str_of(bench_errors(bench)), STR("error")), true);
		assert_null(strstr(bench_errors(bench), "\nerror"));
		bench_free(&bench);
	}
}

#define LOGIN                                                                                      \
	"oidc: { issuer: \"https://id.test\", client_id: gw, client_secret: s, cookie: { secret: " \
	"0123456789abcdef0123456789abcdef } }"

/* A browser with a good key would be sent to log in. */
static void a_login_stands_last(void **state)
{
	static const struct {
		const char *policies, *want; /* want: empty, or where the warning is */
	} rows[] = {
		{ "[ any_of: [ " LOGIN ", api_key: {} ] ]", "[0].any_of[0]: oidc sends a browser to log in" },
		{ "[ any_of: [ api_key: {}, " LOGIN ", basic: {} ] ]",
		  "[0].any_of[1]: oidc sends a browser" },
		{ "[ any_of: [ any_of: [ api_key: {}, " LOGIN " ], basic: {} ] ]",
		  "[0].any_of[0]: any_of sends a browser" },
		{ "[ any_of: [ api_key: {}, " LOGIN " ] ]", "" },
		{ "[ any_of: [ basic: {}, any_of: [ api_key: {}, " LOGIN " ] ] ]", "" },
		{ "[ any_of: [ " LOGIN " ] ]", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench *bench = bench_new(rows[i].policies);
		const char *errors = bench_errors(bench);

		assert_int_equal(diagnostics_errors(bench->diagnostics), 0);
		if (!strstr(errors, "to log in") != !*rows[i].want || !strstr(errors, rows[i].want))
			fail_msg("%s: %s", rows[i].policies, errors);
		bench_free(&bench);
	}
}

static void what_never_decides_is_warned_of(void **state)
{
	static const struct {
		const char *policies, *want; /* want: empty, or a part of the one warning */
	} rows[] = {
		{ "[ any_of: [ api_key: {}, api_key: { forward: { X-A: name } } ] ]",
		  "[0].any_of[1]: never decides: api_key before it takes whatever is in the same place "
		  "(header x-api-key)" },
		{ "[ any_of: [ api_key: {}, api_key: { from: { header: x-api-KEY } } ] ]",
		  "header x-api-key" },
		{ "[ any_of: [ api_key: { from: { cookie: a } }, api_key: { from: { cookie: a } } ] ]",
		  "cookie a" },
		{ "[ any_of: [ api_key: { from: { query: a } }, api_key: { from: { query: a } } ] ]",
		  "query a" },
		{ "[ any_of: [ " TOKENS ", " TOKENS " ] ]", "header authorization bearer" },
		{ "[ any_of: [ api_key: { from: { header: Authorization } }, " TOKENS " ] ]",
		  "header authorization bearer" },
		{ "[ any_of: [ api_key: { from: { header: Authorization } }, basic: {} ] ]",
		  "header authorization basic" },
		{ "[ any_of: [ basic: {}, basic: { realm: a } ] ]", "header authorization basic" },
		{ "[ any_of: [ client_certificate: {}, client_certificate: {} ] ]", "(client_certificate)" },
		/* Each has something of its own. */
		{ EITHER, "" },
		{ TWO_KEYS, "" },
		{ "[ any_of: [ any_of: [ api_key: {} ], any_of: [ basic: {} ] ] ]", "" },
		{ "[ any_of: [ basic: {}, " TOKENS " ] ]", "" },
		{ "[ any_of: [ " TOKENS ", api_key: { from: { header: Authorization } } ] ]", "" },
		{ "[ any_of: [ api_key: { from: { header: a } }, api_key: { from: { header: a-b } } ] ]",
		  "" },
		{ "[ any_of: [ api_key: { from: { cookie: a } }, api_key: { from: { cookie: A } } ] ]", "" },
		{ "[ any_of: [ api_key: { from: { header: a } }, api_key: { from: { query: a } } ] ]", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench *bench = bench_new(rows[i].policies);
		const char *errors = bench_errors(bench);

		assert_int_equal(diagnostics_errors(bench->diagnostics), 0);
		if (!strstr(errors, "never decides") != !*rows[i].want || !strstr(errors, rows[i].want))
			fail_msg("%s: %s", rows[i].policies, errors);
		bench_free(&bench);
	}
}

static void not_too_many(void **state)
{
	(void)state;
	for (size_t count = 16; count <= 17; count++) {
		char text[512] = "";
		struct buf out = buf_over(text, sizeof text - 1);
		struct bench *bench;

		buf_put(&out, STR("[ any_of: [ "));
		for (size_t i = 0; i < count; i++)
			buf_put(&out, STR("api_key: {}, "));
		buf_put(&out, STR("] ]"));
		bench = bench_new(text);
		assert_int_equal(diagnostics_errors(bench->diagnostics), count > 16);
		bench_free(&bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(who_decides_strips_its_own),
		cmocka_unit_test(mistakes_are_reported),
		cmocka_unit_test(what_never_decides_is_warned_of),
		cmocka_unit_test(a_login_stands_last),
		cmocka_unit_test(not_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

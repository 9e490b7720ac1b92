/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: conditions, who asks, and what comes of it. */
#include "base/testing.h"
#include "policy/policy_testing.h"

#define AUTHORIZE(options) "[ authorize: { " options " } ]"
#define ACME "{\"method\": \"api_key\", \"consumer\": \"acme\", \"groups\": [\"partners\", \"eu\"]}"
#define TOKEN(claims) "{\"method\": \"jwt\", \"claims\": {" claims "}}"
#define BOTH(claims)                                                                                         \
	"{\"method\": \"jwt\", \"consumer\": \"acme\", \"groups\": [\"partners\"], \"claims\": {" claims "}" \
	"}"

#define PASSES REASON_NONE

static const struct {
	const char *policies, *who; /* NULL: nobody */
	enum reason want;
} cases[] = {
	/* To be known is enough, and a certificate alone is not that. */
	{ AUTHORIZE(""), NULL, REASON_NOT_AUTHENTICATED },
	{ AUTHORIZE(""), "{\"subject\": \"CN=acme\"}", REASON_NOT_AUTHENTICATED },
	{ AUTHORIZE(""), "{\"method\": \"\", \"consumer\": \"acme\"}", REASON_NOT_AUTHENTICATED },
	{ AUTHORIZE(""), ACME, PASSES },
	{ AUTHORIZE(""), "{\"method\": \"jwt\"}", PASSES },

	{ AUTHORIZE("consumers: [acme]"), NULL, REASON_NOT_AUTHENTICATED },
	{ AUTHORIZE("consumers: [acme]"), ACME, PASSES },
	{ AUTHORIZE("consumers: [other, acme]"), ACME, PASSES },
	{ AUTHORIZE("consumers: [other]"), ACME, REASON_CONSUMER_DENIED },
	{ AUTHORIZE("consumers: [ACME, acm, acmee]"), ACME, REASON_CONSUMER_DENIED },
	{ AUTHORIZE("consumers: [acme]"), TOKEN("\"sub\": \"acme\""), REASON_CONSUMER_DENIED },
	{ AUTHORIZE("consumers: [\"\"]"), TOKEN(""), REASON_CONSUMER_DENIED },

	{ AUTHORIZE("groups: [eu]"), ACME, PASSES },
	{ AUTHORIZE("groups: [us, partners]"), ACME, PASSES },
	{ AUTHORIZE("groups: [us]"), ACME, REASON_GROUP_DENIED },
	{ AUTHORIZE("groups: [us]"), "{\"method\": \"jwt\"}", REASON_GROUP_DENIED },
	{ AUTHORIZE("groups: [us]"), TOKEN("\"groups\": [1, \"us\"]"), PASSES },
	{ AUTHORIZE("groups: [us]"), TOKEN("\"groups\": \"us\""), REASON_GROUP_DENIED },
	{ AUTHORIZE("groups: [us]"), TOKEN("\"groups\": {\"us\": true}"), REASON_GROUP_DENIED },
	/* A token cannot put a consumer into a group. */
	{ AUTHORIZE("groups: [admins]"), BOTH("\"groups\": [\"admins\"]"), REASON_GROUP_DENIED },

	{ AUTHORIZE("scopes: [read]"), NULL, REASON_NOT_AUTHENTICATED },
	{ AUTHORIZE("scopes: [read]"), ACME, REASON_SCOPE_DENIED },
	{ AUTHORIZE("scopes: [read]"), TOKEN("\"scope\": \"write read\""), PASSES },
	{ AUTHORIZE("scopes: [read]"), TOKEN("\"scp\": [\"read\"]"), PASSES },
	{ AUTHORIZE("scopes: [read]"), TOKEN("\"scp\": \"x read\""), PASSES },
	{ AUTHORIZE("scopes: [read]"), TOKEN("\"scope\": \"readall, read,\""), REASON_SCOPE_DENIED },
	{ AUTHORIZE("scopes: [read]"), TOKEN("\"scope\": \"READ\""), REASON_SCOPE_DENIED },
	{ AUTHORIZE("scopes: [read]"), TOKEN("\"scope\": {\"read\": \"read\"}"), REASON_SCOPE_DENIED },
	{ AUTHORIZE("scopes: [read, write]"), TOKEN("\"scope\": \"read\""), REASON_SCOPE_DENIED },
	{ AUTHORIZE("scopes: [read, write]"), TOKEN("\"scope\": \"read\", \"scp\": \"write\""), PASSES },
	{ AUTHORIZE("any_scope: [read, write]"), TOKEN("\"scope\": \"write\""), PASSES },
	{ AUTHORIZE("any_scope: [read, write]"), TOKEN("\"scope\": \"other\""), REASON_SCOPE_DENIED },
	{ AUTHORIZE("scopes: [a], any_scope: [b, c]"), TOKEN("\"scope\": \"b c\""), REASON_SCOPE_DENIED },
	{ AUTHORIZE("scopes: [a], any_scope: [b, c]"), TOKEN("\"scope\": \"a c\""), PASSES },

	{ AUTHORIZE("claims: { tenant: [a, b] }"), TOKEN("\"tenant\": \"b\""), PASSES },
	{ AUTHORIZE("claims: { tenant: [a, b] }"), TOKEN("\"tenant\": [\"x\", \"a\"]"), PASSES },
	{ AUTHORIZE("claims: { tenant: a }"), TOKEN("\"tenant\": \"c\""), REASON_CLAIM_DENIED },
	{ AUTHORIZE("claims: { tenant: a }"), TOKEN(""), REASON_CLAIM_DENIED },
	{ AUTHORIZE("claims: { tenant: a }"), ACME, REASON_CLAIM_DENIED },
	{ AUTHORIZE("claims: { tenant: a }"), TOKEN("\"tenant\": {\"a\": \"a\"}"), REASON_CLAIM_DENIED },
	{ AUTHORIZE("claims: { org.level: 7, admin: true }"),
	  TOKEN("\"org\": {\"level\": 7}, \"admin\": true"), PASSES },
	{ AUTHORIZE("claims: { org.level: 7, admin: true }"),
	  TOKEN("\"org\": {\"level\": 7}, \"admin\": false"), REASON_CLAIM_DENIED },

	/* A condition alone decides alone. */
	{ AUTHORIZE("when: 'client.ip == \"203.0.113.9\"'"), NULL, PASSES },
	{ AUTHORIZE("when: 'client.ip == \"203.0.113.8\"'"), NULL, REASON_NOT_AUTHENTICATED },
	{ AUTHORIZE("when: 'client.ip == \"203.0.113.8\"'"), ACME, REASON_CONDITION_DENIED },
	{ AUTHORIZE("when: 'consumer.name == \"acme\" && \"eu\" in consumer.groups'"), ACME, PASSES },
	{ AUTHORIZE("when: 'consumer.labels[\"plan\"] == \"gold\"'"), ACME, REASON_CONDITION_DENIED },
	{ AUTHORIZE("when: 'claims.sub == path[\"id\"]'"), TOKEN("\"sub\": \"7\""), PASSES },
	{ AUTHORIZE("when: 'claims.sub == path[\"id\"]'"), TOKEN("\"sub\": \"8\""), REASON_CONDITION_DENIED },
	{ AUTHORIZE("when: 'claims.sub == path[\"id\"]'"), TOKEN("\"sub\": 7"), REASON_CONDITION_DENIED },
	{ AUTHORIZE("when: 'claims.sub != \"mallory\"'"), NULL, REASON_NOT_AUTHENTICATED },
	{ AUTHORIZE("when: 'certificate.subject == \"CN=acme\"'"), "{\"subject\": \"CN=acme\"}", PASSES },
	{ AUTHORIZE("when: 'certificate.subject == \"CN=acme\"'"), NULL, REASON_NOT_AUTHENTICATED },
	{ AUTHORIZE("groups: [eu], when: 'false'"), ACME, REASON_CONDITION_DENIED },
	{ AUTHORIZE("groups: [us], when: 'true'"), ACME, REASON_GROUP_DENIED },
	{ AUTHORIZE("groups: [eu], when: 'true'"), NULL, REASON_NOT_AUTHENTICATED },
	{ AUTHORIZE("groups: [eu], when: 'true'"), ACME, PASSES },
	/* What cannot be decided is denied. */
	{ AUTHORIZE("when: '(claims.s + claims.s).matches(\"(a+)+$\")'"),
	  TOKEN("\"s\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\""),
	  REASON_CONDITION_DENIED },

	/* Beside it, a condition says whom it looks at; to report is not to refuse. */
	{ "[ { authorize: { groups: [us] }, when: 'request.method == \"PUT\"' } ]", ACME, PASSES },
	{ "[ { authorize: { groups: [us] }, when: 'request.method == \"GET\"' } ]", ACME,
	  REASON_GROUP_DENIED },
	{ "[ { authorize: { groups: [us] }, report: true } ]", ACME, PASSES },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct bench *bench = bench_new(cases[i].policies);
		enum verdict verdict;

		assert_int_equal(diagnostics_errors(bench->diagnostics), 0);
		bench_ask(bench, "GET /", "");
		if (cases[i].who)
			bench_identify(bench, cases[i].who);
		verdict = bench_request(bench);
		if ((verdict == POLICY_CONTINUE) != (cases[i].want == PASSES) ||
		    bench->view.answer.reason != cases[i].want)
			fail_msg("%s, %s: %.*s", cases[i].policies, cases[i].who ? cases[i].who : "nobody",
				 STR_ARG(reason_word(bench->view.answer.reason)));
		bench_free(&bench);
	}
}

static void nobody_is_401_and_somebody_403(void **state)
{
	static const enum reason somebody[] = { REASON_CONSUMER_DENIED, REASON_GROUP_DENIED,
						REASON_SCOPE_DENIED, REASON_CLAIM_DENIED,
						REASON_CONDITION_DENIED };

	(void)state;
	assert_int_equal(reason_status(REASON_NOT_AUTHENTICATED), 401);
	for (size_t i = 0; i < COUNT_OF(somebody); i++)
		assert_int_equal(reason_status(somebody[i]), 403);
}

/* RFC 6750 section 3.1. */
static void the_scopes_that_it_takes_are_told(void **state)
{
	struct bench *bench = bench_new(AUTHORIZE("scopes: [read, write]"));

	(void)state;
	bench_ask(bench, "GET /", "");
	bench_identify(bench, TOKEN("\"scope\": \"read\""));
	assert_int_equal(bench_request(bench), POLICY_ANSWERED);
	assert_string_equal(bench_fields(bench, &bench->view.answer.fields),
			    "WWW-Authenticate: Bearer error=\"insufficient_scope\", scope=\"read write\"\n");
	bench_free(&bench);
}

static void mistakes_are_reported(void **state)
{
	static const struct bench_check bad[] = {
		{ AUTHORIZE("groups: []"), "groups" },
		{ AUTHORIZE("groups: eu"), "groups" },
		{ AUTHORIZE("scopes: ['a b']"), "authorize.scopes: want scopes, each without spaces" },
		{ AUTHORIZE("any_scope: ['a\"b']"), "authorize.any_scope: want scopes" },
		{ AUTHORIZE("scopes: [a], any_scope: ['a b']"), "authorize.any_scope: want scopes" },
		{ AUTHORIZE("claims: { tenant: [] }"), "tenant" },
		{ AUTHORIZE("claims: {}"), "want a map of claims" },
		{ AUTHORIZE("claims: tenant"), "want a map of claims" },
		{ AUTHORIZE("when: 'consumer.name'"), "when" },
		{ AUTHORIZE("when: 'consumer.nam == \"\"'"), "when" },
		{ AUTHORIZE("group: [eu]"), "groups" },
	};

	(void)state;
	bench_assert_checks(bad, COUNT_OF(bad));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(nobody_is_401_and_somebody_403),
		cmocka_unit_test(the_scopes_that_it_takes_are_told),
		cmocka_unit_test(mistakes_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

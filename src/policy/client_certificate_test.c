/* SPDX-License-Identifier: Apache-2.0 */
/* Whose certificate it is, and what of it the upstream is told. */
#include "auth/consumers.h"

#include "base/testing.h"
#include "policy/policy_testing.h"
#include "policy/principal.h"

#define PLAIN "[ client_certificate: {} ]"

static struct consumers *make_consumers(void)
{
	static str acme[] = { STR_INIT("CN = acme, O=Acme"), STR_INIT("dns:acme.test") };
	static str globex[] = { STR_INIT("uri:spiffe://globex.test/a"), STR_INIT("email:it@globex.test") };
	const struct consumer_config configs[] = {
		{ .entry = { .name = STR("acme") }, .certificates = { acme, 2 } },
		{ .entry = { .name = STR("globex") }, .certificates = { globex, 2 } },
	};

	return bench_consumers(configs, 2);
}

static const struct {
	const char *subject, *name; /* NULL: without a certificate, or without that */
	enum reason want;
	const char *consumer;
} rows[] = {
	{ "CN=acme,O=Acme", NULL, REASON_NONE, "acme" },
	{ "CN=other", "dns:acme.test", REASON_NONE, "acme" },
	{ "", "uri:spiffe://globex.test/a", REASON_NONE, "globex" },
	{ "CN=other", "email:it@globex.test", REASON_NONE, "globex" },
	{ "CN=acme,O=Acme", "uri:spiffe://globex.test/a", REASON_NONE, "acme" }, /* the subject first */
	{ NULL, NULL, REASON_CERTIFICATE_MISSING, "" },
	{ "CN=acme", NULL, REASON_CERTIFICATE_UNKNOWN, "" },
	{ "CN=acme,O=Acme,C=XX", NULL, REASON_CERTIFICATE_UNKNOWN, "" },
	{ "O=Acme,CN=acme", NULL, REASON_CERTIFICATE_UNKNOWN, "" },
	{ "CN=ACME,O=Acme", NULL, REASON_CERTIFICATE_UNKNOWN, "" },
	{ "", NULL, REASON_CERTIFICATE_UNKNOWN, "" },
	{ "", "dns:acme.test.evil.test", REASON_CERTIFICATE_UNKNOWN, "" },
	{ "", "email:acme.test", REASON_CERTIFICATE_UNKNOWN, "" },
};

static void ask(struct bench *bench, size_t row, str *name, const struct consumers *consumers)
{
	struct principal *principal;

	bench_ask(bench, "GET /", "X-Name: mallory\n");
	bench->view.consumers = consumers;
	if (!rows[row].subject)
		return;
	principal = ARENA_NEW(&bench->exchange, struct principal);
	*name = str_of(rows[row].name);
	*principal = (struct principal) { .certificate_subject = str_of(rows[row].subject),
					  .certificate_names = { name, rows[row].name != NULL },
					  .certificate = STR("DER!") };
	bench->view.principal = principal;
}

static void each_row(void **state)
{
	struct consumers *consumers = make_consumers();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench *bench = bench_new(PLAIN);
		bool is_in = rows[i].want == REASON_NONE;
		str name;

		ask(bench, i, &name, consumers);
		if ((bench_request(bench) == POLICY_CONTINUE) != is_in ||
		    bench->view.answer.reason != rows[i].want || view_is_authenticated(&bench->view) != is_in)
			fail_msg("row %zu: %.*s", i, STR_ARG(reason_word(bench->view.answer.reason)));
		if (is_in && !str_eq(bench->view.principal->consumer, str_of(rows[i].consumer)))
			fail_msg("row %zu: %.*s", i, STR_ARG(bench->view.principal->consumer));
		bench_free(&bench);
	}
	consumers_unref(&consumers);
}

static void the_upstream_is_told_what_it_was_asked_for(void **state)
{
	struct consumers *consumers = make_consumers();
	struct bench *bench =
		bench_new("[ client_certificate: { certificate: true, forward: { X-Name: name } } ]");
	str name;

	(void)state;
	assert_string_equal(bench_errors(bench), "");
	ask(bench, 0, &name, consumers);
	assert_int_equal(bench_request(bench), POLICY_CONTINUE);
	assert_string_equal(bench_fields(bench, &bench->request.fields),
			    "Client-Cert: :REVSIQ==:\nX-Name: acme\n");
	bench_free(&bench);
	consumers_unref(&consumers);
}

static void options_are_checked(void **state)
{
	static const struct bench_check checks[] = {
		{ PLAIN, "" },
		{ "[ client_certificate: { certificate: yes } ]", "want true or false" },
		{ "[ client_certificate: { certificate: 1 } ]", "certificate" },
		{ "[ client_certificate: { forward: [X-Name] } ]", "forward" },
		{ "[ client_certificate: { forward: { X-Name: subject } } ]",
		  "want name, groups or label.NAME" },
		{ "[ client_certificate: { header: X-SSL-Cert } ]", "header" },
	};

	(void)state;
	bench_assert_checks(checks, COUNT_OF(checks));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(the_upstream_is_told_what_it_was_asked_for),
		cmocka_unit_test(options_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

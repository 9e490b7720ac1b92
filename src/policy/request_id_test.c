/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: what the client sent, and which id holds, in which field, on both sides. */
#include "base/testing.h"
#include "policy/policy_testing.h"

#define TEN "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN
#define TRUST "[ request_id: { trust: true } ]"

static const struct {
	const char *what, *policies, *fields, *want_id, *want_header;
} cases[] = {
	{ "the gateway's own", "[ request_id: {} ]", "", "id-1", "X-Request-ID" },
	{ "a client is not trusted", "[ request_id: {} ]", "X-Request-ID: theirs\n", "id-1", "X-Request-ID" },
	{ "a trusted one is kept", TRUST, "X-Request-ID: theirs\n", "theirs", "X-Request-ID" },
	{ "in any case", TRUST, "x-request-id: theirs\n", "theirs", "X-Request-ID" },
	{ "trusted, but not there", TRUST, "X-Other: 1\n", "id-1", "X-Request-ID" },
	{ "trusted, but empty", TRUST, "X-Request-ID:\n", "id-1", "X-Request-ID" },
	{ "trusted, but twice", TRUST, "X-Request-ID: a\nX-Request-ID: b\n", "id-1", "X-Request-ID" },
	{ "a UUID", TRUST, "X-Request-ID: 7f9c2ba4-e88f-827d-616c-6a1f3a3b0b1c\n",
	  "7f9c2ba4-e88f-827d-616c-6a1f3a3b0b1c", "X-Request-ID" },
	{ "a trace's root", TRUST, "X-Request-ID: Root=1-67891233-abcdef012345678912345678\n",
	  "Root=1-67891233-abcdef012345678912345678", "X-Request-ID" },
	{ "a space in it", TRUST, "X-Request-ID: a b\n", "id-1", "X-Request-ID" },
	{ "a quote in it", TRUST, "X-Request-ID: a\"b\n", "id-1", "X-Request-ID" },
	{ "a comma in it", TRUST, "X-Request-ID: a,b\n", "id-1", "X-Request-ID" },
	{ "no ASCII", TRUST, "X-Request-ID: \xc3\xa4\n", "id-1", "X-Request-ID" },
	{ "as long as allowed", TRUST, "X-Request-ID: " SIXTY SIXTY "12345678\n", SIXTY SIXTY "12345678",
	  "X-Request-ID" },
	{ "too long", TRUST, "X-Request-ID: " SIXTY SIXTY "123456789\n", "id-1", "X-Request-ID" },
	{ "another field", "[ request_id: { header: X-Correlation-ID, trust: true } ]",
	  "X-Correlation-ID: theirs\nX-Request-ID: other\n", "theirs", "X-Correlation-ID" },
	{ "another field, unknown to all", "[ request_id: { header: X-Our-Id } ]", "", "id-1", "X-Our-Id" },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct bench *bench = bench_new(cases[i].policies);
		const char *want;

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, "GET /", cases[i].fields);
		assert_int_equal(bench_request(bench), POLICY_CONTINUE);
		if (!str_eq(bench->view.request_id, str_of(cases[i].want_id)))
			fail_msg("%s: %.*s", cases[i].what, STR_ARG(bench->view.request_id));
		assert_true(str_eq(bench->view.request_id_header, str_of(cases[i].want_header)));

		/* What the upstream put there is not what the client gets. */
		bench_answer(bench,
			     arena_printf(&bench->exchange, "%s: upstream\n", cases[i].want_header).ptr);
		want = arena_printf(&bench->exchange, "%s: %s\n", cases[i].want_header, cases[i].want_id).ptr;
		assert_string_equal(bench_fields(bench, &bench->response.fields), want);
		bench_free(&bench);
	}
}

static void an_answer_without_room_goes_without(void **state)
{
	struct bench *bench = bench_new("[ request_id: {} ]");
	struct http_field fields[1] = { { .name = STR("A"), .value = STR("1") } };

	(void)state;
	bench_ask(bench, "GET /", "");
	bench_request(bench);
	bench->response.fields = (struct http_fields) { .at = fields, .count = 1, .max = 1 };
	bench->view.response = &bench->response;
	policy_chain_response(&bench->chain, &bench->view);
	assert_string_equal(bench_fields(bench, &bench->response.fields), "A: 1\n");
	bench_free(&bench);
}

static void mistakes_are_reported(void **state)
{
	static const struct bench_check bad[] = {
		{ "[ request_id: { header: 'X Y' } ]", "that is no name of a field" },
		{ "[ request_id: { header: Host } ]", "host" },
		{ "[ request_id: { header: Connection } ]", "the gateway writes it itself" },
		{ "[ request_id: { header: via } ]", "Via tells which way a request has come" },
		{ "[ request_id: { trust: maybe } ]", "trust" },
		{ "[ request_id: { head: X } ]", "did you mean \"header\"?" },
		{ "[ request_id: X-Request-ID ]", "map" },
	};

	(void)state;
	bench_assert_checks(bad, COUNT_OF(bad));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(an_answer_without_room_goes_without),
		cmocka_unit_test(mistakes_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: blocks, a client, and whether it gets in. */
#include "base/testing.h"
#include "policy/policy_testing.h"

#define IP(options) "[ ip: { " options " } ]"

static const struct {
	const char *what, *policies, *client;
	bool gets_in;
} cases[] = {
	{ "in an allowed block", IP("allow: [10.0.0.0/8]"), "10.255.255.255", true },
	{ "just before it", IP("allow: [10.0.0.0/8]"), "9.255.255.255", false },
	{ "just behind it", IP("allow: [10.0.0.0/8]"), "11.0.0.0", false },
	{ "one address", IP("allow: [192.0.2.7]"), "192.0.2.7", true },
	{ "its neighbour", IP("allow: [192.0.2.7]"), "192.0.2.8", false },
	{ "the last of a list", IP("allow: [192.0.2.7, \"2001:db8::/32\", 198.51.100.0/24]"), "198.51.100.1",
	  true },
	{ "IPv6", IP("allow: [\"2001:db8::/32\"]"), "2001:db8:ffff::1", true },
	{ "another IPv6", IP("allow: [\"2001:db8::/32\"]"), "2001:db9::1", false },
	{ "IPv4 is not in a block of all IPv6", IP("allow: [\"::/0\"]"), "192.0.2.7", false },
	{ "IPv6 is not in a block of all IPv4", IP("allow: [0.0.0.0/0]"), "2001:db8::1", false },
	{ "a mapped address is IPv4's", IP("allow: [192.0.2.0/24]"), "::ffff:192.0.2.7", true },
	{ "a denied block", IP("deny: [10.0.0.0/8]"), "10.0.0.0", false },
	{ "not in a denied block", IP("deny: [10.0.0.0/8]"), "203.0.113.9", true },
	{ "a mapped address is denied like IPv4's", IP("deny: [10.0.0.0/8]"), "::ffff:10.0.0.1", false },
	{ "allowed and denied is denied", IP("allow: [10.0.0.0/8], deny: [10.9.0.0/16]"), "10.9.1.1", false },
	{ "however they are nested", IP("allow: [10.9.0.0/16], deny: [10.0.0.0/8]"), "10.9.1.1", false },
	{ "allowed and not denied", IP("allow: [10.0.0.0/8], deny: [10.9.0.0/16]"), "10.8.1.1", true },
	{ "in neither", IP("allow: [10.0.0.0/8], deny: [10.9.0.0/16]"), "11.8.1.1", false },
	{ "no address, and some are allowed", IP("allow: [0.0.0.0/0, \"::/0\"]"), "", false },
	{ "no address, and some are denied", IP("deny: [0.0.0.0/0, \"::/0\"]"), "", true },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct bench *bench = bench_new(cases[i].policies);

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, "GET /", "X-Forwarded-For: 10.0.0.1\n");
		bench->view.client_ip = str_of(cases[i].client);
		if ((bench_request(bench) == POLICY_CONTINUE) != cases[i].gets_in)
			fail_msg("%s", cases[i].what);
		if (!cases[i].gets_in)
			assert_int_equal(bench->view.answer.reason, REASON_IP_DENIED);
		bench_free(&bench);
	}
}

static void mistakes_are_reported(void **state)
{
	static const struct bench_check bad[] = {
		{ "[ ip: {} ]", "want `allow`, `deny` or both" },
		{ "[ ip: ]", "policies[0].ip: want `allow`, `deny` or both" },
		{ IP("allow: []"), "allow" },
		{ IP("deny: []"), "deny" },
		{ IP("allow: 10.0.0.0/8"), "allow" },
		{ IP("allow: [localhost]"),
		  "want an address or a block such as 10.0.0.0/8, read \"localhost\"" },
		{ IP("allow: [10.0.0.0/33]"), "read \"10.0.0.0/33\"" },
		{ IP("deny: [10.0.0]"), "read \"10.0.0\"" },
		{ IP("deny: [10.0.0.0/8, 10.0.0.256]"), "deny[1]" },
		{ IP("deny: ['']"), "deny[0]" },
		{ IP("allow: [\"[::1]\"]"), "read \"[::1]\"" },
		{ IP("allowed: [10.0.0.0/8]"), "allow" },
	};

	(void)state;
	bench_assert_checks(bad, COUNT_OF(bad));
}

static void every_mistake_is_reported(void **state)
{
	struct bench *bench = bench_new(IP("allow: [a, 10.0.0.0/8, b], deny: [c]"));

	(void)state;
	assert_int_equal(diagnostics_errors(bench->diagnostics), 3);
	bench_free(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(mistakes_are_reported),
		cmocka_unit_test(every_mistake_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

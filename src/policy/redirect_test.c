/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: what is written, who asks for what, and where the client is sent. */
#include "base/testing.h"
#include "policy/policy_testing.h"

#define TO(text) "[ redirect: { to: \"" text "\" } ]"

static const struct {
	const char *what, *policies, *target;
	int want_status;
	const char *want;
} cases[] = {
	{ "a URL", TO("https://new.test/x"), "GET /a?b=c", 302, "https://new.test/x" },
	{ "for good", "[ redirect: { to: /x, status: 301 } ]", "GET /", 301, "/x" },
	{ "for now, with the method", "[ redirect: { to: /x, status: 307 } ]", "POST /", 307, "/x" },
	{ "for good, with the method", "[ redirect: { to: /x, status: 308 } ]", "POST /", 308, "/x" },
	{ "a host alone", TO("http://new.test"), "GET /a", 302, "http://new.test" },
	{ "a port", TO("http://new.test:8080/"), "GET /a", 302, "http://new.test:8080/" },
	{ "IPv6", TO("http://[2001:db8::1]:8080/"), "GET /a", 302, "http://[2001:db8::1]:8080/" },
	{ "the same path elsewhere", TO("https://new.test${request.path}"), "GET /a%20b/c", 302,
	  "https://new.test/a%20b/c" },
	{ "and the query", TO("https://new.test${request.path}?${request.query}"), "GET /a?b=c&d=%26", 302,
	  "https://new.test/a?b=c&d=%26" },
	{ "when there is one", TO("https://new.test${request.path}?${request.query}"), "GET /a", 302,
	  "https://new.test/a" },
	{ "an own question mark", TO("/x?from=${request.path}"), "GET /a", 302, "/x?from=/a" },
	{ "a query with what no URL has", TO("/x?${request.query}"), "GET /a?b=\"<c>\"{}|\\^`", 302,
	  "/x?b=%22%3Cc%3E%22%7B%7D%7C%5C%5E%60" },
	{ "over TLS", TO("https://${request.host}${request.path}"), "GET /a", 302, "https://api.test/a" },
	{ "another port", TO("https://${request.host}:8443/"), "GET /a", 302, "https://api.test:8443/" },
	{ "its own scheme", TO("${request.scheme}://${request.host}/b"), "GET /a", 302,
	  "https://api.test/b" },
	{ "a name before the own host", TO("https://www.${request.host}/b"), "GET /a", 302,
	  "https://www.api.test/b" },
	{ "a tenant's host", TO("https://${path.id}.example.com/"), "GET /a", 302, "https://7.example.com/" },
	{ "a tenant's host and port", TO("https://t-${path.id}.example.com:8443/"), "GET /a", 302,
	  "https://t-7.example.com:8443/" },
	{ "a parameter of the path", TO("/v2/${path.id}"), "GET /a", 302, "/v2/7" },
	{ "the whole path", TO("${request.path}/"), "GET /a", 302, "/a/" },
	{ "a fragment", TO("/x#${path.id}"), "GET /a", 302, "/x#7" },
	{ "a value stays in its part", TO("/login?next=${request.query.n}&a=b"),
	  "GET /a?n=http://evil.test/%3fx%26y%23z", 302,
	  "/login?next=http%3A%2F%2Fevil.test%2F%3Fx%26y%23z&a=b" },
	{ "also in a path", TO("/users/${request.query.n}/x"), "GET /a?n=../%2e%2e%2fadmin", 302,
	  "/users/..%2F..%2Fadmin/x" },
	{ "a value is not looked at again", TO("/x/${request.header.X-Ref}"), "GET /a", 302,
	  "/x/%24%7Brequest.id%7D" },
	{ "letters of any kind", TO("/x/${request.query.n}"), "GET /a?n=%C3%A4", 302, "/x/%C3%A4" },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct bench *bench = bench_new(cases[i].policies);
		const struct answer *answer = &bench->view.answer;
		const char *got;

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, cases[i].target, "X-Ref: ${request.id}\n");
		assert_int_equal(bench_request(bench), POLICY_ANSWERED);
		assert_int_equal(answer->reason, REASON_REDIRECT);
		assert_int_equal(answer->status, cases[i].want_status);
		assert_int_equal(answer->body.len, 0);
		got = bench_fields(bench, &answer->fields);
		if (!str_eq(str_of(got), arena_printf(&bench->exchange, "Location: %s\n", cases[i].want)))
			fail_msg("%s: got %s", cases[i].what, got);
		bench_free(&bench);
	}
}

/* Who asks by an address of IPv6, which stands in a URL as it is only where the host does. */
static const struct {
	const char *what, *policies, *host;
	const char *want; /* NULL: refused */
} host_cases[] = {
	{ "IPv6", TO("https://${request.host}${request.path}"), "[2001:db8::1]", "https://[2001:db8::1]/a" },
	{ "IPv6 and a port", TO("https://${request.host}:8443/"), "[2001:db8::1]",
	  "https://[2001:db8::1]:8443/" },
	{ "IPv6 with its own scheme", TO("${request.scheme}://${request.host}/b"), "[::1]",
	  "https://[::1]/b" },
	{ "in a path", TO("/x/${request.host}"), "[::1]", "/x/%5B%3A%3A1%5D" },
	{ "in a query", TO("https://${request.host}/?next=https://${request.host}"), "[::1]",
	  "https://[::1]/?next=https://%5B%3A%3A1%5D" },
	{ "in a path that looks like a URL", TO("/https://${request.host}"), "[::1]",
	  "/https://%5B%3A%3A1%5D" },
	{ "a name before it", TO("https://www.${request.host}/"), "[::1]", NULL },
	{ "a domain behind it", TO("https://${request.host}.example.com/"), "[::1]", NULL },
	{ "IPv4", TO("https://${request.host}/"), "192.0.2.1", "https://192.0.2.1/" },
	{ "no address", TO("https://${request.host}/"), "[evil.test]", NULL },
	{ "not closed", TO("https://${request.host}/"), "[::1", NULL },
	{ "a zone", TO("https://${request.host}/"), "[fe80::1%25lo]", NULL },
	{ "something behind it", TO("https://${request.host}/"), "[::1]evil.test", NULL },
	{ "a user before it", TO("https://${request.host}/"), "a@[::1]", NULL },
	{ "a slash", TO("https://${request.host}/"), "evil.test/[::1]", NULL },
};

static void the_own_host(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(host_cases); i++) {
		struct bench *bench = bench_new(host_cases[i].policies);
		const struct answer *answer = &bench->view.answer;
		str got = { 0 };

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, "GET /a", "");
		bench->view.host = str_of(host_cases[i].host);
		assert_int_equal(bench_request(bench), POLICY_ANSWERED);
		if (answer->reason == REASON_REDIRECT)
			got = answer->fields.at[0].value;
		if (!str_eq(got, host_cases[i].want ? str_of(host_cases[i].want) : (str) { 0 }))
			fail_msg("%s: got %.*s", host_cases[i].what, STR_ARG(got));
		bench_free(&bench);
	}
}

static const struct {
	const char *what, *policies, *target;
	const char *host; /* of the request; NULL: api.test */
	enum reason want;
} refused[] = {
	{ "a line end", TO("/x/${request.query.n}"), "GET /?n=a%0d%0aSet-Cookie:%20a=b", NULL,
	  REASON_VALUE_INVALID },
	{ "NUL", TO("/x/${request.query.n}"), "GET /?n=%00", NULL, REASON_VALUE_INVALID },
	{ "no host in an old request", TO("https://${request.host}/"), "GET /", "", REASON_REDIRECT_INVALID },
	{ "a tenant of no name", TO("https://${request.query.t}.example.com/"), "GET /", NULL,
	  REASON_REDIRECT_INVALID },
	{ "a tenant with a slash", TO("https://${request.query.t}.example.com/"), "GET /?t=evil.test/", NULL,
	  REASON_REDIRECT_INVALID },
	{ "a tenant with a user", TO("https://${request.query.t}.example.com/"), "GET /?t=evil.test:1@", NULL,
	  REASON_REDIRECT_INVALID },
	{ "a tenant with a fragment", TO("https://${request.query.t}.example.com/"), "GET /?t=evil.test%23",
	  NULL, REASON_REDIRECT_INVALID },
	{ "a path that became a host", TO("/${path.none}${request.path}"), "GET /evil.test/", NULL,
	  REASON_REDIRECT_INVALID },
};

static void what_comes_out_wrong_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		struct bench *bench = bench_new(refused[i].policies);

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, refused[i].target, "");
		if (refused[i].host)
			bench->view.host = str_of(refused[i].host);
		assert_int_equal(bench_request(bench), POLICY_ANSWERED);
		if (bench->view.answer.reason != refused[i].want)
			fail_msg("%s: %.*s", refused[i].what,
				 STR_ARG(reason_word(bench->view.answer.reason)));
		assert_int_equal(bench->view.answer.fields.count, 0);
		bench_free(&bench);
	}
}

/* A regular expression may have taken slashes in. */
static void a_parameter_cannot_end_the_host(void **state)
{
	static const struct {
		const char *policies, *parameter, *want;
	} asked[] = {
		{ TO("https://${path.p}.example.com/"), "evil.test/x", NULL },
		{ TO("https://${path.p}.example.com/"), "evil.test?x", NULL },
		{ TO("https://${path.p}.example.com/"), "evil.test", "https://evil.test.example.com/" },
		{ TO("https://a.example.com/${path.p}"), "/evil.test/x",
		  "https://a.example.com//evil.test/x" },
		{ TO("/${path.p}"), "/evil.test/x", NULL },
		{ TO("/${path.p}"), "evil.test/x", "/evil.test/x" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(asked); i++) {
		struct bench *bench = bench_new(asked[i].policies);
		struct route_parameter parameter = { STR("p"), str_of(asked[i].parameter) };
		enum reason want = asked[i].want ? REASON_REDIRECT : REASON_REDIRECT_INVALID;

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, "GET /", "");
		bench->view.parameters = &parameter;
		assert_int_equal(bench_request(bench), POLICY_ANSWERED);
		if (bench->view.answer.reason != want)
			fail_msg("%s with %s", asked[i].policies, asked[i].parameter);
		if (asked[i].want)
			assert_true(str_eq(bench->view.answer.fields.at[0].value, str_of(asked[i].want)));
		bench_free(&bench);
	}
}

static void mistakes_are_reported(void **state)
{
	static const char choose[] = "anybody could choose the host",
			  where[] = "want a path that begins with /";
	static const struct bench_check bad[] = {
		{ "[ redirect: { status: 301 } ]", "the key \"to\" is missing" },
		{ "[ redirect: {} ]", "the key \"to\" is missing" },
		{ "[ redirect: ]", "the key \"to\" is missing" },
		{ "[ redirect: /x ]", "want the policy's options as a map" },
		{ TO(""), "to" },
		{ "[ redirect: { to: /x, status: 300 } ]", "status" },
		{ "[ redirect: { to: /x, status: 303 } ]", "want 301, 302, 307 or 308" },
		{ "[ redirect: { to: /x, status: 304 } ]", "want 301, 302, 307 or 308" },
		{ "[ redirect: { to: /x, code: 301 } ]", "code" },
		{ TO("x"), where },
		{ TO("?a=b"), where },
		{ TO("new.test/x"), where },
		{ TO("ftp://new.test/"), where },
		{ TO("javascript:alert(1)"), where },
		{ TO("HTTPS://new.test/"), where },
		{ TO("${request.query.next}"), where },
		{ TO("${request.scheme}:/x"), where },
		{ TO("${request.scheme}"), where },
		{ TO("//new.test/"), "what follows // for a host" },
		{ TO("/${request.path}"), "what follows // for a host" },
		{ TO("https://"), "want a host" },
		{ TO("https:///x"), "want a host" },
		{ TO("https://new.test:0/"), "want a host" },
		{ TO("https://new.test:/x@y"), "" },
		{ TO("https://user@new.test/"), "want a host" },
		{ TO("https://new test/"), "must be encoded" },
		{ TO("/x y"), "must be encoded" },
		{ TO("/${path.x}\\\\evil.test"), "must be encoded" },
		{ TO("/x\\u00e4"), "must be encoded" },
		{ TO("/x\\ny"), "control character" },
		{ TO("https://${request.query.h}/"), choose },
		{ TO("https://${request.header.X-Host}${request.path}"), choose },
		{ TO("https://new.test${request.query.next}"), choose },
		{ TO("https://new.test:${request.query.port}/"), choose },
		{ TO("https://${path.tenant}.com/"), choose },
		{ TO("https://${path.tenant}.com./"), choose },
		{ TO("https://${path.tenant}example.com/"), choose },
		{ TO("https://${path.tenant}.example.com${path.x}/"), choose },
		{ TO("https://evil${request.host}/"), choose },
		{ TO("https://${request.host}.evil/"), choose },
		{ TO("https://${request.host}:${path.port}/"), choose },
		{ TO("https://${request.host}:http/"), choose },
		{ TO("/${upstream.endpoint}"), "known in answers only" },
		{ TO("/${request.nope}"), "there is no value ${request.nope}" },
	};

	(void)state;
	bench_assert_checks(bad, COUNT_OF(bad));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(the_own_host),
		cmocka_unit_test(what_comes_out_wrong_is_refused),
		cmocka_unit_test(a_parameter_cannot_end_the_host),
		cmocka_unit_test(mistakes_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: options, a target, and what the upstream is asked for; or why it is not. */
#include "base/testing.h"
#include "policy/policy_testing.h"

#define REWRITE(options) "[ rewrite: { " options " } ]"
#define REGEX(match, replace) REWRITE("regex: { match: '" match "', replace: '" replace "' }")

static const struct {
	const char *policies, *target,
		*want; /* want: path?query, or path alone; then " host" when it is set */
} cases[] = {
	{ "[ rewrite: {} ]", "GET /a?b=1", "/a?b=1" },

	{ REWRITE("path: /x"), "GET /a?b=1", "/x?b=1" },
	{ REWRITE("path: /"), "GET /a", "/" },
	{ REWRITE("path: '/a%20b/${path.id}'"), "GET /a", "/a%20b/7" },
	{ REWRITE("path: '/v2/${path.id}/x'"), "GET /a", "/v2/7/x" },
	{ REWRITE("path: '/v2${request.path}'"), "GET /a/b%20c", "/v2/a/b%20c" },
	{ REWRITE("path: '${request.path}/'"), "GET /a", "/a/" },
	{ REWRITE("path: '/u/${request.query.u}'"), "GET /a?u=x%20y", "/u/x%20y?u=x%20y" },
	{ REWRITE("path: '/u/${request.query.none}/x'"), "GET /a", "/u/x" },
	{ REWRITE("path: '/u/${request.query.u}'"), "GET /a?u=a..b", "/u/a..b?u=a..b" },

	{ REWRITE("strip_prefix: /api/v1"), "GET /api/v1/x?y=1", "/x?y=1" },
	{ REWRITE("strip_prefix: /api/v1"), "GET /api/v1", "/" },
	{ REWRITE("strip_prefix: /api/v1"), "GET /api/v1/", "/" },
	{ REWRITE("strip_prefix: /api/v1/"), "GET /api/v1/x", "/x" },
	{ REWRITE("strip_prefix: /api/v1/"), "GET /api/v1", "/" },
	{ REWRITE("strip_prefix: /api/v1"), "GET /api/v10/x", "/api/v10/x" },
	{ REWRITE("strip_prefix: /api/v1"), "GET /API/v1/x", "/API/v1/x" },
	{ REWRITE("strip_prefix: /api/v1"), "GET /x/api/v1", "/x/api/v1" },
	{ REWRITE("strip_prefix: /"), "GET /x", "/x" },

	{ REWRITE("add_prefix: /v2"), "GET /x", "/v2/x" },
	{ REWRITE("add_prefix: /v2/"), "GET /x", "/v2/x" },
	{ REWRITE("add_prefix: '/${request.header.X-Tenant}'"), "GET /x", "/t1/x" },
	{ REWRITE("add_prefix: '/${request.header.X-None}'"), "GET /x", "/x" },
	{ REWRITE("strip_prefix: /api, add_prefix: /v2"), "GET /api/x", "/v2/x" },

	{ REGEX("^/a/([0-9]+)$", "/b/$1"), "GET /a/12", "/b/12" },
	{ REGEX("^/a/([0-9]+)$", "/b/$1"), "GET /a/x", "/a/x" },
	{ REGEX("^/(\\w+)/(\\w+)$", "/$2/$1"), "GET /a/b", "/b/a" },
	{ REGEX("a", "bb"), "GET /a/a/c", "/bb/bb/c" },
	{ REGEX("x*", "-"), "GET /axb", "-/-a--b-" }, /* as Perl does it, and no path */
	{ REGEX("/a(/b)?/c", "/d$1"), "GET /a/c", "/d" },
	{ REGEX("^/a", "/$$1"), "GET /a", "/$1" },
	{ REGEX("^/(.*)", "/$0"), "GET /a/b", "/a/b" },
	{ REGEX("^/(.*)", "/${request.header.X-Tenant}/$1"), "GET /a/b", "/t1/a/b" },
	{ REGEX("^/old", ""), "GET /old/a", "/a" },
	{ REWRITE("strip_prefix: /api, regex: { match: '^/a', replace: /b }, add_prefix: /v2"),
	  "GET /api/a/x", "/v2/b/x" },

	{ REWRITE("host: internal.example"), "GET /a", "/a internal.example" },
	{ REWRITE("host: 'internal.example:8080'"), "GET /a", "/a internal.example:8080" },
	{ REWRITE("host: '${request.header.X-Tenant}.internal'"), "GET /a", "/a t1.internal" },
	{ REWRITE("host: '${request.header.X-None}'"), "GET /a", "/a" },

	{ REWRITE("query: { set: { a: 1 } }"), "GET /x", "/x?a=1" },
	{ REWRITE("query: { set: { a: 1 } }"), "GET /x?b=2", "/x?b=2&a=1" },
	{ REWRITE("query: { set: { a: 1 } }"), "GET /x?a=0&b=2&a=3&%61=4", "/x?b=2&a=1" },
	{ REWRITE("query: { set: { 'a b': 'c&d=e' } }"), "GET /x", "/x?a%20b=c%26d%3De" },
	{ REWRITE("query: { set: { a: '${request.query.b}' } }"), "GET /x?b=1%262", "/x?b=1%262&a=1%262" },
	{ REWRITE("query: { set: { a: '${request.query.none}' } }"), "GET /x?a=0", "/x" },
	{ REWRITE("query: { set: { p: '${request.path}' } }"), "GET /x/y", "/x/y?p=%2Fx%2Fy" },
	{ REWRITE("query: { remove: [ a ] }"), "GET /x?a=1&b=2&a", "/x?b=2" },
	{ REWRITE("query: { remove: [ a ] }"), "GET /x?%61=1&A=2", "/x?A=2" },
	{ REWRITE("query: { remove: [ a ] }"), "GET /x?a=1", "/x" },
	{ REWRITE("query: { remove: [ 'a b' ] }"), "GET /x?a+b=1&a%20b=2&c=+%2b", "/x?c=+%2b" },
	{ REWRITE("query: { remove: [ none ] }"), "GET /x?&a=1&&b&", "/x?a=1&b" },
};

static const char *outcome(struct bench *bench)
{
	const struct view *view = &bench->view;

	return arena_printf(&bench->exchange, "%.*s%s%.*s%s%.*s", STR_ARG(view->path),
			    view->query.len ? "?" : "", STR_ARG(view->query),
			    view->upstream_host.len ? " " : "", STR_ARG(view->upstream_host))
		.ptr;
}

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct bench *bench = bench_new(cases[i].policies);
		bool is_path = cases[i].want[0] == '/';

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, cases[i].target, "X-Tenant: t1\n");
		/* What does not begin with a slash is no path. */
		if (bench_request(bench) != (is_path ? POLICY_CONTINUE : POLICY_ANSWERED))
			fail_msg("%s: %s: answered %d", cases[i].policies, cases[i].target,
				 (int)bench->view.answer.reason);
		if (is_path && strcmp(outcome(bench), cases[i].want) != 0)
			fail_msg("%s: %s: %s", cases[i].policies, cases[i].target, outcome(bench));
		bench_free(&bench);
	}
}

static const struct {
	const char *policies, *target;
	enum reason want;
} refused_cases[] = {
	/* What comes from outside stays within its segment. */
	{ REWRITE("path: '/public/${request.query.f}'"), "GET /a?f=..", REASON_REWRITE_INVALID },
	{ REWRITE("path: '/public/${request.query.f}/x'"), "GET /a?f=.", REASON_REWRITE_INVALID },
	{ REWRITE("path: '/public/${request.query.f}'"), "GET /a?f=%2e%2e", REASON_REWRITE_INVALID },
	{ REWRITE("path: '/public/${request.query.f}'"), "GET /a?f=../admin", REASON_REWRITE_INVALID },
	{ REWRITE("path: '/public/${request.query.f}'"), "GET /a?f=..%2Fadmin", REASON_REWRITE_INVALID },
	{ REWRITE("path: '/public/${request.query.f}'"), "GET /a?f=%5C..%5Cadmin", REASON_REWRITE_INVALID },
	{ REWRITE("path: '/public/.${request.query.f}'"), "GET /a?f=.", REASON_REWRITE_INVALID },
	{ REWRITE("path: '/public/${request.query.f}'"), "GET /a?f=a?b", REASON_REWRITE_INVALID },
	{ REWRITE("path: '/public/${request.query.f}'"), "GET /a?f=a%23b", REASON_REWRITE_INVALID },
	{ REWRITE("path: '/public/${request.query.f}'"), "GET /a?f=%00", REASON_REWRITE_INVALID },
	{ REWRITE("path: '/public/${request.query.f}'"), "GET /a?f=%0d%0aX:y", REASON_REWRITE_INVALID },
	{ REWRITE("path: '/public/${request.query.f}'"), "GET /a?f=%ff", REASON_REWRITE_INVALID },
	{ REWRITE("add_prefix: '/${request.query.t}'"), "GET /a?t=..", REASON_REWRITE_INVALID },
	{ REWRITE("path: '${request.query.f}'"), "GET /a?f=x", REASON_REWRITE_INVALID },
	{ REWRITE("path: '${request.query.f}'"), "GET /a", REASON_REWRITE_INVALID },
	{ REGEX("^/a", "b"), "GET /a", REASON_REWRITE_INVALID },
	{ REGEX("^/x/", "/../"), "GET /x/admin", REASON_REWRITE_INVALID },
	{ REGEX("^/(.*)$", "/p/${request.query.f}"), "GET /a?f=..", REASON_REWRITE_INVALID },
	{ REGEX("^/.*$", ""), "GET /a", REASON_REWRITE_INVALID },

	{ REWRITE("host: '${request.query.h}'"), "GET /a?h=u@evil", REASON_REWRITE_INVALID },
	{ REWRITE("host: '${request.query.h}'"), "GET /a?h=a/b", REASON_REWRITE_INVALID },
	{ REWRITE("host: '${request.query.h}'"), "GET /a?h=a%20b", REASON_REWRITE_INVALID },
	{ REWRITE("host: '${request.query.h}'"), "GET /a?h=a%0d%0aX:y", REASON_VALUE_INVALID },
	{ REWRITE("query: { set: { a: '${request.query.q}' } }"), "GET /a?q=%0a", REASON_VALUE_INVALID },

	/* What costs too much is given up. */
	{ REGEX("^/(a+)+$", "/b"), "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", REASON_OVERLOADED },
	{ REGEX("a", "b"),
	  "GET "
	  "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaa",
	  REASON_OVERLOADED },
};

static void what_must_not_be_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(refused_cases); i++) {
		struct bench *bench = bench_new(refused_cases[i].policies);

		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, refused_cases[i].target, "");
		if (bench_request(bench) != POLICY_ANSWERED ||
		    bench->view.answer.reason != refused_cases[i].want)
			fail_msg("%s: %s: %s, %d", refused_cases[i].policies, refused_cases[i].target,
				 outcome(bench), (int)bench->view.answer.reason);
		bench_free(&bench);
	}
}

static void a_kept_slash_stays(void **state)
{
	struct bench *bench = bench_new(REWRITE("strip_prefix: /api"));

	(void)state;
	bench_ask(bench, "GET /api/a%2Fb", "");
	assert_int_equal(bench_request(bench), POLICY_CONTINUE);
	assert_string_equal(outcome(bench), "/a%2Fb");
	bench_free(&bench);
}

static void mistakes_are_reported(void **state)
{
	static const struct bench_check bad[] = {
		{ REWRITE("path: x"), "begins with /" },
		{ REWRITE("path: /a?b=1"), "see `query`" },
		{ REWRITE("path: '/a#b'"), "no #" },
		{ REWRITE("path: /a/../b"), "normal form" },
		{ REWRITE("path: /a//b"), "normal form" },
		{ REWRITE("path: '/a b'"), "must be encoded" },
		{ REWRITE("path: '/a b/${path.id}'"), "must be encoded" },
		{ REWRITE("add_prefix: '/a\\b'"), "must be encoded" },
		{ REWRITE("path: /a%2Fb"), "normal form" },
		{ REWRITE("path: '/%61'"), "normal form" },
		{ REWRITE("path: '/${path.id}?x=1'"), "see `query`" },
		{ REWRITE("path: '/${path.}'"), "there is no value" },
		{ REWRITE("path: /a, strip_prefix: /b"), "leaves nothing" },
		{ REWRITE("path: /a, add_prefix: /b"), "leaves nothing" },
		{ REWRITE("path: /a, regex: { match: x }"), "leaves nothing" },
		{ REWRITE("strip_prefix: api"), "beginning with /" },
		{ REWRITE("strip_prefix: /api/../x"), "normal form" },
		{ REWRITE("add_prefix: v2"), "begins with /" },
		{ REWRITE("host: 'a b'"), "want a host" },
		{ REWRITE("host: 'http://a'"), "want a host" },
		{ REWRITE("query: { set: { a: '${request.nope}' } }"), "there is no value" },
		{ REWRITE("query: { add: { a: b } }"), "add" },
		{ REGEX("(", "x"), "at offset 1 of the regular expression" },
		{ REGEX("a", "$1"), "has only 0 groups" },
		{ REGEX("(a)", "$2"), "has only 1 groups" },
		{ REGEX("a", "${request.nope}"), "there is no value" },
		{ REWRITE("regex: { replace: x }"), "no `match`" },
	};

	(void)state;
	bench_assert_checks(bad, COUNT_OF(bad));
}

/* Two in a row: each sees what the one before it made. */
static void rewrites_follow_each_other(void **state)
{
	struct bench *bench =
		bench_new("[ { rewrite: { strip_prefix: /a } }, { rewrite: { add_prefix: /b } }, "
			  "{ headers: { request: { set: { X-Path: '${request.path}' } } } } ]");

	(void)state;
	bench_ask(bench, "GET /a/x", "");
	assert_int_equal(bench_request(bench), POLICY_CONTINUE);
	assert_string_equal(outcome(bench), "/b/x");
	assert_string_equal(bench_fields(bench, &bench->request.fields), "X-Path: /b/x\n");
	bench_free(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(what_must_not_be_is_refused),
		cmocka_unit_test(a_kept_slash_stays),
		cmocka_unit_test(mistakes_are_reported),
		cmocka_unit_test(rewrites_follow_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

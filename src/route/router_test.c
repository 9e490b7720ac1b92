/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "route/route_testing.h"

struct row {
	const char *ask, *answer;
};

static void check_rows(const char *yaml, const struct row *rows, size_t count)
{
	struct route_testing testing;

	route_testing_open(&testing, yaml);
	if (failed(testing.outcome))
		fail_msg("%s", route_testing_diagnostics(&testing));
	for (size_t i = 0; i < count; i++) {
		route_testing_ask(&testing, rows[i].ask);
		if (strcmp(route_testing_answer(&testing), rows[i].answer) != 0)
			fail_msg("%s: \"%s\" is not \"%s\"", rows[i].ask, testing.printed, rows[i].answer);
	}
	route_testing_close(&testing);
}

#define CHECK(yaml, ...)                                       \
	do {                                                   \
		static const struct row rows_[] = __VA_ARGS__; \
		check_rows(yaml, rows_, COUNT_OF(rows_));      \
	} while (0)

static void the_example_of_the_manual(void **state)
{
	(void)state;
	CHECK("apis:\n"
	      "  orders:\n"
	      "    hosts: [api.example.com, '*.example.com']\n"
	      "    path: /orders\n"
	      "    methods: [GET, HEAD, POST, DELETE]\n"
	      "    routes:\n"
	      "      cancel: { match: { methods: [DELETE], path: '/{id}' } }\n"
	      "      export:\n"
	      "        match: { path: '/export/**', headers: { X-Beta: 'yes' }, query: { format: "
	      "'~^(csv|json)$' } }\n",
	      {
		      { "GET api.example.com/orders", "orders" },
		      { "GET api.example.com/orders/", "orders" },
		      { "GET api.example.com/orders/1", "orders" },
		      { "DELETE api.example.com/orders/1", "orders.cancel id=1" },
		      { "DELETE api.example.com/orders/1/items", "orders" },
		      { "GET shop.example.com/orders/1", "orders" },
		      { "GET a.b.example.com/orders/1", "orders" },
		      { "GET example.com/orders/1", "none" },
		      { "GET api.example.com/order", "none" },
		      { "GET api.example.com/ordersx", "none" },
		      { "GET api.example.com/", "none" },
		      { "PUT api.example.com/orders/1", "405 GET HEAD POST DELETE" },
		      { "get api.example.com/orders/1", "405 GET HEAD POST DELETE" },
		      { "PUT api.example.com/other", "none" },
		      { "GET api.example.com/orders/export?format=csv X-Beta: yes", "orders.export" },
		      { "GET api.example.com/orders/export/a/b?format=json x-beta: yes", "orders.export" },
		      { "GET api.example.com/orders/export?format=xml X-Beta: yes", "orders" },
		      { "GET api.example.com/orders/export?format=csv", "orders" },
		      { "DELETE api.example.com/orders/export?format=csv X-Beta: yes", "orders.export" },
	      });
}

static void hosts_go_first(void **state)
{
	(void)state;
	CHECK("apis:\n"
	      "  any: { path: /a/b }\n"
	      "  wide: { hosts: ['*.x'], path: /a/b }\n"
	      "  narrow: { hosts: ['*.a.x'], path: /a }\n"
	      "  exact: { hosts: [B.A.x], path: / }\n"
	      "  address: { hosts: [10.0.0.1, '[::1]'], path: / }\n",
	      {
		      { "GET b.a.x/a/b", "exact" },
		      { "GET c.a.x/a/b", "narrow" },
		      { "GET d.c.a.x/a/b", "narrow" },
		      { "GET a.x/a/b", "wide" },
		      { "GET c.x/a/b", "wide" },
		      { "GET x/a/b", "any" },
		      { "GET /a/b", "any" },
		      { "GET y/a/b", "any" },
		      /* A better host whose path does not fit leaves the request to the others. */
		      { "GET c.a.x/b", "none" },
		      { "GET c.x/a", "none" },
		      { "GET 10.0.0.1/x", "address" },
		      { "GET [::1]/x", "address" },
		      { "GET .x/a/b", "any" },
		      { "GET ..x/a/b", "any" },
	      });
}

static void segments_go_from_the_left(void **state)
{
	(void)state;
	CHECK("apis:\n"
	      "  v:\n"
	      "    routes:\n"
	      "      regex: { match: { path: '~^/a' } }\n"
	      "      rest: { match: { path: '/a/**' } }\n"
	      "      stars: { match: { path: '/*/*' } }\n"
	      "      names: { match: { path: '/{x}/{y}' } }\n"
	      "      part: { match: { path: '/{x}.json/b' } }\n"
	      "      longer: { match: { path: '/{x}.min.json/b' } }\n"
	      "      literal: { match: { path: '/a/b' } }\n"
	      "      mixed: { match: { path: '/a/{y}' } }\n"
	      "      starred: { match: { path: '/a/*/c' } }\n"
	      "      slash: { match: { path: '/a/' } }\n",
	      {
		      { "GET h/a/b", "v.literal" },
		      { "GET h/a/c", "v.mixed y=c" },
		      { "GET h/a/c/c", "v.starred" },
		      { "GET h/a/c/d", "v.rest" },
		      { "GET h/a", "v.rest" },
		      { "GET h/a/", "v.slash" },
		      { "GET h/b/c", "v.names x=b y=c" },
		      { "GET h/b.json/b", "v.part x=b" },
		      { "GET h/b.min.json/b", "v.longer x=b" },
		      { "GET h/b.min.json/c", "v.names x=b.min.json y=c" },
		      { "GET h/ab", "v.regex" },
		      { "GET h/b", "v" },
		      { "GET h/b/", "v" },
		      { "GET h/b/c/", "v" },
		      { "GET h/", "v" },
	      });
}

static void stars_need_a_segment(void **state)
{
	(void)state;
	CHECK("apis:\n"
	      "  v:\n"
	      "    path: /v\n"
	      "    routes:\n"
	      "      star: { match: { path: '/*' } }\n"
	      "      name: { match: { path: '/x/{id}' } }\n",
	      { { "GET h/v/a", "v.star" },
		{ "GET h/v/", "v" },
		{ "GET h/v", "v" },
		{ "GET h/v/x/", "v" },
		{ "GET h/v/x/1", "v.name id=1" } });
}

static void the_api_s_own_path(void **state)
{
	(void)state;
	CHECK("apis:\n"
	      "  v:\n"
	      "    path: /v/\n"
	      "    routes:\n"
	      "      self: { match: { path: / } }\n"
	      "      regex: { match: { path: '~^/$', headers: { X-A: '1' } } }\n"
	      "  w: { path: '/{tenant}/w', routes: { r: { match: { path: '/{id}' } } } }\n",
	      { { "GET h/v", "v.self" },
		{ "GET h/v/", "v.self" },
		{ "GET h/v/x", "v" },
		{ "GET h/v X-A: 1", "v.self" },
		{ "GET h/t/w", "w tenant=t" },
		{ "GET h/t/w/7", "w.r tenant=t id=7" },
		{ "GET h/v/w/7", "v" } });
}

static void conditions_go_before_the_order(void **state)
{
	(void)state;
	CHECK("apis:\n"
	      "  v:\n"
	      "    routes:\n"
	      "      one: { match: { path: /a, headers: { X-A: '1' } } }\n"
	      "      other: { match: { path: /a, headers: { X-B: '1' } } }\n"
	      "      two: { match: { path: /a, headers: { X-A: '1', X-B: '1' } } }\n"
	      "      method: { match: { path: /a, methods: [POST] } }\n"
	      "      plain: { match: { path: /a } }\n"
	      "      client: { match: { path: /a, client_ip: [192.0.2.0/24], headers: { X-C: '1' } } }\n",
	      {
		      { "GET h/a", "v.plain" },
		      { "GET h/a X-A: 1", "v.one" },
		      { "GET h/a X-B: 1", "v.other" },
		      { "GET h/a X-A: 1|X-B: 1", "v.two" },
		      { "POST h/a X-A: 1|X-B: 1", "v.two" },
		      { "POST h/a X-A: 1", "v.one" },
		      { "POST h/a", "v.method" },
		      { "GET h/a X-C: 1", "v.client" },
	      });
}

static void the_methods_of_an_api_are_a_condition(void **state)
{
	(void)state;
	CHECK("apis:\n"
	      "  write: { path: /x }\n"
	      "  read: { path: /x, methods: [GET] }\n",
	      { { "GET h/x", "read" }, { "POST h/x", "write" }, { "PURGE h/x", "write" } });
}

/* An API counts by its own rule only where none of its routes fits, and then as its path followed by "**". */
static void an_api_s_own_rule_gives_way(void **state)
{
	(void)state;
	CHECK("apis:\n"
	      "  a:\n"
	      "    path: /p\n"
	      "    routes:\n"
	      "      digits: { match: { path: '~^/[0-9]+$' } }\n"
	      "      get: { match: { path: '~^/x$', methods: [GET] } }\n"
	      "      all: { match: { path: '/**', headers: { X-All: '*' } } }\n",
	      { { "GET h/p/1", "a.digits" },
		{ "GET h/p/a", "a" },
		{ "GET h/p/x", "a.get" },
		{ "POST h/p/x", "a" },
		{ "GET h/p/1 X-All: 1", "a.all" } });
	/* A regular expression comes behind another API's "**": the first API counts by it, so the second
	 * wins. */
	CHECK("apis:\n"
	      "  a:\n"
	      "    path: /p\n"
	      "    methods: [GET, POST]\n"
	      "    routes: { digits: { match: { path: '~^/[0-9]+$' } } }\n"
	      "  b: { path: /p }\n",
	      { { "GET h/p/a", "a" }, { "GET h/p/1", "b" }, { "PUT h/p/1", "b" } });
}

static void only_the_method_is_wrong(void **state)
{
	(void)state;
	CHECK("apis:\n"
	      "  v:\n"
	      "    path: /v\n"
	      "    methods: [GET, POST, PURGE, LINK]\n"
	      "    routes:\n"
	      "      a: { match: { path: /a, methods: [POST] } }\n"
	      "      b: { match: { path: /b, methods: [PURGE], headers: { X-A: '1' } } }\n"
	      "  w:\n"
	      "    path: /w\n"
	      "    methods: [GET]\n"
	      "    hosts: [h]\n"
	      "  x:\n"
	      "    path: /w\n"
	      "    methods: [PUT]\n",
	      { { "DELETE h/v", "405 GET POST PURGE LINK" },
		{ "DELETE h/v/a", "405 GET POST PURGE LINK" },
		{ "DELETE h/v/b X-A: 1", "405 GET POST PURGE LINK" },
		{ "FOO h/v", "405 GET POST PURGE LINK" },
		{ "LINK h/v", "v" },
		{ "POST h/w", "405 GET PUT" },
		{ "POST i/w", "405 PUT" },
		{ "POST i/z", "none" } });
}

static void a_wrong_condition_is_no_405(void **state)
{
	(void)state;
	CHECK("apis:\n"
	      "  v:\n"
	      "    hosts: [only.for.routes]\n"
	      "    methods: [GET]\n"
	      "    path: /v\n"
	      "  w:\n"
	      "    path: /w\n"
	      "    methods: [GET]\n"
	      "    routes: { a: { match: { path: /a, headers: { X-A: '1' } } } }\n",
	      { { "POST h/v", "none" }, { "POST h/w/a", "405 GET" }, { "GET h/w/a X-A: 2", "w" } });
}

static void names_of_groups_are_parameters(void **state)
{
	(void)state;
	CHECK("apis:\n"
	      "  v:\n"
	      "    path: /{t}\n"
	      "    routes:\n"
	      "      a: { match: { path: '~^/(?<year>[0-9]{4})-(?<month>[0-9]{2})(?<day>-[0-9]{2})?$' } }\n"
	      "      b: { match: { path: '~/(x)(?<tail>.*)', headers: { X-A: '~(.)(.)(.)' } } }\n",
	      { { "GET h/acme/2024-12", "v.a t=acme year=2024 month=12 day=" },
		{ "GET h/acme/2024-12-01", "v.a t=acme year=2024 month=12 day=-01" },
		/* The condition's own expression does not disturb them. */
		{ "GET h/acme/xyz X-A: abc", "v.b t=acme tail=yz" },
		{ "GET h/acme/y", "v t=acme" } });
}

static void expressions_see_the_relative_path(void **state)
{
	(void)state;
	CHECK("apis:\n"
	      "  v:\n"
	      "    path: /v\n"
	      "    routes:\n"
	      "      root: { match: { path: '~^/$' } }\n"
	      "      whole: { match: { path: '~^/a/b$' } }\n"
	      "      inside: { match: { path: '~b' } }\n"
	      "      never: { match: { path: '~^/v' } }\n",
	      { { "GET h/v", "v.root" },
		{ "GET h/v/", "v.root" },
		{ "GET h/v/a/b", "v.whole" },
		{ "GET h/v/a/b/", "v.inside" },
		{ "GET h/v/v", "v.never" },
		{ "GET h/v/a", "v" },
		{ "GET h/b", "none" } });
}

static void routes_narrow_the_hosts_of_their_api(void **state)
{
	(void)state;
	CHECK("apis:\n"
	      "  v:\n"
	      "    hosts: ['*.x', y]\n"
	      "    routes:\n"
	      "      a: { match: { hosts: [a.x], path: '/**' } }\n"
	      "      wide: { match: { hosts: ['*'], path: /w } }\n"
	      "      deep: { match: { hosts: ['*.a.x'], path: '/**' } }\n",
	      { { "GET a.x/p", "v.a" },
		{ "GET b.x/p", "v" },
		{ "GET b.a.x/p", "v.deep" },
		{ "GET y/w", "v.wide" },
		{ "GET z/w", "none" },
		{ "GET b.x/w", "v.wide" },
		{ "GET a.x/w", "v.a" } });
}

static void odd_requests_have_no_route(void **state)
{
	(void)state;
	CHECK("apis: { v: { path: / } }\n", { { "GET h", "none" },
					      { "OPTIONS h*", "none" },
					      { "GET h/", "v" },
					      { "GET h//", "v" },
					      { "GET h/%2F", "v" } });
}

static void a_limit_leaves_the_request_without_a_route(void **state)
{
	struct route_testing testing;

	(void)state;
	route_testing_open(&testing, "apis:\n"
				     "  v:\n"
				     "    path: /v\n"
				     "    routes:\n"
				     "      slow: { match: { path: '~^/(a+)+$' } }\n"
				     "      header: { match: { path: /h, headers: { X-A: '~^(a+)+$' } } }\n"
				     "  w: { path: / }\n");
	assert_false(failed(testing.outcome));
	route_testing_ask(&testing, "GET h/v/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	assert_string_equal(route_testing_answer(&testing), "v.slow");
	/* Neither the API's own rule nor another API's gets what could not be decided. */
	route_testing_ask(&testing, "GET h/v/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
	assert_string_equal(route_testing_answer(&testing), "none");
	route_testing_ask(&testing, "GET h/v/h X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
	assert_string_equal(route_testing_answer(&testing), "none");
	route_testing_ask(&testing, "GET h/v/ab");
	assert_string_equal(route_testing_answer(&testing), "v");
	route_testing_close(&testing);
}

struct bad_row {
	const char *yaml, *diagnostics;
};

static void check_bad_rows(const struct bad_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct route_testing testing;

		route_testing_open(&testing, rows[i].yaml);
		assert_row(testing.outcome.kind == ERROR_INVALID && !testing.router, i, rows[i].yaml);
		if (strcmp(route_testing_diagnostics(&testing), rows[i].diagnostics) != 0)
			fail_msg("%s:\n%sis not\n%s", rows[i].yaml, testing.printed, rows[i].diagnostics);
		route_testing_close(&testing);
	}
}

static void bad_values_are_pointed_at(void **state)
{
	static const struct bad_row rows[] = {
		{ "apis: { v: { path: v } }", "1:20: error: apis.v.path: a path begins with '/'\n" },
		{ "apis: { v: { hosts: [a.x, 'b:80'] } }", "1:27: error: apis.v.hosts[1]: not a host: want a "
							   "name or an address, without scheme and port\n" },
		{ "apis: { v: { hosts: ['a*'] } }", "1:22: error: apis.v.hosts[0]: a '*' stands only in "
						    "front, for whole labels: \"*.example.com\"\n" },
		{ "apis: { v: { methods: [GET, 'B AD'] } }",
		  "1:29: error: apis.v.methods[1]: a method is one word of letters, such as GET\n" },
		{ "apis: { v: { methods: [get] } }",
		  "1:24: error: apis.v.methods[0]: case matters in methods; did you mean \"GET\"?\n" },
		{ "apis:\n  v:\n    routes:\n      r: { match: { methods: ['', GET] } }\n",
		  "4:31: error: apis.v.routes.r.match.methods[0]: a method is one word of letters, such as "
		  "GET\n" },
		{ "apis:\n  v:\n    routes:\n      r: { match: { path: '/{a}/{a}' } }\n",
		  "4:27: error: apis.v.routes.r.match.path: the name \"a\" stands twice\n" },
		{ "apis:\n  v:\n    routes:\n      r: { match: { path: '~^/(' } }\n",
		  "4:27: error: apis.v.routes.r.match.path: missing closing parenthesis at offset 3 of the "
		  "regular expression\n" },
		{ "apis:\n  v:\n    routes:\n      r: { match: { path: '~[' } }\n",
		  "4:27: error: apis.v.routes.r.match.path: missing terminating ] for character class at "
		  "offset 1 of the regular expression\n" },
		{ "apis:\n  v:\n    routes:\n      r: { match: { headers: { X-A: '~(' } } }\n",
		  "4:37: error: apis.v.routes.r.match.headers.X-A: missing closing parenthesis at offset 1 "
		  "of the regular expression\n" },
		{ "apis:\n  v:\n    routes:\n      r: { match: { cookies: { 'a b': 1 } } }\n",
		  "4:39: error: apis.v.routes.r.match.cookies[\"a b\"]: the name is not one that a request "
		  "can hold\n" },
		{ "apis:\n  v:\n    routes:\n      r: { match: { client_ip: [10.0.0.0/8, 10.0.0/8] } }\n",
		  "4:45: error: apis.v.routes.r.match.client_ip[1]: want an address or a range such as "
		  "10.0.0.0/8\n" },
		{ "apis:\n  v:\n    routes:\n      r: { match: { hosts: ['*.*'] } }\n",
		  "4:29: error: apis.v.routes.r.match.hosts[0]: a '*' stands only in front, for whole "
		  "labels: \"*.example.com\"\n" },
		{ "apis:\n  v:\n    hosts: [a.x]\n    routes:\n      r: { match: { hosts: [a.x, b.x] } }\n",
		  "5:34: error: apis.v.routes.r.match.hosts[1]: no host of the API is among these\n" },
		{ "apis:\n  v:\n    methods: [GET]\n    routes:\n      r: { match: { methods: [POST] } }\n",
		  "5:30: error: apis.v.routes.r.match.methods: the API takes none of these methods\n" },
	};

	(void)state;
	check_bad_rows(rows, COUNT_OF(rows));
}

static void all_problems_are_told(void **state)
{
	static const struct bad_row rows[] = {
		/* The path of an API once, not for each of its routes. */
		{ "apis:\n"
		  "  v:\n"
		  "    path: v\n"
		  "    hosts: ['a b']\n"
		  "    routes:\n"
		  "      r: { match: { path: /a, client_ip: [x] } }\n"
		  "      s: { match: { path: '/**/b' } }\n"
		  "  w: { routes: { t: { match: { path: '/**/b' } } } }\n",
		  "3:11: error: apis.v.path: a path begins with '/'\n"
		  "4:13: error: apis.v.hosts[0]: not a host: want a name or an address, without scheme and "
		  "port\n"
		  "6:43: error: apis.v.routes.r.match.client_ip[0]: want an address or a range such as "
		  "10.0.0.0/8\n"
		  "8:38: error: apis.w.routes.t.match.path: \"**\" stands only at the end\n" },
	};

	(void)state;
	check_bad_rows(rows, COUNT_OF(rows));
}

static void rules_that_cannot_be_told_apart(void **state)
{
	static const struct bad_row rows[] = {
		{ "apis:\n  v: {}\n  w: {}\n",
		  "3:3: error: apis.w: can never be told apart from apis.v (line 2): same host, path and "
		  "conditions, and a method in common\n" },
		{ "apis:\n  v:\n    routes:\n      a: { match: { path: '/{x}' } }\n      b: { match: { path: "
		  "'/{y}' } }\n",
		  "5:7: error: apis.v.routes.b: can never be told apart from apis.v.routes.a (line 4): same "
		  "host, path and conditions, and a method in common\n" },
		{ "apis:\n  v:\n    routes:\n"
		  "      a: { match: { path: '/{x}.{y}', headers: { X-A: '1', X-B: '2' }, methods: [GET, "
		  "POST] } }\n"
		  "      b: { match: { path: '/{c}.{d}', headers: { x-b: '2', x-a: '1' }, methods: [POST, "
		  "PUT] } }\n",
		  "5:7: error: apis.v.routes.b: can never be told apart from apis.v.routes.a (line 4): same "
		  "host, path and conditions, and a method in common\n" },
		{ "apis:\n  v:\n    routes:\n      a: { match: { path: '~^/a' } }\n      b: { match: { path: "
		  "'~^/a' } }\n",
		  "5:7: error: apis.v.routes.b: can never be told apart from apis.v.routes.a (line 4): same "
		  "host, path and conditions, and a method in common\n" },
		{ "apis:\n  v: { hosts: [a.x, b.x] }\n  w: { hosts: [c.x, B.X] }\n",
		  "3:3: error: apis.w: can never be told apart from apis.v (line 2): same host, path and "
		  "conditions, and a method in common\n" },
		{ "apis:\n  v: { path: /a/b }\n  w: { path: /a, routes: { r: { match: { path: '/b/**' } } } "
		  "}\n",
		  "3:28: error: apis.w.routes.r: can never be told apart from apis.v (line 2): same host, "
		  "path and conditions, and a method in common\n" },
		{ "apis:\n  v:\n    routes:\n      a: { match: { client_ip: [10.0.0.0/8, 192.0.2.1] } }\n    "
		  "  b: { match: { client_ip: [192.0.2.1, 10.0.0.0/8] } }\n",
		  "5:7: error: apis.v.routes.b: can never be told apart from apis.v.routes.a (line 4): same "
		  "host, path and conditions, and a method in common\n" },
	};

	(void)state;
	check_bad_rows(rows, COUNT_OF(rows));
}

static void rules_that_can_be_told_apart(void **state)
{
	static const char *const rows[] = {
		"apis: { v: { hosts: [a.x] }, w: { hosts: [b.x] } }",
		"apis: { v: { hosts: [a.x] }, w: { hosts: ['*.x'] }, x: {} }",
		"apis: { v: { path: /a }, w: { path: /b } }",
		"apis: { v: { path: '/{x}' }, w: { path: '/*' } }",
		"apis: { v: { methods: [GET] }, w: { methods: [POST] }, x: {} }",
		"apis: { v: { routes: { a: { match: { headers: { A: '1' } } }, b: { match: { headers: { A: "
		"'2' } } } } } }",
		"apis: { v: { routes: { a: { match: { headers: { A: '1' } } }, b: { match: { query: { A: '1' "
		"} } } } } }",
		"apis: { v: { routes: { a: { match: { query: { A: '1' } } }, b: { match: { query: { a: '1' } "
		"} } } } }",
		"apis: { v: { routes: { a: { match: { path: '~^/a' } }, b: { match: { path: '~^/a$' } } } } "
		"}",
		"apis: { v: { path: /p, routes: { a: { match: { path: '~a' } } } }, w: { path: /q, routes: { "
		"a: { match: { path: '~a' } } } } }",
		/* A route goes before its API's own rule, whatever they have in common. */
		"apis: { v: { path: /a, routes: { all: { match: { path: '/**' } } } } }",
		"apis: { v: { path: /a, routes: { all: {} } } }",
		/* "/a" and "/a/" against "/a" alone. */
		"apis: { v: { path: /a, routes: { r: { match: { path: / } } } }, w: { routes: { s: { match: "
		"{ path: /a } } } } }",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct route_testing testing;

		route_testing_open(&testing, rows[i]);
		if (failed(testing.outcome))
			fail_msg("%s: %s", rows[i], route_testing_diagnostics(&testing));
		route_testing_close(&testing);
	}
}

static void costly_rules_are_warned_of(void **state)
{
	char yaml[8192];
	struct buf b = buf_over(yaml, sizeof yaml);
	struct route_testing testing;

	(void)state;
	buf_put(&b, STR("apis:\n  v:\n    routes:\n"));
	for (uint64_t i = 0; i < 101; i++) {
		buf_put(&b, STR("      r"));
		buf_put_u64(&b, i);
		buf_put(&b, STR(": { match: { path: '~^/[a-z]{"));
		buf_put_u64(&b, i);
		buf_put(&b, STR("}$' } }\n"));
	}
	buf_put_char(&b, 0);
	route_testing_open(&testing, yaml);
	assert_false(failed(testing.outcome));
	assert_non_null(strstr(
		route_testing_diagnostics(&testing),
		"warning: apis.v.routes.r0: 101 regular expressions of this place hold no fixed text"));
	route_testing_close(&testing);
}

static void overlapping_paths_are_warned_of(void **state)
{
	static const char *const kinds[] = { "a", "{x%u}", "*", "{x%u}a" };
	enum { SEGMENTS = 8 };
	struct route_testing testing;
	char *yaml;
	size_t size;
	FILE *to = open_memstream(&yaml, &size);

	(void)state;
	fprintf(to, "apis:\n  v:\n    routes:\n");
	for (unsigned i = 0; i < 1u << (2 * SEGMENTS); i++) {
		fprintf(to, "      r%u: { match: { path: '", i);
		for (unsigned j = 0; j < SEGMENTS; j++) {
			const char *kind = kinds[i >> (2 * j) & 3];
			const char *number = strstr(kind, "%u");

			if (number)
				fprintf(to, "/{x%u}%s", j, number + 3);
			else
				fprintf(to, "/%s", kind);
		}
		fprintf(to, "' } }\n");
	}
	fclose(to);
	route_testing_open(&testing, yaml);
	assert_false(failed(testing.outcome));
	assert_non_null(
		strstr(route_testing_diagnostics(&testing), "one request may be compared in 87381 places"));
	/* All of them are visited, and it ends. */
	route_testing_ask(&testing, "GET h/aa/aa/aa/aa/aa/aa/aa/aa/aa");
	assert_string_equal(route_testing_answer(&testing), "v");
	route_testing_close(&testing);
	free(yaml);
}

/* Thousands of segments, each with several ways on, cost no more than the patterns are deep. */
static void long_paths_are_no_trouble(void **state)
{
	enum { SEGMENTS = 20000 };
	struct route_testing testing;
	char *line = malloc(SEGMENTS * 2 + 16);

	(void)state;
	assert_non_null(line);
	memcpy(line, "GET h", 5);
	for (size_t i = 0; i < SEGMENTS; i++)
		memcpy(line + 5 + 2 * i, "/a", 2);
	line[5 + 2 * SEGMENTS] = 0;
	route_testing_open(
		&testing, "apis:\n"
			  "  v:\n"
			  "    routes:\n"
			  "      a: { match: { path: '/{a}/{b}/{c}/*/*/*/a/a/**', headers: { X-A: '1' } } }\n"
			  "      b: { match: { path: '/*/a/*/a/*/a/*/a/b' } }\n"
			  "      c: { match: { path: '~^(?:/a)+/b$' } }\n");
	route_testing_ask(&testing, line);
	assert_string_equal(route_testing_answer(&testing), "v");
	route_testing_close(&testing);
	free(line);
}

static void the_deepest_pattern_is_walked(void **state)
{
	struct route_testing testing;
	char *yaml, *line;
	size_t size;
	FILE *to = open_memstream(&yaml, &size);

	(void)state;
	fprintf(to, "apis: { v: { path: '");
	for (size_t i = 0; i < 64; i++)
		fprintf(to, "/a");
	fprintf(to, "', routes: { r: { match: { path: / } } } } }");
	fclose(to);
	route_testing_open(&testing, yaml);
	assert_false(failed(testing.outcome));
	to = open_memstream(&line, &size);
	fprintf(to, "GET h");
	for (size_t i = 0; i < 64; i++)
		fprintf(to, "/a");
	fprintf(to, "/");
	fclose(to);
	route_testing_ask(&testing, line);
	assert_string_equal(route_testing_answer(&testing), "v.r");
	route_testing_close(&testing);
	free(yaml);
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_manual),
		cmocka_unit_test(hosts_go_first),
		cmocka_unit_test(segments_go_from_the_left),
		cmocka_unit_test(stars_need_a_segment),
		cmocka_unit_test(the_api_s_own_path),
		cmocka_unit_test(conditions_go_before_the_order),
		cmocka_unit_test(the_methods_of_an_api_are_a_condition),
		cmocka_unit_test(an_api_s_own_rule_gives_way),
		cmocka_unit_test(only_the_method_is_wrong),
		cmocka_unit_test(a_wrong_condition_is_no_405),
		cmocka_unit_test(names_of_groups_are_parameters),
		cmocka_unit_test(expressions_see_the_relative_path),
		cmocka_unit_test(routes_narrow_the_hosts_of_their_api),
		cmocka_unit_test(odd_requests_have_no_route),
		cmocka_unit_test(a_limit_leaves_the_request_without_a_route),
		cmocka_unit_test(bad_values_are_pointed_at),
		cmocka_unit_test(all_problems_are_told),
		cmocka_unit_test(rules_that_cannot_be_told_apart),
		cmocka_unit_test(rules_that_can_be_told_apart),
		cmocka_unit_test(costly_rules_are_warned_of),
		cmocka_unit_test(overlapping_paths_are_warned_of),
		cmocka_unit_test(long_paths_are_no_trouble),
		cmocka_unit_test(the_deepest_pattern_is_walked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

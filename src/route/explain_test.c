/* SPDX-License-Identifier: Apache-2.0 */
#include "route/route_testing.h"

static const char yaml[] =
	"apis:\n"
	"  orders:\n"
	"    hosts: [api.example.com, '*.example.com']\n"
	"    path: /orders\n"
	"    methods: [GET, HEAD, POST, DELETE]\n"
	"    routes:\n"
	"      cancel: { match: { methods: [DELETE], path: '/{id}' } }\n"
	"      beta: { match: { path: '/{id}', headers: { X-Beta: 'yes' }, query: { n: '~^[0-9]+$' } } }\n"
	"      old: { match: { path: '/{id}', cookies: { old: '*' } } }\n"
	"      digits: { match: { path: '~^/(?<number>[0-9]+)$' } }\n"
	"      json: { match: { path: '/{id}.json', hosts: [api.example.com] } }\n"
	"  everything: { methods: [GET] }\n"
	"  same: { path: /same, routes: { a: { match: { path: /x, query: { a: '!' } } },\n"
	"                                 b: { match: { path: /x, client_ip: [192.0.2.0/24] } } } }\n"
	"  elsewhere: { hosts: [b.example.org], path: /orders }\n";

struct row {
	const char *ask, *explained;
};

static void explains(void **state)
{
	static const struct row rows[] = {
		{ "DELETE api.example.com/orders/17",
		  "matched apis.orders.routes.cancel (line 7)\n"
		  "  host        api.example.com (exact)\n"
		  "  path        /orders/{id}\n"
		  "  parameters  id = 17\n"
		  "  conditions  2: the API's methods; method DELETE\n"
		  "  why         before apis.orders (line 2): an API's own rule counts only where none of "
		  "its routes fits\n"
		  "near misses\n"
		  "  apis.orders.routes.beta (line 8) /orders/{id}\n"
		  "    not so: header X-Beta = \"yes\"\n"
		  "  apis.orders.routes.old (line 9) /orders/{id}\n"
		  "    not so: cookie old is present\n"
		  "  apis.orders (line 2) /orders/**\n"
		  "    fits too, but an API's own rule counts only where none of its routes fits\n"
		  "  apis.orders.routes.digits (line 10) /orders ~^/(?<number>[0-9]+)$\n"
		  "    fits too, but in segment 2 of the path, {} goes before a regular expression\n"
		  "  apis.everything (line 12) /**\n"
		  "    method: is not GET\n"
		  "  apis.elsewhere (line 15) /orders/**\n"
		  "    host: is not b.example.org\n" },
		{ "GET api.example.com/orders/a.json",
		  "matched apis.orders.routes.json (line 11)\n"
		  "  host        api.example.com (exact)\n"
		  "  path        /orders/{id}.json\n"
		  "  parameters  id = a\n"
		  "  conditions  1: the API's methods\n"
		  "  why         before apis.orders (line 2): in segment 2 of the path, a part \"{}.json\" "
		  "goes before **\n"
		  "near misses\n"
		  "  apis.orders.routes.beta (line 8) /orders/{id}\n"
		  "    not so: header X-Beta = \"yes\"\n"
		  "  apis.orders.routes.cancel (line 7) /orders/{id}\n"
		  "    method: is not DELETE\n"
		  "  apis.orders.routes.old (line 9) /orders/{id}\n"
		  "    not so: cookie old is present\n"
		  "  apis.orders (line 2) /orders/**\n"
		  "    fits too, but in segment 2 of the path, a part \"{}.json\" goes before **\n"
		  "  apis.everything (line 12) /**\n"
		  "    fits too, but host api.example.com (exact) goes before any\n"
		  "  apis.elsewhere (line 15) /orders/**\n"
		  "    host: is not b.example.org\n" },
		{ "POST x.example.com/orders/7?n=1 X-Beta: yes|Cookie: old=1",
		  "matched apis.orders.routes.beta (line 8)\n"
		  "  host        *.example.com (a wildcard)\n"
		  "  path        /orders/{id}\n"
		  "  parameters  id = 7\n"
		  "  conditions  3: the API's methods; header X-Beta = \"yes\"; query n matches ~^[0-9]+$\n"
		  "  why         before apis.orders.routes.old (line 9): 3 conditions go before 2\n"
		  "near misses\n"
		  "  apis.orders.routes.cancel (line 7) /orders/{id}\n"
		  "    method: is not DELETE\n"
		  "  apis.orders.routes.old (line 9) /orders/{id}\n"
		  "    fits too, but 3 conditions go before 2\n"
		  "  apis.orders (line 2) /orders/**\n"
		  "    fits too, but an API's own rule counts only where none of its routes fits\n"
		  "  apis.orders.routes.digits (line 10) /orders ~^/(?<number>[0-9]+)$\n"
		  "    fits too, but in segment 2 of the path, {} goes before a regular expression\n"
		  "  apis.everything (line 12) /**\n"
		  "    method: is not GET\n"
		  "  apis.elsewhere (line 15) /orders/**\n"
		  "    host: is not b.example.org\n" },
		{ "GET other.org/same/x",
		  "matched apis.same.routes.a (line 13)\n"
		  "  host        any\n"
		  "  path        /same/x\n"
		  "  conditions  1: query a is absent\n"
		  "  why         before apis.same.routes.b (line 14): the order in the file decides\n"
		  "near misses\n"
		  "  apis.same.routes.b (line 14) /same/x\n"
		  "    fits too, but the order in the file decides\n"
		  "  apis.same (line 13) /same/**\n"
		  "    fits too, but in segment 2 of the path, a literal \"x\" goes before **\n"
		  "  apis.everything (line 12) /**\n"
		  "    fits too, but in segment 1 of the path, a literal \"same\" goes before **\n" },
		{ "PUT other.org/orders/1", "no route: only the method is wrong; allowed: GET\n"
					    "near misses\n"
					    "  apis.everything (line 12) /**\n"
					    "    method: is not GET\n"
					    "  apis.elsewhere (line 15) /orders/**\n"
					    "    host: is not b.example.org\n" },
	};
	struct route_testing testing;

	(void)state;
	route_testing_open(&testing, yaml);
	assert_false(failed(testing.outcome));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		route_testing_ask(&testing, rows[i].ask);
		if (strcmp(route_testing_explain(&testing), rows[i].explained) != 0)
			fail_msg("%s:\n%sis not\n%s", rows[i].ask, testing.printed, rows[i].explained);
	}
	route_testing_close(&testing);
}

static void explains_that_nothing_fits(void **state)
{
	static const struct row rows[] = {
		{ "GET h/v/a/x", "no route\n  no rule's path fits; some begin with /v/a\n" },
		{ "GET h/w", "no route\n  no rule's path fits\n" },
		{ "OPTIONS h*", "no route\n  no rule's path fits\n" },
		{ "GET h/v/a/b", "no route\n"
				 "near misses\n"
				 "  apis.v.routes.r (line 5) /v/a/b\n"
				 "    not so: header X-A is present\n" },
	};
	struct route_testing testing;

	(void)state;
	/* An API whose own rule is never right. */
	route_testing_open(&testing, "apis:\n"
				     "  v:\n"
				     "    path: /v/a\n"
				     "    routes:\n"
				     "      r: { match: { path: /b, headers: { X-A: '*' } } }\n");
	assert_false(failed(testing.outcome));
	router_free(&testing.router);
	assert_false(failed(
		router_compile(&testing.arena, testing.diagnostics, testing.rules + 1, 1, &testing.router)));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		route_testing_ask(&testing, rows[i].ask);
		assert_string_equal(route_testing_explain(&testing), rows[i].explained);
	}
	route_testing_close(&testing);
}

static void explains_that_a_limit_was_reached(void **state)
{
	struct route_testing testing;

	(void)state;
	route_testing_open(
		&testing,
		"apis:\n"
		"  v: { path: /v, routes: { r: { match: { path: /a, headers: { X-A: '~^(a+)+$' } } } } }\n");
	route_testing_ask(&testing, "GET h/v/a X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
	assert_string_equal(route_testing_explain(&testing),
			    "no route: a limit was reached, so nothing was decided\n"
			    "near misses\n"
			    "  apis.v.routes.r (line 2) /v/a\n"
			    "    not so: header X-A matches ~^(a+)+$ (gave up at a limit)\n");
	route_testing_close(&testing);
}

static void lists_so_many_and_no_more(void **state)
{
	char text[16384];
	struct buf b = buf_over(text, sizeof text);
	struct route_testing testing;

	(void)state;
	buf_put(&b, STR("apis: { v: { routes: {"));
	for (uint64_t i = 0; i < 300; i++) {
		buf_put(&b, i ? STR(", r") : STR(" r"));
		buf_put_u64(&b, i);
		buf_put(&b, STR(": { match: { query: { n: x"));
		buf_put_u64(&b, i);
		buf_put(&b, STR(" } } }"));
	}
	buf_put(&b, STR(" } } }\0"));
	buf_put_char(&b, 0);
	route_testing_open(&testing, text);
	assert_false(failed(testing.outcome));
	route_testing_ask(&testing, "GET h/?n=x299");
	assert_string_equal(route_testing_answer(&testing), "v.r299");
	route_testing_explain(&testing);
	assert_non_null(strstr(testing.printed, "  and 280 more\n"));
	route_testing_close(&testing);
}

/* What is explained is what is done. */
static void agrees_with_the_match(void **state)
{
	static const char *const asks[] = {
		"GET api.example.com/orders/1",
		"DELETE b.example.com/orders/x.json",
		"GET b.example.org/orders",
		"GET h/same/x",
		"POST h/same/x?a=1",
	};
	struct route_testing testing;

	(void)state;
	route_testing_open(&testing, yaml);
	for (size_t i = 0; i < COUNT_OF(asks); i++) {
		char want[128];

		route_testing_ask(&testing, asks[i]);
		assert_int_equal(testing.match.outcome, ROUTE_FOUND);
		snprintf(want, sizeof want, "matched apis.%.*s%s%.*s (", STR_ARG(testing.match.rule->api),
			 testing.match.rule->route.len ? ".routes." : "", STR_ARG(testing.match.rule->route));
		assert_memory_equal(route_testing_explain(&testing), want, strlen(want));
	}
	route_testing_close(&testing);
}

/* What only some know, or what came from outside. */
static void secrets_are_not_told(void **state)
{
	struct route_testing testing;
	const char *told;

	(void)state;
	route_testing_open(
		&testing,
		"apis: { a: { routes: {\n"
		"  one: { match: { headers: { X-Api-Key: key-1 } } },\n"
		"  two: { match: { query: { token: '~^key-2$' }, cookies: { plain: word } } } } } }\n");
	assert_false(failed(testing.outcome));
	route_testing_ask(&testing, "GET h/?token=key-2 Cookie: plain=word");
	told = route_testing_explain(&testing);
	assert_non_null(strstr(told, "conditions  2: query token matches ***; cookie plain = \"word\"\n"));
	assert_non_null(strstr(told, "not so: header X-Api-Key = \"***\"\n"));
	route_testing_close(&testing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(explains),
		cmocka_unit_test(secrets_are_not_told),
		cmocka_unit_test(explains_that_nothing_fits),
		cmocka_unit_test(explains_that_a_limit_was_reached),
		cmocka_unit_test(lists_so_many_and_no_more),
		cmocka_unit_test(agrees_with_the_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

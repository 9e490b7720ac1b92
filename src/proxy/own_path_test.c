/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: an API with a login, and what is said of where its callback and its logout are. */
#include <stdio.h>

#include "base/testing.h"
#include "proxy/snapshot.h"

enum { PRINTED_MAX = 8192 };

#define OIDC(more)                                                                        \
	"oidc: { issuer: \"https://id.test\", client_id: a, client_secret: b, cookie: { " \
	"secret: 0123456789abcdef0123456789abcdef }" more " }"
#define LOGIN OIDC("")
#define OF_ROUTE(match, login) "upstream: u, routes: { r: { match: " match ", policies: [ " login " ] } }"

static const struct {
	const char *api, *callback, *logout; /* NULL: nothing is said of it; else the message begins so */
	const char *who;                     /* what is said of both */
} rows[] = {
	/* Where it belongs. */
	{ "upstream: u, policies: [ " LOGIN " ]", NULL, NULL, "" },
	{ "path: /shop, upstream: u, policies: [ " LOGIN " ]", NULL, NULL, "" },
	{ "hosts: [\"*.shop.test\"], upstream: u, policies: [ " LOGIN " ]", NULL, NULL, "" },
	{ "hosts: [a.test, \"*\"], upstream: u, policies: [ " LOGIN " ]", NULL, NULL, "" },
	{ "upstream: u, policies: [ any_of: [ " LOGIN " ] ]", NULL, NULL, "" },
	{ OF_ROUTE("{ path: \"/**\" }", LOGIN), NULL, NULL, "" },
	{ OF_ROUTE("{ path: \"/app/**\" }", OIDC(", callback: /app/back, logout: /app/out")), NULL, NULL,
	  "" },
	/* A route of its own, with the same policy by name. */
	{ "upstream: u, routes: { a: { match: { path: \"/app/**\" }, policies: [ use: login ] }, b: { match: "
	  "{ "
	  "path: \"/oidc/**\" }, policies: [ use: login ] }, c: { match: { path: /logout }, policies: [ use: "
	  "login ] } }",
	  NULL, NULL, "" },
	/* Nobody is sent to log in there. */
	{ "methods: [POST], upstream: u, policies: [ " LOGIN " ]", NULL, NULL, "" },
	{ OF_ROUTE("{ path: /x, methods: [PUT] }", LOGIN), NULL, NULL, "" },
	{ OF_ROUTE("{ path: /x }", "{ " LOGIN ", report: true }"), NULL, NULL, "" },

	{ OF_ROUTE("{ path: \"/app/**\" }", LOGIN),
	  "error: apis.x.routes.r.policies[0].oidc: callback is at "
	  "/oidc/callback, where it is never asked: ",
	  "warning: apis.x.routes.r.policies[0].oidc: logout is at /logout", "API \"x\" takes it, without" },
	{ "path: /shop, " OF_ROUTE("{ path: \"/app/**\" }", LOGIN), "error: ", "warning: ", "at /shop/" },
	{ OF_ROUTE("{ path: /app }", OIDC(", callback: /back, logout: /out")),
	  "error: apis.x.routes.r.policies[0].oidc.callback: callback is at /back",
	  "error: apis.x.routes.r.policies[0].oidc.logout: logout is at /out", "want a path, beneath" },
	{ OF_ROUTE("{ path: \"/app/**\" }", OIDC(", callback: /app/back")), NULL, "warning: ", "" },
	{ "upstream: u, policies: [ " LOGIN
	  " ], routes: { o: { match: { path: \"/oidc/**\" }, without: [oidc] } "
	  "}",
	  "error: ", NULL, "route \"o\" of API \"x\" takes it, without this policy" },
	{ "path: \"/{tenant}/shop\", upstream: u, policies: [ " LOGIN " ]",
	  "error: ", "warning: ", "no route takes it" },
	{ "upstream: u, policies: [ " LOGIN
	  " ], routes: { o: { match: { path: \"/oidc/**\", methods: [POST] } } "
	  "}",
	  NULL, NULL, "" },
	{ OF_ROUTE("{ path: /app }", "any_of: [ " LOGIN " ]"), "error: ", "warning: ", "" },
	/* Whether it is there depends on the request. */
	{ OF_ROUTE("{ path: \"/app/**\", headers: { X-Beta: \"yes\" } }", LOGIN),
	  "warning: ", "warning: ", "callback is at /oidc/callback" },
	{ "upstream: u, routes: { r: { match: { headers: { X-Beta: \"yes\" } }, policies: [ " LOGIN " ] } }",
	  "warning: ", "warning: ", "" },
};

/* The message about one of the two: from its severity on. NULL: none. */
static const char *find(const char *printed, const char *what)
{
	const char *found = strstr(printed, what), *line = found;

	while (line && line > printed && line[-1] != '\n')
		line--;
	if (!line || !strstr(line, ": error: ") || strstr(line, ": error: ") > found)
		return line ? strstr(line, "warning: ") : NULL;
	return strstr(line, "error: ");
}

static void check(const char *printed, const char *what, const char *want, const char *api)
{
	const char *message = find(printed, what);

	if (!message != !want || (want && strncmp(message, want, strlen(want)) != 0))
		fail_msg("%s: %s", api, printed);
}

static void both_lead_to_the_policy(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct identities identities = { 0 };
		struct diagnostics *diagnostics;
		struct snapshot *snapshot;
		char text[PRINTED_MAX], printed[PRINTED_MAX] = "";
		FILE *to = fmemopen(printed, sizeof printed, "w");
		result_value compiled;

		assert_non_null(to);
		identities_init(&identities);
		snprintf(text, sizeof text,
			 "listeners: { a: { address: \"127.0.0.1:0\" } }\n"
			 "upstreams: { u: { endpoints: [\"u:1\"] } }\n"
			 "policies: { login: { " LOGIN " } }\n"
			 "apis: { x: { %s } }\n",
			 rows[i].api);
		compiled = snapshot_parse(STR("t.yaml"), str_of(text), &identities, &diagnostics, &snapshot);
		if (!rows[i].callback && !rows[i].logout && failed(compiled))
			fail_msg("%s: %s", rows[i].api, compiled.why);
		diagnostics_print(diagnostics, to);
		fclose(to);
		check(printed, "callback is at", rows[i].callback, rows[i].api);
		check(printed, "logout is at", rows[i].logout, rows[i].api);
		if (!strstr(printed, rows[i].who))
			fail_msg("%s: %s", rows[i].api, printed);
		snapshot_unref(&snapshot);
		identities_fini(&identities);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(both_lead_to_the_policy) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

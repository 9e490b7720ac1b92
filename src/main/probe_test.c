/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked about each kind of rule; and that a rule which stands alone answers each of its own
 * questions.
 */
#include "base/testing.h"
#include "main/load.h"
#include "main/probe.h"

#define HEAD                                               \
	"listeners: { a: { address: \"127.0.0.1:0\" } }\n" \
	"upstreams: { u: { endpoints: [\"10.0.0.5:80\"] } }\n"

static const struct {
	const char *api, *want; /* the questions about its route r, or else about its own rule */
} rows[] = {
	{ "path: /a", "GET http://gw-probe.invalid/a\nGET http://gw-probe.invalid/a/gw-probe\n" },
	{ "path: /", "GET http://gw-probe.invalid/\nGET http://gw-probe.invalid/gw-probe\n" },
	{ "path: /a, methods: [PUT, X-Y], routes: { r: { match: { path: /b } } }",
	  "PUT http://gw-probe.invalid/a/b\nX-Y http://gw-probe.invalid/a/b\n" },
	{ "path: /a, methods: [PUT, GET], routes: { r: { match: { path: /b, methods: [GET] } } }",
	  "GET http://gw-probe.invalid/a/b\n" },
	{ "hosts: [B.test, \"*.c.test\"], routes: { r: { match: { path: \"/{id}\" } } }",
	  "GET http://b.test/gw-probe\nGET http://gw-probe.c.test/gw-probe\n" },
	{ "hosts: [\"*.c.test\"], routes: { r: { match: { path: /x, hosts: [a.c.test] } } }",
	  "GET http://a.c.test/x\n" },
	{ "path: /a, routes: { r: { match: { path: \"/*/{id}.json/p{x}q\" } } }",
	  "GET http://gw-probe.invalid/a/gw-probe/gw-probe.json/pgw-probeq\n" },
	{ "path: /a, routes: { r: { match: { path: \"/b/**\" } } }",
	  "GET http://gw-probe.invalid/a/b\nGET http://gw-probe.invalid/a/b/gw-probe\n" },
	{ "path: /a, routes: { r: { match: { path: / } } }", "GET http://gw-probe.invalid/a\n" },
	{ "path: /a, routes: { r: { match: { path: /b, query: { v: \"1\", w: \"*\", x: \"!\" } } } }",
	  "GET http://gw-probe.invalid/a/b?v=1&w=gw-probe\nGET "
	  "http://gw-probe.invalid/a/b?v=1&w=gw-probe\n" },
	{ "path: /a, routes: { r: { match: { path: /b, headers: { X: y }, cookies: { c: d } } } }",
	  "GET http://gw-probe.invalid/a/b\nGET http://gw-probe.invalid/a/b\n" },
	{ "path: /a, routes: { r: { match: { path: /b, client_ip: [10.0.0.0/8] } } }",
	  "GET http://gw-probe.invalid/a/b\n" },
	/* Nothing can be asked. */
	{ "path: /a, routes: { r: { match: { path: \"~^/x$\" } } }", "" },
	{ "path: /a, routes: { r: { match: { path: /b, headers: { X: \"~y\" } } } }", "" },
	{ "path: /a, routes: { r: { match: { path: /b, query: { X: \"~y\" } } } }", "" },
	{ "path: /a, routes: { r: { match: { path: /b, cookies: { X: \"~y\" } } } }", "" },
};

struct scene {
	struct loaded loaded;
	struct arena arena;
	struct probes probes;
	struct route_scratch *scratch;
	const struct route_rule *rule;
	str asked;
};

static void on_probe(void *self, const struct probe *probe)
{
	struct scene *scene = self;
	struct route_request request = probe_request(probe);
	struct route_match match;
	str question = probe_print(&scene->arena, probe);

	scene->asked = arena_printf(&scene->arena, "%.*s%.*s\n", STR_ARG(scene->asked), STR_ARG(question));
	router_match(scene->loaded.snapshot->router, scene->scratch, &request, &match);
	if (match.outcome != ROUTE_FOUND || match.rule != scene->rule)
		fail_msg("%.*s is answered by somebody else", STR_ARG(question));
}

static void check_row(size_t i)
{
	struct scene scene = { 0 };
	str text;
	size_t count;

	arena_init(&scene.arena, NULL, 1 << 24);
	text = arena_printf(&scene.arena, HEAD "apis: { a: { upstream: u, %s } }\n", rows[i].api);
	assert_true(load_text(STR("t.yaml"), text, &scene.loaded));
	scene.scratch = route_scratch_new();
	probes_init(&scene.probes, &scene.arena);
	probes_learn(&scene.probes, scene.loaded.snapshot->rules, scene.loaded.snapshot->rule_count);
	scene.rule = &scene.loaded.snapshot->rules[scene.loaded.snapshot->rule_count - 1];
	if (str_contains(str_of(rows[i].api), STR("routes")) && !scene.rule->route.len)
		scene.rule = &scene.loaded.snapshot->rules[0];
	count = probes_make(&scene.probes, scene.rule, on_probe, &scene);
	if (!str_eq(scene.asked, str_of(rows[i].want)))
		fail_msg("row %zu: want %s, got %.*s", i, rows[i].want, STR_ARG(scene.asked));
	assert_int_equal(count > 0, rows[i].want[0] != 0);
	route_scratch_free(&scene.scratch);
	unload(&scene.loaded);
	arena_fini(&scene.arena);
}

static void rules_are_asked_about(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(rules_are_asked_about) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

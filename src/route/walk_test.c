/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which rules are found, all of them, as a line of their names.
 */
#include "route/route_testing.h"
#include "route/router_private.h"

static const char yaml[] =
	"apis:\n"
	"  any: { path: /a }\n"
	"  wide:\n"
	"    hosts: ['*.x']\n"
	"    path: /a\n"
	"    routes:\n"
	"      re: { match: { path: '~b' } }\n"
	"      all: { match: { path: '/**', query: { q: '*' } } }\n"
	"      star: { match: { path: '/*' } }\n"
	"      name: { match: { path: '/{n}' } }\n"
	"      part: { match: { path: '/{n}b' } }\n"
	"      deep: { match: { path: '/*/c' } }\n"
	"      lit: { match: { path: /bb } }\n"
	"      cond: { match: { path: '/{n}', headers: { X-A: '1' } } }\n"
	"      first: { match: { path: '~^/b', methods: [GET] } }\n"
	"  narrow: { hosts: ['*.y.x'], path: /, routes: { n: { match: { path: '/{p}/{q}' } } } }\n"
	"  exact: { hosts: [z.y.x], path: / }\n";

struct fixture {
	struct route_testing testing;
	char line[512];
};

static int open_fixture(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	route_testing_open(&fixture->testing, yaml);
	assert_false(failed(fixture->testing.outcome));
	*state = fixture;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *fixture = *state;

	route_testing_close(&fixture->testing);
	free(fixture);
	return 0;
}

static struct walk *start(struct fixture *fixture, const char *host, const char *path)
{
	struct decision decision;

	fixture->testing.request = (struct route_request) { .method = STR("GET"),
							    .host = str_of(host),
							    .path = str_of(path),
							    .fields = &fixture->testing.fields };
	decision_start(&decision, fixture->testing.router, fixture->testing.scratch,
		       &fixture->testing.request);
	return &fixture->testing.scratch->walk;
}

static void put_rule(struct buf *line, const struct walk *walk, const struct rule *rule)
{
	if (line->len)
		buf_put(line, STR(" "));
	buf_put(line, rule->is_own ? rule->source->api : rule->source->route);
	for (size_t i = 0; i < walk->value_count; i++) {
		buf_put(line, STR("="));
		buf_put(line, walk->values[i]);
	}
}

static str found(struct fixture *fixture, const char *host, const char *path)
{
	struct walk *walk = start(fixture, host, path);
	struct buf line = buf_over(fixture->line, sizeof fixture->line);
	const struct rule *rule;

	while ((rule = walk_next(walk)))
		put_rule(&line, walk, rule);
	return buf_str(&line);
}

static void rules_come_in_order(void **state)
{
	static const struct {
		const char *host, *path, *want;
	} rows[] = {
		{ "h", "/a", "any" },
		{ "h", "/a/bb", "any" },
		{ "h", "/b", "" },
		{ "h", "a", "" },
		{ "h", "", "" },
		{ "h", "*", "" },
		{ "k.x", "/a", "all wide any" },
		{ "k.x", "/a/bb", "lit part=b cond=bb name=bb star all wide first re any" },
		{ "k.x", "/a/b", "cond=b name=b star all wide first re any" },
		{ "k.x", "/a/ab", "part=a cond=ab name=ab star all wide re any" },
		{ "k.x", "/a/q/c", "deep all wide any" },
		{ "k.x", "/a/q/c/", "all wide any" },
		{ "k.x", "/a/", "all wide any" },
		{ "y.x", "/a/q", "cond=q name=q star all wide any" },
		{ "k.y.x", "/a/q", "n=a=q narrow cond=q name=q star all wide any" },
		{ "z.y.x", "/a/q", "exact n=a=q narrow cond=q name=q star all wide any" },
		{ "z.y.x", "/", "exact narrow" },
		{ "y.z.y.x", "/", "narrow" },
		{ "x", "/a", "any" },
		{ ".x", "/a", "any" },
		{ "", "/a", "any" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_text(found(*state, rows[i].host, rows[i].path), rows[i].want);
}

/* What is left of one walk does not show in the next. */
static void a_walk_can_be_left_anywhere(void **state)
{
	struct fixture *fixture = *state;

	for (size_t steps = 0; steps < 10; steps++) {
		struct walk *walk = start(fixture, "k.x", "/a/bb");

		for (size_t i = 0; i < steps; i++)
			assert_true(walk_next(walk) || i >= 9);
		walk_stop(walk);
		assert_text(found(fixture, "k.x", "/a/ab"), "part=a cond=ab name=ab star all wide re any");
	}
}

static void one_tree_can_be_walked_alone(void **state)
{
	struct fixture *fixture = *state;
	struct walk *walk = start(fixture, "h", "/a/bb");
	struct buf line = buf_over(fixture->line, sizeof fixture->line);
	const struct rule *rule;

	while (walk_next(walk))
		;
	walk_start_at(walk, map_get(&fixture->testing.router->hosts.wildcards, STR("y.x")));
	while ((rule = walk_next(walk)))
		put_rule(&line, walk, rule);
	assert_text(buf_str(&line), "n=a=bb narrow");
}

static void siblings_are_those_of_the_same_api(void **state)
{
	struct fixture *fixture = *state;
	struct walk *walk = start(fixture, "k.x", "/a/bb");
	const struct rule *rule, *sibling;

	while ((rule = walk_next(walk)) && !(rule->is_own && str_eq(rule->source->api, STR("wide"))))
		;
	assert_non_null(rule);
	assert_text(walk_relative_path(walk), "/bb");
	assert_true(walk_siblings_start(walk));
	sibling = walk_siblings_next(walk, rule);
	assert_text(sibling->source->route, "first");
	walk_siblings_stop(walk);
	/* The walk goes on as if nothing had been. */
	assert_text(walk_next(walk)->source->route, "first");
	assert_text(walk_next(walk)->source->route, "re");
	rule = walk_next(walk);
	assert_text(rule->source->api, "any");
	assert_false(walk_siblings_start(walk));
	assert_null(walk_next(walk));
}

static void the_path_behind_is_never_empty(void **state)
{
	struct fixture *fixture = *state;
	struct walk *walk = start(fixture, "k.x", "/a");

	assert_non_null(walk_next(walk));
	assert_text(walk_relative_path(walk), "/");
}

static void the_farthest_beginning_is_kept(void **state)
{
	static const struct {
		const char *path;
		size_t farthest;
	} rows[] = { { "/b/c", 0 }, { "/a", 2 }, { "/a/q", 4 }, { "/a/q/c/d", 6 }, { "/a/q/d/e", 4 } };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		found(fixture, "k.x", rows[i].path);
		assert_row(fixture->testing.scratch->walk.farthest == rows[i].farthest, i, rows[i].path);
	}
}

#define FIXED(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXED(rules_come_in_order),
		FIXED(a_walk_can_be_left_anywhere),
		FIXED(one_tree_can_be_walked_alone),
		FIXED(siblings_are_those_of_the_same_api),
		FIXED(the_path_behind_is_never_empty),
		FIXED(the_farthest_beginning_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "route/tree.h"

enum { RULES_MAX = 64, LISTS_MAX = 2 };

struct fixture {
	struct arena arena;
	struct tree tree;
	struct tree_node *root;
	struct rule rules[RULES_MAX];
	size_t count;
	struct leaf *const *lists[LISTS_MAX]; /* that the last rule was put into */
	size_t list_count;
};

static int open_fixture(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	arena_init(&fixture->arena, NULL, SIZE_MAX);
	tree_init(&fixture->tree, &fixture->arena, 0);
	fixture->root = tree_root(&fixture->tree);
	*state = fixture;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *fixture = *state;

	arena_fini(&fixture->arena);
	free(fixture);
	return 0;
}

static void place(void *context, struct leaf *const *list, struct rule *rule)
{
	struct fixture *fixture = context;

	assert_ptr_equal(rule, &fixture->rules[fixture->count - 1]);
	fixture->lists[fixture->list_count++] = list;
}

static struct rule *add(struct fixture *fixture, const char *path, uint32_t weight)
{
	struct rule *rule = &fixture->rules[fixture->count];
	struct pattern pattern;
	str why;

	assert_true(pattern_start(&fixture->arena, STR(""), &pattern, &why));
	assert_true(pattern_extend(&fixture->arena, &pattern, str_of(path), &why));
	rule->weight = weight;
	rule->order = (uint32_t)fixture->count++;
	fixture->list_count = 0;
	tree_add(&fixture->tree, fixture->root, &pattern, rule, place, fixture);
	return rule;
}

static void equal_paths_share_a_list(void **state)
{
	static const struct {
		const char *a, *b;
		bool is_shared;
	} rows[] = {
		{ "/a", "/a", true },
		{ "/a", "/b", false },
		{ "/a", "/a/", false },
		{ "/a", "/a/**", false },
		{ "/{x}", "/{y}", true },
		{ "/{x}", "/*", false },
		{ "/{x}/a", "/{y}/a", true },
		{ "/{x}.json", "/{y}.json", true },
		{ "/{x}.json", "/{x}.yaml", false },
		{ "/{x}.json", "/x.json", false },
		{ "/{x}-{y}", "/{a}-{b}", true },
		{ "/{x}-{y}", "/{x}+{y}", false },
		{ "/**", "/**", true },
		{ "/**", "", true },
		{ "/%61", "/a", true },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct leaf *const *list;

		add(fixture, rows[i].a, 0);
		assert_int_equal(fixture->list_count, 1);
		list = fixture->lists[0];
		add(fixture, rows[i].b, 0);
		assert_row((fixture->lists[0] == list) == rows[i].is_shared, i, rows[i].b);
	}
}

static void a_slash_stands_in_two_lists(void **state)
{
	struct fixture *fixture = *state;
	struct rule *rule = add(fixture, "/", 0);

	assert_int_equal(fixture->list_count, 2);
	assert_ptr_equal((*fixture->lists[0])->rule, rule);
	assert_ptr_equal((*fixture->lists[1])->rule, rule);
	assert_ptr_not_equal(*fixture->lists[0], *fixture->lists[1]);
}

static void lists_are_sorted(void **state)
{
	static const uint32_t weights[] = { 1, 3, 0, 3, 2 };
	static const size_t want[] = { 1, 3, 4, 0, 2 };
	static const char *const paths[] = { "/a", "/a/**", "~a" };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		const struct rule *first = &fixture->rules[fixture->count];
		const struct leaf *leaf;

		for (size_t j = 0; j < COUNT_OF(weights); j++)
			add(fixture, paths[i], weights[j])->regex_text = STR("a");
		tree_finish(&fixture->tree);
		leaf = *fixture->lists[0];
		for (size_t j = 0; j < COUNT_OF(want); j++, leaf = leaf->next)
			assert_ptr_equal(leaf->rule, &first[want[j]]);
		assert_null(leaf);
	}
}

static void literals_are_found(void **state)
{
	static const char *const paths[] = { "/a/b", "/a/c", "/{x}.b", "/ab", "/a/" };
	struct fixture *fixture = *state;
	const struct tree_node *a, *b;

	assert_null(tree_literal(&fixture->tree, fixture->root, STR("a")));
	add(fixture, paths[0], 0);
	/* An only child, and then one of several. */
	a = tree_literal(&fixture->tree, fixture->root, STR("a"));
	assert_non_null(a);
	assert_null(tree_literal(&fixture->tree, fixture->root, STR("b")));
	b = tree_literal(&fixture->tree, a, STR("b"));
	assert_non_null(b);
	for (size_t i = 1; i < COUNT_OF(paths); i++)
		add(fixture, paths[i], 0);
	assert_ptr_equal(tree_literal(&fixture->tree, fixture->root, STR("a")), a);
	assert_ptr_equal(tree_literal(&fixture->tree, a, STR("b")), b);
	assert_non_null(tree_literal(&fixture->tree, a, STR("c")));
	assert_non_null(tree_literal(&fixture->tree, a, STR("")));
	assert_non_null(tree_literal(&fixture->tree, fixture->root, STR("ab")));
	/* A part is not found by its shape, nor a child by what is beneath. */
	assert_null(tree_literal(&fixture->tree, fixture->root, STR("{}.b")));
	assert_null(tree_literal(&fixture->tree, fixture->root, STR("b")));
	assert_null(tree_literal(&fixture->tree, fixture->root, STR("")));
	assert_null(tree_literal(&fixture->tree, b, STR("b")));
}

/* Shapes in the order in which a segment finds them. */
static void parts_are_found_in_order(void **state)
{
	static const char *const paths[] = { "/{x}b{y}", "/{x}a{y}",  "/{x}c",  "/{x}.json", "/v{x}",
					     "/v{x}.js", "/{x}bb{y}", "/{x}on", "/{x}" };
	static const struct {
		const char *text, *shapes;
	} rows[] = {
		{ "v1.json", "{}.json {}on v{} " },
		{ "v1.js", "v{}.js v{} " },
		{ "1abba", "{}bb{} {}a{} {}b{} " },
		{ "abc", "{}c {}b{} " },
		{ "c", "" },
		{ "v", "" },
		{ "", "" },
		{ "vc", "v{} {}c " },
	};
	struct fixture *fixture = *state;
	char room[256];

	for (size_t i = 0; i < COUNT_OF(paths); i++)
		add(fixture, paths[i], 0);
	tree_finish(&fixture->tree);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf found = buf_over(room, sizeof room);
		str values[ROUTE_PARAMETERS_MAX], text = str_of(rows[i].text);

		for (const struct part_group *group = fixture->root->branches->parts; group;
		     group = group->next)
			for (const struct node_part *part = tree_parts(&fixture->tree, group, text); part;
			     part = part->next)
				if (segment_takes(&part->segment, text, values)) {
					buf_put(&found, part->segment.text);
					buf_put(&found, STR(" "));
				}
		assert_text(buf_str(&found), rows[i].shapes);
	}
}

/* One literal at most is entered, all else in addition. */
static void the_walk_is_bounded(void **state)
{
	static const struct {
		const char *path;
		uint32_t most; /* after it was added */
	} rows[] = {
		{ "/**", 1 },    { "/a", 2 }, { "/b/c/d", 4 }, { "/c", 4 },        { "/{x}", 5 },
		{ "/{x}/a", 6 }, { "/*", 7 }, { "/{x}.a", 8 }, { "/{x}.b/c", 10 }, { "/{x}/b/c/d/e", 13 },
		{ "~a", 13 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fixture *fixture;

		close_fixture(state);
		open_fixture(state);
		fixture = *state;
		for (size_t j = 0; j <= i; j++)
			add(fixture, rows[j].path, 0)->regex_text = STR("a");
		tree_finish(&fixture->tree);
		assert_row(tree_walk_max(fixture->root) == rows[i].most, i, rows[i].path);
	}
}

static void trees_do_not_mix(void **state)
{
	struct fixture *fixture = *state;
	struct tree_node *first = fixture->root, *second = tree_root(&fixture->tree);

	add(fixture, "/a", 0);
	fixture->root = second;
	assert_null(tree_literal(&fixture->tree, second, STR("a")));
	add(fixture, "/a", 0);
	add(fixture, "/b", 0);
	assert_ptr_not_equal(tree_literal(&fixture->tree, first, STR("a")),
			     tree_literal(&fixture->tree, second, STR("a")));
	assert_null(tree_literal(&fixture->tree, first, STR("b")));
}

#define FIXED(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXED(equal_paths_share_a_list), FIXED(a_slash_stands_in_two_lists),
		FIXED(lists_are_sorted),         FIXED(literals_are_found),
		FIXED(parts_are_found_in_order), FIXED(the_walk_is_bounded),
		FIXED(trees_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

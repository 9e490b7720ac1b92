/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "route/regex_set.h"

enum { RULES_MAX = 8 };

struct fixture {
	struct arena arena;
	struct regex_table table;
	struct regex_scratch scratch;
	struct marks marks;
	struct rule rules[RULES_MAX];
	const struct rule *pointers[RULES_MAX];
};

static int open_fixture(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	arena_init(&fixture->arena, NULL, SIZE_MAX);
	regex_table_init(&fixture->table, &fixture->arena);
	regex_scratch_init(&fixture->scratch);
	*state = fixture;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *fixture = *state;

	regex_scratch_fini(&fixture->scratch);
	regex_table_fini(&fixture->table);
	arena_fini(&fixture->arena);
	free(fixture);
	return 0;
}

static struct regex_set *set_of(struct fixture *fixture, const char *const *expressions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct rule *rule = &fixture->rules[i];
		struct regex *regex;
		str why;

		rule->regex_text = str_of(expressions[i]);
		assert_true(regex_compile_split(&fixture->table, rule->regex_text, &rule->regex_prefix,
						&regex, &why));
		rule->regex = regex;
		fixture->pointers[i] = rule;
	}
	return regex_set_new(&fixture->arena, fixture->pointers, count);
}

/* The numbers of the rules that match, in the order given. */
static const char *matching(struct fixture *fixture, const struct regex_set *set, const char *subject,
			    char *room)
{
	const struct rule *rule;
	bool is_limited = false;
	size_t len = 0;

	regex_set_start(set, str_of(subject), &fixture->marks);
	while ((rule = regex_set_next(set, str_of(subject), &fixture->marks, &fixture->scratch, &is_limited)))
		room[len++] = (char)('0' + (rule - fixture->rules));
	if (is_limited)
		room[len++] = '!';
	room[len] = 0;
	return room;
}

static void finds_all_that_match_in_order(void **state)
{
	static const char *const expressions[] = { "item2$",      "^/svc1/item", "^/(a|b)$",    "^/svc2/item",
						   "^/svc1/.*2$", ".*",          "^/svc1/item$" };
	static const struct {
		const char *subject, *want;
	} rows[] = {
		{ "/svc1/item2", "0145" },
		{ "/svc1/item", "156" },
		{ "/svc2/item2", "035" },
		{ "/b", "25" },
		{ "/svc1/x2", "45" },
		{ "/svc3", "5" },
		{ "", "5" },
	};
	struct fixture *fixture = *state;
	char room[RULES_MAX + 2];

	/* A large set, which looks for texts first, and small ones, which do not. */
	for (size_t count = COUNT_OF(expressions); count; count--) {
		const struct regex_set *set = set_of(fixture, expressions, count);

		for (size_t i = 0; i < COUNT_OF(rows); i++) {
			char want[RULES_MAX + 2];
			size_t len = 0;

			for (const char *c = rows[i].want; *c; c++)
				if ((size_t)(*c - '0') < count)
					want[len++] = *c;
			want[len] = 0;
			assert_string_equal(matching(fixture, set, rows[i].subject, room), want);
		}
	}
}

static void ends_at_a_limit(void **state)
{
	static const char *const expressions[] = { "^/a", "^/(a+)+$", "b$", "b", "/" };
	struct fixture *fixture = *state;
	const struct regex_set *set = set_of(fixture, expressions, COUNT_OF(expressions));
	char room[RULES_MAX + 2];
	uint32_t number;

	assert_string_equal(matching(fixture, set, "/aaaaab", room), "0234");
	assert_string_equal(matching(fixture, set, "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", room), "0!");
	assert_false(marks_take(&fixture->marks, &number));
	assert_string_equal(matching(fixture, set, "/aaaaab", room), "0234");
}

static void counts_what_is_always_tried(void **state)
{
	static const char *const expressions[] = { "ab", ".*", "[0-9]+", "cd", "a|b", "x/y" };
	struct fixture *fixture = *state;

	assert_int_equal(regex_set_always(set_of(fixture, expressions, 6)), 3);
	assert_int_equal(regex_set_always(set_of(fixture, expressions, 2)), 2);
}

#define FIXED(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXED(finds_all_that_match_in_order),
		FIXED(ends_at_a_limit),
		FIXED(counts_what_is_always_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

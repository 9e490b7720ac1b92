/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a difference of options means, what losing or gaining a policy means whatever its kind, and how lines
 * are sorted.
 */
#include "base/testing.h"
#include "main/diff_target.h"
#include "policy/list.h"

static const struct {
	struct field_difference difference;
	enum risk_direction weaker;
	enum risk want;
} options[] = {
	{ { .is_ordered = true, .before = 1, .after = 2 }, RISK_MORE, RISK_OPEN },
	{ { .is_ordered = true, .before = 2, .after = 1 }, RISK_MORE, RISK_TIGHT },
	{ { .is_ordered = true, .before = 1, .after = 2 }, RISK_FEWER, RISK_TIGHT },
	{ { .is_ordered = true, .before = 2, .after = 1 }, RISK_FEWER, RISK_OPEN },
	{ { .is_ordered = true, .before = 5, .after = 0 }, RISK_MORE, RISK_TIGHT },
	{ { .is_ordered = true, .before = 5, .after = 0 }, RISK_MORE_OR_NONE, RISK_OPEN },
	{ { .is_ordered = true, .before = 0, .after = 5 }, RISK_MORE_OR_NONE, RISK_TIGHT },
	{ { .is_ordered = true, .before = 4, .after = 5 }, RISK_MORE_OR_NONE, RISK_OPEN },
	{ { .is_ordered = true, .before = 5, .after = 4 }, RISK_MORE_OR_NONE, RISK_TIGHT },
	{ { .is_list = true, .added = 1, .count_before = 1, .count_after = 2 }, RISK_MORE, RISK_OPEN },
	{ { .is_list = true, .removed = 1, .count_before = 2, .count_after = 1 }, RISK_MORE, RISK_TIGHT },
	{ { .is_list = true, .added = 1, .removed = 1, .count_before = 1, .count_after = 1 },
	  RISK_MORE,
	  RISK_OPEN },
	{ { .is_list = true, .added = 1, .removed = 1, .count_before = 1, .count_after = 1 },
	  RISK_FEWER,
	  RISK_OPEN },
	{ { .is_list = true, .added = 1, .count_before = 1, .count_after = 2 }, RISK_FEWER, RISK_TIGHT },
	{ { .is_list = true, .count_before = 2, .count_after = 2 }, RISK_MORE, RISK_OTHER },
	{ { .is_list = true, .count_before = 2, .count_after = 2 }, RISK_FEWER, RISK_OTHER },
	{ { .is_list = true, .removed = 1, .count_before = 1 }, RISK_MORE, RISK_TIGHT },
	{ { .is_list = true, .removed = 1, .count_before = 1 }, RISK_MORE_OR_NONE, RISK_OPEN },
	{ { .is_list = true, .added = 1, .count_after = 1 }, RISK_MORE_OR_NONE, RISK_TIGHT },
	{ { .is_ordered = false }, RISK_MORE, RISK_OPEN }, /* nobody can tell */
	{ { .is_ordered = false }, RISK_FEWER, RISK_OPEN },
	{ { .count_before = 1 }, RISK_FEWER, RISK_OPEN },
	{ { .count_after = 1 }, RISK_FEWER, RISK_TIGHT },
	{ { .count_before = 1, .count_after = 1 }, RISK_FEWER, RISK_OPEN },
	{ { .count_before = 1 }, RISK_MORE, RISK_TIGHT },
	{ { .count_after = 1 }, RISK_MORE, RISK_OPEN },
	{ { .is_list = true, .added = 1, .removed = 1 }, RISK_FEWER_NAMES, RISK_OTHER },
	{ { .is_list = true, .added = 1, .names_added = 1 }, RISK_FEWER_NAMES, RISK_TIGHT },
	{ { .is_list = true, .removed = 1, .names_removed = 1 }, RISK_FEWER_NAMES, RISK_OPEN },
	{ { .is_list = true, .names_added = 1, .names_removed = 1 }, RISK_FEWER_NAMES, RISK_OPEN },
	{ { .is_list = true, .removed = 1, .added = 1, .names_lent = 1 }, RISK_FEWER_NAMES, RISK_OPEN },
	{ { .is_ordered = true, .before = 2, .after = 1 }, RISK_ANY, RISK_OPEN },
	{ { .count_before = 1, .count_after = 1, .names_added = 1 }, RISK_ANY_NAME, RISK_OPEN },
	{ { .is_list = true, .removed = 1, .names_removed = 1 }, RISK_ANY_NAME, RISK_OPEN },
	{ { .count_before = 1, .count_after = 1 }, RISK_ANY_NAME, RISK_OTHER },
	{ { .is_list = true, .removed = 1, .count_before = 1 }, RISK_ANY, RISK_OPEN },
};

static void options_have_a_direction(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(options); i++)
		if (risk_of_difference(&options[i].difference, options[i].weaker) != options[i].want)
			fail_msg("row %zu", i);
}

/* The option itself, or an object whose options it is about. */
static bool is_option(const struct field *fields, str path)
{
	str name = path, rest = { 0 };
	const struct field *field;

	str_cut(path, '.', &name, &rest);
	field = field_find(fields, name);
	return field && (!rest.len || (field->fields && is_option(field->fields, rest)));
}

static void risks_are_of_options_that_there_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < POLICIES; i++)
		for (const struct policy_risk *row = policies[i]->risks; row && row->option; row++)
			if (!is_option(policies[i]->fields, str_of(row->option)))
				fail_msg("%s.%s", policies[i]->name, row->option);
	assert_true(risk_is_of("from", STR("from")));
	assert_true(risk_is_of("from", STR("from.header")));
	assert_false(risk_is_of("from", STR("fromage")));
	assert_false(risk_is_of("from.header", STR("from")));
}

/* ---- chains ---- */

static const struct field no_fields[] = { FIELD_END };
static const struct policy_risk some[] = { { "x", RISK_MORE }, { 0 } };
static const struct policy kinds[] = {
	{ .name = "auth", .fields = no_fields, .authenticates = true },
	{ .name = "limit", .fields = no_fields, .risks = some },
	{ .name = "grant", .fields = no_fields, .risks = some, .grants = true },
	{ .name = "plain", .fields = no_fields },
	{ .name = "key", .fields = no_fields, .authenticates = true },
	{ .name = "stop", .fields = no_fields, .always_answers = true },
};

/* One letter a policy, the first of its kind; in capitals it only reports. */
static struct policy_chain chain_of(struct arena *arena, const char *letters)
{
	struct policy_instance *at = ARENA_ARRAY(arena, struct policy_instance, strlen(letters) + 1);
	size_t count = 0;

	for (; letters[count]; count++) {
		char letter = ascii_lower(letters[count]);
		const struct policy *kind = kinds;

		while (kind->name[0] != letter)
			kind++;
		at[count] = (struct policy_instance) { .policy = kind,
						       .self = &at[count],
						       .name = str_of(kind->name),
						       .is_report = letter != letters[count] };
	}
	return (struct policy_chain) { .at = at, .count = count };
}

static const struct {
	const char *before, *after, *want;
} chains[] = {
	{ "", "", "" },
	{ "alp", "alp", "" },
	{ "a", "", "public  r: auth is gone\n" },
	{ "a", "k", "open    r: auth is gone\ntight   r: key is new\n" },
	{ "ak", "k", "open    r: auth is gone\n" },
	{ "a", "A", "public  r: auth: report: it refuses nothing any more\n" },
	{ "A", "a", "tight   r: auth: report: it refuses again\n" },
	{ "A", "", "other   r: auth is gone\n" },
	{ "", "A", "other   r: auth is new\n" },
	{ "ak", "K", "public  r: auth is gone\npublic  r: key: report: it refuses nothing any more\n" },
	{ "", "a", "tight   r: auth is new\n" },
	{ "l", "", "open    r: limit is gone\n" },
	{ "", "l", "tight   r: limit is new\n" },
	{ "ll", "l", "open    r: limit is gone\n" },
	{ "l", "L", "open    r: limit: report: it refuses nothing any more\n" },
	{ "g", "", "tight   r: grant is gone\n" },
	{ "", "g", "open    r: grant is new\n" },
	{ "p", "", "other   r: plain is gone\n" },
	{ "", "p", "other   r: plain is new\n" },
	{ "lp", "pl", "other   r: policies run in another order\n" },
	{ "", "s", "route   r: nothing -> policy stop\nroute   r: stop is new\n" },
	{ "s", "S",
	  "route   r: policy stop -> nothing\nroute   r: stop: report: it refuses nothing any more\n" },
	{ "a", "as", "route   r: nothing -> policy stop\nroute   r: stop is new\n" },
	{ "a", "sa",
	  "public  r: stop answers before auth\nroute   r: nothing -> policy stop\nroute   r: stop is "
	  "new\n" },
	{ "as", "sa", "public  r: stop answers before auth\nother   r: policies run in another order\n" },
	{ "sa", "as", "other   r: policies run in another order\n" },
	{ "sa", "sa", "" },
	{ "l", "sl",
	  "route   r: nothing -> policy stop\nroute   r: stop answers before limit\nroute   r: stop is "
	  "new\n" },
	{ "p", "sp", "route   r: nothing -> policy stop\nroute   r: stop is new\n" },
	{ "a", "Sa", "other   r: stop is new\n" },
};

static char *print(struct diff_lines *lines)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	diff_print(lines, to);
	fclose(to);
	return text;
}

static void check_chains(size_t i)
{
	struct arena arena;
	struct diff_lines lines = { .arena = &arena };
	struct diff_target diff;
	struct target one = { 0 }, other = { 0 };
	struct route_rule before = { .api = STR("r"), .target = &one },
			  after = { .api = STR("r"), .target = &other };
	char *got;

	arena_init(&arena, NULL, SIZE_MAX / 2);
	one.chain = chain_of(&arena, chains[i].before);
	other.chain = chain_of(&arena, chains[i].after);
	diff_target_init(&diff, &lines);
	diff_targets(&diff, &before, &after);
	diff_targets(&diff, &before, &after); /* told once */
	got = print(&lines);
	if (strcmp(got, chains[i].want) != 0)
		fail_msg("row %zu (%s, %s): %s", i, chains[i].before, chains[i].after, got);
	free(got);
	arena_fini(&arena);
}

static void policies_that_come_and_go_are_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(chains); i++)
		check_chains(i);
}

/* ---- lines ---- */

static void lines_are_sorted_and_cannot_be_forged(void **state)
{
	struct arena arena;
	struct diff_lines lines = { .arena = &arena };
	char *got;

	(void)state;
	arena_init(&arena, NULL, 1 << 20);
	assert_int_equal(diff_exit_code(&lines), 0);
	diff_add(&lines, RISK_OTHER, "b");
	diff_add(&lines, RISK_TIGHT, "a\npublic  forged");
	assert_int_equal(diff_exit_code(&lines), 0);
	diff_add(&lines, RISK_SHADOW, "s");
	assert_int_equal(diff_exit_code(&lines), 3);
	diff_add(&lines, RISK_ROUTE, "%s", "z");
	diff_add(&lines, RISK_ROUTE, "a");
	diff_add(&lines, RISK_ROUTE, "a");
	assert_int_equal(diff_exit_code(&lines), 3);
	diff_add(&lines, RISK_OPEN, "o");
	assert_int_equal(diff_exit_code(&lines), 4);
	diff_add(&lines, RISK_PUBLIC, "p");
	got = print(&lines);
	assert_string_equal(got, "public  p\nopen    o\nroute   a\nroute   z\nshadow  s\n"
				 "tight   a\\x0apublic  forged\nother   b\n");
	free(got);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_have_a_direction),
		cmocka_unit_test(risks_are_of_options_that_there_are),
		cmocka_unit_test(policies_that_come_and_go_are_told),
		cmocka_unit_test(lines_are_sorted_and_cannot_be_forged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

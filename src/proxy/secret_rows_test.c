/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every row of every table that holds a secret, with values of every wrong kind, there, in the place of what
 * holds it, and under a key that is not known: nothing of them is said or shown.
 */
#include <stdio.h>

#include "base/testing.h"
#include "config/field_secret.h"
#include "config/field_tables.h"
#include "policy/chain.h"
#include "proxy/gateway_config.h"
#include "proxy/snapshot.h"

#define SECRET "hunter2"

static const struct {
	const char *value;
	bool is_text, is_list; /* of texts */
} shapes[] = {
	{ SECRET, true, false },
	{ "\"alice:" SECRET "\"", true, false },
	{ "[" SECRET "]", false, true },
	{ "[[" SECRET "]]", false, false },
	{ "[{ value: " SECRET " }]", false, false },
	{ "{ value: " SECRET " }", false, false },
	{ "{ " SECRET ": }", false, false },
	{ "{ users: [\"alice:" SECRET "\"] }", false, false },
};

/* What stands before and behind the place that is looked at, in brackets: "consumers: { x: { ". */
struct place_in {
	struct walked *walked;
	str before, behind;
};

struct walked {
	struct arena arena;
	const struct field *seen[FIELD_TABLES_MAX];
	size_t seen_count, tried;
};

static void tell(void *owner, bool is_warning, str line)
{
	(void)is_warning;
	assert_row(!str_contains(line, STR(SECRET)), 0, (const char *)owner);
}

/* Of a configuration that is refused. */
static void expect_nothing_shown(const char *text)
{
	struct identities identities;
	struct diagnostics *diagnostics;
	struct snapshot *snapshot = NULL;
	char *printed;
	size_t len;
	FILE *to = open_memstream(&printed, &len);
	result_value parsed;

	identities_init(&identities);
	parsed = snapshot_parse(STR("t.yaml"), str_of(text), &identities, &diagnostics, &snapshot);
	diagnostics_print(diagnostics, to);
	fclose(to);
	assert_row(failed(parsed), 0, text);
	if (strstr(printed, SECRET))
		fail_msg("%s\n%s", text, printed);
	diagnostics_tell(diagnostics, tell, (void *)(uintptr_t)text);
	free(printed);
	snapshot_unref(&snapshot);
	identities_fini(&identities);
}

static void try_value(const struct place_in *at, const char *name, const char *value)
{
	str text = arena_printf(&at->walked->arena, "%.*s%s: %s%.*s\n%c", STR_ARG(at->before), name, value,
				STR_ARG(at->behind), 0);

	expect_nothing_shown(text.ptr);
	at->walked->tried++;
}

/* Values that the row takes say nothing of a wrong kind. */
static void try_row(const struct place_in *at, const struct field *row)
{
	bool is_texts = row->type == FIELD_T_CUSTOM;

	for (size_t i = 0; i < COUNT_OF(shapes); i++) {
		bool is_right = row->type == FIELD_T_STRS ? shapes[i].is_list
				: is_texts                ? shapes[i].is_text || shapes[i].is_list
							  : row->type == FIELD_T_STR && shapes[i].is_text;

		if (!is_right)
			try_value(at, row->name, shapes[i].value);
	}
}

/* A map is what a table wants: what is wrong with it stands under keys that nobody knows. */
static void try_holder(const struct place_in *at, const char *name)
{
	for (size_t i = 0; i < COUNT_OF(shapes); i++)
		if (*shapes[i].value != '{')
			try_value(at, name, shapes[i].value);
}

static void try_unknown(const struct place_in *at)
{
	for (size_t i = 0; i < COUNT_OF(shapes); i++)
		try_value(at, "nobody_knows_this", shapes[i].value);
}

static bool has_seen(struct walked *walked, const struct field *fields)
{
	for (size_t i = 0; i < walked->seen_count; i++)
		if (walked->seen[i] == fields)
			return true;
	assert_true(walked->seen_count < FIELD_TABLES_MAX);
	walked->seen[walked->seen_count++] = fields;
	return false;
}

static void walk(const struct place_in *at, const struct field *fields);

static bool is_in_list(const struct field *row)
{
	return row->type == FIELD_T_LIST || (row->form && row->form == &policy_list_form);
}

static bool is_in_map(const struct field *row)
{
	return row->type == FIELD_T_MAP || (row->form && row->form == &policy_named_form);
}

/* The same one level further down. */
static void walk_beneath(const struct place_in *at, const struct field *row)
{
	const char *open = is_in_list(row) ? "[ { " : is_in_map(row) ? "{ x: { " : "{ ";
	const char *close = is_in_list(row) ? " } ]" : is_in_map(row) ? " } }" : " }";
	struct arena *arena = &at->walked->arena;
	struct place_in inner = { at->walked,
				  arena_printf(arena, "%.*s%s: %s", STR_ARG(at->before), row->name, open),
				  arena_printf(arena, "%s%.*s", close, STR_ARG(at->behind)) };

	walk(&inner, field_beneath(row));
}

static void walk(const struct place_in *at, const struct field *fields)
{
	if (has_seen(at->walked, fields))
		return;
	if (fields_have_secret(fields))
		try_unknown(at);
	for (; fields->type != FIELD_T_END; fields++) {
		if (field_is_secret(fields))
			try_row(at, fields);
		if (!field_beneath(fields))
			continue;
		if (fields_have_secret(field_beneath(fields)))
			try_holder(at, fields->name);
		walk_beneath(at, fields);
	}
}

static void no_wrong_kind_of_value_is_shown(void **state)
{
	static struct walked walked;
	struct place_in root = { &walked, STR("{ "), STR(" }") };

	(void)state;
	arena_init(&walked.arena, NULL, 1 << 20);
	walk(&root, gateway_fields);
	assert_in_range(walked.tried, 150, 10000);
	arena_fini(&walked.arena);
}

static const char *const configurations[] = {
	"consumers: { acme: { api_keys: hunter2 } }",
	"consumers: { acme: hunter2 }",
	"consumers:\n  acme: hunter2\n",
	"consumers: hunter2",
	"consumers: { acme: { basic: { alice: hunter2 } } }",
	"consumers:\n  acme:\n    basic: hunter2\n",
	"consumers:\n  acme:\n    basic:\n      alice: hunter2\n",
	"consumers:\n  acme:\n    api_keys:\n      - value: hunter2\n",
	"consumers:\n  acme:\n    api_keys: { hunter2 }\n",
	"consumers: { acme: { keys: [hunter2] } }",
	"policies: { a: { signature: { keys: [hunter2] } } }",
	"policies: { a: { oidc: { cookie: hunter2 } } }",
	"policies: { a: { oidc: { client_secret: { value: hunter2 } } } }",
	"policies: { a: { basicAuth: { users: [\"alice:hunter2\"] } } }",
	"policies: { a: { basic: { users: { alice: hunter2 } } } }",
	"policies: { a: { basic: hunter2 } }",
	"policies: { a: { hunter: hunter2 } }",
	"policies: { a: { api_key: { header: x, keys: [hunter2] } } }",
	/* another mistake in the same line */
	"consumers: { acme: { bogus: 1, basic: hunter2, groups: 1 } }",
	"policies: { a: { oidc: { cookie: hunter2, scopes: 1, sizes: 2 } } }",
};

static void examples_are_not_shown(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(configurations); i++)
		expect_nothing_shown(configurations[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_wrong_kind_of_value_is_shown),
		cmocka_unit_test(examples_are_not_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

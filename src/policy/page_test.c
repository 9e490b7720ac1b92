/* SPDX-License-Identifier: Apache-2.0 */
/* What the manual says of policies: pages, examples, and every name that an expression can use. */
#include "policy/page.h"

#include "base/testing.h"
#include "policy/expression_private.h"
#include "policy/list.h"

static char *page_of(const struct field *fields)
{
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	policy_page_print(fields, to);
	fclose(to);
	return text;
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;

	for (; (text = strstr(text, part)); text++)
		count++;
	return count;
}

/* A configuration alone, or with cases behind it. */
static void pages_and_examples_are_printed(void **state)
{
	(void)state;
	for (size_t i = 0; i < POLICIES; i++) {
		char *text = page_of(policies[i]->fields);
		const char *example = policies[i]->example;
		bool has_cases = example && strstr(example, "\n---\n");

		assert_int_equal(count_of(text, "\nAn example"), example != NULL);
		assert_int_equal(count_of(text, "\nAn example, and behind `---` cases"), has_cases);
		assert_int_equal(count_of(text, "\n```yaml\n"), example != NULL);
		assert_int_equal(count_of(text, "\n```\n"), example != NULL);
		assert_int_equal(count_of(text, "\n\n\n"), 0);
		if (example)
			assert_non_null(strstr(text, example));
		if (policies[i]->page)
			assert_non_null(strstr(text, policies[i]->page));
		free(text);
	}
}

static void another_table_has_none(void **state)
{
	static const struct field other[] = { FIELD_END };
	char *text = page_of(other);

	(void)state;
	assert_string_equal(text, "");
	free(text);
	text = page_of(policy_list_fields);
	assert_string_equal(text, "");
	free(text);
}

static void every_name_and_function_is_told_of(void **state)
{
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	(void)state;
	expression_page_print(to);
	fclose(to);
	assert_int_equal(count_of(text, "<a id=\"expressions\"></a>"), 1);
	for (const struct expression_source *row = expression_sources; row->name.len; row++) {
		char name[64];

		snprintf(name, sizeof name, "\n| `%.*s` | ", STR_ARG(row->name));
		assert_int_equal(count_of(text, name), 1);
	}
	for (enum expression_op op = OP_OR; op < OPS; op++)
		assert_non_null(strstr(text, expression_sign(op)));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_and_examples_are_printed),
		cmocka_unit_test(another_table_has_none),
		cmocka_unit_test(every_name_and_function_is_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "config/config_testing.h"
#include "config/field_testing.h"

static void print_page(const struct field *fields, FILE *to)
{
	fprintf(to, "(page of %s)\n", fields->name ? fields->name : "nothing");
}

static char *print_with(const struct field *fields, const char *name, int level, field_page_fn page)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	fields_print_manual(fields, name, level, page, to);
	fclose(to);
	return text;
}

static char *print_manual(const struct field *fields, const char *name, int level)
{
	return print_with(fields, name, level, NULL);
}

/* Rows of the root's table and of the sections beneath. */
static const char *const lines[] = {
	"| key | value | default | meaning |\n| --- | --- | --- | --- |\n| `text` |",
	"| `text` | text | `some text` | A text with \"quotes\" and a \\| bar. |\n",
	"| `needed` | text | required | A text that has to be there. |\n",
	"| `flag` | `true` or `false` | `true` | A flag. |\n",
	"| `number` | number from 1 to 10 | `3` | A number. |\n",
	"| `any_number` | number | `-7` | Any number. |\n",
	"| `at_least` | number, at least 5 | `5` | A number with a lower bound. |\n",
	"| `wait` | duration from 1ms to 2h | `250ms` | A duration. |\n",
	"| `room` | size from 512 to 1GiB | `16KiB` | A size. |\n",
	"| `pace` | rate | `5/1s` | A rate. |\n",
	"| `names` | list of texts |  | Texts. |\n",
	"| `methods` | list of texts | `[GET, HEAD]` | More texts. |\n",
	("| `mode` | `round_robin`, `least_requests`, `random` or `502` | `least_requests` | One of some "
	 "words. |\n"),
	("| `modes` | list of `round_robin`, `least_requests`, `random` or `502` | `[random, 502]` | Some of "
	 "them. |\n"),
	"| `pairs` | map of names to texts |  | Names and texts. |\n",
	"| `inner` | [object](#inner) |  | An object. |\n",
	"| `items` | [list of objects](#items), or its `address` alone |  | Objects. |\n",
	"| `named` | [map of names to objects](#items) |  | Objects with names. |\n",
	"| `custom` | a text \\| or a map with `is`: [keys](#items) | `own` | A form of its own. |\n",
	"| `include` | list of texts |  | Further files",
	"\n<a id=\"inner\"></a>\n### `inner`\n\nAn object.\n\n| key | value | default | meaning |\n",
	"| `room` | size | `1MiB` | How much. |\n",
	"\n<a id=\"items\"></a>\n### `items[]`\n\nObjects.\n\n| key | value | default | meaning |\n",
	"| `weight` | number from 0 to 100 | `1` | Its share. |\n",
};

static void test_each_option_has_its_row(void **state)
{
	char *text = print_manual(everything_fields, NULL, 3);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		assert_row(strstr(text, lines[i]), i, lines[i]);
	free(text);
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;

	for (; (text = strstr(text, part)); text++)
		count++;
	return count;
}

static void test_a_table_that_is_used_thrice_has_one_section(void **state)
{
	char *text = print_manual(everything_fields, NULL, 3);

	(void)state;
	assert_int_equal(count_of(text, "<a id="), 2);
	assert_int_equal(count_of(text, "(#items)"), 3);
	assert_int_equal(count_of(text, "`include`"), 1);
	free(text);
}

/* Two kinds of file in one manual: each leads to its own sections. */
static void test_another_kind_of_file_has_its_own_anchors(void **state)
{
	char *text = print_manual(everything_fields, "other", 2);

	(void)state;
	assert_int_equal(count_of(text, "<a id=\"other-items\">"), 1);
	assert_int_equal(count_of(text, "(#other-items)"), 3);
	assert_int_equal(count_of(text, "(#items)"), 0);
	assert_int_equal(count_of(text, "## `items[]`"), 1);
	assert_int_equal(count_of(text, "`include`"), 0);
	free(text);
}

/* Behind its rows, once for each table. */
static void test_a_table_may_have_a_page(void **state)
{
	char *text = print_with(everything_fields, NULL, 3, print_page), *without;

	(void)state;
	assert_int_equal(count_of(text, "(page of "), 3);
	assert_non_null(strstr(text, "(page of text)\n\n<a id=\"inner\">"));
	assert_int_equal(count_of(text, "(page of address)\n"), 1);
	assert_true(strstr(text, "(page of address)") > strstr(text, "Its share."));
	without = print_manual(everything_fields, NULL, 3);
	assert_int_equal(count_of(without, "(page of "), 0);
	free(text);
	free(without);
}

static void test_a_table_without_rows(void **state)
{
	static const struct field none[] = { FIELD_END };
	char *text = print_manual(none, NULL, 1);

	(void)state;
	assert_int_equal(count_of(text, "\n"), 3);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_option_has_its_row),
		cmocka_unit_test(test_a_table_that_is_used_thrice_has_one_section),
		cmocka_unit_test(test_another_kind_of_file_has_its_own_anchors),
		cmocka_unit_test(test_a_table_may_have_a_page),
		cmocka_unit_test(test_a_table_without_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

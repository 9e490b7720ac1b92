/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of the table with every type, read with this room's own parser: JSON is YAML. What it accepts
 * and refuses is tested where there is a validator, over the whole gateway's schema. */
#include <stdio.h>

#include "config/config_testing.h"
#include "config/field_testing.h"

static void read_schema(const struct field *fields, struct reading *reading)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	str copy;

	fields_print_schema(fields, to);
	fclose(to);
	reading_open(reading);
	copy = arena_str(&reading->arena, (str) { text, size });
	reading_parse_bytes(reading, copy, 64 * 1024 * 1024);
	free(text);
	assert_string_equal(reading_summary(reading), "");
}

/* Follows keys and positions, separated by slashes; the root has a child of each position. */
static const struct node *go(const struct node *node, const char *steps)
{
	str rest = str_of(steps), step;

	while (node && str_next(&rest, '/', &step)) {
		uint64_t position;

		if (node->kind == NODE_MAP) {
			node = node_find(node, step);
			continue;
		}
		assert_true(str_to_u64(step, 100, &position));
		for (node = node->first; node && position; position--)
			node = node->next;
	}
	return node;
}

static const struct {
	const char *steps, *text; /* NULL: is not there */
} values[] = {
	{ "$schema", "https://json-schema.org/draft/2020-12/schema" },
	{ "type", "object" },
	{ "additionalProperties", "false" },
	{ "required/0", "needed" },
	{ "required/1", NULL },
	{ "properties/text/description", "A text with \"quotes\" and a | bar." },
	{ "properties/text/default", "some text" },
	{ "properties/text/allOf/0/type/0", "string" },
	{ "properties/text/allOf/0/minLength", NULL },
	{ "properties/needed/allOf/0/minLength", "1" },
	{ "properties/needed/default", NULL },
	{ "properties/flag/default", "true" },
	{ "properties/flag/allOf/0/anyOf/0/type", "boolean" },
	{ "properties/number/default", "3" },
	{ "properties/number/allOf/0/anyOf/0/minimum", "1" },
	{ "properties/number/allOf/0/anyOf/0/maximum", "10" },
	{ "properties/number/allOf/0/anyOf/1/$ref", "#/$defs/interpolated" },
	{ "properties/any_number/allOf/0/anyOf/0/minimum", NULL },
	{ "properties/at_least/allOf/0/anyOf/0/minimum", "5" },
	{ "properties/at_least/allOf/0/anyOf/0/maximum", NULL },
	{ "properties/wait/description", "A duration. From 1ms to 2h." },
	{ "properties/wait/default", "250ms" },
	{ "properties/wait/allOf/0/$ref", "#/$defs/duration" },
	{ "properties/room/default", "16KiB" },
	{ "properties/room/allOf/0/anyOf/0/minimum", "512" },
	{ "properties/pace/default", "5/1s" },
	{ "properties/pace/allOf/0/$ref", "#/$defs/rate" },
	{ "properties/names/allOf/0/minItems", "1" },
	{ "properties/names/allOf/0/maxItems", "3" },
	{ "properties/names/allOf/0/type", "array" },
	{ "properties/methods/default/1", "HEAD" },
	{ "properties/methods/allOf/0/type/1", "null" },
	{ "properties/mode/default", "least_requests" },
	{ "properties/mode/allOf/0/anyOf/0/enum/3", "502" },
	{ "properties/mode/allOf/0/anyOf/0/enum/5", NULL },
	{ "properties/modes/default/0", "random" },
	{ "properties/pairs/allOf/0/maxProperties", "2" },
	{ "properties/inner/allOf/0/anyOf/0/$ref", "#/$defs/inner" },
	{ "properties/inner/allOf/0/anyOf/1", NULL },
	{ "properties/items/allOf/0/items/anyOf/0/$ref", "#/$defs/items" },
	{ "properties/items/allOf/0/items/anyOf/1/minLength", "1" },
	{ "properties/named/allOf/0/additionalProperties/anyOf/0/$ref", "#/$defs/items" },
	{ "properties/custom/allOf/0/anyOf/1/$ref", "#/$defs/items" },
	{ "properties/include/allOf/0/items/type/0", "string" },
	{ "$defs/inner/additionalProperties", "false" },
	{ "$defs/inner/required/0", "needed" },
	{ "$defs/inner/properties/room/default", "1MiB" },
	{ "$defs/items/properties/weight/allOf/0/anyOf/0/maximum", "100" },
	{ "$defs/named", NULL },
};

static void test_the_schema_says_what_the_table_says(void **state)
{
	struct reading reading;

	(void)state;
	read_schema(everything_fields, &reading);
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		const struct node *node = go(document_root(reading.document), values[i].steps);

		assert_row(!node == !values[i].text, i, values[i].steps);
		if (node)
			assert_text(node->text, values[i].text);
	}
	reading_close(&reading);
}

static void test_a_word_that_looks_like_a_number_may_be_one(void **state)
{
	struct reading reading;
	const struct node *words;

	(void)state;
	read_schema(everything_fields, &reading);
	words = go(document_root(reading.document), "properties/mode/allOf/0/anyOf/0/enum");
	assert_int_equal(words->count, 5);
	assert_true(go(words, "3")->is_quoted);
	assert_false(go(words, "4")->is_quoted);
	assert_text(go(words, "4")->text, "502");
	reading_close(&reading);
}

/* Every reference leads somewhere. */
static void check_references(const struct node *root, const struct node *node)
{
	if (str_eq(node->key, STR("$ref"))) {
		assert_true(str_starts(node->text, STR("#/$defs/")));
		assert_non_null(node_find(node_find(root, STR("$defs")), str_skip(node->text, 8)));
	}
	for (const struct node *child = node->first; child; child = child->next)
		check_references(root, child);
}

static void test_references_lead_somewhere(void **state)
{
	struct reading reading;

	(void)state;
	read_schema(everything_fields, &reading);
	check_references(document_root(reading.document), document_root(reading.document));
	reading_close(&reading);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_schema_says_what_the_table_says),
		cmocka_unit_test(test_a_word_that_looks_like_a_number_may_be_one),
		cmocka_unit_test(test_references_lead_somewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

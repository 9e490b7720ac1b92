/* SPDX-License-Identifier: Apache-2.0 */
/* What ${...} becomes. What is refused, and where, stands in yaml_test.c. */
#include <stdio.h>
#include <unistd.h>

#include "config/file_list.h"
#include "config/config_testing.h"
#include "config/expand.h"

static const struct {
	const char *what, *text, *value; /* of the key a */
} values[] = {
	{ "a variable", "a: ${HOST}\n", "orders.internal" },
	{ "variables and text", "a: http://${HOST}:${PORT}/x\n", "http://orders.internal:8080/x" },
	{ "one after the other", "a: ${PORT}${PORT}\n", "80808080" },
	{ "in double quotes", "a: \"x ${PORT} y\"\n", "x 8080 y" },
	{ "in single quotes", "a: 'x ${PORT} y'\n", "x 8080 y" },
	{ "in a block", "a: |\n  x ${PORT}\n", "x 8080\n" },
	{ "an empty variable", "a: x${EMPTY}y\n", "xy" },
	{ "only an empty variable", "a: ${EMPTY}\n", "" },
	{ "a default that is not needed", "a: ${PORT:-1}\n", "8080" },
	{ "a default", "a: ${NONE:-1}\n", "1" },
	{ "a default instead of an empty variable", "a: ${EMPTY:-1}\n", "1" },
	{ "an empty default", "a: \"${NONE:-}\"\n", "" },
	{ "a default with a colon and a dash", "a: ${NONE:-a:-b}\n", "a:-b" },
	{ "a default with spaces", "a: ${NONE:-a b}\n", "a b" },
	{ "a default with a dot", "a: ${NONE:-10.0.0.1}\n", "10.0.0.1" },
	{ "an escape", "a: $${HOST}\n", "${HOST}" },
	{ "an escape and a variable", "a: $${HOST} ${PORT}\n", "${HOST} 8080" },
	{ "a dollar before an escape", "a: $$${HOST}\n", "$${HOST}" },
	{ "dollars alone", "a: $ $$ 5$ $x ${PORT} $\n", "$ $$ 5$ $x 8080 $" },
	{ "an escape without a closing brace", "a: $${\n", "${" },
	{ "no reference at all", "a: $HOST {HOST} }\n", "$HOST {HOST} }" },
	{ "what was taken is not expanded again", "a: \"${TRICKY}\"\n", "{a: 1}\n- ${HOST} ${request.id}" },
	{ "what was taken is no YAML", "a: ${TRICKY}\n", "{a: 1}\n- ${HOST} ${request.id}" },
	{ "two halves make no reference", "a: ${DOLLAR}{HOST}\n", "${HOST}" },
	{ "names with a dot are for policies", "a: ${request.id} ${PORT} ${path.x}\n",
	  "${request.id} 8080 ${path.x}" },
	{ "a header's name", "a: ${request.header.X-Request-ID}\n", "${request.header.X-Request-ID}" },
	{ "a dot before a default", "a: ${request.id:-x}\n", "${request.id:-x}" },
	{ "api and route are for policies", "a: ${api}/${route}\n", "${api}/${route}" },
	{ "wide characters around", "a: é${PORT}中\n", "é8080中" },
};

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		struct reading reading;
		const struct node *node;

		reading_open(&reading);
		reading_parse(&reading, values[i].text);
		assert_row(!failed(reading.outcome), i, values[i].what);
		node = node_find(document_root(reading.document), STR("a"));
		assert_row(node && node->kind == NODE_SCALAR, i, values[i].what);
		assert_text(node->text, values[i].value);
		reading_close(&reading);
	}
}

static const struct {
	const char *text;
	const char *marks; /* under the value: x where it did not stand in the file */
} literals[] = {
	{ "a: ${request.id}\n", "............." },
	{ "a: $${request.id}\n", "xx..........." },
	{ "a: ${HOST}${request.id}\n", "xxxxxxxxxxxxxxx............." },
	{ "a: b${DOLLAR}{request.id}\n", ".x............" },
	{ "a: ${NONE:-$}{request.id}\n", "x............" },
};

static void test_only_what_was_written_can_be_a_reference_of_a_policy(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(literals); i++) {
		struct reading reading;
		const struct node *node;

		reading_open(&reading);
		reading_parse(&reading, literals[i].text);
		node = node_find(document_root(reading.document), STR("a"));
		for (size_t at = 0; literals[i].marks[at]; at++)
			assert_row(node_is_literal(node, at) == (literals[i].marks[at] == 'x'), i,
				   literals[i].text);
		reading_close(&reading);
	}
}

static void test_what_is_written_in_the_file_is_not_from_outside(void **state)
{
	struct reading reading;
	const struct node_literals *parts;

	(void)state;
	reading_open(&reading);
	reading_parse(&reading, "a: ${NONE:-x} $${b} ${HOST} ${request.id} ${HOST:-y}\n");
	parts = node_find(document_root(reading.document), STR("a"))->literals;
	assert_int_equal(parts->count, 4);
	for (size_t i = 0; i < parts->count; i++)
		assert_int_equal(parts->at[i].is_outside, i >= 2);
	reading_close(&reading);
}

static void test_expanded_nodes_say_so(void **state)
{
	struct reading reading;
	const struct node *root;

	(void)state;
	reading_open(&reading);
	reading_parse(&reading, "a: ${HOST}\nb: $${HOST}\nc: ${request.id}\nd: x\ne: ${NONE:-x}\n");
	root = document_root(reading.document);
	assert_true(node_find(root, STR("a"))->is_expanded);
	assert_false(node_find(root, STR("b"))->is_expanded);
	assert_false(node_find(root, STR("c"))->is_expanded);
	assert_false(node_find(root, STR("d"))->is_expanded);
	assert_true(node_find(root, STR("e"))->is_expanded);
	reading_close(&reading);
}

static void test_the_template_of_the_access_log_has_names_of_its_own(void **state)
{
	struct reading reading;
	const struct node *log;

	(void)state;
	reading_open(&reading);
	reading_parse(&reading, "log: { access: { format: \"${status} ${PORT} $${x}\" } }\n"
				"log2: { access: { format: \"${status}\" } }\n");
	log = node_find(document_root(reading.document), STR("log"));
	assert_text(node_find(node_find(log, STR("access")), STR("format"))->text, "${status} 8080 ${x}");
	assert_string_equal(
		reading_summary(&reading),
		"2:28: log2.access.format: the environment variable status is not set; values of a "
		"request have a point in their name, such as ${request.id}");
	reading_close(&reading);
}

/* A file beside the test's own, gone with it. */
struct temporary {
	char folder[32], path[64];
};

static void temporary_open(struct temporary *temporary, str content)
{
	FILE *to;

	snprintf(temporary->folder, sizeof temporary->folder, "/tmp/expand-test-XXXXXX");
	assert_non_null(mkdtemp(temporary->folder));
	snprintf(temporary->path, sizeof temporary->path, "%s/secret", temporary->folder);
	to = fopen(temporary->path, "w");
	assert_non_null(to);
	fwrite(content.ptr, 1, content.len, to);
	fclose(to);
}

static void temporary_close(struct temporary *temporary)
{
	unlink(temporary->path);
	rmdir(temporary->folder);
}

/* Reads "a: ${file:secret}" as if it stood beside the file. */
static void read_beside(struct reading *reading, const struct temporary *temporary)
{
	str name, text = STR("a: \"[${file:secret}]\"\n");

	reading_open(reading);
	name = arena_printf(&reading->arena, "%s/gateway.yaml", temporary->folder);
	reading->outcome =
		document_parse(&reading->arena, name, text, NULL, reading->diagnostics, &reading->document);
}

static const struct {
	str content;
	const char *value;
} files[] = {
	{ STR_INIT("abc"), "[abc]" },
	{ STR_INIT("abc\n"), "[abc]" },
	{ STR_INIT(" \r\n\tabc def\nghi \n\n"), "[abc def\nghi]" },
	{ STR_INIT(""), "[]" },
	{ STR_INIT("\n"), "[]" },
	{ STR_INIT("${HOST} $${x}"), "[${HOST} $${x}]" },
};

static void test_files_are_taken_trimmed_and_as_they_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		struct temporary temporary;
		struct reading reading;

		temporary_open(&temporary, files[i].content);
		read_beside(&reading, &temporary);
		assert_row(!failed(reading.outcome), i, files[i].value);
		assert_text(node_find(document_root(reading.document), STR("a"))->text, files[i].value);
		assert_int_equal(document_files(reading.document)->count, 1);
		assert_text(document_files(reading.document)->first->path, temporary.path);
		reading_close(&reading);
		temporary_close(&temporary);
	}
}

static void expect_file_problem(str content, const char *words)
{
	struct temporary temporary;
	struct reading reading;

	temporary_open(&temporary, content);
	read_beside(&reading, &temporary);
	assert_true(failed(reading.outcome));
	assert_true(str_contains(str_of(reading_print(&reading)), str_of(words)));
	assert_true(str_contains(str_of(reading_print(&reading)), STR("gateway.yaml:1:6: error: a: ")));
	reading_close(&reading);
	temporary_close(&temporary);
}

static void test_files_that_cannot_be_values_are_refused(void **state)
{
	size_t size = EXPAND_VALUE_MAX + 1;
	char *large = malloc(size);

	(void)state;
	memset(large, 'a', size);
	expect_file_problem((str) { large, size }, "/secret is too large");
	expect_file_problem(STR("a\0b"), "/secret is not a text in UTF-8");
	expect_file_problem(STR("a\xff"), "/secret is not a text in UTF-8");
	free(large);
}

static void test_the_process_has_an_environment(void **state)
{
	struct reading reading;

	(void)state;
	setenv("GATEHOUSE_EXPAND_TEST", "yes", 1);
	reading_open(&reading);
	reading.outcome = document_parse(&reading.arena, STR("t.yaml"), STR("a: ${GATEHOUSE_EXPAND_TEST}\n"),
					 NULL, reading.diagnostics, &reading.document);
	assert_false(failed(reading.outcome));
	assert_text(node_find(document_root(reading.document), STR("a"))->text, "yes");
	reading_close(&reading);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_only_what_was_written_can_be_a_reference_of_a_policy),
		cmocka_unit_test(test_what_is_written_in_the_file_is_not_from_outside),
		cmocka_unit_test(test_expanded_nodes_say_so),
		cmocka_unit_test(test_the_template_of_the_access_log_has_names_of_its_own),
		cmocka_unit_test(test_files_are_taken_trimmed_and_as_they_are),
		cmocka_unit_test(test_files_that_cannot_be_values_are_refused),
		cmocka_unit_test(test_the_process_has_an_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

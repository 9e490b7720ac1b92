/* SPDX-License-Identifier: Apache-2.0 */
/* How problems are shown: place, line, underline, order, bounds, and what is never shown. */
#include <stdio.h>

#include "config/config_testing.h"

/* Reports at the value of the key `a`, or at its key, and compares all that is printed. */
static void expect_print(const char *text, bool is_key, const char *message, const char *expected)
{
	struct reading reading;
	const struct node *node;

	reading_open(&reading);
	reading_parse(&reading, text);
	assert_non_null(reading.document);
	node = node_find(document_root(reading.document), STR("a"));
	if (is_key)
		diagnostic_error_key(reading.diagnostics, node, "%s", message);
	else
		diagnostic_error(reading.diagnostics, node, "%s", message);
	assert_string_equal(reading_print(&reading), expected);
	reading_close(&reading);
}

static const struct {
	const char *what, *text;
	bool is_key;
	const char *expected;
} shown[] = {
	{ "a word", "a: word\n", false,
	  "t.yaml:1:4: error: a: wrong\n"
	  "    1 | a: word\n"
	  "      |    ^~~~\n" },
	{ "its key", "a: word\n", true,
	  "t.yaml:1:1: error: a: wrong\n"
	  "    1 | a: word\n"
	  "      | ^\n" },
	{ "quotes", "a: 'x y'\n", false,
	  "t.yaml:1:4: error: a: wrong\n"
	  "    1 | a: 'x y'\n"
	  "      |    ^~~~~\n" },
	{ "a list in brackets", "b: 1\na: [x, y] # z\n", false,
	  "t.yaml:2:4: error: a: wrong\n"
	  "    2 | a: [x, y] # z\n"
	  "      |    ^~~~~~\n" },
	{ "a list over lines", "a:\n  - x\n  - y\n", false,
	  "t.yaml:2:3: error: a: wrong\n"
	  "    2 |   - x\n"
	  "      |   ^\n" },
	{ "nothing", "a:\n", false,
	  "t.yaml:1:1: error: a: wrong\n"
	  "    1 | a:\n"
	  "      | ^\n" },
	{ "no line end", "a: x", false,
	  "t.yaml:1:4: error: a: wrong\n"
	  "    1 | a: x\n"
	  "      |    ^\n" },
	{ "CR LF", "b: 1\r\na: x\r\n", false,
	  "t.yaml:2:4: error: a: wrong\n"
	  "    2 | a: x\n"
	  "      |    ^\n" },
	{ "CR", "b: 1\ra: x\r", false,
	  "t.yaml:2:4: error: a: wrong\n"
	  "    2 | a: x\n"
	  "      |    ^\n" },
	{ "a tab before", "a:\tx\n", false,
	  "t.yaml:1:4: error: a: wrong\n"
	  "    1 | a:      x\n"
	  "      |         ^\n" },
	{ "a tab within", "a: \"x\ty\"\n", false,
	  "t.yaml:1:4: error: a: wrong\n"
	  "    1 | a: \"x   y\"\n"
	  "      |    ^~~~~~~\n" },
	{ "wide characters before", "{é: 1, 中文: 2, a: x}\n", false,
	  "t.yaml:1:18: error: a: wrong\n"
	  "    1 | {é: 1, 中文: 2, a: x}\n"
	  "      |                    ^\n" },
	{ "wide characters within", "a: 中文x\n", false,
	  "t.yaml:1:4: error: a: wrong\n"
	  "    1 | a: 中文x\n"
	  "      |    ^~~~~\n" },
	{ "a combining mark", "{\"e\xcc\x81\": 1, a: x}\n", false,
	  "t.yaml:1:14: error: a: wrong\n"
	  "    1 | {\"e\xcc\x81\": 1, a: x}\n"
	  "      |             ^\n" },
	{ "a mark of direction", "a: x # \xe2\x80\xae!\n", false,
	  "t.yaml:1:4: error: a: wrong\n"
	  "    1 | a: x # \\u202e!\n"
	  "      |    ^\n" },
	{ "a mark of direction before", "{\"\xe2\x80\xae\": 1, a: x}\n", false,
	  "t.yaml:1:13: error: a: wrong\n"
	  "    1 | {\"\\u202e\": 1, a: x}\n"
	  "      |                  ^\n" },
};

static void test_the_line_is_shown_and_underlined(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(shown); i++)
		expect_print(shown[i].text, shown[i].is_key, "wrong", shown[i].expected);
}

static char *with_padding(const char *before, size_t padding, const char *after)
{
	size_t size = strlen(before) + padding + strlen(after) + 1;
	char *text = malloc(size);

	snprintf(text, size, "%s%*s%s", before, (int)padding, "", after);
	return text;
}

static void test_a_long_line_is_cut_around_the_place(void **state)
{
	char *after = with_padding("a: x #", 200, "end\n");
	char *before = with_padding("{b: 1,", 200, "a: xyz, c: 1}\n");

	(void)state;
	expect_print(after, false, "wrong",
		     "t.yaml:1:4: error: a: wrong\n"
		     "    1 | a: x #                                                                         "
		     "                     ...\n"
		     "      |    ^\n");
	expect_print(before, false, "wrong",
		     "t.yaml:1:210: error: a: wrong\n"
		     "    1 | ...                                    a: xyz, c: 1}\n"
		     "      |                                           ^~~\n");
	free(after);
	free(before);
}

static void test_control_characters_are_escaped_in_messages(void **state)
{
	(void)state;
	expect_print("a: x\n", false, "\x1b[31mred\x07 \x7f \xc2\x9b \xff \xe2\x80\xae",
		     "t.yaml:1:4: error: a: \\x1b[31mred\\x07 \\x7f \\x9b \\xff \\u202e\n"
		     "    1 | a: x\n"
		     "      |    ^\n");
}

static void test_control_characters_are_escaped_in_lines_and_names(void **state)
{
	struct reading reading;

	(void)state;
	reading_open(&reading);
	reading.outcome = document_parse(&reading.arena, STR("\x1b[2J.yaml"), STR("a: \x1b[31m\n"), NULL,
					 reading.diagnostics, &reading.document);
	assert_string_equal(reading_print(&reading),
			    "\\x1b[2J.yaml:1:4: error: the character U+001B is not allowed here\n"
			    "    1 | a: \\x1b[31m\n"
			    "      |    ^~~~\n");
	reading_close(&reading);
}

static void test_order_is_that_of_the_files(void **state)
{
	struct reading reading;
	const struct node *root;

	(void)state;
	reading_open(&reading);
	reading_parse(&reading, "a: 1\nb: {c: 2, d: 3}\n");
	root = document_root(reading.document);
	diagnostic_error_key(reading.diagnostics, node_find(node_find(root, STR("b")), STR("d")), "third");
	diagnostic_warning(reading.diagnostics, node_find(root, STR("a")), "first");
	diagnostic_error(reading.diagnostics, node_find(node_find(root, STR("b")), STR("c")), "second");
	diagnostic_error_key(reading.diagnostics, node_find(node_find(root, STR("b")), STR("d")), "fourth");
	diagnostic_error(reading.diagnostics, NULL, "before all");
	assert_int_equal(diagnostics_errors(reading.diagnostics), 4);
	assert_int_equal(diagnostics_warnings(reading.diagnostics), 1);
	assert_string_equal(reading_summary(&reading), "before all\n"
						       "1:4: warning: a: first\n"
						       "2:8: b.c: second\n"
						       "2:11: b.d: third\n"
						       "2:11: b.d: fourth");
	reading_close(&reading);
}

static size_t count_lines(const char *text, const char *part)
{
	str rest = str_of(text), line;
	size_t count = 0;

	while (str_cut(rest, '\n', &line, &rest))
		count += str_contains(line, str_of(part));
	return count;
}

static void test_a_hundred_are_printed_and_all_are_counted(void **state)
{
	enum { ERRORS = 20000 };
	struct reading reading;
	const struct node *node;

	(void)state;
	reading_open(&reading);
	reading_parse(&reading, "a: 1\n");
	node = node_find(document_root(reading.document), STR("a"));
	for (size_t i = 0; i < ERRORS; i++)
		diagnostic_error_key(reading.diagnostics, node, "wrong %zu", i);
	assert_int_equal(diagnostics_errors(reading.diagnostics), ERRORS);
	assert_int_equal(count_lines(reading_print(&reading), "error: a: wrong"), 100);
	assert_true(str_ends(str_of(reading.printed), STR("\nand 19900 more\n")));
	reading_close(&reading);
}

static void test_a_long_message_is_cut(void **state)
{
	char *long_word = with_padding("x", 100000, "x");
	struct reading reading;

	(void)state;
	reading_open(&reading);
	diagnostic_error(reading.diagnostics, NULL, "%s", long_word);
	assert_true(strlen(reading_print(&reading)) < 3000);
	free(long_word);
	reading_close(&reading);
}

static void test_a_full_arena_still_counts(void **state)
{
	struct reading reading;

	(void)state;
	reading_open(&reading);
	reading.arena.max = reading.arena.used;
	for (size_t i = 0; i < 1000; i++)
		diagnostic_error(reading.diagnostics, NULL, "wrong");
	assert_int_equal(diagnostics_errors(reading.diagnostics), 1000);
	reading_close(&reading);
}

static void test_what_is_broken_is_reported_once(void **state)
{
	struct reading reading;
	const struct node *node;

	(void)state;
	reading_open(&reading);
	reading_parse(&reading, "a: ${NOPE}\nb: c\n");
	node = node_find(document_root(reading.document), STR("a"));
	diagnostic_error(reading.diagnostics, node, "further");
	diagnostic_warning(reading.diagnostics, node, "further");
	node = node_find(document_root(reading.document), STR("b"));
	diagnostic_error(reading.diagnostics, node, "first");
	diagnostic_error(reading.diagnostics, node, "further");
	diagnostic_error_key(reading.diagnostics, node, "of the key");
	assert_string_equal(reading_summary(&reading), "1:4: a: the environment variable NOPE is not set\n"
						       "2:1: b: of the key\n"
						       "2:4: b: first");
	reading_close(&reading);
}

static void test_a_map_may_have_several_mistakes(void **state)
{
	struct reading reading;
	const struct node *node;

	(void)state;
	reading_open(&reading);
	reading_parse(&reading, "a: {}\n");
	node = node_find(document_root(reading.document), STR("a"));
	diagnostic_error(reading.diagnostics, node, "one");
	diagnostic_error(reading.diagnostics, node, "two");
	assert_string_equal(reading_summary(&reading), "1:4: a: one\n1:4: a: two");
	reading_close(&reading);
}

static const struct {
	const char *what, *text, *format; /* of a message about the value of a */
	const char *expected;
} masked[] = {
	{ "the value in quotes", "a: ${SECRET}\n", "no \"%s\" here", "no \"${SECRET}\" here" },
	{ "the value without quotes", "a: ${SECRET}\n", "no %s here", "no ${SECRET} here" },
	{ "the value twice", "a: ${SECRET}\n", "%s and \"%s\"", "${SECRET} and \"${SECRET}\"" },
	{ "a part of the value in quotes", "a: ${SECRET}\n", "no \"hunter2\" here", "no \"${SECRET}\" here" },
	{ "the value in double quotes", "a: \"${SECRET}\"\n", "no \"%s\"", "no \"${SECRET}\"" },
	{ "the value in single quotes", "a: '${SECRET}'\n", "no \"%s\"", "no \"${SECRET}\"" },
	{ "a value around it", "a: x-${SECRET}\n", "no \"%s\", \"x\"",
	  "no \"x-${SECRET}\", \"x-${SECRET}\"" },
	{ "a block", "a: |\n  ${SECRET}\n", "no \"hunter2hunter2\"", "no \"${...}\"" },
	{ "other words stay", "a: ${SECRET}\n", "want \"x\", \"y\"", "want \"x\", \"y\"" },
	{ "a short value in quotes", "a: ${DOLLAR}\n", "a $ and \"%s\"", "a $ and \"${DOLLAR}\"" },
	{ "an empty value", "a: ${EMPTY}\n", "no \"\"", "no \"\"" },
	{ "an open quote", "a: ${SECRET}\n", "no \"%s", "no \"${SECRET}" },
	{ "a default", "a: ${NONE:-public}\n", "no \"%s\"", "no \"${NONE:-public}\"" },
	{ "what was written may be seen", "a: public\n", "no \"%s\"", "no \"public\"" },
};

/* The format with the value in place of each %s. */
static str fill_in(struct arena *arena, const char *format, str value)
{
	str rest = str_of(format), text = { 0 };

	while (rest.len) {
		bool is_hole = str_starts(rest, STR("%s"));
		str parts[] = { text, is_hole ? value : str_slice(rest, 0, 1) };

		text = arena_join(arena, parts, 2);
		rest = str_skip(rest, is_hole ? 2 : 1);
	}
	return text;
}

static void test_what_came_from_outside_is_not_shown(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(masked); i++) {
		struct reading reading;
		const struct node *node;
		str message, printed;

		reading_open(&reading);
		reading_parse(&reading, masked[i].text);
		node = node_find(document_root(reading.document), STR("a"));
		message = fill_in(&reading.arena, masked[i].format, node->text);
		diagnostic_error(reading.diagnostics, node, "%.*s", STR_ARG(message));
		printed = str_of(reading_summary(&reading));
		if (!str_ends(printed, str_of(masked[i].expected)))
			fail_msg("%s: got %s, want %s", masked[i].what, printed.ptr, masked[i].expected);
		assert_false(str_contains(str_of(reading_print(&reading)), STR("hunter2")));
		reading_close(&reading);
	}
}

static const struct {
	const char *text, *expected;
} reads[] = {
	{ "a: x\n", "\"x\"" },
	{ "a: [x]\n", "a list" },
	{ "a: {}\n", "a map" },
	{ "a:\n", "nothing" },
	{ "a: \"\"\n", "\"\"" },
	{ "a: ${SECRET}\n", "what \"${SECRET}\" stands for" },
	{ "a: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
	  "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\"" },
};

static void test_what_was_read_in_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(reads); i++) {
		struct reading reading;

		reading_open(&reading);
		reading_parse(&reading, reads[i].text);
		assert_text(diagnostic_read(reading.diagnostics,
					    node_find(document_root(reading.document), STR("a"))),
			    reads[i].expected);
		reading_close(&reading);
	}
}

static const str few[] = { STR_INIT("orders"), STR_INIT("catalog"), STR_INIT("users") };

static const struct {
	const char *word, *expected;
} suggestions[] = {
	{ "order", "; did you mean \"orders\"?" },         { "Orders", "; did you mean \"orders\"?" },
	{ "odrers", "; did you mean \"orders\"?" },        { "katalog", "; did you mean \"catalog\"?" },
	{ "usrs", "; did you mean \"users\"?" },           { "usres", "; did you mean \"users\"?" },
	{ "zzz", "; allowed: orders, catalog and users" }, { "", "; allowed: orders, catalog and users" },
};

static void test_suggestions(void **state)
{
	char long_name[401];
	str many[41];
	struct reading reading;

	(void)state;
	reading_open(&reading);
	for (size_t i = 0; i < COUNT_OF(suggestions); i++)
		assert_text(
			diagnostic_suggest(&reading.arena, str_of(suggestions[i].word), few, COUNT_OF(few)),
			suggestions[i].expected);
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = STR("some");
	assert_text(diagnostic_suggest(&reading.arena, STR("zzz"), many, COUNT_OF(many)), "");
	assert_true(str_ends(diagnostic_suggest(&reading.arena, STR("zzz"), many, COUNT_OF(many) - 1),
			     STR("some and some")));
	memset(long_name, 'n', sizeof long_name);
	many[0] = (str) { long_name, sizeof long_name };
	assert_text(diagnostic_suggest(&reading.arena, STR("zzz"), many, 2), "");
	assert_text(diagnostic_suggest(&reading.arena, STR("zzz"), NULL, 0), "");
	reading_close(&reading);
}

static const struct {
	const char *text;
	uint32_t line;
	const char *expected;
} lines[] = {
	{ "", 1, "" },       { "a", 1, "a" },          { "a\n", 1, "a" },
	{ "a\nb", 2, "b" },  { "a\r\nb\r\n", 2, "b" }, { "a\rb", 2, "b" },
	{ "a\n\nb", 2, "" }, { "a\n\nb", 3, "b" },     { "a\n", 2, "" },
	{ "a\n", 5, "" },    { "a\n\rb", 3, "b" },
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		assert_text(source_line(str_of(lines[i].text), lines[i].line), lines[i].expected);
}

struct told {
	size_t errors, warnings;
	struct buf lines;
};

static void note_told(void *owner, bool is_warning, str line)
{
	struct told *told = owner;

	told->errors += !is_warning;
	told->warnings += is_warning;
	buf_put(&told->lines, line);
	buf_put_char(&told->lines, '\n');
}

static void test_tells_each_in_one_line(void **state)
{
	struct reading reading;
	char text[1000];
	struct told told = { .lines = buf_over(text, sizeof text) };
	const struct node *b;

	(void)state;
	reading_open(&reading);
	reading_parse(&reading, "a: 1\nb: 2\n");
	b = node_find(document_root(reading.document), STR("b"));
	diagnostic_error(reading.diagnostics, b, "is wrong");
	diagnostic_warning(reading.diagnostics, node_find(document_root(reading.document), STR("a")),
			   "is odd");
	diagnostic_error(reading.diagnostics, NULL, "has no place");
	diagnostics_tell(reading.diagnostics, note_told, &told);
	assert_int_equal(told.errors, 2);
	assert_int_equal(told.warnings, 1);
	assert_text(buf_str(&told.lines), "has no place\nt.yaml:1:4: a: is odd\nt.yaml:2:4: b: is wrong\n");
	reading_close(&reading);
}

static void test_tells_no_more_than_are_printed(void **state)
{
	struct reading reading;
	static char text[100000];
	struct told told = { .lines = buf_over(text, sizeof text) };

	(void)state;
	reading_open(&reading);
	for (int i = 0; i < 150; i++)
		diagnostic_error(reading.diagnostics, NULL, "number %d", i);
	diagnostics_tell(reading.diagnostics, note_told, &told);
	assert_int_equal(told.errors, 101);
	assert_true(str_ends(buf_str(&told.lines), STR("number 99\nand 50 more\n")));
	reading_close(&reading);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_line_is_shown_and_underlined),
		cmocka_unit_test(test_a_long_line_is_cut_around_the_place),
		cmocka_unit_test(test_control_characters_are_escaped_in_messages),
		cmocka_unit_test(test_control_characters_are_escaped_in_lines_and_names),
		cmocka_unit_test(test_order_is_that_of_the_files),
		cmocka_unit_test(test_a_hundred_are_printed_and_all_are_counted),
		cmocka_unit_test(test_a_long_message_is_cut),
		cmocka_unit_test(test_a_full_arena_still_counts),
		cmocka_unit_test(test_what_is_broken_is_reported_once),
		cmocka_unit_test(test_a_map_may_have_several_mistakes),
		cmocka_unit_test(test_what_came_from_outside_is_not_shown),
		cmocka_unit_test(test_what_was_read_in_words),
		cmocka_unit_test(test_suggestions),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_tells_each_in_one_line),
		cmocka_unit_test(test_tells_no_more_than_are_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

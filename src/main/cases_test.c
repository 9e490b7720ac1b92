/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is expected beside what came, without a gateway: every difference is told, in words that hide
 * credentials, and regular expressions hold where they should.
 */
#include "base/testing.h"
#include "main/cases_compare.h"

struct scene {
	struct arena arena;
	struct regex_table regexes;
	struct regex_scratch scratch;
	struct node node, expanded;
	struct mask mask;
	struct http_field fields[4];
	struct stand_in_request forwarded;
	struct rehearsed got;
};

static void scene_open(struct scene *s)
{
	*s = (struct scene) { 0 };
	arena_init(&s->arena, NULL, 1 << 20);
	regex_table_init(&s->regexes, &s->arena);
	regex_scratch_init(&s->scratch);
	s->expanded.is_expanded = true;
	s->fields[0] = (struct http_field) { .name = STR("X-A"), .value = STR("1") };
	s->fields[1] = (struct http_field) { .name = STR("x-a"), .value = STR("2") };
	s->fields[2] = (struct http_field) { .name = STR("X-Gone"), .value = STR("3"), .removed = true };
	s->fields[3] = (struct http_field) { .name = STR("Set-Cookie"),
					     .value = STR("hunter2"),
					     .id = http_name_find(STR("set-cookie")) };
	s->got = (struct rehearsed) { .is_answered = true,
				      .answer = { .status = 404, .fields = { .at = s->fields, .count = 4 } },
				      .reason = REASON_NO_ROUTE,
				      .body = STR("a\nb\x1b") };
}

static void scene_close(struct scene *s)
{
	regex_scratch_fini(&s->scratch);
	regex_table_fini(&s->regexes);
	arena_fini(&s->arena);
}

static struct expected want(struct scene *s, const char *text)
{
	struct expected expected = { .text = str_of(text), .node = &s->node };
	struct regex *regex;
	str why;

	if (text[0] == '~') {
		assert_true(regex_compile(&s->regexes, str_of(text + 1), &regex, &why));
		expected.regex = regex;
	}
	return expected;
}

static void compare(struct scene *s, const struct expectation *expected, const char *want_text)
{
	char *text = NULL;
	size_t len, count, lines = 0;
	FILE *to = open_memstream(&text, &len);

	assert_int_equal(case_differs(expected, &s->got, &s->scratch), *want_text != 0);
	count = case_compare(expected, &s->got, &s->mask, &s->scratch, &s->arena, to);
	fclose(to);
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	assert_string_equal(text, want_text);
	assert_int_equal(count, lines);
	free(text);
}

static void what_is_not_named_may_be_anything(void **state)
{
	struct expectation expected = { 0 };
	struct scene s;

	(void)state;
	scene_open(&s);
	compare(&s, &expected, "");
	s.got.is_answered = false;
	compare(&s, &expected, "answer: there was none\n");
	scene_close(&s);
}

static void values_are_compared_as_text(void **state)
{
	struct expectation expected = { 0 };
	struct scene s;

	(void)state;
	scene_open(&s);
	expected.status = want(&s, "404");
	expected.reason = want(&s, "no_route");
	expected.body = want(&s, "~^a\nb");
	compare(&s, &expected, "");
	expected.status = want(&s, "40");
	expected.reason = want(&s, "~^no$");
	expected.body = want(&s, "a");
	expected.api = want(&s, "x");
	compare(&s, &expected,
		"status: expected \"40\", got \"404\"\n"
		"reason: expected \"~^no$\", got \"no_route\"\n"
		"api: expected \"x\", got \"\"\n"
		"body: expected \"a\", got \"a\\nb\\x1b\"\n");
	scene_close(&s);
}

static void one_instance_of_a_field_is_enough(void **state)
{
	struct expectation expected = { 0 };
	struct expected_field fields[] = { { .name = STR("X-A") }, { .name = STR("X-Gone") } };
	str absent[] = { STR("x-gone"), STR("X-A"), STR("Set-Cookie") };
	struct scene s;

	(void)state;
	scene_open(&s);
	fields[0].value = want(&s, "2");
	fields[1].value = want(&s, "3");
	expected.fields = (struct expected_fields) { fields, 1 };
	expected.absent = (str_list) { absent, 1 };
	compare(&s, &expected, "");
	fields[0].value = want(&s, "~3");
	expected.fields.len = 2;
	expected.absent.len = 3;
	compare(&s, &expected,
		"headers.X-A: expected \"~3\", got \"1\" and \"2\"\n"
		"headers.X-Gone: expected \"3\", got nothing\n"
		"headers.X-A: expected to be absent, got \"1\"\n"
		"headers.Set-Cookie: expected to be absent, got ***\n");
	scene_close(&s);
}

static void what_came_from_outside_is_hidden(void **state)
{
	struct expectation expected = { 0 };
	struct expected_field field = { .name = STR("X-A") };
	struct scene s;

	(void)state;
	scene_open(&s);
	expected.body = want(&s, "hunter2");
	expected.body.node = &s.expanded;
	field.value = expected.body;
	expected.fields = (struct expected_fields) { &field, 1 };
	compare(&s, &expected,
		"headers.X-A: expected what ${...} stands for, got *** and ***\n"
		"body: expected what ${...} stands for, got something else\n");
	scene_close(&s);
}

/* By what the mask has, in what was got, and never in what is expected. */
static void what_was_got_is_masked(void **state)
{
	struct node secret = { .kind = NODE_SCALAR, .is_expanded = true, .text = STR("hunter2") };
	struct expected_field fields[] = { { .name = STR("X-A") }, { .name = STR("X-B") } };
	struct expectation expected = { .has_forwarded = true, .fields = { fields, 2 } };
	struct scene s;

	(void)state;
	scene_open(&s);
	mask_init(&s.mask, NULL, (str_list) { 0 }, &s.arena);
	mask_add_node(&s.mask, &secret);
	s.fields[0].value = STR("a hunter2");
	s.fields[2] =
		(struct http_field) { .name = STR("X-B"), .value = STR("https://h/?a=hunter2&sig=a&b=c#d") };
	s.got.body = STR("of hunter2");
	s.forwarded = (struct stand_in_request) { .path = STR("/hunter2"), .query = STR("b=hunter2&code=d") };
	s.got.forwarded = &s.forwarded;
	fields[0].value = fields[1].value = want(&s, "hunter2");
	expected.body = want(&s, "of hunter");
	expected.forwarded.path = want(&s, "/hunter");
	expected.forwarded.query = want(&s, "b=hunter2&code=e");
	compare(&s, &expected,
		"headers.X-A: expected \"hunter2\", got \"a ***\" and \"2\"\n"
		"headers.X-B: expected \"hunter2\", got \"https://h/?a=***&sig=***&b=c\"\n"
		"body: expected \"of hunter\", got \"of ***\"\n"
		"forwarded.path: expected \"/hunter\", got \"/***\"\n"
		"forwarded.query: expected \"b=hunter2&code=e\", got \"b=***&code=***\"\n");
	scene_close(&s);
}

/* Of a URL with a credential the rest; of all else nothing. */
static void urls_are_told_without_their_credentials(void **state)
{
	static const struct {
		const char *value, *shown;
	} rows[] = {
		{ "/in?code=a&b=c", "\"/in?code=***&b=c\"" },
		{ "http://u:p@h/a?b=c", "\"http://***@h/a?b=c\"" },
		{ "https://h/?token=a&to=https://u:p@i/", "***" },
		{ "https://h/a?b=/c?token=d&code=e", "***" },
		{ "/in?code=1&to=https://u:p@i/", "***" },
		{ "/in?code=1&to=https://h/?token=d", "***" },
		{ "<https://h/?token=a>", "***" },
		{ "Bearer https://h/?token=a", "***" },
	};
	struct expected_field field = { .name = STR("X-A") };
	struct expectation expected = { .fields = { &field, 1 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char want_text[256];
		struct scene s;

		scene_open(&s);
		field.value = want(&s, "z");
		s.fields[0].value = str_of(rows[i].value);
		snprintf(want_text, sizeof want_text, "headers.X-A: expected \"z\", got %s and \"2\"\n",
			 rows[i].shown);
		compare(&s, &expected, want_text);
		scene_close(&s);
	}
}

static void what_was_forwarded_is_compared(void **state)
{
	struct expectation expected = { .has_forwarded = true };
	struct scene s;

	(void)state;
	scene_open(&s);
	compare(&s, &expected, "forwarded: nothing was\n");
	s.forwarded = (struct stand_in_request) { .method = STR("GET"), .path = STR("/a"), .body = STR("b") };
	s.got.forwarded = &s.forwarded;
	compare(&s, &expected, "");
	expected.forwarded.path = want(&s, "/a");
	expected.forwarded.method = want(&s, "PUT");
	expected.forwarded.query = want(&s, "q");
	expected.forwarded.body = want(&s, "~^c");
	compare(&s, &expected,
		"forwarded.method: expected \"PUT\", got \"GET\"\n"
		"forwarded.query: expected \"q\", got \"\"\n"
		"forwarded.body: expected \"~^c\", got \"b\"\n");
	scene_close(&s);
}

static void long_texts_are_cut(void **state)
{
	char text[1000], *shown = NULL;
	size_t len;
	FILE *to = open_memstream(&shown, &len);

	(void)state;
	memset(text, 'x', sizeof text);
	case_print_shown((str) { text, sizeof text }, to);
	fclose(to);
	assert_int_equal(len, 405);
	assert_string_equal(shown + 400, "x...\"");
	free(shown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_named_may_be_anything),
		cmocka_unit_test(values_are_compared_as_text),
		cmocka_unit_test(one_instance_of_a_field_is_enough),
		cmocka_unit_test(what_came_from_outside_is_hidden),
		cmocka_unit_test(what_was_got_is_masked),
		cmocka_unit_test(urls_are_told_without_their_credentials),
		cmocka_unit_test(what_was_forwarded_is_compared),
		cmocka_unit_test(long_texts_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Who is shut out by a list, and that what is wrong in it lets nobody in again. */
#include "auth/revocations.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/testing.h"
#include "codec/json.h"

enum { CLAIMS_MAX = 1024 * 1024 };

struct desk {
	struct revocation_lists *lists;
	struct revocations *list;
	struct file_mistake mistake;
	char path[32];
};

static void write_lines(const struct desk *desk, const char *text)
{
	FILE *file = fopen(desk->path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* The file is there; whether it is good, the mistake tells. */
static result_value desk_begin(struct desk *desk, const char *text)
{
	int fd;

	*desk = (struct desk) { .lists = revocation_lists_new(), .path = "/tmp/revocations-XXXXXX" };
	fd = mkstemp(desk->path);
	assert_true(fd >= 0);
	close(fd);
	write_lines(desk, text);
	return revocations_get(desk->lists, desk->path, &desk->list, &desk->mistake);
}

static void desk_end(struct desk *desk)
{
	revocations_unref(&desk->list);
	revocation_lists_free(&desk->lists);
	unlink(desk->path);
}

static bool has(struct desk *desk, const char *claims)
{
	struct arena arena;
	struct operand parsed;
	bool is_revoked;

	arena_init(&arena, NULL, CLAIMS_MAX);
	assert_false(failed(json_parse(&arena, str_of(claims), &parsed)));
	is_revoked = revocations_have(desk->list, &parsed, &arena);
	arena_fini(&arena);
	return is_revoked;
}

static const struct {
	const char *text, *claims;
	bool want;
} rows[] = {
	{ "jti 1\n", "{\"jti\": \"1\"}", true },
	{ "jti 1\n", "{\"jti\": \"1\", \"sub\": \"alice\"}", true },
	{ "sub alice\n", "{\"jti\": \"1\", \"sub\": \"alice\"}", true },
	{ "jti 1\nsub alice", "{\"sub\": \"alice\"}", true },
	{ "jti 1\r\nsub alice\r\n", "{\"sub\": \"alice\"}", true },
	{ " \t jti   1 \t\n", "{\"jti\": \"1\"}", true },
	{ "jti 1\njti 1\n", "{\"jti\": \"1\"}", true },
	{ "sub Alice von A\n", "{\"sub\": \"Alice von A\"}", true },
	{ "sub #1\n", "{\"sub\": \"#1\"}", true },
	{ "sub \xc3\xa4\n", "{\"sub\": \"\\u00e4\"}", true },
	{ "# jti 1\n#\n\n  # jti 1\njti 2\n", "{\"jti\": \"1\"}", false },
	{ "", "{\"jti\": \"1\", \"sub\": \"alice\"}", false },
	{ "jti 1\nsub alice\n", "{}", false },
	{ "jti 1\nsub alice\n", "[]", false },
	{ "jti 1\n", "{\"sub\": \"1\"}", false },
	{ "sub alice\n", "{\"jti\": \"alice\"}", false },
	{ "jti 1\n", "{\"jti\": \"11\"}", false },
	{ "jti 11\n", "{\"jti\": \"1\"}", false },
	{ "jti 1\n", "{\"jti\": \"\"}", false },
	{ "sub alice\n", "{\"sub\": \"Alice\"}", false },
	{ "sub alice\n", "{\"sub\": \"alice \"}", false },
	{ "sub Alice von A\n", "{\"sub\": \"Alice\"}", false },
	{ "jti 1\n", "{\"inner\": {\"jti\": \"1\"}}", false },
	{ "jti 7\nsub 42\n", "{\"jti\": 7}", true },
	{ "jti 7\nsub 42\n", "{\"sub\": 42.0}", true },
	{ "jti 7\nsub 42\n", "{\"sub\": [\"42\"]}", true },
	{ "jti 7\nsub 42\n", "{\"sub\": [\"1\", \"42\"]}", false },
	{ "sub  #1\n", "{\"sub\": \"#1\"}", true },
};

static void a_token_is_shut_out_by_its_jti_or_its_sub(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct desk desk;

		assert_false(failed(desk_begin(&desk, rows[i].text)));
		if (has(&desk, rows[i].claims) != rows[i].want)
			fail_msg("%s: %s", rows[i].text, rows[i].claims);
		desk_end(&desk);
	}
}

static const struct {
	const char *text;
	size_t line;
	const char *why;
} wrong[] = {
	{ "first\n", 1, "want `jti ID` or `sub NAME`" },
	{ "jti\n", 1, "want `jti ID` or `sub NAME`" },
	{ "jti   \n", 1, "want `jti ID` or `sub NAME`" },
	{ "jti 1\n\n# and\nsub\n", 4, "want `jti ID` or `sub NAME`" },
	{ "sub eve # left on Monday\n", 1, "a comment stands in a line of its own" },
	{ "jti 1\nJTI 2\n", 2, "want `jti ID` or `sub NAME`" },
	{ "jti 1\niss a\n", 2, "want `jti ID` or `sub NAME`" },
	{ "jti\t1\n", 1, "want `jti ID` or `sub NAME`" },
	{ "jti: 1\n", 1, "want `jti ID` or `sub NAME`" },
};

static void what_is_wrong_is_told_with_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		struct desk desk;
		result_value got = desk_begin(&desk, wrong[i].text);

		if (got.kind != ERROR_INVALID)
			fail_msg("%s: %s", wrong[i].text, error_name(got.kind));
		assert_null(desk.list);
		assert_int_equal(desk.mistake.line, wrong[i].line);
		assert_string_equal(desk.mistake.why, wrong[i].why);
		desk_end(&desk);
	}
}

/* With "sub " in front, and what stands in a token of so many bytes. */
static void a_name_has_a_bound(void **state)
{
	static const struct {
		size_t len;
		const char *why;
	} lengths[] = {
		{ 1020, NULL },
		{ 1021, "want a line of at most 1024 bytes" },
		{ 5000, "the line is too long" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		char name[5001] = "", text[5100], claims[5100];
		struct desk desk;
		result_value got;

		memset(name, 'x', lengths[i].len);
		snprintf(text, sizeof text, "jti 1\nsub %s\n", name);
		snprintf(claims, sizeof claims, "{\"sub\": \"%s\"}", name);
		got = desk_begin(&desk, text);
		assert_int_equal(got.kind, lengths[i].why ? ERROR_INVALID : ERROR_NONE);
		if (lengths[i].why) {
			assert_int_equal(desk.mistake.line, 2);
			assert_string_equal(desk.mistake.why, lengths[i].why);
		} else {
			assert_true(has(&desk, claims));
			assert_false(has(&desk, "{\"sub\": \"x\"}"));
		}
		desk_end(&desk);
	}
}

static void a_token_may_bear_more_than_a_list_can(void **state)
{
	char name[2001] = "", claims[4100];
	struct desk desk;

	(void)state;
	assert_false(failed(desk_begin(&desk, "jti 1\n")));
	memset(name, 'x', sizeof name - 1);
	snprintf(claims, sizeof claims, "{\"jti\": \"%s\", \"sub\": \"%s\"}", name, name);
	assert_false(has(&desk, claims));
	snprintf(claims, sizeof claims, "{\"jti\": \"1\", \"sub\": \"%s\"}", name);
	assert_true(has(&desk, claims));
	desk_end(&desk);
}

/* The first look sees that it is another file, the second that nobody writes it any more. */
static void a_file_that_has_changed_is_read_again(void **state)
{
	struct desk desk;
	uint64_t version;

	(void)state;
	assert_false(failed(desk_begin(&desk, "jti 1\n")));
	version = revocations_version(desk.list);
	assert_int_not_equal(version, 0);
	assert_false(revocations_look(desk.list));
	write_lines(&desk, "jti 22\n");
	assert_false(revocations_look(desk.list));
	assert_true(revocations_look(desk.list));
	assert_true(has(&desk, "{\"jti\": \"1\"}")); /* not yet read */
	assert_int_equal(revocations_version(desk.list), version);
	assert_false(failed(revocations_read(desk.list, &desk.mistake)));
	assert_true(revocations_version(desk.list) > version);
	assert_true(has(&desk, "{\"jti\": \"22\"}"));
	assert_false(has(&desk, "{\"jti\": \"1\"}"));
	assert_false(revocations_look(desk.list));
	desk_end(&desk);
}

/* Neither one that was cut short, nor one that is gone. */
static void what_is_wrong_lets_nobody_in_again(void **state)
{
	struct desk desk;
	uint64_t version;

	(void)state;
	assert_false(failed(desk_begin(&desk, "jti 1\n")));
	version = revocations_version(desk.list);
	write_lines(&desk, "jti 2\nsu");
	assert_int_equal(revocations_read(desk.list, &desk.mistake).kind, ERROR_INVALID);
	assert_int_equal(desk.mistake.line, 2);
	unlink(desk.path);
	assert_int_equal(revocations_read(desk.list, &desk.mistake).kind, ERROR_SYSTEM);
	assert_int_equal(desk.mistake.line, 0);
	assert_int_equal(revocations_version(desk.list), version);
	assert_true(has(&desk, "{\"jti\": \"1\"}"));
	assert_false(has(&desk, "{\"jti\": \"2\"}"));
	desk_end(&desk);
}

/* One is looked up and not in the other: their numbers are told apart, too. */
static void a_path_is_one_list_and_another_path_another(void **state)
{
	struct desk desk;
	struct revocations *same, *other;
	char path[64];

	(void)state;
	assert_false(failed(desk_begin(&desk, "jti 1\n")));
	assert_string_equal(revocations_path(desk.list), desk.path);
	assert_false(failed(revocations_get(desk.lists, desk.path, &same, &desk.mistake)));
	assert_ptr_equal(same, desk.list);
	snprintf(path, sizeof path, "/%s", desk.path);
	assert_false(failed(revocations_get(desk.lists, path, &other, &desk.mistake)));
	assert_ptr_not_equal(other, desk.list);
	assert_int_not_equal(revocations_version(other), revocations_version(desk.list));
	revocations_unref(&same);
	revocations_unref(&other);
	desk_end(&desk);
}

enum { LISTS_MAX = 1000 };

static void there_are_only_so_many_lists(void **state)
{
	static struct revocations *others[LISTS_MAX];
	struct desk desk;
	char slashes[LISTS_MAX + 1] = "", path[LISTS_MAX + 64];
	size_t count = 0;
	result_value got = OK;

	(void)state;
	assert_false(failed(desk_begin(&desk, "jti 1\n")));
	while (!failed(got) && count < LISTS_MAX) {
		slashes[count] = '/';
		snprintf(path, sizeof path, "%s%s", slashes, desk.path);
		got = revocations_get(desk.lists, path, &others[count], &desk.mistake);
		count += !failed(got);
	}
	assert_int_equal(got.kind, ERROR_LIMIT);
	assert_int_equal(count, LISTS_MAX - 1);
	while (count)
		revocations_unref(&others[--count]);
	desk_end(&desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_shut_out_by_its_jti_or_its_sub),
		cmocka_unit_test(what_is_wrong_is_told_with_its_line),
		cmocka_unit_test(a_name_has_a_bound),
		cmocka_unit_test(a_token_may_bear_more_than_a_list_can),
		cmocka_unit_test(a_file_that_has_changed_is_read_again),
		cmocka_unit_test(what_is_wrong_lets_nobody_in_again),
		cmocka_unit_test(a_path_is_one_list_and_another_path_another),
		cmocka_unit_test(there_are_only_so_many_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

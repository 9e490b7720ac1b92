/* SPDX-License-Identifier: Apache-2.0 */
#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/testing.h"

enum { ARENA_MAX = 4 * 1024 * 1024 };

/* A path that leads to the reading end of a pipe with this content. */
static int open_pipe(str content, char path[64])
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], content.ptr, content.len), content.len);
	close(ends[1]);
	snprintf(path, 64, "/dev/fd/%d", ends[0]);
	return ends[0];
}

static void write_file(char path[64], str content)
{
	int descriptor;

	snprintf(path, 64, "/tmp/file-test-XXXXXX");
	descriptor = mkstemp(path);
	assert_true(descriptor >= 0);
	assert_int_equal(write(descriptor, content.ptr, content.len), content.len);
	close(descriptor);
}

static const struct {
	size_t size, max;
	enum error_kind outcome;
} bounds[] = {
	{ 0, 0, ERROR_NONE },          { 0, 10, ERROR_NONE },           { 1, 0, ERROR_LIMIT },
	{ 10, 10, ERROR_NONE },        { 11, 10, ERROR_LIMIT },         { 65536, 65536, ERROR_NONE },
	{ 65537, 65536, ERROR_LIMIT }, { 200000, 1 << 30, ERROR_NONE },
};

static void test_files_up_to_a_bound(void **state)
{
	static char content[200000];

	(void)state;
	memset(content, 'x', sizeof content);
	for (size_t i = 0; i < COUNT_OF(bounds); i++) {
		struct arena arena;
		char path[64];
		str text = { 0 };
		result_value outcome;

		arena_init(&arena, NULL, ARENA_MAX);
		write_file(path, (str) { content, bounds[i].size });
		outcome = file_read(&arena, str_of(path), bounds[i].max, &text);
		assert_row(outcome.kind == bounds[i].outcome, i, outcome.why ? outcome.why : "");
		if (!failed(outcome))
			assert_row(str_eq(text, (str) { content, bounds[i].size }), i, "content");
		unlink(path);
		arena_fini(&arena);
	}
}

static void test_a_pipe_is_read_to_its_end(void **state)
{
	struct arena arena;
	char path[64];
	str text = { 0 };
	int end = open_pipe(STR("a: b\n"), path);

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	assert_false(failed(file_read(&arena, str_of(path), 100, &text)));
	assert_text(text, "a: b\n");
	close(end);
	arena_fini(&arena);
}

static void test_a_file_larger_than_the_arena_is_refused(void **state)
{
	static char content[300000];
	struct arena arena;
	char path[64];
	str text = { 0 };

	(void)state;
	memset(content, 'x', sizeof content);
	arena_init(&arena, NULL, 256 * 1024);
	write_file(path, (str) { content, sizeof content });
	assert_int_equal(file_read(&arena, str_of(path), SIZE_MAX, &text).kind, ERROR_LIMIT);
	unlink(path);
	arena_fini(&arena);
}

static const struct {
	str path;
	int sys;
} refused[] = {
	{ STR_INIT("/no/such/file"), ENOENT },
	{ STR_INIT(""), ENOENT },
	{ STR_INIT("/"), EISDIR },
	{ STR_INIT("/etc/passwd/x"), ENOTDIR },
	{ STR_INIT("/etc/passwd\0.yaml"), ENOENT },
};

static void test_what_cannot_be_read_says_why(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		str text = { 0 };
		result_value outcome = file_read(&arena, refused[i].path, 100, &text);

		assert_row(outcome.kind == ERROR_SYSTEM && outcome.sys == refused[i].sys, i,
			   refused[i].path.ptr);
		assert_row(text.len == 0, i, "nothing is written");
	}
	arena_fini(&arena);
}

static void test_the_folder_of_a_path(void **state)
{
	static const struct {
		const char *path, *want;
	} rows[] = {
		{ "", "" },
		{ "a.yaml", "" },
		{ "./a.yaml", "./" },
		{ "/a.yaml", "/" },
		{ "/etc/gatehouse/a.yaml", "/etc/gatehouse/" },
		{ "/etc/gatehouse/", "/etc/gatehouse/" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_text(file_folder(str_of(rows[i].path)), rows[i].want);
}

/* Whose writer says nothing, or does not end. */
static void test_a_pipe_holds_nobody_for_ever(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct arena arena;
		str text = { 0 };
		int ends[2];
		deadline until = deadline_after(time_monotonic(), 20 * MILLISECOND);

		arena_init(&arena, NULL, ARENA_MAX);
		assert_int_equal(pipe(ends), 0);
		assert_int_equal(write(ends[1], "a: b\n", i ? 5 : 0), i ? 5 : 0);
		assert_int_equal(file_read_until(&arena, arena_printf(&arena, "/dev/fd/%d", ends[0]), 100,
						 until, &text)
					 .kind,
				 ERROR_TIMEOUT);
		assert_row(text.len == 0, i, "nothing is written");
		close(ends[0]);
		close(ends[1]);
		arena_fini(&arena);
	}
}

/* Without a writer, with one that says nothing, and with one that does not end; nor are devices files. */
static void test_what_is_no_file_is_refused_at_once(void **state)
{
	char path[64];

	(void)state;
	write_file(path, (str) { 0 });
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	for (int i = 0; i < 4; i++) {
		struct arena arena;
		str text = { 0 };
		int writer = i ? open(path, O_RDWR) : -1;

		arena_init(&arena, NULL, ARENA_MAX);
		if (i == 2)
			assert_int_equal(write(writer, "a: b\n", 5), 5);
		assert_int_equal(file_read_until(&arena, i == 3 ? STR("/dev/zero") : str_of(path), 100,
						 DEADLINE_NEVER, &text)
					 .kind,
				 ERROR_INVALID);
		assert_row(text.len == 0, i, "nothing is written");
		if (writer >= 0)
			close(writer);
		arena_fini(&arena);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_up_to_a_bound),
		cmocka_unit_test(test_a_pipe_is_read_to_its_end),
		cmocka_unit_test(test_a_pipe_holds_nobody_for_ever),
		cmocka_unit_test(test_what_is_no_file_is_refused_at_once),
		cmocka_unit_test(test_a_file_larger_than_the_arena_is_refused),
		cmocka_unit_test(test_what_cannot_be_read_says_why),
		cmocka_unit_test(test_the_folder_of_a_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

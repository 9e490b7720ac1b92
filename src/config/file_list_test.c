/* SPDX-License-Identifier: Apache-2.0 */
#include "config/file_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/testing.h"

enum { ARENA_MAX = 64 * 1024 * 1024 };

/* A folder of its own, and a list. */
struct probe {
	struct arena arena;
	struct file_list list;
	char folder[64];
};

static int probe_set_up(void **state)
{
	struct probe *probe = calloc(1, sizeof *probe);

	snprintf(probe->folder, sizeof probe->folder, "/tmp/file-list-test-XXXXXX");
	assert_non_null(mkdtemp(probe->folder));
	arena_init(&probe->arena, NULL, ARENA_MAX);
	file_list_init(&probe->list, &probe->arena);
	*state = probe;
	return 0;
}

static int probe_tear_down(void **state)
{
	struct probe *probe = *state;
	char command[128];

	snprintf(command, sizeof command, "rm -r %s", probe->folder);
	assert_int_equal(system(command), 0);
	arena_fini(&probe->arena);
	free(probe);
	return 0;
}

static str path_of(struct probe *probe, const char *name)
{
	return arena_printf(&probe->arena, "%s/%s", probe->folder, name);
}

static void write_file(struct probe *probe, const char *name, const char *content)
{
	int fd = open(path_of(probe, name).ptr, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
}

static result_value read_file(struct probe *probe, const char *name, str *ret_text)
{
	return file_list_read(&probe->list, path_of(probe, name), 1000, ret_text);
}

/* The digest of a list of its own that reads these files. */
static uint64_t digest_of(struct probe *probe, const char *const *names)
{
	struct file_list list;
	str text;

	file_list_init(&list, &probe->arena);
	for (; *names; names++)
		if (failed(file_list_read(&list, path_of(probe, *names), 1000, &text)))
			continue;
	return list.digest;
}

#define NAMES(...) ((const char *const[]) { __VA_ARGS__, NULL })

static void test_reads_and_lists_each_once(void **state)
{
	struct probe *probe = *state;
	str text;

	write_file(probe, "a", "alpha");
	write_file(probe, "b", "beta");
	assert_false(failed(read_file(probe, "a", &text)));
	assert_text(text, "alpha");
	assert_false(failed(read_file(probe, "b", &text)));
	assert_false(failed(read_file(probe, "a", &text)));
	assert_int_equal(probe->list.count, 2);
	assert_text(probe->list.first->path, path_of(probe, "a").ptr);
	assert_text(probe->list.first->next->path, path_of(probe, "b").ptr);
	assert_int_equal(probe->list.first->stamp, file_stamp(path_of(probe, "a").ptr));
}

static void test_lists_what_is_not_there(void **state)
{
	struct probe *probe = *state;
	str text;

	assert_true(failed(read_file(probe, "none", &text)));
	assert_int_equal(probe->list.count, 1);
	assert_int_equal(probe->list.first->stamp, 0);
	file_list_note(&probe->list, path_of(probe, "neither"));
	assert_int_equal(probe->list.count, 2);
}

static void test_lists_what_is_too_large(void **state)
{
	struct probe *probe = *state;
	str text;

	write_file(probe, "a", "alpha");
	assert_int_equal(file_list_read(&probe->list, path_of(probe, "a"), 4, &text).kind, ERROR_LIMIT);
	assert_int_equal(probe->list.count, 1);
}

static void test_has_a_bound(void **state)
{
	struct probe *probe = *state;

	for (int i = 0; i < FILE_LIST_MAX + 10; i++)
		file_list_note(&probe->list, arena_printf(&probe->arena, "/nowhere/%d", i));
	file_list_note_pattern(&probe->list, STR("/nowhere/*"));
	assert_int_equal(probe->list.count, FILE_LIST_MAX);
}

static void test_digest_tells_contents_names_and_absence_apart(void **state)
{
	struct probe *probe = *state;
	uint64_t before;

	write_file(probe, "a", "one");
	write_file(probe, "b", "two");
	before = digest_of(probe, NAMES("a", "b"));
	assert_true(before == digest_of(probe, NAMES("a", "b")));
	assert_true(before != digest_of(probe, NAMES("a")));
	assert_true(before != digest_of(probe, NAMES("b", "a")));
	assert_true(before != digest_of(probe, NAMES("a", "none")));
	write_file(probe, "b", "twp");
	assert_true(before != digest_of(probe, NAMES("a", "b")));
	/* The same bytes, cut elsewhere. */
	write_file(probe, "a", "onet");
	write_file(probe, "b", "wo");
	assert_true(before != digest_of(probe, NAMES("a", "b")));
	write_file(probe, "a", "one");
	write_file(probe, "b", "two");
	assert_true(before == digest_of(probe, NAMES("a", "b")));
}

static void test_stamp_changes_with_the_file(void **state)
{
	struct probe *probe = *state;
	const char *path = path_of(probe, "a").ptr;
	uint64_t absent = file_stamp(path), first;

	write_file(probe, "a", "one");
	first = file_stamp(path);
	assert_true(first != absent);
	assert_true(first == file_stamp(path));
	write_file(probe, "a", "longer");
	assert_true(first != file_stamp(path));
	unlink(path);
	assert_int_equal(file_stamp(path), absent);
}

static void test_stamp_changes_with_a_replacement_of_the_same_size(void **state)
{
	struct probe *probe = *state;
	const char *path = path_of(probe, "a").ptr;
	uint64_t first;

	write_file(probe, "a", "one");
	write_file(probe, "b", "two");
	first = file_stamp(path);
	assert_int_equal(rename(path_of(probe, "b").ptr, path), 0);
	assert_true(first != file_stamp(path));
}

/* As a mounted volume of Kubernetes is changed: a link to the folder is replaced. */
static void test_stamp_follows_links(void **state)
{
	struct probe *probe = *state;
	const char *path = path_of(probe, "data/a").ptr;
	uint64_t first;

	mkdir(path_of(probe, "1").ptr, 0700);
	mkdir(path_of(probe, "2").ptr, 0700);
	write_file(probe, "1/a", "one");
	write_file(probe, "2/a", "two");
	assert_int_equal(symlink("1", path_of(probe, "data").ptr), 0);
	first = file_stamp(path);
	assert_int_equal(symlink("2", path_of(probe, "next").ptr), 0);
	assert_int_equal(rename(path_of(probe, "next").ptr, path_of(probe, "data").ptr), 0);
	assert_true(first != file_stamp(path));
}

static void test_stamp_of_a_pattern_changes_with_the_names(void **state)
{
	struct probe *probe = *state;
	const char *pattern = path_of(probe, "*.yaml").ptr;
	uint64_t none = file_stamp_pattern(pattern), one;

	write_file(probe, "a.yaml", "one");
	one = file_stamp_pattern(pattern);
	assert_true(one != none);
	write_file(probe, "a.yaml", "other");
	write_file(probe, "b.txt", "");
	assert_true(one == file_stamp_pattern(pattern));
	write_file(probe, "b.yaml", "two");
	assert_true(one != file_stamp_pattern(pattern));
	unlink(path_of(probe, "b.yaml").ptr);
	assert_true(one == file_stamp_pattern(pattern));
	file_list_note_pattern(&probe->list, str_of(pattern));
	assert_true(probe->list.first->is_pattern);
	assert_int_equal(probe->list.first->stamp, one);
}

static void test_a_change_is_told_once_when_it_is_over(void **state)
{
	static const struct {
		uint64_t now;
		bool is_due;
	} looks[] = {
		{ 1, false },                             /* as it was read */
		{ 2, false }, { 3, false },               /* it is being written */
		{ 3, true },                              /* it is left alone */
		{ 3, false },                             /* it was read */
		{ 4, false }, { 3, false }, { 3, false }, /* it was put back */
		{ 1, false }, { 1, true }, /* as long ago, and another one than was read last */
	};
	struct file_stamps stamps = { .seen = 1, .read = 1 };

	(void)state;
	for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
		assert_int_equal(file_stamps_look(&stamps, looks[i].now), looks[i].is_due);
}

static void test_what_passes_is_tried_again_and_told_once(void **state)
{
	const result_value none = error_system("cannot be opened", EMFILE);
	const result_value wrong = error_make(ERROR_INVALID, "is wrong"), gone = error_system("", ENOENT);
	const struct {
		uint64_t now;
		bool is_due;
		result_value read; /* where it is due */
		bool is_told;
	} looks[] = {
		{ 2, false, OK, false }, { 2, true, none, true },  { 2, true, none, false },
		{ 2, true, OK, true },   { 2, false, OK, false }, /* now it was read */
		{ 3, false, OK, false }, { 3, true, none, true },  { 3, true, wrong, true },
		{ 3, false, OK, false }, /* what is wrong with it does not pass */
		{ 4, false, OK, false }, { 4, true, gone, true },  { 4, false, OK, false },
		{ 5, false, OK, false }, { 5, true, none, true },  { 6, false, OK, false },
		{ 6, true, none, true }, { 6, true, none, false }, /* another change, and told as such */
	};
	struct file_stamps stamps = { .seen = 1, .read = 1 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(looks); i++) {
		bool is_due = file_stamps_look(&stamps, looks[i].now);

		assert_row(is_due == looks[i].is_due, i, "due");
		if (is_due)
			assert_row(file_stamps_settle(&stamps, looks[i].read) == looks[i].is_told, i, "told");
	}
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, probe_set_up, probe_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_reads_and_lists_each_once),
		TEST(test_lists_what_is_not_there),
		TEST(test_lists_what_is_too_large),
		TEST(test_has_a_bound),
		TEST(test_digest_tells_contents_names_and_absence_apart),
		TEST(test_stamp_changes_with_the_file),
		TEST(test_stamp_changes_with_a_replacement_of_the_same_size),
		TEST(test_stamp_follows_links),
		TEST(test_stamp_of_a_pattern_changes_with_the_names),
		cmocka_unit_test(test_a_change_is_told_once_when_it_is_over),
		cmocka_unit_test(test_what_passes_is_tried_again_and_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

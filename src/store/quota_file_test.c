/* SPDX-License-Identifier: Apache-2.0 */
/* A real file: two that have it open, and what is no such file. */
#include "store/quota_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/testing.h"

static char folder[64], path[96];

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/quota_file_test.XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/quota.db", folder);
	return 0;
}

static int tear_down(void **state)
{
	char name[128];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof name, "%s%s", path, ((const char *[]) { "", "-wal", "-shm" })[i]);
		unlink(name);
	}
	return rmdir(folder);
}

static struct quota_file *open_file(uint64_t seed)
{
	struct quota_file *file;
	result_value opened = quota_file_open(path, seed, &file);

	assert_false(failed(opened));
	return file;
}

static int64_t add(struct quota_file *file, uint64_t key, int64_t window, int64_t delta)
{
	int64_t total = -1;
	result_value added = quota_file_add(
		file, &(struct quota_change) { .key = key, .window = window, .delta = delta }, 1, &total);

	assert_false(failed(added));
	return total;
}

struct seen {
	int rows;
	int64_t sum;
};

static void see(void *self, uint64_t key, int64_t window, int64_t total)
{
	struct seen *seen = self;

	assert_true(key > 100 && window > 0);
	seen->rows++;
	seen->sum += total;
}

static struct seen read_all(struct quota_file *file, int64_t now)
{
	struct seen seen = { 0 };
	result_value read = quota_file_read(file, now, see, &seen);

	assert_false(failed(read));
	return seen;
}

static void counts_are_added_to(void **state)
{
	struct quota_file *one = open_file(7), *other = open_file(8);

	(void)state;
	assert_true(quota_file_is_new(one));
	assert_false(quota_file_is_new(other));
	assert_int_equal(quota_file_seed(one), 7);
	assert_int_equal(quota_file_seed(other), 7);
	assert_int_equal(add(one, UINT64_MAX, 50, 3), 3);
	assert_int_equal(add(other, UINT64_MAX, 50, 4), 7);
	assert_int_equal(add(one, UINT64_MAX, 60, 1), 1);
	assert_int_equal(add(one, UINT64_MAX, 50, -2), 5);
	quota_file_close(&one);
	assert_int_equal(read_all(other, 49).sum, 6);
	assert_int_equal(read_all(other, 50).sum, 1);
	quota_file_close(&other);
}

static void windows_that_are_over_are_removed(void **state)
{
	struct quota_file *file = open_file(7);
	result_value pruned;

	(void)state;
	add(file, 101, 1000, 1);
	add(file, 102, 2000, 1);
	pruned = quota_file_prune(file, 1000 + 86400);
	assert_false(failed(pruned));
	assert_int_equal(read_all(file, 0).rows, 1);
	quota_file_close(&file);
}

static void what_is_no_such_file(void **state)
{
	FILE *to = fopen(path, "w");
	struct quota_file *file;
	result_value opened;

	(void)state;
	assert_non_null(to);
	for (int i = 0; i < 1000; i++)
		fputs("quotas of another kind\n", to);
	fclose(to);
	opened = quota_file_open(path, 7, &file);
	assert_int_equal(opened.kind, ERROR_MALFORMED);
	assert_null(file);
}

static void where_no_file_can_be(void **state)
{
	struct quota_file *file;
	result_value opened = quota_file_open("/nowhere/at/all.db", 7, &file);

	(void)state;
	assert_int_equal(opened.kind, ERROR_SYSTEM);
	assert_string_equal(opened.why, "unable to open database file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counts_are_added_to, set_up, tear_down),
		cmocka_unit_test_setup_teardown(windows_that_are_over_are_removed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_such_file, set_up, tear_down),
		cmocka_unit_test(where_no_file_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that come and go, as processes do, over one file; and files that change under a table. */
#include "store/quota_keeper.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/testing.h"
#include "base/time.h"

enum { KEY = 300, LIMIT = 1000 };

static char folder[64], first[96], second[96];

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/quota_keeper_test.XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(first, sizeof first, "%s/one.db", folder);
	snprintf(second, sizeof second, "%s/two.db", folder);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "one.db",     "two.db",     "one.db-wal",
					     "two.db-wal", "one.db-shm", "two.db-shm" };
	char name[128];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(name, sizeof name, "%s/%s", folder, names[i]);
		unlink(name);
	}
	return rmdir(folder);
}

/* A process. */
struct node {
	struct quota_table *table;
	struct quota_keeper *keeper;
};

static struct node begin(const char *path)
{
	struct node node = { .table = quota_table_new(64) };

	assert_false(failed(quota_keeper_new(node.table, NULL, str_of(path), &node.keeper)));
	return node;
}

static void end(struct node *node)
{
	quota_keeper_free(&node->keeper);
	quota_table_free(&node->table);
}

static uint64_t count(struct node *node, uint64_t cost)
{
	int64_t now = time_wall() / SECOND;
	struct quota_ask ask = {
		.key = KEY, .window = INT64_C(1) << 40, .now = now, .limit = LIMIT, .cost = cost
	};

	return LIMIT - quota_table_take(node->table, &ask).left;
}

static void wait_for(struct node *node, uint64_t used)
{
	while (count(node, 0) != used)
		usleep(1000);
}

static void counts_outlive_their_process(void **state)
{
	struct node node;

	(void)state;
	for (uint64_t round = 1; round <= 3; round++) {
		node = begin(first);
		assert_int_equal(count(&node, 5), round * 5);
		end(&node);
	}
}

static uint64_t written(void)
{
	struct node another = begin(first);
	uint64_t used = count(&another, 0);

	end(&another);
	return used;
}

/* As in a replacement: each adds its own, and hears of the other's with what it adds next. */
static void two_add_to_one_file(void **state)
{
	struct node old = begin(first), new = begin(first);

	(void)state;
	count(&old, 3);
	count(&old, 4);
	quota_keeper_write(old.keeper);
	while (written() != 7)
		usleep(1000);
	assert_int_equal(count(&new, 10), 10);
	quota_keeper_write(new.keeper);
	wait_for(&new, 17);
	count(&old, 1);
	quota_keeper_write(old.keeper);
	wait_for(&old, 18);
	end(&old);
	end(&new);
	assert_int_equal(written(), 18);
}

static void a_file_may_come_later_or_be_another(void **state)
{
	struct node node = begin("");

	(void)state;
	count(&node, 5);
	quota_keeper_use(node.keeper, str_of(first));
	count(&node, 1);
	quota_keeper_use(node.keeper, str_of(second)); /* one that is new gets all that was counted */
	count(&node, 1);
	end(&node);
	node = begin(second);
	assert_int_equal(count(&node, 0), 7);
	end(&node);
}

/* One with other counts, under another seed: they hold. */
static void a_file_that_knows_more_holds(void **state)
{
	struct node node = begin(first);

	(void)state;
	count(&node, 9);
	end(&node);
	node = begin(second);
	quota_keeper_use(node.keeper, str_of(first));
	wait_for(&node, 9);
	assert_int_equal(count(&node, 1), 10);
	end(&node);
}

/* Counting goes on, and what was counted is written when it can be. */
static void a_file_that_is_mended_gets_all(void **state)
{
	struct node node;
	struct stat status;

	(void)state;
	assert_int_equal(mkdir(first, 0700), 0);
	node = begin(first);
	assert_int_equal(count(&node, 6), 6);
	assert_int_equal(rmdir(first), 0);
	quota_keeper_write(node.keeper);
	while (stat(first, &status) || !S_ISREG(status.st_mode))
		usleep(1000);
	end(&node);
	node = begin(first);
	assert_int_equal(count(&node, 0), 6);
	end(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counts_outlive_their_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_add_to_one_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_may_come_later_or_be_another, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_that_knows_more_holds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_that_is_mended_gets_all, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

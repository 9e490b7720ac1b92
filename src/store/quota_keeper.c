/* SPDX-License-Identifier: Apache-2.0 */
#include "store/quota_keeper.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/time.h"
#include "store/quota_file.h"

enum { BATCH = QUOTA_CELLS / QUOTA_PARTS, ROUNDS_TO_PRUNE = 600 }; /* a part at a time, all of it */

struct quota_keeper {
	struct quota_table *table;
	struct journal *journal;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char *wanted; /* under the lock, as the next two; NULL: none */
	bool is_urgent, is_ending;

	/* The thread's own. */
	char *path;
	struct quota_file *file; /* NULL: it is not open */
	bool is_in_trouble;      /* which was told */
	unsigned rounds;
	struct quota_change changes[BATCH];
	int64_t totals[BATCH];
};

static int64_t now_second(void)
{
	return time_wall() / SECOND;
}

/* Once when it begins, and once when it is over. */
static void tell(struct quota_keeper *keeper, result_value done)
{
	if (failed(done) == keeper->is_in_trouble)
		return;
	keeper->is_in_trouble = failed(done);
	if (failed(done))
		journal_error(keeper->journal,
			      "%s: %s: counts of quotas are not written, and would not outlive a restart",
			      keeper->path, done.why);
	else
		journal_info(keeper->journal, "%s: counts of quotas are written again", keeper->path);
}

/* ---- the file ---- */

static void load_row(void *self, uint64_t key, int64_t window, int64_t total)
{
	quota_table_load(self, key, window, now_second(), total);
}

/* Somebody has tidied up, or put a copy back. What was counted goes to what is there now. */
static void leave_moved(struct quota_keeper *keeper)
{
	if (!keeper->file || quota_file_is_in_place(keeper->file))
		return;
	journal_warn(keeper->journal, "%s: it was removed or replaced: counts of quotas go to a new one",
		     keeper->path);
	quota_file_close(&keeper->file);
}

static result open_file(struct quota_keeper *keeper)
{
	struct quota_table *table = keeper->table;

	leave_moved(keeper);
	if (keeper->file)
		return OK;
	TRY(quota_file_open(keeper->path, quota_table_seed(table), &keeper->file));
	quota_table_begin(table, quota_file_seed(keeper->file), quota_file_is_new(keeper->file));
	return quota_file_read(keeper->file, now_second(), load_row, table);
}

static result write_part(struct quota_keeper *keeper, size_t part)
{
	size_t count = quota_table_changes(keeper->table, part, keeper->changes, BATCH);
	result_value added = OK;

	if (count)
		added = quota_file_add(keeper->file, keeper->changes, count, keeper->totals);
	for (size_t i = 0; i < count; i++)
		if (failed(added))
			quota_table_not_written(keeper->table, &keeper->changes[i]);
		else
			quota_table_written(keeper->table, &keeper->changes[i], keeper->totals[i]);
	return added;
}

static result write_all(struct quota_keeper *keeper)
{
	TRY(open_file(keeper));
	for (size_t part = 0; part < QUOTA_PARTS; part++)
		TRY(write_part(keeper, part));
	if (keeper->rounds++ % ROUNDS_TO_PRUNE)
		return OK;
	return quota_file_prune(keeper->file, now_second());
}

/* After a failure the file is opened anew: it may have been mended, or be another one. */
static void run_round(struct quota_keeper *keeper)
{
	result_value done;

	if (!keeper->path)
		return;
	done = write_all(keeper);
	tell(keeper, done);
	if (failed(done))
		quota_file_close(&keeper->file);
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static char *copy_of(const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	ASSERT(!text || copy);
	return copy;
}

/* Under the lock, which is given up meanwhile. What was counted is the old one's before it is the new one's.
 */
static void follow(struct quota_keeper *keeper)
{
	if (is_same(keeper->wanted, keeper->path))
		return;
	pthread_mutex_unlock(&keeper->lock);
	run_round(keeper);
	quota_file_close(&keeper->file);
	pthread_mutex_lock(&keeper->lock);
	free(keeper->path);
	keeper->path = copy_of(keeper->wanted);
	keeper->is_in_trouble = false;
}

/* ---- the thread ---- */

static void wait_a_second(struct quota_keeper *keeper)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	while (!keeper->is_urgent && !keeper->is_ending)
		if (pthread_cond_timedwait(&keeper->changed, &keeper->lock, &until))
			return;
}

/* Once more after it was told to end. */
static void *keep(void *argument)
{
	struct quota_keeper *keeper = argument;
	bool is_last = false;

	pthread_mutex_lock(&keeper->lock);
	while (!is_last) {
		wait_a_second(keeper);
		is_last = keeper->is_ending;
		keeper->is_urgent = false;
		follow(keeper);
		pthread_mutex_unlock(&keeper->lock);
		run_round(keeper);
		pthread_mutex_lock(&keeper->lock);
	}
	pthread_mutex_unlock(&keeper->lock);
	return NULL;
}

static char *path_of(str path)
{
	return path.len ? strndup(path.ptr, path.len) : NULL;
}

/* Without its thread. */
static struct quota_keeper *keeper_new(struct quota_table *table, struct journal *journal, str path)
{
	struct quota_keeper *keeper = calloc(1, sizeof *keeper);
	pthread_condattr_t attributes;

	ASSERT(keeper);
	keeper->table = table;
	keeper->journal = journal;
	keeper->path = path_of(path);
	keeper->wanted = path_of(path);
	pthread_mutex_init(&keeper->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&keeper->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return keeper;
}

static void keeper_free(struct quota_keeper *keeper)
{
	quota_file_close(&keeper->file);
	pthread_cond_destroy(&keeper->changed);
	pthread_mutex_destroy(&keeper->lock);
	free(keeper->path);
	free(keeper->wanted);
	free(keeper);
}

result quota_keeper_new(struct quota_table *table, struct journal *journal, str path,
			struct quota_keeper **ret_keeper)
{
	struct quota_keeper *keeper = keeper_new(table, journal, path);
	int error;

	run_round(keeper);
	error = pthread_create(&keeper->thread, NULL, keep, keeper);
	if (!error) {
		*ret_keeper = keeper;
		return OK;
	}
	journal_error(journal, "counts of quotas cannot be kept: no thread for it: %s", strerror(error));
	keeper_free(keeper);
	return error_system("no thread for the counts of quotas", error);
}

static void call(struct quota_keeper *keeper, bool *flag)
{
	*flag = true;
	pthread_cond_signal(&keeper->changed);
	pthread_mutex_unlock(&keeper->lock);
}

void quota_keeper_use(struct quota_keeper *keeper, str path)
{
	char *wanted = path_of(path);

	pthread_mutex_lock(&keeper->lock);
	free(keeper->wanted);
	keeper->wanted = wanted;
	call(keeper, &keeper->is_urgent);
}

void quota_keeper_write(struct quota_keeper *keeper)
{
	pthread_mutex_lock(&keeper->lock);
	call(keeper, &keeper->is_urgent);
}

void quota_keeper_free(struct quota_keeper **address)
{
	struct quota_keeper *keeper = *address;

	*address = NULL;
	if (!keeper)
		return;
	pthread_mutex_lock(&keeper->lock);
	call(keeper, &keeper->is_ending);
	pthread_join(keeper->thread, NULL);
	keeper_free(keeper);
}

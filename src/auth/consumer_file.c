/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumer_file: a file of consumers is read line by line, and what was made of it is remembered with the
 * stamp of the file.
 *
 * The memory of a line is given back before the next one, so a file of gigabytes takes no more than its
 * consumers do. A configuration that is loaded again, and each look at the files, finds what has not changed
 * without reading it. Reading takes seconds for a million lines: it is never done
 * on a worker, and no worker asks for the lock.
 */
#include "auth/consumer_file.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "auth/consumer_line.h"
#include "base/assert.h"
#include "config/file_list.h"

enum {
	FILES_MAX = 100,
	LINE_ARENA_MAX = 4 * 1024 * 1024,
	USUAL_LINE = 160, /* bytes, to guess how many lines there are */
};

struct remembered {
	char *path; /* NULL: free */
	uint64_t stamp;
	struct consumer_table *table;
};

struct consumer_files {
	pthread_mutex_t lock;
	struct remembered at[FILES_MAX];
	size_t next; /* whose place another one takes */
};

struct consumer_files *consumer_files_new(void)
{
	struct consumer_files *files = calloc(1, sizeof *files);

	ASSERT(files);
	pthread_mutex_init(&files->lock, NULL);
	return files;
}

/* The table itself goes when the last generation that uses it does. */
static void forget(struct remembered *file)
{
	free(file->path);
	consumer_table_unref(&file->table);
	*file = (struct remembered) { 0 };
}

void consumer_files_free(struct consumer_files **address)
{
	struct consumer_files *files = *address;

	for (size_t i = 0; files && i < FILES_MAX; i++)
		forget(&files->at[i]);
	if (files)
		pthread_mutex_destroy(&files->lock);
	free(files);
	*address = NULL;
}

/* ---- a file ---- */

/* What lines are added to. */
struct adding {
	struct consumer_table *table;
	struct arena arena; /* of one line, and of what is wrong with it */
};

static const char *add_line(void *self, str line)
{
	struct adding *adding = self;
	struct consumer_config config;
	struct consumer_mistake mistake;
	const char *wrong;

	arena_fini(&adding->arena);
	wrong = consumer_line_read(&adding->arena, line, &config);
	if (!wrong && failed(consumer_table_add(adding->table, &config, &mistake)))
		wrong = mistake.why;
	return wrong;
}

/* How many there may be: a guess that is wrong costs memory or a copy, no more. */
static size_t guess_count(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && status.st_size > 0 ? (size_t)status.st_size / USUAL_LINE : 0;
}

/* ret_table is NULL after a failure. */
static result read_file(const char *path, struct consumer_table **ret_table, struct file_mistake *ret_mistake)
{
	struct adding adding = { .table = consumer_table_new(guess_count(path)) };
	result_value read;

	arena_init(&adding.arena, NULL, LINE_ARENA_MAX);
	read = file_lines_read(path, CONSUMER_LINE_MAX, add_line, &adding, ret_mistake);
	arena_fini(&adding.arena);
	if (failed(read))
		consumer_table_unref(&adding.table);
	*ret_table = adding.table;
	return read;
}

/* ---- what is remembered ---- */

static struct remembered *find(struct consumer_files *files, const char *path)
{
	for (size_t i = 0; i < FILES_MAX; i++)
		if (files->at[i].path && strcmp(files->at[i].path, path) == 0)
			return &files->at[i];
	return NULL;
}

/* Where all places are taken, that of the longest known goes; it is read again when it is asked for. */
static void remember(struct consumer_files *files, const char *path, uint64_t stamp,
		     struct consumer_table *table)
{
	struct remembered *file = find(files, path);

	if (!file) {
		file = &files->at[files->next];
		files->next = (files->next + 1) % FILES_MAX;
	}
	forget(file);
	*file = (struct remembered) { strdup(path), stamp, consumer_table_ref(table) };
	ASSERT(file->path);
}

result consumer_files_get(struct consumer_files *files, const char *path, struct consumer_table **ret_table,
			  struct file_mistake *ret_mistake)
{
	uint64_t stamp = file_stamp(path); /* before it is read: what changes meanwhile is noticed */
	struct remembered *known;
	result_value read = OK;

	pthread_mutex_lock(&files->lock);
	known = find(files, path);
	if (known && known->stamp == stamp)
		*ret_table = consumer_table_ref(known->table);
	else if (!failed(read = read_file(path, ret_table, ret_mistake)))
		remember(files, path, stamp, *ret_table);
	pthread_mutex_unlock(&files->lock);
	return read;
}

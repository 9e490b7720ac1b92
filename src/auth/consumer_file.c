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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "auth/consumer_line.h"
#include "base/assert.h"
#include "base/line_reader.h"
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

static const char *add_line(struct consumer_table *table, str text, struct arena *arena)
{
	struct consumer_config config;
	struct consumer_mistake mistake;
	const char *wrong = consumer_line_read(arena, text, &config);

	if (!wrong && failed(consumer_table_add(table, &config, &mistake)))
		wrong = mistake.why;
	return wrong;
}

static result_value wrong(struct consumer_file_mistake *ret_mistake, size_t line, const char *why)
{
	ret_mistake->line = line;
	snprintf(ret_mistake->why, sizeof ret_mistake->why, "%s", why);
	return error_make(ERROR_INVALID, "a file of consumers is wrong");
}

static result read_lines(struct line_reader *lines, struct consumer_table *table,
			 struct consumer_file_mistake *ret_mistake)
{
	struct arena arena;
	result_value read = OK;
	size_t number = 0;
	str line;

	arena_init(&arena, NULL, LINE_ARENA_MAX);
	while (!failed(read)) {
		result_value next = line_reader_next(lines, &line);
		const char *why = NULL;

		if (next.kind == ERROR_MISSING)
			return OK;
		number++;
		if (failed(next))
			why = next.why;
		else if (str_trim(line).len)
			why = add_line(table, str_trim(line), &arena);
		if (why)
			read = wrong(ret_mistake, number, why);
		arena_fini(&arena);
	}
	return read;
}

/* A guess that is wrong costs memory or a copy, no more. */
static size_t guess_count(FILE *from)
{
	struct stat status;

	return fstat(fileno(from), &status) == 0 && status.st_size > 0 ? (size_t)status.st_size / USUAL_LINE
								       : 0;
}

/* ret_table is set on success only. */
static result read_file(const char *path, struct consumer_table **ret_table,
			struct consumer_file_mistake *ret_mistake)
{
	FILE *from;
	struct line_reader lines;
	result_value read = line_reader_open(path, &from);

	if (failed(read)) {
		(void)wrong(ret_mistake, 0, read.sys ? strerror(read.sys) : read.why);
		return read;
	}
	*ret_table = consumer_table_new(guess_count(from));
	line_reader_init(&lines, from, CONSUMER_LINE_MAX);
	read = read_lines(&lines, *ret_table, ret_mistake);
	line_reader_fini(&lines);
	fclose(from);
	if (failed(read))
		consumer_table_unref(ret_table);
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
			  struct consumer_file_mistake *ret_mistake)
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

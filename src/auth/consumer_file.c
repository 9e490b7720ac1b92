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

#include "base/assert.h"
#include "base/line_reader.h"
#include "codec/json.h"
#include "config/file_list.h"

enum {
	FILES_MAX = 100,
	LINE_ARENA_MAX = 4 * 1024 * 1024,
	ITEMS_MAX = 1000,
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

/* ---- a line ---- */

/* What a line holds is a configuration's consumer, by another syntax. */
struct line {
	struct arena *arena;
	struct consumer_config config;
	const char *wrong; /* NULL: nothing is */
};

/* Texts point into the line, which consumer_table_add() copies. */
static str_list read_texts(struct line *line, const struct operand *value)
{
	str *at = NULL;

	if (value->kind != OPERAND_LIST || value->list.count > ITEMS_MAX) {
		line->wrong = "want a list of texts";
		return (str_list) { 0 };
	}
	at = ARENA_ARRAY(line->arena, str, value->list.count);
	for (size_t i = 0; i < value->list.count; i++) {
		if (value->list.at[i].kind != OPERAND_STRING)
			line->wrong = "want a list of texts";
		else
			at[i] = value->list.at[i].text;
	}
	return (str_list) { at, value->list.count };
}

static struct pair_list read_labels(struct line *line, const struct operand *value)
{
	const struct json_object *object = json_object_of(value);
	struct pair *at;

	if (!object || object->count > ITEMS_MAX) {
		line->wrong = "labels: want a map of texts";
		return (struct pair_list) { 0 };
	}
	at = ARENA_ARRAY(line->arena, struct pair, object->count);
	for (size_t i = 0; i < object->count; i++) {
		if (object->at[i].value.kind != OPERAND_STRING)
			line->wrong = "labels: want a map of texts";
		at[i] = (struct pair) { .name = object->at[i].name, .value = object->at[i].value.text };
	}
	return (struct pair_list) { at, object->count };
}

static void read_basic(struct line *line, const struct operand *value)
{
	const struct json_object *object = json_object_of(value);

	line->config.basic.password = json_find_text(value, STR("password"));
	if (!object || object->count != 1 || !line->config.basic.password.len)
		line->wrong = "basic: want {\"password\": \"$argon2id$...\"}";
}

/* The same names as in the configuration. One that is not known is a mistake, not a thing to pass over: a
 * misspelt `api_keys` would lock somebody out without a word. */
static void read_member(struct line *line, const struct json_member *member)
{
	if (str_eq(member->name, STR("name")) && member->value.kind == OPERAND_STRING)
		line->config.entry.name = member->value.text;
	else if (str_eq(member->name, STR("groups")))
		line->config.groups = read_texts(line, &member->value);
	else if (str_eq(member->name, STR("api_keys")))
		line->config.api_keys = read_texts(line, &member->value);
	else if (str_eq(member->name, STR("certificates")))
		line->config.certificates = read_texts(line, &member->value);
	else if (str_eq(member->name, STR("labels")))
		line->config.labels = read_labels(line, &member->value);
	else if (str_eq(member->name, STR("basic")))
		read_basic(line, &member->value);
	else
		line->wrong = "want name, groups, api_keys, basic, certificates and labels";
}

static const char *add_line(struct consumer_table *table, str text, struct arena *arena)
{
	struct line line = { .arena = arena };
	struct consumer_mistake mistake;
	struct operand json;
	const struct json_object *object;

	if (failed(json_parse(arena, text, &json)) || !(object = json_object_of(&json)))
		return "want a JSON object";
	for (size_t i = 0; i < object->count && !line.wrong; i++)
		read_member(&line, &object->at[i]);
	if (line.wrong)
		return line.wrong;
	if (!line.config.entry.name.len)
		return "want a name";
	return failed(consumer_table_add(table, &line.config, &mistake)) ? mistake.why : NULL;
}

/* ---- a file ---- */

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
	const char *why = NULL;
	size_t number = 0;
	str line;

	arena_init(&arena, NULL, LINE_ARENA_MAX);
	while (!why) {
		result_value next = line_reader_next(lines, &line);

		if (next.kind == ERROR_MISSING)
			return OK;
		number++;
		if (failed(next))
			why = next.why;
		else if (str_trim(line).len)
			why = add_line(table, str_trim(line), &arena);
		arena_fini(&arena);
	}
	return wrong(ret_mistake, number, why);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digest is no defence: whoever may write the configuration need not forge one. It has to tell two
 * honest files apart, for which 64 bits do.
 */
#include "config/file_list.h"

#include <glob.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/time.h"
#include "config/file.h"

static const uint64_t seed = 0x6669786564;

void file_list_init(struct file_list *list, struct arena *arena)
{
	*list = (struct file_list) { .arena = arena, .digest = seed };
	list->last = &list->first;
	map_init(&list->known, arena, FILE_LIST_MAX);
}

/* The time of change, and not of modification: a tool that copies files may set the latter. */
uint64_t file_stamp(const char *path)
{
	struct stat file;
	uint64_t stamp;

	if (stat(path, &file) != 0)
		return 0;
	stamp = hash_mix((uint64_t)file.st_dev, (uint64_t)file.st_ino);
	stamp = hash_mix(stamp, (uint64_t)file.st_size);
	return hash_mix(stamp, (uint64_t)(file.st_ctim.tv_sec * SECOND + file.st_ctim.tv_nsec)) | 1;
}

uint64_t file_stamp_pattern(const char *pattern)
{
	glob_t found = { 0 };
	uint64_t stamp = seed;

	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			stamp = hash_bytes(str_of(found.gl_pathv[i]), stamp);
	globfree(&found);
	return stamp;
}

/* NULL when it is known already, or one too many. */
static struct file_entry *add(struct file_list *list, str path)
{
	struct file_entry *entry;

	if (list->count == FILE_LIST_MAX || map_get(&list->known, path))
		return NULL;
	entry = ARENA_NEW(list->arena, struct file_entry);
	entry->path = arena_printf(list->arena, "%.*s", STR_ARG(path));
	map_add(&list->known, entry->path, entry);
	*list->last = entry;
	list->last = &entry->next;
	list->count++;
	return entry;
}

void file_list_note(struct file_list *list, str path)
{
	struct file_entry *entry = add(list, path);

	if (entry)
		entry->stamp = file_stamp(entry->path.ptr);
}

void file_list_heed(struct file_list *list, result_value read)
{
	list->is_cut_short |= error_is_passing(read);
}

result file_list_read(struct file_list *list, str path, size_t max, str *ret_text)
{
	result_value read;

	file_list_note(list, path);
	read = file_read(list->arena, path, max, ret_text);
	file_list_heed(list, read);
	list->digest = hash_bytes(path, list->digest);
	list->digest = failed(read) ? hash_mix(list->digest, (uint64_t)read.kind)
				    : hash_bytes(*ret_text, list->digest);
	return read;
}

void file_list_note_pattern(struct file_list *list, str pattern)
{
	struct file_entry *entry = add(list, pattern);

	if (!entry)
		return;
	entry->is_pattern = true;
	entry->stamp = file_stamp_pattern(entry->path.ptr);
}

void file_list_add(struct file_list *list, const struct file_list *from)
{
	for (const struct file_entry *file = from->first; file; file = file->next) {
		struct file_entry *entry = add(list, file->path);

		if (!entry)
			continue;
		entry->is_pattern = file->is_pattern;
		entry->stamp = file->stamp;
	}
}

bool file_stamps_look(struct file_stamps *stamps, uint64_t now)
{
	bool is_quiet = now == stamps->seen;

	stamps->seen = now;
	if (!is_quiet || (now == stamps->read && !stamps->is_put_off))
		return false;
	stamps->is_put_off &= now == stamps->read;
	stamps->read = now;
	return true;
}

bool file_stamps_settle(struct file_stamps *stamps, result_value read)
{
	bool is_told = stamps->is_put_off && error_is_passing(read);

	stamps->is_put_off = error_is_passing(read);
	return !is_told;
}

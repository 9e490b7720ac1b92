/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_list: every file that a configuration was made of, and how each looked when it was read.
 *
 * Reading goes through the list, so no file is forgotten: also those named by ${file:...} and by policies,
 * and those that could not be read, which may be there the next time. The digest tells whether a
 * configuration is byte for byte the one that runs; the stamps tell a watcher, without reading anything,
 * whether it may have changed. A stamp is taken before its file is read: what changes meanwhile is noticed.
 */
#pragma once

#include "base/map.h"
#include "base/result.h"

enum { FILE_LIST_MAX = 10000 };

struct file_entry {
	struct file_entry *next;
	str path; /* with a NUL behind it */
	bool is_pattern;
	uint64_t stamp; /* see file_stamp() */
};

struct file_list {
	struct arena *arena;
	struct map known; /* by path */
	struct file_entry *first, **last;
	size_t count;
	bool is_cut_short; /* something could not be read, but may be later: error_is_passing() */
	uint64_t digest;   /* of the names and contents of all files, in the order in which they were read */
};

void file_list_init(struct file_list *list, struct arena *arena);
/* Everything in it lives in the arena. The list must not be moved. */

result file_list_read(struct file_list *list, str path, size_t max, str *ret_text);
/* file_read(), and the file is in the list from here on, each path once and FILE_LIST_MAX in all. */

void file_list_heed(struct file_list *list, result_value read);
/* What came of reading a file that looks after itself: for is_cut_short. */

void file_list_note(struct file_list *list, str path);
/* It may be read later, or not be there at all. */

void file_list_note_pattern(struct file_list *list, str pattern);
/* A pattern of glob(7), with a NUL behind it, whose matches are read as well. */

void file_list_add(struct file_list *list, const struct file_list *from);
/* Copies the entries that are not in the list yet, stamps as they are. */

uint64_t file_stamp(const char *path);
/* Of what the path leads to: another number when it was written, replaced, or came or went. */

uint64_t file_stamp_pattern(const char *pattern);
/* Of the names that match: another number when one is added or removed. */

/* For those who look at files again and again: the stamp at the last look, and that of what was read last. */
struct file_stamps {
	uint64_t seen, read;
	bool is_put_off; /* that reading failed for now, and this was told */
};

bool file_stamps_look(struct file_stamps *stamps, uint64_t now);
/* Whether it is time to read: the stamp is another than that of the last reading, and the same as at the last
 * look, for what is being written looks different each time. True once: what is read then counts as read,
 * whatever comes of it, unless file_stamps_settle() says otherwise. */

bool file_stamps_settle(struct file_stamps *stamps, result_value read);
/* After each look that was true: what came of reading. Where that failed but error_is_passing(), the next
 * look is true again. Whether to tell what came of it: what fails again like that was told. */

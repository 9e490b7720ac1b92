/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reading files (document.c) and merging what they include (include.c) share.
 *
 * The two call each other: a file includes files that include files. The depth of that is bounded by
 * active[].
 */
#pragma once

#include "base/map.h"
#include "config/document.h"
#include "config/expand.h"
#include "config/file_list.h"

enum {
	INCLUDE_DEPTH_MAX = 8,
	DOCUMENT_SOURCES_MAX = 1000, /* files of the configuration itself */
};

struct document {
	struct arena *arena;
	struct diagnostics *diagnostics;
	struct expander expander;
	struct node *root;
	size_t size_left; /* bytes that may still be read */
	size_t source_count;
	struct map loaded;             /* "device:inode" of every file: none is merged twice */
	str active[INCLUDE_DEPTH_MAX]; /* those of the files that are being read, each within the last */
	size_t depth;
	struct file_list *files; /* those that were read */
};

result document_read_file(struct document *document, str path, const struct node *at, struct node **ret_root);
/* Reads a file with all that it includes. at: the item that names it, for diagnostics; NULL for the first.
 * NULL and OK when the file was read before. */

bool document_is_reading(struct document *document, str path);
/* Whether the path is a file that is being read now. */

void include_files(struct document *document, struct node *root, str folder);
/* Takes `include` off the root and merges the files that it names. What is wrong with one is reported, and
 * the others are read all the same. */

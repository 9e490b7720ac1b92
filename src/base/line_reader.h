/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line_reader: a file line by line, however large it is, with a bound on each line: in one buffer of that
 * size.
 */
#pragma once

#include <stdio.h>

#include "base/result.h"
#include "base/str.h"

struct line_reader {
	FILE *from;
	char *room;
	size_t max, at, end; /* unread: from at to end */
	bool is_end;         /* nothing more comes from the file */
};

result line_reader_open(const char *path, FILE **ret_file);
/* A regular file: another kind (a pipe into which nobody writes, a folder) could hold up whoever reads it, or
 * never end. ERROR_INVALID for those; ERROR_SYSTEM. */

void line_reader_init(struct line_reader *reader, FILE *from, size_t max);
/* from is borrowed. max: bytes of a line with its end. */

void line_reader_fini(struct line_reader *reader);

result line_reader_next(struct line_reader *reader, str *ret_line);
/* Without its end, LF or CR LF; good until the next call. The last line need not have one. ERROR_MISSING:
 * there is none any more; ERROR_LIMIT: it is longer than max; ERROR_SYSTEM: the file cannot be read. */

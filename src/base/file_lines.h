/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_lines: a file in which each line says something for itself, and where the first one stands that is
 * wrong.
 */
#pragma once

#include "base/result.h"
#include "base/str.h"

/* What is wrong in a file. */
struct file_mistake {
	size_t line; /* 0: the file itself */
	char why[256];
};

str file_mistake_print(const struct file_mistake *mistake, const char *path, char *room, size_t size);
/* "PATH:LINE: WHY", and of the file itself "PATH: WHY", with its NUL; in the room, cut where that ends. */

typedef const char *(*file_line_fn)(void *self, str line);
/* Takes a line: not empty, and without blanks at its ends. What is wrong with it, good until the next call;
 * NULL: nothing is. */

result file_lines_read(const char *path, size_t max, file_line_fn take, void *self,
		       struct file_mistake *ret_mistake);
/* Hands over each line that says something, up to the first that is wrong. max: bytes of a line with its end.
 * With each error there is a mistake: ERROR_INVALID, a line is wrong, or this is no regular file;
 * ERROR_SYSTEM: it cannot be opened or read. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumer_file: many consumers, one JSON object a line (auth/consumer_line.h).
 *
 * Read line by line, so that a file larger than memory does no harm, and once: what is the same as it was
 * when it was read last is not read again, whoever names it.
 */
#pragma once

#include "auth/consumers.h"
#include "base/file_lines.h"

enum { CONSUMER_LINE_MAX = 64 * 1024 };

/* The files of a process that were read, and what they held. */
struct consumer_files;

struct consumer_files *consumer_files_new(void);
void consumer_files_free(struct consumer_files **files);
/* Clears the address, accepts NULL. */

result consumer_files_get(struct consumer_files *files, const char *path, struct consumer_table **ret_table,
			  struct file_mistake *ret_mistake);
/* From any thread but a worker's. The caller has the table until consumer_table_unref(). ERROR_INVALID:
 * something is wrong in it; ERROR_SYSTEM: it cannot be read. */

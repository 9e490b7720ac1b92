/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota_file: where counts of quotas outlive their process: a file of SQLite's, in WAL mode.
 *
 * Several processes may have it open: counts are added to, and what comes back is the sum. Whoever uses it
 * may be kept waiting by the disk, or by another process for a second at most: never a worker.
 */
#pragma once

#include "base/result.h"
#include "store/quota_table.h"

struct quota_file;

result quota_file_open(const char *path, uint64_t seed, struct quota_file **ret_file);
/* Makes it where there is none, with this seed. ERROR_SYSTEM: the system or SQLite says no. ERROR_MALFORMED:
 * it is no such file, or one that another version of the gateway has written. */

void quota_file_close(struct quota_file **file);
/* Clears the address, accepts NULL. */

uint64_t quota_file_seed(const struct quota_file *file);
bool quota_file_is_new(const struct quota_file *file);

bool quota_file_is_in_place(struct quota_file *file);
/* False: another file is at its path, or none, and nobody would find again what is added to this one. */

typedef void (*quota_row_fn)(void *self, uint64_t key, int64_t window, int64_t total);

result quota_file_read(struct quota_file *file, int64_t now, quota_row_fn row, void *self);
/* All counts whose windows are not over. */

result quota_file_add(struct quota_file *file, const struct quota_change *changes, size_t count,
		      int64_t *ret_totals);
/* All of them, or none. */

result quota_file_prune(struct quota_file *file, int64_t now);
/* Removes windows that have been over for a day. */

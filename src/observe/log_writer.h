/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_writer: the thread that writes what stands in the rings, and in the journal.
 *
 * Lines of different rings never mix: a line that was written in part is finished before any other begins,
 * also when the disk was full for an hour in between. Trouble is told once when it begins and once when it
 * ends.
 */
#pragma once

#include "base/journal.h"
#include "base/result.h"
#include "observe/log_config.h"
#include "observe/log_ring.h"

struct log_writer;

result log_writer_open(const struct log_target *target, struct journal *journal, size_t rings,
		       struct log_writer **ret_writer);
/* Starts it. Says in the journal why it cannot. */

void log_writer_close(struct log_writer **writer);
/* Writes what is left, as long as it gets on, for two seconds at most. What is left then counts as dropped,
 * and the journal has the number. */

struct log_ring *log_writer_ring(struct log_writer *writer, size_t index);

void log_writer_tell(struct log_writer *writer, bool is_urgent);
/* A line was put in a ring. Hardly ever a system call. */

result log_writer_redirect(struct log_writer *writer, const struct log_target *target);
/* What is written from now on goes there. Says in the journal why it cannot, and nothing has changed then. */

void log_writer_reopen(struct log_writer *writer);
uint64_t log_writer_dropped(const struct log_writer *writer);

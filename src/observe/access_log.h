/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access_log: one line for every request, written by a thread of its own.
 *
 * A worker formats its line straight into a ring that only it fills, and goes on: no lock, no system call, no
 * waiting, whatever the disk does. The writer comes by every few milliseconds, gathers what is in all rings
 * and writes it at once; the journal's lines take the same way. What finds its ring full is dropped, counted,
 * and the count is told in the journal at most once a second.
 */
#pragma once

#include "base/journal.h"
#include "observe/exchange_facts.h"
#include "observe/log_config.h"

struct access_log;      /* shared by the workers */
struct access_log_ring; /* of one worker; nobody else may touch it */

result access_log_open(const struct access_log_config *config, struct journal *journal, size_t workers,
		       struct access_log **ret_log);
/* Opens the destination, starts the writer, and from here on the journal is written by it, also when the
 * access log is off. The configuration is copied; the journal must live until access_log_close().
 * ERROR_SYSTEM, with nothing left behind: the journal has the words. */

result access_log_configure(struct access_log *log, const struct access_log_config *config);
/* Lines are made as it says from here on; it is copied. One thread at a time, and not again before every
 * worker has begun a turn of its loop since. ERROR_SYSTEM, and nothing has changed: the journal has the
 * words. */

void access_log_close(struct access_log **log);
/* Writes what is left, for two seconds at most, and ends the writer. No worker may write any more. Takes the
 * address, clears it, accepts NULL. */

struct access_log_ring *access_log_ring(struct access_log *log, size_t worker);
/* Belongs to the log. */

void access_log_write(struct access_log_ring *ring, const struct exchange_facts *facts);
/* By the ring's worker only. Never waits. */

void access_log_reopen(struct access_log *log);
/* From any thread: the file is opened anew between two writes. */

uint64_t access_log_dropped(const struct access_log *log);
/* Lines that could not be written, since the beginning. */

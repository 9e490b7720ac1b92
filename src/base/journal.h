/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal: the gateway's own messages, on standard error.
 *
 *     2026-01-02T03:04:05.678901Z warn listener public: accepts paused: too many open files
 *
 * Written at once while there is nobody to do it later: at start and at the end. In between the access log's
 * writer takes the lines from a bounded queue, so that a worker never waits for a terminal or a full pipe. At
 * the bound lines are dropped and counted, and the count is told. The queue takes no lock: a thread that is
 * put to sleep in the middle of a line holds nobody up.
 *
 * What comes from outside cannot forge a line: what is not printable is escaped.
 */
#pragma once

#include <stdint.h>

#include "base/str.h"

enum journal_level { JOURNAL_DEBUG, JOURNAL_INFO, JOURNAL_WARN, JOURNAL_ERROR };

enum {
	JOURNAL_LINE_MAX =
		1024, /* with its time and its line end; what is longer is cut, and ends in "..." */
	JOURNAL_QUEUE_MAX = 256, /* lines */
};

struct journal;

struct journal *journal_new(enum journal_level level);
/* To standard error; what is below the level is not said. */

struct journal *journal_new_on(int fd, enum journal_level level);
/* To a descriptor, which stays the caller's. */

void journal_free(struct journal **journal);
/* Takes the address, clears it, accepts NULL. Writes what waits. No thread may use it any more. */

void journal_debug(struct journal *journal, const char *format, ...) __attribute__((format(printf, 2, 3)));
void journal_info(struct journal *journal, const char *format, ...) __attribute__((format(printf, 2, 3)));
void journal_warn(struct journal *journal, const char *format, ...) __attribute__((format(printf, 2, 3)));
void journal_error(struct journal *journal, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One line. From any thread. NULL says nothing. Cheap when the level is not said. */

void journal_set_level(struct journal *journal, enum journal_level level);

uint64_t journal_dropped(const struct journal *journal);
/* Lines that nobody will read: since the beginning. */

/* For the writer. */

void journal_queue(struct journal *journal, void (*on_line)(void *owner), void *owner);
/* From now on lines wait for journal_drain(); on_line is called after each one is there, by the thread that
 * said it, and must be cheap. */

void journal_unqueue(struct journal *journal);
/* Lines are written at once again. Call journal_drain() afterwards for those that wait. */

size_t journal_drain(struct journal *journal);
/* Writes what waits, and how many were dropped since the last time. Stops where the descriptor would block.
 * The number of lines written. From one thread at a time. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_ring: lines on their way from one worker to the writer: one producer, one consumer, no lock.
 *
 * Behind the ring lies slack as long as the longest line, so that a line is always formatted in one piece;
 * what ran into the slack is copied to the beginning. Head and tail only grow, and move by whole lines at the
 * producer's end.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/uio.h>

#include "base/buf.h"

enum { LOG_RING_SIZE = 1024 * 1024 };

struct log_ring {
	char *bytes;
	/* The producer's. */
	_Alignas(64) atomic_size_t head;
	size_t tail_seen;
	_Atomic uint64_t dropped;
	/* The consumer's. */
	_Alignas(64) atomic_size_t tail;
};

void log_ring_init(struct log_ring *ring);
void log_ring_fini(struct log_ring *ring);

struct buf log_ring_begin(struct log_ring *ring);
/* The producer: where the next line goes, as much as is free, at most LOG_LINE_MAX. */

bool log_ring_commit(struct log_ring *ring, size_t len);
/* The line is len bytes, and the consumer may have it. Whether the ring is half full. */

void log_ring_drop(struct log_ring *ring);
/* The line does not fit: counted. */

uint64_t log_ring_dropped(const struct log_ring *ring);
/* From any thread. */

int log_ring_peek(struct log_ring *ring, struct iovec ret_parts[2]);
/* The consumer: the bytes that wait, in one part or two, or none. */

void log_ring_take(struct log_ring *ring, size_t len);
/* The consumer: that many are dealt with. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Positions grow for ever and are masked when bytes are touched, so full and empty need no flag. The producer
 * remembers the tail that it saw last and reads the consumer's cache line only when that no longer suffices.
 */
#include "observe/log_ring.h"

#include <stdlib.h>

#include "base/assert.h"
#include "observe/log_config.h"

static size_t place_of(size_t position)
{
	return position & (LOG_RING_SIZE - 1);
}

void log_ring_init(struct log_ring *ring)
{
	_Static_assert((LOG_RING_SIZE & (LOG_RING_SIZE - 1)) == 0, "positions are masked");
	_Static_assert(LOG_LINE_MAX < LOG_RING_SIZE / 2, "a line must not wrap onto itself");
	memset(ring, 0, sizeof *ring);
	ring->bytes = malloc(LOG_RING_SIZE + LOG_LINE_MAX);
	ASSERT(ring->bytes);
}

void log_ring_fini(struct log_ring *ring)
{
	free(ring->bytes);
	ring->bytes = NULL;
}

struct buf log_ring_begin(struct log_ring *ring)
{
	size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	size_t left = LOG_RING_SIZE - (head - ring->tail_seen);

	if (left < LOG_LINE_MAX) {
		ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
		left = LOG_RING_SIZE - (head - ring->tail_seen);
	}
	return buf_over(ring->bytes + place_of(head), left < LOG_LINE_MAX ? left : LOG_LINE_MAX);
}

bool log_ring_commit(struct log_ring *ring, size_t len)
{
	size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	size_t end = place_of(head) + len;

	if (end > LOG_RING_SIZE)
		memcpy(ring->bytes, ring->bytes + LOG_RING_SIZE, end - LOG_RING_SIZE);
	/* Before the producer looks whether the consumer sleeps: hence the strong order. */
	atomic_store(&ring->head, head + len);
	if (head + len - ring->tail_seen <= LOG_RING_SIZE / 2)
		return false;
	ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
	return head + len - ring->tail_seen > LOG_RING_SIZE / 2;
}

void log_ring_drop(struct log_ring *ring)
{
	uint64_t dropped = atomic_load_explicit(&ring->dropped, memory_order_relaxed);

	atomic_store_explicit(&ring->dropped, dropped + 1, memory_order_relaxed);
}

uint64_t log_ring_dropped(const struct log_ring *ring)
{
	return atomic_load_explicit(&ring->dropped, memory_order_relaxed);
}

int log_ring_peek(struct log_ring *ring, struct iovec ret_parts[2])
{
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	size_t len = atomic_load(&ring->head) - tail;
	size_t first = LOG_RING_SIZE - place_of(tail);

	if (len == 0)
		return 0;
	first = first < len ? first : len;
	ret_parts[0] = (struct iovec) { ring->bytes + place_of(tail), first };
	ret_parts[1] = (struct iovec) { ring->bytes, len - first };
	return len > first ? 2 : 1;
}

void log_ring_take(struct log_ring *ring, size_t len)
{
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	atomic_store_explicit(&ring->tail, tail + len, memory_order_release);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_text: all that is counted, as Prometheus reads it (text exposition format 0.0.4), a piece at a
 * time.
 *
 * Whoever asks slowly holds a list of the series and one piece of text, nothing else: numbers are read when
 * their line is printed. In between other things may happen, on this thread too; a series that a reload takes
 * out of the configuration meanwhile is printed to its end.
 */
#pragma once

#include "observe/metrics.h"

enum {
	METRICS_PIECE = 128 * 1024, /* bytes: room for a piece */
	METRICS_GROUP_MAX =
		64 * 1024, /* what is never cut: all lines of one histogram with the longest names */
};

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metrics_scrape;

/* What is known elsewhere. */
struct metrics_reading {
	uint64_t generation, log_dropped, rate_evictions, quota_evictions;
	uint64_t slots_taken, slots_awaited; /* of limits on what is under way at once */
	uint64_t memory, memory_max;         /* what workers have drawn, and the bound on it */
	uint64_t reloads, refused_reloads, unchanged_reloads;
	/* Of the Redis that several gateways count on. */
	bool has_store;
	uint64_t is_store_up; /* 0 or 1 */
	uint64_t store_gateways;
	uint64_t store_answered, store_denied, store_late, store_broken, store_skipped; /* calls */
};

struct metrics_scrape *metrics_scrape_new(struct metrics *metrics, const struct metrics_reading *reading);
/* Holds a reference to every series there is now. */

void metrics_scrape_free(struct metrics_scrape **scrape);

bool metrics_scrape_next(struct metrics_scrape *scrape, struct buf *out);
/* Adds lines, whole ones, while out has room for METRICS_GROUP_MAX more. False when everything was printed.
 */

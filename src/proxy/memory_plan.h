/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_plan: how much memory a gateway takes at most under a configuration, and what for.
 *
 * A part is fixed, there from the start whoever comes, or it is taken as clients come. The latter is what
 * workers charge to their allowances (base/allowance.h), so that its sum has a bound which holds: what
 * `limits.memory` leaves beside the fixed parts, or, where nothing is said, what the parts' own bounds come
 * to.
 *
 * What is charged for a connection and its like are the structs of libraries, measured and rounded up:
 * `tests/torture.py memory` compares what was charged with what the process has.
 */
#pragma once

#include "base/buf.h"
#include "config/diagnostics.h"

struct snapshot;

/* What a worker may have of each; all beyond is refused. */
enum {
	WORKER_FIBERS_MAX = 65536,
	WORKER_STACK = 32 * 1024, /* what is charged of it */
	WORKER_ENCODERS_MAX = 128,
	WORKER_TOKENS_MAX = 4096,
};

static const uint64_t worker_blocks_max = (uint64_t)2 << 30;

enum { CONNECTION_BYTES = 1024 }; /* what a client's is charged, without TLS and HTTP/2 */

enum { MEMORY_PARTS_MAX = 16 };

struct memory_part {
	const char *what;
	uint64_t count; /* how many; 0: it is not counted */
	uint64_t bytes; /* of all */
	bool is_fixed;
};

struct memory_plan {
	struct memory_part parts[MEMORY_PARTS_MAX];
	size_t count;
	uint64_t fixed;  /* of all fixed parts */
	uint64_t shared; /* the bound on all others together */
	bool is_limited; /* that is what `limits.memory` leaves */
};

void memory_plan_make(struct snapshot *snapshot, struct diagnostics *diagnostics);
/* snapshot->plan, when all is compiled without an error. Reports a bound with which nobody could be served.
 */

void memory_plan_apply(const struct snapshot *snapshot);
/* Its bound is the process's from here on. */

void memory_plan_print(const struct memory_plan *plan, struct buf *out);
/* One line for people, the largest parts first. */

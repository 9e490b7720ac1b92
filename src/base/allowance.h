/* SPDX-License-Identifier: Apache-2.0 */
/*
 * allowance: what one thread may hold of the memory that the process may.
 *
 * The process has one bound, and each worker an allowance of it, which it draws and gives back in steps of
 * 256 KiB: so what is counted in between is plain additions on the thread's own, and the shared number is
 * touched seldom. Who can be refused takes; who cannot do without any more needs, and goes beyond the bound,
 * so that a flood ends in refusals and not in the middle of something.
 *
 * Where there is no allowance (NULL), as for the control thread, nothing is charged.
 *
 * Charged is what much is held of, where it is had from the system: blocks, stacks, connections, encoders,
 * what is remembered. Never each small allocation.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { ALLOWANCE_STEP = 256 * 1024 };

/* The process's. Both may change at any time, from any thread. */
struct memory_bound {
	atomic_size_t drawn; /* by all allowances */
	atomic_size_t max;
};

struct allowance {
	struct memory_bound *bound; /* NULL: there is none */
	size_t drawn, used;
};

struct memory_bound *memory_bound_new(void);
/* Without a bound that matters. Freed by free(), when no allowance is left. */

void allowance_init(struct allowance *allowance, struct memory_bound *bound);

void allowance_fini(struct allowance *allowance);
/* All of it must have been given back. */

bool allowance_take(struct allowance *allowance, size_t size);
/* False at the bound, and nothing was taken. */

void allowance_need(struct allowance *allowance, size_t size);
/* The same, also beyond the bound. */

void allowance_give(struct allowance *allowance, size_t size);

size_t allowance_left(const struct allowance *allowance);
/* What could be taken now; SIZE_MAX without a bound. */

bool allowance_is_short(const struct allowance *allowance);
/* Less than an eighth of the bound is left: what is new should be refused, so that what has begun can end. */

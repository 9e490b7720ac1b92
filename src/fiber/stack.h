/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stack: memory for fibers, 64 stacks to a mapping, each above a guard page.
 *
 * One mapping a slab instead of two a stack, because the kernel has only 65,530 for a process. The guard
 * pages are markers in the page table (Linux 6.13), or else pages without access. A stack that is not in use
 * and gave its memory back is `cold`; which ones are is kept beside the slab, as nothing on them survives.
 */
#pragma once

#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SLAB_STACKS = 64 };

struct slab {
	struct slab *next, *next_cold;
	char *base;
	uint64_t cold;                  /* a bit for each stack */
	unsigned valgrind[SLAB_STACKS]; /* its names for them */
};

struct stack {
	struct slab *slab;
	unsigned index;
	char *low, *high; /* the guard page is below low */
};

struct stacks {
	size_t page, size; /* of a guard; of a stack without it */
	struct slab *slabs, *cold;
};

void stacks_init(struct stacks *stacks, size_t size);
void stacks_fini(struct stacks *stacks);
/* Unmaps everything, in use or not. */

result stacks_take(struct stacks *stacks, struct stack *ret_stack);
/* A stack that reads as zeros. ERROR_SYSTEM. */

void stacks_chill(struct stacks *stacks, const struct stack *stack);
/* Takes it back and gives its memory to the system. */

void stacks_reap(struct stacks *stacks);
/* Unmaps the slabs that are wholly cold. */

bool stacks_find_guard(const struct stacks *stacks, const void *address, struct stack *ret_stack);
/* Whose guard page the address is in. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_pool: a worker's memory for what is in flight, in a few sizes, last in first out.
 *
 * Heads that must survive a wait, arenas of exchanges and unsent rests live in blocks. The pool keeps
 * returned blocks for reuse (the warmest first) up to a stated number a size. Where it can be refused, no
 * more is handed out than its maximum; what an exchange under way cannot do without goes beyond, so that a
 * flood ends in refusals and not in the middle of something. One thread only.
 *
 * With an allowance, what it has from the system is charged there: kept blocks too, which are given back when
 * others want them or nobody has needed them for a while.
 */
#pragma once

#include <stddef.h>

#include "base/allowance.h"
#include "base/result.h"

enum {
	BLOCK_SMALL = 4 * 1024,
	BLOCK_MEDIUM = 16 * 1024,
	BLOCK_LARGE = 128 * 1024,
	BLOCK_SIZES = 3,
};

struct block {
	struct block *next; /* the holder's, while it holds the block */
	size_t size;        /* of bytes[] */
	char bytes[];
};

struct block_pool {
	struct block *free[BLOCK_SIZES];
	size_t free_count[BLOCK_SIZES];
	size_t free_low[BLOCK_SIZES]; /* the fewest that were free since block_pool_rest() */
	size_t keep;                  /* free blocks kept a size */
	size_t kept;                  /* bytes of those */
	size_t in_use, max;           /* bytes handed out, and the bound on them */
	struct allowance *allowance;  /* NULL: nothing is charged */
};

void block_pool_init(struct block_pool *pool, size_t keep, size_t max);

void block_pool_charge(struct block_pool *pool, struct allowance *allowance);
/* From here on, before the first block. */

void block_pool_fini(struct block_pool *pool);
/* Every block must be back. */

result block_take(struct block_pool *pool, size_t size, struct block **ret_block);
/* A block with at least size bytes: the smallest class that fits, or one of its own size beyond the
 * largest. ERROR_LIMIT when the pool's maximum is reached. */

struct block *block_need(struct block_pool *pool, size_t size);
/* The same, also beyond the maximum: for little, and for what cannot be given up any more. */

size_t block_pool_left(const struct block_pool *pool);
/* Bytes below the maximum; 0 also beyond it. */

void block_give(struct block_pool *pool, struct block **block);
/* Takes the address, clears it, accepts NULL. */

void block_pool_trim(struct block_pool *pool);
/* Frees every kept block: after a peak. */

void block_pool_rest(struct block_pool *pool);
/* Frees the kept blocks that nobody has needed since the last time: now and then. */

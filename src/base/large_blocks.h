/* SPDX-License-Identifier: Apache-2.0 */
/*
 * large_blocks: memory in huge pages, which one configuration leaves to the next.
 *
 * One that takes another's place needs as much as that one leaves, only a little earlier. So what is given
 * back stays for the next one, for a while: the system would have to find and zero all of it anew, in which
 * time requests wait. Never more stays than is in use, and both are never more than was in use at once.
 */
#pragma once

#include "base/block_pool.h"

#define LARGE_BLOCK_LEAST ((size_t)2 * 1024 * 1024) /* with its head, as large_block_size() tells */

struct large_blocks;

struct large_blocks *large_blocks_new(void);

void large_blocks_free(struct large_blocks **blocks);
/* When every block is back. Clears the address, accepts NULL. */

struct block *large_block_take(struct large_blocks *blocks, size_t size);
/* Of that many bytes with its head, up to the next multiple of LARGE_BLOCK_LEAST; not zeroed. NULL for
 * blocks: straight from the system. From any thread, as all below. */

void large_block_give(struct large_blocks *blocks, struct block *block);
/* To where it was taken from. */

static inline size_t large_block_size(const struct block *block)
/* With its head; also of a block that is none of these: then it is below LARGE_BLOCK_LEAST. */
{
	return sizeof *block + block->size;
}

void large_blocks_age(struct large_blocks *blocks);
/* From time to time: what nobody has taken since the last time goes back to the system. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * large_block: memory in huge pages, for the arenas of configurations.
 *
 * One that takes another's place needs as much as that one leaves, only a little earlier. So what is given
 * back stays for the next one, for a while: the system would have to find and zero all of it anew, in which
 * time requests wait. Never more stays than is in use, and both are never more than was in use at once.
 */
#pragma once

#include "base/block_pool.h"

#define LARGE_BLOCK_LEAST ((size_t)2 * 1024 * 1024) /* with its head, as large_block_size() tells */

struct block *large_block_take(size_t size);
/* Of that many bytes with its head, up to the next multiple of LARGE_BLOCK_LEAST; not zeroed. From any
 * thread, as all here. */

void large_block_give(struct block *block);

static inline size_t large_block_size(const struct block *block)
/* With its head; also of a block that is none of these: then it is below LARGE_BLOCK_LEAST. */
{
	return sizeof *block + block->size;
}

void large_blocks_rest(void);
/* From time to time: what nobody has taken since the last time goes back to the system. */

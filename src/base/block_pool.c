/* SPDX-License-Identifier: Apache-2.0 */
#include "base/block_pool.h"

#include <stdlib.h>

#include "base/assert.h"

static const size_t class_size[BLOCK_SIZES] = { BLOCK_SMALL, BLOCK_MEDIUM, BLOCK_LARGE };

void block_pool_init(struct block_pool *pool, size_t keep, size_t max)
{
	*pool = (struct block_pool) { .keep = keep, .max = max };
}

void block_pool_trim(struct block_pool *pool)
{
	for (size_t i = 0; i < BLOCK_SIZES; i++) {
		while (pool->free[i]) {
			struct block *block = pool->free[i];

			pool->free[i] = block->next;
			free(block);
		}
		pool->free_count[i] = 0;
	}
}

void block_pool_fini(struct block_pool *pool)
{
	ASSERT(pool->in_use == 0);
	block_pool_trim(pool);
}

/* The class whose blocks hold size payload bytes, or BLOCK_SIZES. A class's size counts the header too. */
static size_t class_of(size_t size)
{
	size_t i = 0;

	while (i < BLOCK_SIZES && class_size[i] - sizeof(struct block) < size)
		i++;
	return i;
}

static size_t payload_of(size_t size)
{
	size_t class = class_of(size);

	return class < BLOCK_SIZES ? class_size[class] - sizeof(struct block) : size;
}

size_t block_pool_left(const struct block_pool *pool)
{
	return pool->max > pool->in_use ? pool->max - pool->in_use : 0;
}

result block_take(struct block_pool *pool, size_t size, struct block **ret_block)
{
	if (payload_of(size) > block_pool_left(pool))
		return error_make(ERROR_LIMIT, "buffer memory is used up");
	*ret_block = block_need(pool, size);
	return OK;
}

struct block *block_need(struct block_pool *pool, size_t size)
{
	size_t class = class_of(size), payload = payload_of(size);
	struct block *block;

	if (class < BLOCK_SIZES && pool->free[class]) {
		block = pool->free[class];
		pool->free[class] = block->next;
		pool->free_count[class]--;
	} else {
		block = malloc(sizeof *block + payload);
		ASSERT(block);
		block->size = payload;
	}
	block->next = NULL;
	pool->in_use += payload;
	return block;
}

void block_give(struct block_pool *pool, struct block **address)
{
	struct block *block = *address;
	size_t class;

	if (!block)
		return;
	*address = NULL;
	ASSERT(pool->in_use >= block->size);
	pool->in_use -= block->size;
	class = class_of(block->size);
	if (class == BLOCK_SIZES || pool->free_count[class] == pool->keep) {
		free(block);
		return;
	}
	block->next = pool->free[class];
	pool->free[class] = block;
	pool->free_count[class]++;
}

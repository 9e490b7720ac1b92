/* SPDX-License-Identifier: Apache-2.0 */
#include "base/block_pool.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/assert.h"

static const size_t class_size[BLOCK_SIZES] = { BLOCK_SMALL, BLOCK_MEDIUM, BLOCK_LARGE };

void block_pool_init(struct block_pool *pool, size_t keep, size_t max)
{
	*pool = (struct block_pool) { .keep = keep, .max = max };
}

void block_pool_charge(struct block_pool *pool, struct allowance *allowance)
{
	pool->allowance = allowance;
}

static struct block *kept_pop(struct block_pool *pool, size_t class)
{
	struct block *block = pool->free[class];

	pool->free[class] = block->next;
	pool->free_count[class]--;
	pool->kept -= block->size;
	if (pool->free_count[class] < pool->free_low[class])
		pool->free_low[class] = pool->free_count[class];
	return block;
}

/* Back to the system. */
static void block_drop(struct block_pool *pool, struct block *block)
{
	allowance_give(pool->allowance, sizeof *block + block->size);
	free(block);
}

static void trim(struct block_pool *pool, size_t class, size_t count)
{
	while (count--)
		block_drop(pool, kept_pop(pool, class));
}

void block_pool_trim(struct block_pool *pool)
{
	for (size_t i = 0; i < BLOCK_SIZES; i++)
		trim(pool, i, pool->free_count[i]);
}

void block_pool_rest(struct block_pool *pool)
{
	for (size_t i = 0; i < BLOCK_SIZES; i++) {
		trim(pool, i, pool->free_low[i]);
		pool->free_low[i] = pool->free_count[i];
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
	size_t own = pool->max > pool->in_use ? pool->max - pool->in_use : 0;
	size_t shared = allowance_left(pool->allowance);

	shared = shared < SIZE_MAX - pool->kept ? shared + pool->kept : SIZE_MAX;
	return own < shared ? own : shared;
}

static bool has_kept(const struct block_pool *pool, size_t size)
{
	size_t class = class_of(size);

	return class < BLOCK_SIZES && pool->free[class];
}

/* Blocks of other sizes that are kept make room. */
static bool may_have(struct block_pool *pool, size_t payload)
{
	size_t size = sizeof(struct block) + payload;

	if (allowance_take(pool->allowance, size))
		return true;
	block_pool_trim(pool);
	return allowance_take(pool->allowance, size);
}

static struct block *block_new(size_t payload)
{
	struct block *block = malloc(sizeof *block + payload);

	ASSERT(block);
	block->size = payload;
	return block;
}

static struct block *hand_out(struct block_pool *pool, struct block *block)
{
	block->next = NULL;
	pool->in_use += block->size;
	return block;
}

result block_take(struct block_pool *pool, size_t size, struct block **ret_block)
{
	size_t payload = payload_of(size);

	if (payload > block_pool_left(pool))
		return error_make(ERROR_LIMIT, "buffer memory is used up");
	if (has_kept(pool, size))
		*ret_block = hand_out(pool, kept_pop(pool, class_of(size)));
	else if (may_have(pool, payload))
		*ret_block = hand_out(pool, block_new(payload));
	else
		return error_make(ERROR_LIMIT, "buffer memory is used up");
	return OK;
}

struct block *block_need(struct block_pool *pool, size_t size)
{
	size_t payload = payload_of(size);

	if (has_kept(pool, size))
		return hand_out(pool, kept_pop(pool, class_of(size)));
	if (!may_have(pool, payload))
		allowance_need(pool->allowance, sizeof(struct block) + payload);
	return hand_out(pool, block_new(payload));
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
		block_drop(pool, block);
		return;
	}
	block->next = pool->free[class];
	pool->free[class] = block;
	pool->free_count[class]++;
	pool->kept += block->size;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/large_blocks.h"

enum {
	WIDTH_LEAST = 8, /* of arena_widen() */
	ALIGNMENT = 16,
	CACHE_LINE = 64,
	FIRST_OF_HEAP = 64 * 1024,
	MUCH_OF_HEAP = 384 * 1024,
	LARGEST_OF_HEAP = 8 * 1024 * 1024,
};

void arena_init(struct arena *arena, struct block_pool *pool, size_t max)
{
	*arena = (struct arena) { .pool = pool, .max = max };
}

void arena_init_small(struct arena *arena, size_t first, size_t max)
{
	*arena = (struct arena) { .least = first, .max = max };
}

void arena_init_over(struct arena *arena, struct large_blocks *large, size_t max)
{
	*arena = (struct arena) { .large = large, .max = max };
}

void arena_init_beside(struct arena *arena, const struct arena *other)
{
	*arena = (struct arena) { .pool = other->pool, .large = other->large, .max = other->max };
}

void arena_fini(struct arena *arena)
{
	while (arena->blocks) {
		struct block *block = arena->blocks;

		arena->blocks = block->next;
		if (arena->pool)
			block_give(arena->pool, &block);
		else if (large_block_size(block) >= LARGE_BLOCK_LEAST)
			large_block_give(arena->large, block);
		else
			free(block);
	}
	arena->at = arena->end = NULL;
	arena->used = 0;
}

/* The blocks go behind the newest one, whose free bytes are still to be had; of `from`, what is left is lost.
 */
void arena_adopt(struct arena *arena, struct arena *from)
{
	struct block **last = &arena->blocks;

	ASSERT(arena->pool == from->pool && arena->large == from->large);
	while (*last)
		last = &(*last)->next;
	*last = from->blocks;
	if (!arena->at) {
		arena->at = from->at;
		arena->end = from->end;
	}
	arena->used = from->used < arena->max - arena->used ? arena->used + from->used : arena->max;
	arena_init_beside(from, from);
}

/* As much as there is already, so that a large arena has few blocks: few calls to make it, and nothing left
 * of it in the heap when it is gone. What has come so far is likely to go on, in large blocks. */
static size_t payload_of_heap(const struct arena *arena, size_t size)
{
	size_t payload = arena->used < LARGEST_OF_HEAP ? arena->used : LARGEST_OF_HEAP;
	size_t least = arena->least ? arena->least : FIRST_OF_HEAP;

	if (payload < size)
		payload = size;
	if (payload >= MUCH_OF_HEAP && payload < LARGE_BLOCK_LEAST)
		payload = LARGE_BLOCK_LEAST - sizeof(struct block);
	if (payload > arena->max - arena->used)
		payload = arena->max - arena->used;
	return payload < least ? least : payload;
}

static struct block *block_of_heap(const struct arena *arena, size_t size)
{
	size_t total = sizeof(struct block) + payload_of_heap(arena, size);
	struct block *block;

	if (total >= LARGE_BLOCK_LEAST)
		return large_block_take(arena->large, total);
	block = malloc(total);
	ASSERT(block);
	block->size = total - sizeof *block;
	return block;
}

static void arena_grow(struct arena *arena, size_t size)
{
	struct block *block;

	ASSERT(arena->pool || size <= arena->max - arena->used);
	block = arena->pool ? block_need(arena->pool, size) : block_of_heap(arena, size);
	block->next = arena->blocks;
	arena->blocks = block;
	arena->used = block->size < arena->max - arena->used ? arena->used + block->size : arena->max;
	arena->at = block->bytes;
	arena->end = block->bytes + block->size;
}

void arena_reserve(struct arena *arena, size_t size)
{
	if (size > (size_t)(arena->end - arena->at))
		arena_grow(arena, size);
}

char *arena_bytes(struct arena *arena, size_t size)
{
	char *bytes;

	arena_reserve(arena, size);
	bytes = arena->at;
	arena->at += size;
	return bytes;
}

static inline void *take_aligned(struct arena *arena, size_t size, size_t alignment)
{
	size_t pad = -(uintptr_t)arena->at % alignment;
	char *bytes;

	if (!arena->at || pad + size > (size_t)(arena->end - arena->at)) {
		arena_grow(arena, size + alignment);
		pad = -(uintptr_t)arena->at % alignment;
	}
	bytes = arena->at + pad;
	arena->at = bytes + size;
	return bytes;
}

void *arena_raw(struct arena *arena, size_t size)
{
	return take_aligned(arena, size, ALIGNMENT);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	return memset(arena_raw(arena, size), 0, size);
}

void *arena_lines(struct arena *arena, size_t size)
{
	return memset(take_aligned(arena, size, CACHE_LINE), 0, size);
}

void *arena_alloc_array(struct arena *arena, size_t size, size_t count)
{
	size_t total;

	ASSERT(!__builtin_mul_overflow(size, count, &total));
	return arena_alloc(arena, total);
}

struct buf arena_open(struct arena *arena, size_t size)
{
	arena_reserve(arena, size);
	return buf_over(arena->at, (size_t)(arena->end - arena->at));
}

str arena_close(struct arena *arena, const struct buf *b)
{
	if (b->len) /* an arena that has nothing yet may have lent nothing */
		arena->at += b->len;
	return buf_str(b);
}

size_t arena_left(const struct arena *arena)
{
	size_t unused = (size_t)(arena->end - arena->at);
	size_t more = arena->max - arena->used;

	if (arena->pool && more > block_pool_left(arena->pool))
		more = block_pool_left(arena->pool);
	more = more > BLOCK_LARGE ? more - BLOCK_LARGE : 0;
	return unused > more ? unused : more;
}

void *arena_widen(struct arena *arena, const void *old, size_t count, size_t size, size_t *max)
{
	void *wider;

	if (count < *max)
		return (void *)(uintptr_t)old;
	*max = *max ? 2 * *max : WIDTH_LEAST;
	wider = arena_alloc_array(arena, size, *max);
	if (count)
		memcpy(wider, old, count * size);
	return wider;
}

str arena_str(struct arena *arena, str s)
{
	return arena_join(arena, &s, 1);
}

str arena_join(struct arena *arena, const str *parts, size_t count)
{
	size_t total = 0;
	char *bytes, *at;

	for (size_t i = 0; i < count; i++)
		total += parts[i].len;
	if (total == 0)
		return (str) { 0 };
	bytes = at = arena_bytes(arena, total);
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len)
			memcpy(at, parts[i].ptr, parts[i].len);
		at += parts[i].len;
	}
	return (str) { bytes, total };
}

str arena_join_list(struct arena *arena, const str_list *list, str between)
{
	size_t len = 0;
	struct buf out;

	for (size_t i = 0; i < list->len; i++)
		len += list->at[i].len + between.len;
	out = arena_open(arena, len);
	for (size_t i = 0; i < list->len; i++) {
		if (i)
			buf_put(&out, between);
		buf_put(&out, list->at[i]);
	}
	return arena_close(arena, &out);
}

str arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
	va_list again;
	int len;
	char *bytes;

	va_copy(again, arguments);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	ASSERT(len >= 0);
	bytes = arena_bytes(arena, (size_t)len + 1);
	vsnprintf(bytes, (size_t)len + 1, format, arguments);
	return (str) { bytes, (size_t)len };
}

str arena_printf(struct arena *arena, const char *format, ...)
{
	va_list arguments;
	str s;

	va_start(arguments, format);
	s = arena_vprintf(arena, format, arguments);
	va_end(arguments);
	return s;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/large_blocks.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LARGE_BLOCKS_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(LARGE_BLOCKS_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define __lsan_register_root_region(at, size) ((void)(at), (void)(size))
#define __lsan_unregister_root_region(at, size) ((void)(at), (void)(size))
#endif

#include "base/assert.h"

struct large_blocks {
	pthread_mutex_t lock;
	struct block *fresh, *stale; /* since large_blocks_age(), and longer; the last one first */
	size_t used, unused, most;   /* bytes, of all that is in use, and of the lists; both at once */
};

struct large_blocks *large_blocks_new(void)
{
	struct large_blocks *blocks = calloc(1, sizeof *blocks);

	ASSERT(blocks);
	pthread_mutex_init(&blocks->lock, NULL);
	return blocks;
}

static char *map_aligned(size_t whole)
{
	size_t mapped = whole + LARGE_BLOCK_LEAST, before, behind;
	char *at = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT(at != MAP_FAILED);
	before = -(uintptr_t)at % LARGE_BLOCK_LEAST;
	behind = LARGE_BLOCK_LEAST - before;
	if (before)
		munmap(at, before);
	munmap(at + before + whole, behind);
	return at + before;
}

/* Huge pages where they fit: a large configuration is filled in half the faults, and looking up one of ten
 * thousand routes does not wait for the page tables too. Not of the heap, which may keep what is freed.
 * Memory that is not touched is not there. */
static struct block *block_new(size_t whole)
{
	struct block *block = (void *)map_aligned(whole);

	(void)madvise(block, whole, MADV_HUGEPAGE); /* a kernel without them does not mind */
	__lsan_register_root_region(block, whole);
	block->size = whole - sizeof *block;
	return block;
}

static void block_free(struct block *block)
{
	size_t whole = large_block_size(block);

	ASAN_UNPOISON_MEMORY_REGION(block->bytes, block->size);
	__lsan_unregister_root_region(block, whole);
	munmap(block, whole);
}

static void free_all(struct block *first)
{
	while (first) {
		struct block *block = first;

		first = block->next;
		block_free(block);
	}
}

void large_blocks_free(struct large_blocks **address)
{
	struct large_blocks *blocks = *address;

	*address = NULL;
	if (!blocks)
		return;
	ASSERT(blocks->used == 0 && blocks->unused == 0);
	pthread_mutex_destroy(&blocks->lock);
	free(blocks);
}

static void count_used(struct large_blocks *blocks, size_t size)
{
	blocks->used += size;
	if (blocks->most < blocks->used)
		blocks->most = blocks->used;
}

static struct block *unlink_block(struct large_blocks *blocks, struct block **link)
{
	struct block *block = *link;

	*link = block->next;
	blocks->unused -= large_block_size(block);
	return block;
}

/* The stale ones go first. */
static struct block *cut_excess(struct large_blocks *blocks)
{
	struct block *excess = NULL;

	while (blocks->unused > blocks->used || blocks->used + blocks->unused > blocks->most) {
		struct block *block = unlink_block(blocks, blocks->stale ? &blocks->stale : &blocks->fresh);

		block->next = excess;
		excess = block;
	}
	return excess;
}

static struct block *find(struct large_blocks *blocks, struct block **list, size_t whole)
{
	for (struct block **link = list; *link; link = &(*link)->next)
		if (large_block_size(*link) == whole)
			return unlink_block(blocks, link);
	return NULL;
}

/* Of that size, so that what an arena counts is the same whatever was there. NULL: none is. */
static struct block *take_unused(struct large_blocks *blocks, size_t whole)
{
	struct block *block, *excess;

	pthread_mutex_lock(&blocks->lock);
	block = find(blocks, &blocks->fresh, whole);
	if (!block)
		block = find(blocks, &blocks->stale, whole);
	count_used(blocks, whole);
	excess = cut_excess(blocks);
	pthread_mutex_unlock(&blocks->lock);
	free_all(excess);
	if (block)
		ASAN_UNPOISON_MEMORY_REGION(block->bytes, block->size);
	return block;
}

struct block *large_block_take(struct large_blocks *blocks, size_t size)
{
	size_t whole = (size + LARGE_BLOCK_LEAST - 1) / LARGE_BLOCK_LEAST * LARGE_BLOCK_LEAST;
	struct block *block = blocks ? take_unused(blocks, whole) : NULL;

	return block ? block : block_new(whole);
}

void large_block_give(struct large_blocks *blocks, struct block *block)
{
	struct block *excess;

	block->next = NULL;
	if (!blocks) {
		free_all(block);
		return;
	}
	ASAN_POISON_MEMORY_REGION(block->bytes, block->size);
	pthread_mutex_lock(&blocks->lock);
	blocks->used -= large_block_size(block);
	blocks->unused += large_block_size(block);
	block->next = blocks->fresh;
	blocks->fresh = block;
	excess = cut_excess(blocks);
	pthread_mutex_unlock(&blocks->lock);
	free_all(excess);
}

void large_blocks_age(struct large_blocks *blocks)
{
	struct block *gone;

	pthread_mutex_lock(&blocks->lock);
	gone = blocks->stale;
	for (struct block *block = gone; block; block = block->next)
		blocks->unused -= large_block_size(block);
	blocks->stale = blocks->fresh;
	blocks->fresh = NULL;
	blocks->most = blocks->used + blocks->unused;
	pthread_mutex_unlock(&blocks->lock);
	free_all(gone);
}

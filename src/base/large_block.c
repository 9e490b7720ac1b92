/* SPDX-License-Identifier: Apache-2.0 */
#include "base/large_block.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LARGE_BLOCK_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(LARGE_BLOCK_ASAN)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#include "base/assert.h"

/* Of the process; under the lock. */
static struct {
	pthread_mutex_t lock;
	struct block *kept, *rested; /* since large_blocks_rest(), and longer; the last one first */
	size_t used, unused, most;   /* bytes, of all that is in use, and of the lists; both at once */
} blocks = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Huge pages where they fit: a large configuration is filled in half the faults, and looking up one of ten
 * thousand routes does not wait for the page tables too. Memory that is not touched is not there. */
static struct block *block_new(size_t whole)
{
	struct block *block = aligned_alloc(LARGE_BLOCK_LEAST, whole);

	ASSERT(block);
	(void)madvise(block, whole, MADV_HUGEPAGE); /* a kernel without them does not mind */
	block->size = whole - sizeof *block;
	return block;
}

static void free_all(struct block *first)
{
	while (first) {
		struct block *block = first;

		first = block->next;
		ASAN_UNPOISON_MEMORY_REGION(block->bytes, block->size);
		free(block);
	}
}

static void count_used(size_t size)
{
	blocks.used += size;
	if (blocks.most < blocks.used)
		blocks.most = blocks.used;
}

static struct block *unlink_block(struct block **link)
{
	struct block *block = *link;

	*link = block->next;
	blocks.unused -= large_block_size(block);
	return block;
}

/* Those that rest go first. */
static struct block *cut_excess(void)
{
	struct block *excess = NULL;

	while (blocks.unused > blocks.used || blocks.used + blocks.unused > blocks.most) {
		struct block *block = unlink_block(blocks.rested ? &blocks.rested : &blocks.kept);

		block->next = excess;
		excess = block;
	}
	return excess;
}

static struct block *find(struct block **list, size_t whole)
{
	for (struct block **link = list; *link; link = &(*link)->next)
		if (large_block_size(*link) == whole)
			return unlink_block(link);
	return NULL;
}

struct block *large_block_take(size_t size)
{
	size_t whole = (size + LARGE_BLOCK_LEAST - 1) / LARGE_BLOCK_LEAST * LARGE_BLOCK_LEAST;
	struct block *block, *excess;

	pthread_mutex_lock(&blocks.lock);
	block = find(&blocks.kept, whole);
	if (!block)
		block = find(&blocks.rested, whole);
	count_used(whole);
	excess = cut_excess();
	pthread_mutex_unlock(&blocks.lock);
	free_all(excess);
	if (!block)
		return block_new(whole);
	ASAN_UNPOISON_MEMORY_REGION(block->bytes, block->size);
	return block;
}

void large_block_give(struct block *block)
{
	struct block *excess;

	ASAN_POISON_MEMORY_REGION(block->bytes, block->size);
	pthread_mutex_lock(&blocks.lock);
	blocks.used -= large_block_size(block);
	blocks.unused += large_block_size(block);
	block->next = blocks.kept;
	blocks.kept = block;
	excess = cut_excess();
	pthread_mutex_unlock(&blocks.lock);
	free_all(excess);
}

void large_blocks_rest(void)
{
	struct block *gone;

	pthread_mutex_lock(&blocks.lock);
	gone = blocks.rested;
	for (struct block *block = gone; block; block = block->next)
		blocks.unused -= large_block_size(block);
	blocks.rested = blocks.kept;
	blocks.kept = NULL;
	blocks.most = blocks.used + blocks.unused;
	pthread_mutex_unlock(&blocks.lock);
	free_all(gone);
}

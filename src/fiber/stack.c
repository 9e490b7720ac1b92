/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slab: 64 times a guard page with a stack above it. Stacks grow down, so the guard is where one runs to
 * that needs more than it has; -fstack-clash-protection makes large frames touch every page on the way.
 */
#include "fiber/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(low, high) 0
#define VALGRIND_STACK_DEREGISTER(id) (void)(id)
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

void stacks_init(struct stacks *stacks, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	*stacks = (struct stacks) { .page = page, .size = (size + page - 1) / page * page };
}

static size_t slot_size(const struct stacks *stacks)
{
	return stacks->page + stacks->size;
}

static void slab_free(const struct stacks *stacks, struct slab *slab)
{
	for (unsigned i = 0; i < SLAB_STACKS; i++)
		VALGRIND_STACK_DEREGISTER(slab->valgrind[i]);
	munmap(slab->base, SLAB_STACKS * slot_size(stacks));
	free(slab);
}

void stacks_fini(struct stacks *stacks)
{
	while (stacks->slabs) {
		struct slab *slab = stacks->slabs;

		stacks->slabs = slab->next;
		slab_free(stacks, slab);
	}
	stacks->cold = NULL;
}

static struct stack stack_of(const struct stacks *stacks, struct slab *slab, unsigned index)
{
	char *slot = slab->base + index * slot_size(stacks);

	return (struct stack) {
		.slab = slab,
		.index = index,
		.low = slot + stacks->page,
		.high = slot + slot_size(stacks),
	};
}

/* The marker needs no mapping of its own. Kernels that do not know it, and locked memory, get a mapping each.
 */
static result slab_guard(const struct stacks *stacks, struct slab *slab)
{
	for (unsigned i = 0; i < SLAB_STACKS; i++) {
		struct stack stack = stack_of(stacks, slab, i);
		char *guard = stack.low - stacks->page;

		if (madvise(guard, stacks->page, MADV_GUARD_INSTALL) != 0 &&
		    mprotect(guard, stacks->page, PROT_NONE) != 0)
			return error_system("no guard page for a fiber's stack", errno);
		slab->valgrind[i] = VALGRIND_STACK_REGISTER(stack.low, stack.high);
	}
	return OK;
}

/* Address space only: no page is there before it is touched. Huge pages would bring 30 stacks in at once. */
static result slab_new(struct stacks *stacks)
{
	size_t size = SLAB_STACKS * slot_size(stacks);
	char *base =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct slab *slab;
	result_value guarded;

	if (base == MAP_FAILED)
		return error_system("no memory for fibers' stacks", errno);
	madvise(base, size, MADV_NOHUGEPAGE);
	slab = malloc(sizeof *slab);
	ASSERT(slab);
	*slab = (struct slab) { .base = base, .cold = UINT64_MAX };
	guarded = slab_guard(stacks, slab);
	if (failed(guarded)) {
		slab_free(stacks, slab);
		return guarded;
	}
	slab->next = stacks->slabs;
	stacks->slabs = slab;
	slab->next_cold = stacks->cold;
	stacks->cold = slab;
	return OK;
}

result stacks_take(struct stacks *stacks, struct stack *ret_stack)
{
	struct slab *slab;
	unsigned index;

	if (!stacks->cold)
		TRY(slab_new(stacks));
	slab = stacks->cold;
	index = (unsigned)__builtin_ctzll(slab->cold);
	slab->cold &= slab->cold - 1;
	if (!slab->cold)
		stacks->cold = slab->next_cold;
	*ret_stack = stack_of(stacks, slab, index);
	return OK;
}

void stacks_chill(struct stacks *stacks, const struct stack *stack)
{
	struct slab *slab = stack->slab;

	ASSERT(madvise(stack->low, stacks->size, MADV_DONTNEED) == 0);
	if (!slab->cold) {
		slab->next_cold = stacks->cold;
		stacks->cold = slab;
	}
	slab->cold |= (uint64_t)1 << stack->index;
}

/* The list of those with cold stacks is made anew: a slab may go from the middle of it. */
void stacks_reap(struct stacks *stacks)
{
	struct slab **link = &stacks->slabs;

	stacks->cold = NULL;
	while (*link) {
		struct slab *slab = *link;

		if (slab->cold == UINT64_MAX) {
			*link = slab->next;
			slab_free(stacks, slab);
			continue;
		}
		if (slab->cold) {
			slab->next_cold = stacks->cold;
			stacks->cold = slab;
		}
		link = &slab->next;
	}
}

/* For a signal handler: it reads only. */
bool stacks_find_guard(const struct stacks *stacks, const void *address, struct stack *ret_stack)
{
	size_t slot = slot_size(stacks);

	for (struct slab *slab = stacks->slabs; slab; slab = slab->next) {
		size_t offset = (uintptr_t)address - (uintptr_t)slab->base;

		if (offset >= SLAB_STACKS * slot || offset % slot >= stacks->page)
			continue;
		*ret_stack = stack_of(stacks, slab, (unsigned)(offset / slot));
		return true;
	}
	return false;
}

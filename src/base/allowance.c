/* SPDX-License-Identifier: Apache-2.0 */
#include "base/allowance.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/assert.h"

enum { SHORT_SHARE = 8 };

static bool is_free(const struct allowance *allowance)
{
	return !allowance || !allowance->bound;
}

struct memory_bound *memory_bound_new(void)
{
	struct memory_bound *bound = malloc(sizeof *bound);

	ASSERT(bound);
	atomic_init(&bound->drawn, 0);
	atomic_init(&bound->max, SIZE_MAX / 2);
	return bound;
}

static size_t max_of(const struct memory_bound *bound)
{
	return atomic_load_explicit(&bound->max, memory_order_relaxed);
}

static size_t drawn_of(const struct memory_bound *bound)
{
	return atomic_load_explicit(&bound->drawn, memory_order_relaxed);
}

void allowance_init(struct allowance *allowance, struct memory_bound *bound)
{
	*allowance = (struct allowance) { .bound = bound };
}

static void put_back(struct allowance *allowance, size_t size)
{
	allowance->drawn -= size;
	atomic_fetch_sub_explicit(&allowance->bound->drawn, size, memory_order_relaxed);
}

void allowance_fini(struct allowance *allowance)
{
	ASSERT(!allowance->used);
	if (allowance->bound)
		put_back(allowance, allowance->drawn);
}

/* What is missing, in whole steps. */
static size_t missing(const struct allowance *allowance, size_t size)
{
	size_t wanted = allowance->used + size;

	if (wanted <= allowance->drawn)
		return 0;
	return (wanted - allowance->drawn + ALLOWANCE_STEP - 1) / ALLOWANCE_STEP * ALLOWANCE_STEP;
}

static void draw(struct allowance *allowance, size_t size)
{
	atomic_fetch_add_explicit(&allowance->bound->drawn, size, memory_order_relaxed);
	allowance->drawn += size;
}

bool allowance_take(struct allowance *allowance, size_t size)
{
	size_t more;

	if (is_free(allowance))
		return true;
	more = missing(allowance, size);
	if (more) {
		draw(allowance, more);
		if (drawn_of(allowance->bound) > max_of(allowance->bound)) {
			put_back(allowance, more);
			return false;
		}
	}
	allowance->used += size;
	return true;
}

void allowance_need(struct allowance *allowance, size_t size)
{
	size_t more;

	if (is_free(allowance))
		return;
	more = missing(allowance, size);
	if (more)
		draw(allowance, more);
	allowance->used += size;
}

/* A step is kept, so that what comes and goes at its edge does not draw and put back all the time. */
void allowance_give(struct allowance *allowance, size_t size)
{
	size_t spare;

	if (is_free(allowance))
		return;
	ASSERT(allowance->used >= size);
	allowance->used -= size;
	spare = (allowance->drawn - allowance->used) / ALLOWANCE_STEP;
	if (spare > 1)
		put_back(allowance, (spare - 1) * ALLOWANCE_STEP);
}

size_t allowance_left(const struct allowance *allowance)
{
	size_t drawn, max;

	if (is_free(allowance))
		return SIZE_MAX;
	drawn = drawn_of(allowance->bound);
	max = max_of(allowance->bound);
	return allowance->drawn - allowance->used + (max > drawn ? max - drawn : 0);
}

bool allowance_is_short(const struct allowance *allowance)
{
	size_t drawn, max;

	if (is_free(allowance))
		return false;
	drawn = drawn_of(allowance->bound);
	max = max_of(allowance->bound);
	return drawn > max - max / SHORT_SHARE;
}

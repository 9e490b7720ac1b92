/* SPDX-License-Identifier: Apache-2.0 */
/*
 * testing: a loop with fibers, for the unit tests of this floor and those above.
 */
#pragma once

#include "base/assert.h"
#include "fiber/fiber.h"

struct world {
	struct loop *loop;
	struct block_pool pool;
	struct scratch scratch;
	struct fibers *fibers;
};

static inline void world_open_with(struct world *world, const struct fibers_options *options)
{
	result_value opened = loop_new(&world->loop);

	ASSERT(!failed(opened));
	block_pool_init(&world->pool, 16, 64 * 1024 * 1024);
	scratch_init(&world->scratch, &world->pool);
	opened = fibers_new(world->loop, &world->scratch, options, &world->fibers);
	ASSERT(!failed(opened));
}

static inline void world_open(struct world *world)
{
	world_open_with(world, NULL);
}

static inline void world_close(struct world *world)
{
	fibers_free(&world->fibers);
	loop_free(&world->loop);
	scratch_fini(&world->scratch);
	block_pool_fini(&world->pool);
}

static inline void world_start(struct world *world, fiber_fn fn, void *argument)
{
	result_value started = fiber_start(world->fibers, fn, argument);

	ASSERT(!failed(started));
}

/* One turn that does not wait. */
static inline void world_turn(struct world *world)
{
	loop_turn(world->loop, 0);
}

/* Turns until no fiber is left. A test that hangs is ended by whoever runs it. */
static inline void world_run(struct world *world)
{
	while (fibers_alive(world->fibers))
		loop_turn(world->loop, DEADLINE_NEVER);
}

static inline deadline world_in(const struct world *world, duration after)
{
	return loop_now(world->loop) + after;
}

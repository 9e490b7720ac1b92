/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The insides of a fiber, for fiber.c and guard.c.
 */
#pragma once

#include "fiber/context.h"
#include "fiber/fiber.h"
#include "fiber/guard.h"
#include "fiber/sanitizer.h"
#include "fiber/stack.h"

enum fiber_state {
	FIBER_FREE,
	FIBER_READY, /* in the queue: it runs later in this turn */
	FIBER_RUNNING,
	FIBER_PARKED,
	FIBER_FINISHED,
};

/* Lies at the high end of its own stack, so that a fiber at rest touches one page. */
struct fiber {
	struct context context;
	struct fibers *fibers;
	fiber_fn fn;
	void *argument;
	struct fiber *next; /* in the queue, or among the free */
	struct timer timer; /* of the park; stays in the wheel over parks and owners */
	struct stack stack;
	uint64_t serial;
	enum fiber_state state;
	bool cancelled; /* to be told */
	bool timed_out; /* the timer ended the park */
	struct flow flow;
} __attribute__((aligned(64)));

struct fibers {
	struct loop *loop;
	struct scratch *scratch;
	struct fiber *current;
	struct context loop_context;
	struct turn_end turn_end; /* runs those that stepped aside */
	struct fiber *aside, **aside_last;
	struct fiber *ready, **ready_last;
	struct fiber *free;          /* last in, first out: the warmest first */
	size_t free_count, free_low; /* free_low: the fewest since the last trim, which nobody missed */
	size_t alive, max;
	uint64_t switches, started, fail_park;
	struct timer rest; /* runs what a long queue left for the next turn */
	struct timer trim;
	struct stacks stacks;
	struct allowance *allowance; /* of the stacks that are not cold; NULL: nothing is charged */
	struct flow loop_flow;
	struct guard_stack *guard_stack;
};

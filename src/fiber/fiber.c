/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control passes between the loop and one fiber at a time, never from fiber to fiber: what a fiber wakes
 * or starts goes into a queue, which the loop runs dry when the fiber parks. Whoever is woken by the loop
 * runs at once. A fiber's timer stays in the wheel when its wait is over: the next park only moves it.
 */
#include "fiber/fiber.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/container.h"
#include "fiber/fiber_private.h"

enum {
	STACK_DEFAULT = (FIBER_SANITIZED ? 256 : 64) * 1024,
	FIBERS_DEFAULT = 65536,
	RUN_AT_MOST =
		1000,   /* of the queue in one go: fibers that wake each other must not hold up the loop */
	KEEP_FREE = 64, /* free stacks that are never trimmed */
	TRIM_AT_MOST = 512, /* at a time */
};

#define TRIM_EVERY SECOND

static void fiber_main(void *argument)
{
	struct fiber *self = argument;
	struct fibers *fibers = self->fibers;

	flow_enter(&self->flow, &fibers->loop_flow);
	self->fn(self, self->argument);
	self->state = FIBER_FINISHED;
	flow_leave(&self->flow, &fibers->loop_flow, true);
	context_switch(&self->context, &fibers->loop_context);
	ASSERT(self->state == FIBER_RUNNING);
}

static void fiber_trim_later(struct fibers *fibers)
{
	if (fibers->free_count > KEEP_FREE && !fibers->trim.link)
		timer_set(fibers->loop, &fibers->trim, deadline_after(loop_now(fibers->loop), TRIM_EVERY));
}

/* Its timer is left in the wheel, set to nothing, for the next owner. */
static void fiber_recycle(struct fibers *fibers, struct fiber *fiber)
{
	flow_end(&fiber->flow);
	timer_set(fibers->loop, &fiber->timer, DEADLINE_NEVER);
	fiber->state = FIBER_FREE;
	fiber->next = fibers->free;
	fibers->free = fiber;
	fibers->free_count++;
	fibers->alive--;
	fiber_trim_later(fibers);
}

/* From the loop. */
static void fiber_run(struct fibers *fibers, struct fiber *fiber)
{
	fibers->switches++;
	fibers->current = fiber;
	fiber->state = FIBER_RUNNING;
	flow_leave(&fibers->loop_flow, &fiber->flow, false);
	context_switch(&fibers->loop_context, &fiber->context);
	flow_enter(&fibers->loop_flow, NULL);
	fibers->current = NULL;
	if (fiber->state == FIBER_FINISHED)
		fiber_recycle(fibers, fiber);
}

static void fibers_run_ready(struct fibers *fibers)
{
	for (unsigned n = 0; fibers->ready; n++) {
		struct fiber *fiber = fibers->ready;

		if (n == RUN_AT_MOST) {
			timer_set(fibers->loop, &fibers->rest, loop_now(fibers->loop));
			return;
		}
		fibers->ready = fiber->next;
		if (!fibers->ready)
			fibers->ready_last = &fibers->ready;
		fiber_run(fibers, fiber);
	}
}

/* At once from the loop, behind the others from a fiber. */
static void fiber_make_ready(struct fibers *fibers, struct fiber *fiber)
{
	if (!fibers->current) {
		fiber_run(fibers, fiber);
		fibers_run_ready(fibers);
		return;
	}
	fiber->state = FIBER_READY;
	fiber->next = NULL;
	*fibers->ready_last = fiber;
	fibers->ready_last = &fiber->next;
}

static void fiber_on_due(struct timer *timer)
{
	struct fiber *fiber = CONTAINER_OF(timer, struct fiber, timer);

	if (fiber->state != FIBER_PARKED)
		return;
	fiber->timed_out = true;
	fiber_make_ready(fiber->fibers, fiber);
}

static void fibers_on_rest(struct timer *timer)
{
	fibers_run_ready(CONTAINER_OF(timer, struct fibers, rest));
}

static void fibers_on_turn_end(struct turn_end *end)
{
	struct fibers *fibers = CONTAINER_OF(end, struct fibers, turn_end);

	while (fibers->aside) {
		struct fiber *fiber = fibers->aside;

		fibers->aside = fiber->next;
		if (!fibers->aside)
			fibers->aside_last = &fibers->aside;
		fiber_run(fibers, fiber);
		fibers_run_ready(fibers);
	}
}

/* Cuts the coldest off the list of the free, at most `count`. */
static struct fiber *fibers_cut_coldest(struct fibers *fibers, size_t count)
{
	struct fiber **link = &fibers->free;
	struct fiber *cut;

	for (size_t i = count; i < fibers->free_count; i++)
		link = &(*link)->next;
	cut = *link;
	*link = NULL;
	fibers->free_count -= count;
	return cut;
}

/* Half of a stack: a usual request touches an eighth of it, and what it has beside it in small pieces fits
 * into the rest. */
static size_t price_of_stack(const struct fibers *fibers)
{
	return fibers->stacks.size / 2;
}

static bool charge(struct fibers *fibers)
{
	return allowance_take(fibers->allowance, price_of_stack(fibers));
}

static void discharge(struct fibers *fibers)
{
	allowance_give(fibers->allowance, price_of_stack(fibers));
}

static void fibers_give_back(struct fibers *fibers, size_t spare)
{
	struct fiber *fiber = fibers_cut_coldest(fibers, spare < TRIM_AT_MOST ? spare : TRIM_AT_MOST);

	while (fiber) {
		struct fiber *next = fiber->next;
		struct stack stack = fiber->stack;

		timer_clear(&fiber->timer);
		stacks_chill(&fibers->stacks, &stack);
		discharge(fibers);
		fiber = next;
	}
	if (spare)
		stacks_reap(&fibers->stacks);
	fibers->free_low = fibers->free_count;
}

/* Gives back the stacks that nobody has needed since the last time. */
static void fibers_on_trim(struct timer *timer)
{
	struct fibers *fibers = CONTAINER_OF(timer, struct fibers, trim);

	fibers_give_back(fibers, fibers->free_low > KEEP_FREE ? fibers->free_low - KEEP_FREE : 0);
	fiber_trim_later(fibers);
}

void fibers_save(struct fibers *fibers)
{
	fibers_give_back(fibers, fibers->free_low);
}

result fibers_new(struct loop *loop, struct scratch *scratch, const struct fibers_options *options,
		  struct fibers **ret_fibers)
{
	struct fibers *fibers = calloc(1, sizeof *fibers);

	ASSERT(fibers);
	fibers->loop = loop;
	fibers->scratch = scratch;
	fibers->max = options && options->max ? options->max : FIBERS_DEFAULT;
	fibers->allowance = options ? options->allowance : NULL;
	fibers->ready_last = &fibers->ready;
	fibers->aside_last = &fibers->aside;
	fibers->turn_end.on_end = fibers_on_turn_end;
	fibers->rest.on_due = fibers_on_rest;
	fibers->trim.on_due = fibers_on_trim;
	stacks_init(&fibers->stacks, options && options->stack_size ? options->stack_size : STACK_DEFAULT);
	flow_init_loop(&fibers->loop_flow);
	if (options && options->guard)
		fibers->guard_stack = guard_stack_new(options->guard, fibers);
	*ret_fibers = fibers;
	return OK;
}

void fibers_free(struct fibers **address)
{
	struct fibers *fibers = *address;

	if (!fibers)
		return;
	*address = NULL;
	ASSERT(!fibers->alive);
	for (struct fiber *fiber = fibers->free; fiber; fiber = fiber->next) {
		timer_clear(&fiber->timer);
		discharge(fibers);
	}
	timer_clear(&fibers->rest);
	timer_clear(&fibers->trim);
	stacks_fini(&fibers->stacks);
	guard_stack_free(&fibers->guard_stack);
	free(fibers);
}

struct loop *fibers_loop(const struct fibers *fibers)
{
	return fibers->loop;
}

struct scratch *fibers_scratch(const struct fibers *fibers)
{
	return fibers->scratch;
}

size_t fibers_alive(const struct fibers *fibers)
{
	return fibers->alive;
}

struct fiber *fiber_current(const struct fibers *fibers)
{
	return fibers->current;
}

struct fibers *fiber_fibers(const struct fiber *fiber)
{
	return fiber->fibers;
}

uint64_t fiber_switches(const struct fibers *fibers)
{
	return fibers->switches;
}

void fibers_fail_park(struct fibers *fibers, uint64_t nth)
{
	fibers->fail_park = nth;
}

static result fiber_new(struct fibers *fibers, struct fiber **ret_fiber)
{
	struct stack stack;
	struct fiber *fiber;
	result_value taken;

	if (!charge(fibers))
		return error_make(ERROR_LIMIT, "no memory for another fiber");
	taken = stacks_take(&fibers->stacks, &stack);
	if (failed(taken)) {
		discharge(fibers);
		return taken;
	}
	fiber = (struct fiber *)(void *)stack.high - 1;
	*fiber = (struct fiber) { .fibers = fibers, .stack = stack, .timer.on_due = fiber_on_due };
	*ret_fiber = fiber;
	return OK;
}

static result fiber_take(struct fibers *fibers, struct fiber **ret_fiber)
{
	struct fiber *fiber = fibers->free;

	if (fibers->alive == fibers->max)
		return error_make(ERROR_LIMIT, "too many fibers");
	if (fiber) {
		fibers->free = fiber->next;
		fibers->free_count--;
		if (fibers->free_count < fibers->free_low)
			fibers->free_low = fibers->free_count;
		*ret_fiber = fiber;
	} else {
		TRY(fiber_new(fibers, ret_fiber));
	}
	fibers->alive++;
	return OK;
}

result fiber_start(struct fibers *fibers, fiber_fn fn, void *argument)
{
	struct fiber *fiber;
	size_t size;

	TRY(fiber_take(fibers, &fiber));
	size = (size_t)((char *)fiber - fiber->stack.low);
	fiber->fn = fn;
	fiber->argument = argument;
	fiber->serial = ++fibers->started;
	fiber->cancelled = fiber->timed_out = false;
	flow_begin(&fiber->flow, fiber->stack.low, size);
	context_prepare(&fiber->context, fiber->stack.low, size, fiber_main, fiber);
	fiber_make_ready(fibers, fiber);
	return OK;
}

/* The one place where a fiber gives up control. */
static void fiber_yield(struct fiber *self, enum fiber_state state)
{
	struct fibers *fibers = self->fibers;

	self->state = state;
	flow_leave(&self->flow, &fibers->loop_flow, false);
	context_switch(&self->context, &fibers->loop_context);
	flow_enter(&self->flow, NULL);
}

static result_value fiber_cancelled(struct fiber *self)
{
	self->cancelled = false;
	return error_make(ERROR_CANCELLED, "cancelled");
}

static bool park_is_to_fail(struct fibers *fibers)
{
	return fibers->fail_park && --fibers->fail_park == 0;
}

/* A build with debug checks poisons the scratch here, also when nobody holds it. */
#ifdef GATEHOUSE_DEBUG
static const bool clears_always = true;
#else
static const bool clears_always = false;
#endif

static void fibers_clear_scratch(struct fibers *fibers)
{
	if (fibers->scratch && (fibers->scratch->holder || clears_always))
		scratch_evacuate(fibers->scratch);
}

void fiber_step_aside(struct fiber *self)
{
	struct fibers *fibers = self->fibers;

	ASSERT(self == fibers->current);
	fibers_clear_scratch(fibers);
	self->next = NULL;
	*fibers->aside_last = self;
	fibers->aside_last = &self->next;
	loop_at_turn_end(fibers->loop, &fibers->turn_end);
	fiber_yield(self, FIBER_READY);
}

result fiber_park(struct fiber *self, deadline until)
{
	struct fibers *fibers = self->fibers;

	ASSERT(self == fibers->current);
	fibers_clear_scratch(fibers);
	if (self->cancelled || park_is_to_fail(fibers))
		return fiber_cancelled(self);
	self->timed_out = false;
	timer_set(fibers->loop, &self->timer, until);
	fiber_yield(self, FIBER_PARKED);
	if (self->cancelled)
		return fiber_cancelled(self);
	if (self->timed_out)
		return error_make(ERROR_TIMEOUT, "the deadline passed");
	return OK;
}

void fiber_wake(struct fiber *fiber)
{
	if (fiber->state == FIBER_PARKED)
		fiber_make_ready(fiber->fibers, fiber);
}

void fiber_cancel(struct fiber *fiber)
{
	fiber->cancelled = true;
	fiber_wake(fiber);
}

result fiber_sleep(struct fiber *self, deadline until)
{
	for (;;) {
		result_value parked = fiber_park(self, until);

		if (parked.kind == ERROR_TIMEOUT)
			return OK;
		if (failed(parked))
			return parked;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks: how many there are, what is left of their last owner, and what is theirs over a switch; and the
 * scratch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fiber/fiber_private.h"
#include "fiber/parker_testing.h"

/* The timer of a finished fiber stays in the wheel: the next owner of the stack must not feel it. */
static void a_stack_forgets_its_last_owner(void **state)
{
	struct world world;
	struct parker first = { .parks = 1 }, second = { .parks = 1 };
	deadline now;

	(void)state;
	world_open(&world);
	now = loop_now(world.loop);
	first.until = now + 2 * MILLISECOND;
	world_start(&world, parker_run, &first);
	fiber_wake(first.fiber);
	second.until = DEADLINE_NEVER;
	world_start(&world, parker_run, &second);
	clock_pass(now + 5 * MILLISECOND);
	world_turn(&world);
	assert_int_equal(second.done, 0);
	fiber_cancel(second.fiber);
	first = (struct parker) { .parks = 1, .until = world_in(&world, HOUR) };
	world_start(&world, parker_run, &first);
	fiber_wake(first.fiber);
	second = (struct parker) { .parks = 1, .until = world_in(&world, 2 * MILLISECOND) };
	world_start(&world, parker_run, &second); /* earlier than what the wheel holds */
	world_run(&world);
	assert_int_equal(second.got[0].kind, ERROR_TIMEOUT);
	world_close(&world);
}

static void more_than_the_maximum_are_refused(void **state)
{
	const struct fibers_options options = { .max = 3 };
	struct parker parkers[3] = { 0 };
	struct world world;

	(void)state;
	world_open_with(&world, &options);
	for (size_t i = 0; i < 3; i++) {
		parkers[i] = (struct parker) { .parks = 1, .until = DEADLINE_NEVER };
		world_start(&world, parker_run, &parkers[i]);
	}
	assert_int_equal(fiber_start(world.fibers, parker_run, NULL).kind, ERROR_LIMIT);
	assert_int_equal(fibers_alive(world.fibers), 3);
	fiber_wake(parkers[1].fiber);
	parkers[1] = (struct parker) { .parks = 1, .until = DEADLINE_NEVER };
	world_start(&world, parker_run, &parkers[1]);
	for (size_t i = 0; i < 3; i++)
		fiber_wake(parkers[i].fiber);
	world_close(&world);
}

/* TSan has room for 8,000 at a time. */
#ifdef FIBER_TSAN
enum { MANY = 1000 };
#else
enum { MANY = 10000 };
#endif

static size_t slab_count(const struct world *world)
{
	size_t count = 0;

	for (const struct slab *slab = world->fibers->stacks.slabs; slab; slab = slab->next)
		count++;
	return count;
}

static void very_many_fibers(void **state)
{
	struct parker *parkers = calloc(MANY, sizeof *parkers);
	struct world world;

	(void)state;
	world_open(&world);
	for (size_t i = 0; i < MANY; i++) {
		parkers[i] = (struct parker) { .parks = 2, .until = DEADLINE_NEVER };
		world_start(&world, parker_run, &parkers[i]);
	}
	assert_int_equal(fibers_alive(world.fibers), MANY);
	assert_int_equal(slab_count(&world), (MANY + SLAB_STACKS - 1) / SLAB_STACKS);
	for (size_t i = 0; i < MANY; i++) {
		parkers[i].until = loop_now(world.loop) + (duration)(i % 7) * MILLISECOND;
		fiber_wake(parkers[i].fiber);
	}
	world_run(&world);
	for (size_t i = 0; i < MANY; i++) {
		assert_false(failed(parkers[i].got[0]));
		assert_int_equal(parkers[i].got[1].kind, ERROR_TIMEOUT);
	}
	world_close(&world);
	free(parkers);
}

/* The peak is over: what nobody needed between two trims goes back, some stacks stay warm, all work again. */
static void stacks_go_back_after_a_peak(void **state)
{
	enum { PEAK = 300 };
	struct parker parkers[PEAK];
	struct world world;

	(void)state;
	world_open(&world);
	for (unsigned round = 0; round < 2; round++) {
		for (size_t i = 0; i < PEAK; i++) {
			parkers[i] = (struct parker) { .parks = 1, .until = world_in(&world, HOUR) };
			world_start(&world, parker_run, &parkers[i]);
		}
		assert_int_equal(slab_count(&world), 5);
		for (size_t i = 0; i < PEAK; i++)
			fiber_wake(parkers[i].fiber);
		assert_int_equal(world.fibers->free_count, PEAK);
		assert_non_null(world.fibers->trim.link);
		world.fibers->trim.on_due(&world.fibers->trim);
		assert_int_equal(world.fibers->free_count, PEAK); /* they were needed since the last trim */
		world.fibers->trim.on_due(&world.fibers->trim);
		assert_int_equal(world.fibers->free_count, 64);
		assert_in_range(slab_count(&world), 1, 2);
		world.fibers->free_low = 0;
		world_turn(&world);
	}
	fibers_save(world.fibers);
	assert_int_equal(world.fibers->free_count, 64); /* they were needed, as far as is known */
	fibers_save(world.fibers);
	assert_int_equal(world.fibers->free_count, 0);
	world_close(&world);
}

struct holder {
	struct intake in;
	struct fiber *fiber;
};

static void holds_the_scratch(struct fiber *self, void *argument)
{
	struct holder *holder = argument;
	result_value parked;
	size_t size;
	char *at;

	holder->fiber = self;
	assert_false(failed(intake_room(&holder->in, &at, &size)));
	memcpy(at, "partial head", 12);
	intake_add(&holder->in, 12);
	parked = fiber_park(self, DEADLINE_NEVER);
	assert_false(failed(parked));
}

static void the_scratch_is_left_before_a_park(void **state)
{
	struct holder holder;
	struct world world;

	(void)state;
	world_open(&world);
	intake_init(&holder.in, &world.scratch);
	world_start(&world, holds_the_scratch, &holder);
	assert_null(world.scratch.holder);
	assert_true(str_eq(intake_data(&holder.in), STR("partial head")));
	assert_non_null(holder.in.block);
	fiber_wake(holder.fiber);
	intake_fini(&holder.in);
	world_close(&world);
}

#ifdef GATEHOUSE_DEBUG
static void the_scratch_is_poisoned_although_nobody_holds_it(void **state)
{
	struct parker parker = { .parks = 1, .until = DEADLINE_NEVER };
	struct world world;

	(void)state;
	world_open(&world);
	world.scratch.bytes[0] = 'x';
	world_start(&world, parker_run, &parker);
	assert_int_equal((unsigned char)world.scratch.bytes[0], 0xdb);
	fiber_wake(parker.fiber);
	world_close(&world);
}
#endif

/* Values in callee-saved registers and on the stack outlive a switch. */
static void computes_over_parks(struct fiber *self, void *argument)
{
	double *ret_sum = argument;
	double sum = 0, step = 0.5;
	uint64_t a = 1, b = 2, c = 3, d = 4, e = 5;

	for (unsigned i = 0; i < 100; i++) {
		assert_false(failed(fiber_sleep(self, 0)));
		a = a * 3 + b;
		b = b * 5 + c;
		c = c * 7 + d;
		d = d * 11 + e;
		e = e * 13 + a;
		sum += step * (double)(e & 1);
	}
	*ret_sum = sum + (double)(a % 1000 + b % 1000 + c % 1000 + d % 1000 + e % 1000);
}

static void registers_outlive_a_switch(void **state)
{
	double sums[20];
	struct world world;

	(void)state;
	world_open(&world);
	for (unsigned i = 0; i < 20; i++)
		world_start(&world, computes_over_parks, &sums[i]);
	world_run(&world);
	assert_true(sums[0] > 0);
	for (unsigned i = 1; i < 20; i++)
		assert_true(sums[i] == sums[0]);
	world_close(&world);
}

/* The frame of a function called in a fiber must be aligned as the ABI says. */
static void looks_at_its_stack(struct fiber *self, void *argument)
{
	_Alignas(16) char aligned[16] = { 0 };
	uintptr_t *ret_misaligned = argument;

	(void)self;
	*ret_misaligned = (uintptr_t)aligned % 16;
	__asm__ volatile("" : : "r"(aligned) : "memory");
}

static void stacks_are_aligned(void **state)
{
	uintptr_t misaligned = 1;
	struct world world;

	(void)state;
	world_open(&world);
	world_start(&world, looks_at_its_stack, &misaligned);
	assert_int_equal(misaligned, 0);
	assert_int_equal(sizeof(struct fiber) % 64, 0);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stack_forgets_its_last_owner),
		cmocka_unit_test(more_than_the_maximum_are_refused),
		cmocka_unit_test(very_many_fibers),
		cmocka_unit_test(stacks_go_back_after_a_peak),
		cmocka_unit_test(the_scratch_is_left_before_a_park),
#ifdef GATEHOUSE_DEBUG
		cmocka_unit_test(the_scratch_is_poisoned_although_nobody_holds_it),
#endif
		cmocka_unit_test(registers_outlive_a_switch),
		cmocka_unit_test(stacks_are_aligned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

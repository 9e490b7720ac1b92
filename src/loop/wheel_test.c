/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wheel against a list that is looked through from end to end, under a clock that the test moves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "loop/wheel.h"

enum { TIMERS = 40, STEPS = 4000 };

struct model {
	struct timer timer;
	deadline due;  /* DEADLINE_NEVER: must not fire */
	bool was_past; /* due already when it was set: fires in the next turn, whatever the tick */
	unsigned fired;
};

static void model_on_due(struct timer *timer)
{
	((struct model *)(void *)timer)->fired++;
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Spans of all sizes: a random number of random bits. */
static duration random_span(uint64_t *seed)
{
	return (duration)(next_random(seed) & (((uint64_t)1 << (next_random(seed) % 52)) - 1));
}

static void model_change(struct wheel *wheel, struct model *model, deadline now, uint64_t *seed)
{
	switch (next_random(seed) % 8) {
	case 0:
		timer_clear(&model->timer);
		model->due = DEADLINE_NEVER;
		return;
	case 1:
		model->due = DEADLINE_NEVER;
		break;
	case 2:
		model->due = now - random_span(seed);
		break;
	default:
		model->due = now + random_span(seed);
	}
	model->was_past = model->due <= now;
	wheel_set(wheel, &model->timer, model->due, now);
}

/* What must have fired, and what must not have, at `now`. */
static void model_check(struct model *model, deadline now)
{
	bool may = model->due <= now;
	bool must = may && (model->was_past || model->due <= now / WHEEL_TICK * WHEEL_TICK);

	assert_in_range(model->fired, must, may);
	if (model->fired)
		model->due = DEADLINE_NEVER;
	model->fired = 0;
}

static deadline models_first(const struct model *models)
{
	deadline first = DEADLINE_NEVER;

	for (unsigned i = 0; i < TIMERS; i++)
		first = deadline_min(first, models[i].due);
	return first;
}

/* The loop sleeps until wheel_next(): so that must not be after the first deadline's tick, nor stand still.
 */
static void next_check(struct wheel *wheel, const struct model *models, deadline now)
{
	deadline next = wheel_next(wheel), first = models_first(models);

	if (first == DEADLINE_NEVER)
		return;
	assert_true(next == 0 || next < first + WHEEL_TICK);
	assert_true(next == 0 || next > now - WHEEL_TICK);
}

static void one_history(uint64_t seed)
{
	struct model models[TIMERS] = { 0 };
	deadline now = random_span(&seed) + SECOND;
	struct wheel wheel;

	wheel_init(&wheel, now);
	for (unsigned i = 0; i < TIMERS; i++)
		models[i] = (struct model) { .timer.on_due = model_on_due, .due = DEADLINE_NEVER };
	for (unsigned step = 0; step < STEPS; step++) {
		for (unsigned n = next_random(&seed) % 4; n > 0; n--)
			model_change(&wheel, &models[next_random(&seed) % TIMERS], now, &seed);
		next_check(&wheel, models, now);
		if (next_random(&seed) % 4 == 0 && wheel_next(&wheel) != DEADLINE_NEVER)
			now = wheel_next(&wheel) > now ? wheel_next(&wheel) : now;
		else
			now += random_span(&seed) >> 8;
		wheel_turn(&wheel);
		wheel_fire(&wheel, now);
		for (unsigned i = 0; i < TIMERS; i++)
			model_check(&models[i], now);
	}
	for (unsigned i = 0; i < TIMERS; i++)
		timer_clear(&models[i].timer);
	assert_true(wheel_is_empty(&wheel));
}

static void agrees_with_a_list(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++)
		one_history(seed * 0x9e3779b97f4a7c15);
}

struct chain {
	struct timer timer;
	struct wheel *wheel;
	struct timer *other;
	deadline now, next;
	unsigned fired;
};

static void chain_on_due(struct timer *timer)
{
	struct chain *chain = (struct chain *)(void *)timer;

	chain->fired++;
	if (chain->next != DEADLINE_NEVER)
		wheel_set(chain->wheel, timer, chain->next, chain->now);
	if (chain->other)
		timer_clear(chain->other);
}

static void a_timer_set_to_the_past_while_it_fires_waits_a_turn(void **state)
{
	struct wheel wheel;
	struct chain chain = { .timer.on_due = chain_on_due, .wheel = &wheel, .now = 10 * SECOND, .next = 0 };

	(void)state;
	wheel_init(&wheel, SECOND);
	wheel_set(&wheel, &chain.timer, 2 * SECOND, SECOND);
	for (unsigned turn = 1; turn <= 3; turn++) {
		wheel_turn(&wheel);
		wheel_fire(&wheel, 10 * SECOND);
		assert_int_equal(chain.fired, turn);
		assert_int_equal(wheel_next(&wheel), 0);
	}
	timer_clear(&chain.timer);
	assert_true(wheel_is_empty(&wheel));
}

static void set_to_the_past_between_turns_it_waits_for_the_next(void **state)
{
	struct wheel wheel;
	struct chain chain = { .timer.on_due = chain_on_due, .wheel = &wheel, .next = DEADLINE_NEVER };

	(void)state;
	wheel_init(&wheel, SECOND);
	wheel_turn(&wheel);
	wheel_set(&wheel, &chain.timer, SECOND, SECOND); /* as if by an event of this turn */
	wheel_fire(&wheel, SECOND);
	assert_int_equal(chain.fired, 0);
	wheel_turn(&wheel);
	wheel_fire(&wheel, SECOND);
	assert_int_equal(chain.fired, 1);
}

/* Both are due in the same tick, and the first to fire clears the other: exactly one fires. */
static void a_timer_cleared_by_its_neighbour_does_not_fire(void **state)
{
	struct wheel wheel;
	struct chain a = { .timer.on_due = chain_on_due, .wheel = &wheel, .next = DEADLINE_NEVER };
	struct chain b = a;

	(void)state;
	a.other = &b.timer;
	b.other = &a.timer;
	wheel_init(&wheel, SECOND);
	wheel_set(&wheel, &a.timer, 2 * SECOND, SECOND);
	wheel_set(&wheel, &b.timer, 2 * SECOND, SECOND);
	wheel_turn(&wheel);
	wheel_fire(&wheel, 3 * SECOND);
	assert_int_equal(a.fired + b.fired, 1);
	assert_true(wheel_is_empty(&wheel));
}

/* The point of it: moving later does not touch the wheel, and one look later it stands where it should. */
static void moving_later_is_one_store(void **state)
{
	struct wheel wheel;
	struct chain chain = { .timer.on_due = chain_on_due, .wheel = &wheel, .next = DEADLINE_NEVER };
	struct timer **link;

	(void)state;
	wheel_init(&wheel, SECOND);
	wheel_set(&wheel, &chain.timer, 2 * SECOND, SECOND);
	link = chain.timer.link;
	for (duration later = 0; later < 100 * SECOND; later += 100 * MILLISECOND) {
		wheel_set(&wheel, &chain.timer, 2 * SECOND + later, SECOND);
		assert_ptr_equal(chain.timer.link, link);
	}
	wheel_set(&wheel, &chain.timer, DEADLINE_NEVER, SECOND);
	assert_ptr_equal(chain.timer.link, link);
	wheel_set(&wheel, &chain.timer, 60 * SECOND, SECOND);
	wheel_turn(&wheel);
	wheel_fire(&wheel, 60 * SECOND - 1);
	assert_int_equal(chain.fired, 0);
	assert_ptr_not_equal(chain.timer.link, link);
	wheel_turn(&wheel);
	wheel_fire(&wheel, 60 * SECOND);
	assert_int_equal(chain.fired, 1);
	wheel_set(&wheel, &chain.timer, 90 * SECOND, 60 * SECOND);
	wheel_set(&wheel, &chain.timer, DEADLINE_NEVER, 60 * SECOND);
	wheel_turn(&wheel);
	wheel_fire(&wheel, 100 * SECOND);
	assert_int_equal(chain.fired, 1);
	assert_true(wheel_is_empty(&wheel));
}

struct ordered {
	struct timer timer;
	deadline *last;
	unsigned *fired;
};

static void ordered_on_due(struct timer *timer)
{
	struct ordered *ordered = (struct ordered *)(void *)timer;

	assert_true(timer->due >= *ordered->last);
	*ordered->last = timer->due;
	++*ordered->fired;
}

/* The loop comes late, and all are due: they fire by their ticks, from whichever level. */
static void the_earlier_fires_first(void **state)
{
	enum { COUNT = 300 };
	struct ordered ordered[COUNT];
	deadline last = 0;
	unsigned fired = 0;
	struct wheel wheel;

	(void)state;
	wheel_init(&wheel, SECOND);
	for (unsigned i = 0; i < COUNT; i++) {
		unsigned mixed = i * 7 % COUNT;

		ordered[i] = (struct ordered) { { .on_due = ordered_on_due }, &last, &fired };
		wheel_set(&wheel, &ordered[i].timer, SECOND + (mixed + 1) * 3 * MILLISECOND, SECOND);
	}
	wheel_turn(&wheel);
	wheel_fire(&wheel, 10 * SECOND);
	assert_int_equal(fired, COUNT);
	assert_true(wheel_is_empty(&wheel));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_list),
		cmocka_unit_test(a_timer_set_to_the_past_while_it_fires_waits_a_turn),
		cmocka_unit_test(set_to_the_past_between_turns_it_waits_for_the_next),
		cmocka_unit_test(a_timer_cleared_by_its_neighbour_does_not_fire),
		cmocka_unit_test(moving_later_is_one_store),
		cmocka_unit_test(the_earlier_fires_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

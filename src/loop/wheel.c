/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/wheel.h"

#include "base/assert.h"

#define NO_TICK UINT64_MAX

void wheel_init(struct wheel *wheel, deadline now)
{
	*wheel = (struct wheel) { .tick = (uint64_t)(now / WHEEL_TICK), .soonest = NO_TICK };
}

static void timer_link(struct timer *timer, struct timer **head, deadline bucket)
{
	timer->next = *head;
	timer->link = head;
	timer->bucket = bucket;
	if (timer->next)
		timer->next->link = &timer->next;
	*head = timer;
}

static void timer_unlink(struct timer *timer)
{
	*timer->link = timer->next;
	if (timer->next)
		timer->next->link = timer->link;
	timer->link = NULL;
}

/* All of one list to another, which is empty. */
static void timers_move(struct timer **to, struct timer **from)
{
	ASSERT(!*to);
	*to = *from;
	*from = NULL;
	if (*to)
		(*to)->link = to;
}

/* The first tick that is not before due. */
static uint64_t tick_of(deadline due)
{
	return (uint64_t)(due / WHEEL_TICK) + (due % WHEEL_TICK != 0);
}

/* The slot where tick differs from the present in the highest group of bits; tick is in the future. */
static void wheel_file(struct wheel *wheel, struct timer *timer, uint64_t tick)
{
	unsigned level = (unsigned)(63 - __builtin_clzll(tick ^ wheel->tick)) / WHEEL_BITS;
	unsigned shift = level * WHEEL_BITS;
	unsigned slot = (tick >> shift) & (WHEEL_SLOTS - 1);
	uint64_t begin = tick >> shift << shift;

	wheel->used[level] |= (uint64_t)1 << slot;
	if (begin < wheel->soonest)
		wheel->soonest = begin;
	timer_link(timer, &wheel->slots[level][slot], (deadline)begin * WHEEL_TICK);
}

void wheel_set(struct wheel *wheel, struct timer *timer, deadline due, deadline now)
{
	timer->due = due;
	if (timer->link) {
		if (due >= timer->bucket)
			return;
		timer_unlink(timer);
	}
	if (due == DEADLINE_NEVER)
		return;
	if (due <= now)
		timer_link(timer, &wheel->past, 0);
	else
		wheel_file(wheel, timer, tick_of(due));
}

void timer_clear(struct timer *timer)
{
	timer->due = DEADLINE_NEVER;
	if (timer->link)
		timer_unlink(timer);
}

/* The level's next slot that holds a timer. Slots up to the present's own are behind it. */
static bool level_next(struct wheel *wheel, unsigned level, unsigned *ret_slot)
{
	unsigned current = (wheel->tick >> (level * WHEEL_BITS)) & (WHEEL_SLOTS - 1);
	uint64_t ahead = wheel->used[level] & (~(uint64_t)0 << current << 1);

	for (; ahead; ahead &= ahead - 1) {
		unsigned slot = (unsigned)__builtin_ctzll(ahead);

		if (wheel->slots[level][slot]) {
			*ret_slot = slot;
			return true;
		}
		wheel->used[level] &= ~((uint64_t)1 << slot);
	}
	return false;
}

/* The first slot ahead, which begins at the soonest tick: the lowest level has the earliest. */
static struct timer **wheel_first(struct wheel *wheel)
{
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		unsigned shift = level * WHEEL_BITS;
		unsigned slot;

		if (!level_next(wheel, level, &slot))
			continue;
		wheel->soonest = ((wheel->tick >> shift >> WHEEL_BITS << WHEEL_BITS) | slot) << shift;
		return &wheel->slots[level][slot];
	}
	wheel->soonest = NO_TICK;
	return NULL;
}

deadline wheel_next(const struct wheel *wheel)
{
	if (wheel->past || wheel->firing)
		return 0;
	return wheel->soonest == NO_TICK ? DEADLINE_NEVER : (deadline)wheel->soonest * WHEEL_TICK;
}

void wheel_turn(struct wheel *wheel)
{
	timers_move(&wheel->firing, &wheel->past);
}

/* What is due by `limit` fires; the rest is filed anew. */
static void wheel_fire_list(struct wheel *wheel, deadline limit)
{
	while (wheel->firing) {
		struct timer *timer = wheel->firing;

		timer_unlink(timer);
		if (timer->due <= limit)
			timer->on_due(timer);
		else if (timer->due != DEADLINE_NEVER)
			wheel_file(wheel, timer, tick_of(timer->due));
	}
}

/* Tick by tick, so that of two timers the earlier fires first, however late the loop is. */
void wheel_fire(struct wheel *wheel, deadline now)
{
	uint64_t target = (uint64_t)(now / WHEEL_TICK);
	struct timer **slot;

	wheel_fire_list(wheel, now);
	while (wheel->soonest <= target && (slot = wheel_first(wheel)) && wheel->soonest <= target) {
		wheel->tick = wheel->soonest;
		timers_move(&wheel->firing, slot);
		wheel_fire_list(wheel, (deadline)wheel->tick * WHEEL_TICK);
	}
	wheel->tick = target;
}

bool wheel_is_empty(const struct wheel *wheel)
{
	for (unsigned level = 0; level < WHEEL_LEVELS; level++)
		for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
			if (wheel->slots[level][slot])
				return false;
	return !wheel->past && !wheel->firing;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A waiter is a frame on the waiting fiber's stack, linked into the list while it waits. Whoever signals
 * takes it out of the list first, and so a waiter knows afterwards whether the signal was for it.
 */
#include "fiber/condition.h"

#include "base/assert.h"

struct condition_waiter {
	struct condition_waiter *next, *previous;
	struct condition *condition; /* NULL: signalled, and no longer in its list */
	struct fiber *fiber;
};

static void waiter_add(struct condition *condition, struct condition_waiter *waiter)
{
	waiter->previous = condition->last;
	if (condition->last)
		condition->last->next = waiter;
	else
		condition->first = waiter;
	condition->last = waiter;
}

static void waiter_remove(struct condition_waiter *waiter)
{
	struct condition *condition = waiter->condition;

	if (waiter->previous)
		waiter->previous->next = waiter->next;
	else
		condition->first = waiter->next;
	if (waiter->next)
		waiter->next->previous = waiter->previous;
	else
		condition->last = waiter->previous;
	waiter->condition = NULL;
}

/* A signal taken by one that unwinds would be lost to the others: it is passed on. */
result condition_wait(struct condition *condition, struct fiber *self, deadline until)
{
	struct condition_waiter waiter = { .condition = condition, .fiber = self };
	result_value parked;

	waiter_add(condition, &waiter);
	parked = fiber_park(self, until);
	if (waiter.condition)
		waiter_remove(&waiter);
	else if (failed(parked))
		condition_signal(condition);
	return parked;
}

bool condition_signal(struct condition *condition)
{
	struct condition_waiter *waiter = condition->first;
	struct fiber *fiber;

	if (!waiter)
		return false;
	fiber = waiter->fiber;
	waiter_remove(waiter);
	fiber_wake(fiber);
	return true;
}

/* Those that come back to wait while the others are woken stand behind `last`. */
void condition_broadcast(struct condition *condition)
{
	struct condition all = *condition;

	for (struct condition_waiter *waiter = all.first; waiter; waiter = waiter->next)
		waiter->condition = &all;
	*condition = (struct condition) { 0 };
	while (condition_signal(&all))
		;
}

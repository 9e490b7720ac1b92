/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parker_testing: a fiber that parks as often as it is told, and a clock that passes.
 */
#pragma once

#include "fiber/testing.h"

/* A fiber that does one park and notes how it ended. */
struct parker {
	struct world *world;
	struct fiber *fiber;
	deadline until;
	unsigned parks; /* how many times */
	unsigned done;
	result_value got[4];
};

static inline void parker_run(struct fiber *self, void *argument)
{
	struct parker *parker = argument;

	parker->fiber = self;
	while (parker->done < parker->parks) {
		parker->got[parker->done] = fiber_park(self, parker->until);
		parker->done++;
	}
	parker->fiber = NULL;
}

/* The clock passes `until`, and the loop has not turned yet. */
static inline void clock_pass(deadline until)
{
	while (time_monotonic() <= until)
		;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line_limit: what many may cause at a time, written to the gateway's own log once in a second.
 *
 * A flood must not become a flood of lines; what was not written is counted, for the next line to say.
 */
#pragma once

#include "base/time.h"

/* All zero is the beginning: the first line is written. One thread's. */
struct line_limit {
	deadline quiet_until;
	uint64_t unsaid;
};

static inline bool line_limit_pass(struct line_limit *limit, deadline now, uint64_t *ret_unsaid)
/* Whether a line may be written now; ret_unsaid: how many were not since the last, only then. */
{
	if (now < limit->quiet_until) {
		limit->unsaid++;
		return false;
	}
	*ret_unsaid = limit->unsaid;
	*limit = (struct line_limit) { .quiet_until = deadline_after(now, SECOND) };
	return true;
}

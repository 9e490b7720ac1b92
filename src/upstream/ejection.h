/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ejection: for how long an endpoint that failed its requests is left alone, and how many may be at a time.
 *
 * Each ejection after another lasts longer, ten times the first one at most; each `eject_for` in which the
 * endpoint has served without being ejected takes one off again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"

struct ejection {
	deadline until;  /* 0: it is not ejected */
	deadline served; /* since: it has been back */
	uint32_t times;  /* what the next one is reckoned by */
};

bool ejection_is_allowed(size_t ejected, size_t members, int64_t max_percent);
/* One more, where so many are ejected already. */

duration ejection_begin(struct ejection *ejection, duration eject_for, deadline now);
/* How long it will be. */

void ejection_end(struct ejection *ejection, deadline now);
/* Its time is over, or checks have taken over. What it was reckoned by stays. */

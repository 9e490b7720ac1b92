/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota_window: the windows that quotas are counted in: one after the other, aligned to 1970-01-01T00:00:00Z,
 * so that those of days begin at midnight in UTC; or months of the calendar, in UTC too.
 */
#pragma once

#include "base/time.h"

struct quota_window {
	int64_t begin, end; /* seconds since 1970; end is the first that is the next one's */
};

struct quota_window quota_window_of(int64_t period, wall_time now);
/* period: seconds; 0: a month. */

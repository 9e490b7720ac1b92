/* SPDX-License-Identifier: Apache-2.0 */
/*
 * time: durations and absolute deadlines, in nanoseconds.
 *
 * A deadline is an instant of CLOCK_MONOTONIC. Waits take deadlines, never durations, so that one
 * deadline narrows through every step of an exchange. Wall-clock time is for people and for formats only.
 */
#pragma once

#include <stdint.h>

#include "base/str.h"

typedef int64_t duration;  /* nanoseconds */
typedef int64_t deadline;  /* nanoseconds of CLOCK_MONOTONIC; also any past instant of it */
typedef int64_t wall_time; /* nanoseconds since 1970-01-01T00:00:00Z */

#define NANOSECOND ((duration)1)
#define MICROSECOND (1000 * NANOSECOND)
#define MILLISECOND (1000 * MICROSECOND)
#define SECOND (1000 * MILLISECOND)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

#define DEADLINE_NEVER INT64_MAX

deadline time_monotonic(void);
wall_time time_wall(void);

static inline deadline deadline_after(deadline from, duration d)
{
	deadline sum;

	return __builtin_add_overflow(from, d, &sum) ? DEADLINE_NEVER : sum;
}

static inline deadline deadline_min(deadline a, deadline b)
{
	return a < b ? a : b;
}

enum { TIME_RFC3339_LEN = 27 };

size_t time_print_rfc3339(wall_time t, char out[TIME_RFC3339_LEN]);
/* "2026-01-02T03:04:05.678901Z", always TIME_RFC3339_LEN bytes, not terminated. Years 1970 to 9999. */

bool time_parse_rfc3339(str text, wall_time *ret_time);
/* "2026-01-02T03:04:05Z", with a fraction of up to nine digits and "+01:00" instead of Z where there are.
 * False for what is no such time, before 1970 or after 2261. */

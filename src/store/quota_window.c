/* SPDX-License-Identifier: Apache-2.0 */
#include "store/quota_window.h"

#include <time.h>

static int64_t month_begin(struct tm calendar, int further)
{
	struct tm first = { .tm_year = calendar.tm_year, .tm_mon = calendar.tm_mon + further, .tm_mday = 1 };

	return timegm(&first);
}

static struct quota_window month_of(int64_t second)
{
	time_t time = second;
	struct tm calendar;

	gmtime_r(&time, &calendar);
	return (struct quota_window) { month_begin(calendar, 0), month_begin(calendar, 1) };
}

struct quota_window quota_window_of(int64_t period, wall_time now)
{
	int64_t second = now > 0 ? now / SECOND : 0, begin;

	if (!period)
		return month_of(second);
	begin = second - second % period;
	return (struct quota_window) { begin, begin + period };
}

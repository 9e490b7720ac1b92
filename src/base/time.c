/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#include <time.h>

static int64_t clock_read(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

deadline time_monotonic(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

wall_time time_wall(void)
{
	return clock_read(CLOCK_REALTIME);
}

struct civil {
	uint64_t year, month, day;
};

/* Days since 1970-01-01 to the proleptic Gregorian date, by eras of 400 years that begin in March. */
static struct civil civil_of_days(uint64_t days)
{
	uint64_t shifted = days + 719468;
	uint64_t era = shifted / 146097;
	uint64_t day_of_era = shifted % 146097;
	uint64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	uint64_t month_from_march = (5 * day_of_year + 2) / 153;
	uint64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;

	return (struct civil) {
		.year = era * 400 + year_of_era + (month <= 2),
		.month = month,
		.day = day_of_year - (153 * month_from_march + 2) / 5 + 1,
	};
}

static char *digits(char *at, uint64_t value, unsigned count, char after)
{
	for (unsigned i = count; i-- > 0; value /= 10)
		at[i] = (char)('0' + value % 10);
	at[count] = after;
	return at + count + 1;
}

size_t time_print_rfc3339(wall_time t, char out[TIME_RFC3339_LEN])
{
	uint64_t ns = t < 0 ? 0 : (uint64_t)t;
	uint64_t seconds = ns / SECOND;
	struct civil date = civil_of_days(seconds / 86400);
	char *at = out;

	at = digits(at, date.year, 4, '-');
	at = digits(at, date.month, 2, '-');
	at = digits(at, date.day, 2, 'T');
	at = digits(at, seconds / 3600 % 24, 2, ':');
	at = digits(at, seconds / 60 % 60, 2, ':');
	at = digits(at, seconds % 60, 2, '.');
	digits(at, ns % SECOND / MICROSECOND, 6, 'Z');
	return TIME_RFC3339_LEN;
}

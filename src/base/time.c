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

/* The inverse of civil_of_days(). */
static uint64_t days_of_civil(struct civil date)
{
	uint64_t year = date.year - (date.month <= 2);
	uint64_t month_from_march = date.month > 2 ? date.month - 3 : date.month + 9;
	uint64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;

	return year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

/* Takes that many digits and what stands behind them off the text; after: 0 where nothing needs to. */
static bool take(str *text, size_t count, char after, uint64_t *ret_value)
{
	if (text->len < count + (after != 0) || (after && text->ptr[count] != after))
		return false;
	if (!str_to_u64(str_slice(*text, 0, count), UINT64_MAX, ret_value))
		return false;
	*text = str_skip(*text, count + (after != 0));
	return true;
}

static bool take_date(str *text, uint64_t *ret_days)
{
	struct civil date, back;

	if (!take(text, 4, '-', &date.year) || !take(text, 2, '-', &date.month) ||
	    !take(text, 2, 'T', &date.day))
		return false;
	if (date.year < 1970 || date.year > 2261 || date.month < 1 || date.month > 12 || date.day < 1)
		return false;
	*ret_days = days_of_civil(date);
	back = civil_of_days(*ret_days);
	return back.month == date.month && back.day == date.day; /* the month has as many days */
}

static bool take_clock(str *text, uint64_t *ret_seconds)
{
	uint64_t hour, minute, second;

	if (!take(text, 2, ':', &hour) || !take(text, 2, ':', &minute) || !take(text, 2, 0, &second))
		return false;
	*ret_seconds = hour * 3600 + minute * 60 + second;
	return hour < 24 && minute < 60 && second < 60;
}

static bool take_fraction(str *text, uint64_t *ret_nanoseconds)
{
	size_t count = 0;

	*ret_nanoseconds = 0;
	if (!str_starts(*text, STR(".")))
		return true;
	*text = str_skip(*text, 1);
	while (count < text->len && text->ptr[count] >= '0' && text->ptr[count] <= '9')
		count++;
	if (count == 0 || count > 9 || !take(text, count, 0, ret_nanoseconds))
		return false;
	for (; count < 9; count++)
		*ret_nanoseconds *= 10;
	return true;
}

/* Seconds east of Greenwich. */
static bool take_zone(str text, int64_t *ret_offset)
{
	uint64_t hour, minute;
	bool is_west = str_starts(text, STR("-"));

	*ret_offset = 0;
	if (str_eq(text, STR("Z")))
		return true;
	if (!is_west && !str_starts(text, STR("+")))
		return false;
	text = str_skip(text, 1);
	if (!take(&text, 2, ':', &hour) || !take(&text, 2, 0, &minute) || text.len || hour > 23 ||
	    minute > 59)
		return false;
	*ret_offset = (int64_t)(hour * 3600 + minute * 60) * (is_west ? -1 : 1);
	return true;
}

bool time_parse_rfc3339(str text, wall_time *ret_time)
{
	uint64_t days, seconds, nanoseconds;
	int64_t offset, total;

	if (!take_date(&text, &days) || !take_clock(&text, &seconds) || !take_fraction(&text, &nanoseconds) ||
	    !take_zone(text, &offset))
		return false;
	total = (int64_t)(days * 86400 + seconds) - offset;
	if (total < 0)
		return false;
	*ret_time = total * SECOND + (int64_t)nanoseconds;
	return true;
}

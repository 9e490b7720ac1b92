/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations and sizes: one table of units each, and one way to read, print and guess for both. A rate is made
 * of a number and a duration.
 *
 * Only whole numbers and one unit. "1m30s" and "1.5h" are refused: every value has one spelling that is
 * shortest, and what is printed is what somebody would write. Sizes are powers of 1024, named so; "KB", which
 * may mean either, is refused with a guess.
 */
#include "config/unit.h"

#include <inttypes.h>

struct unit {
	str name;
	str long_name; /* lower case; any beginning of it means the unit, when guessing */
	uint64_t factor;
};

/* From the largest. */
static const struct unit durations[] = {
	{ STR_INIT("d"), STR_INIT("days"), DAY },
	{ STR_INIT("h"), STR_INIT("hours"), HOUR },
	{ STR_INIT("m"), STR_INIT("minutes"), MINUTE },
	{ STR_INIT("s"), STR_INIT("seconds"), SECOND },
	{ STR_INIT("ms"), STR_INIT("milliseconds"), MILLISECOND },
};

static const struct unit sizes[] = {
	{ STR_INIT("GiB"), STR_INIT("gb"), 1024 * 1024 * 1024 },
	{ STR_INIT("MiB"), STR_INIT("mb"), 1024 * 1024 },
	{ STR_INIT("KiB"), STR_INIT("kb"), 1024 },
	{ STR_INIT(""), STR_INIT("bytes"), 1 },
};

enum {
	DURATIONS = sizeof durations / sizeof durations[0],
	SIZES = sizeof sizes / sizeof sizes[0],
};

/* The digits at the start of a text, and what comes after them. No leading zeros: 010 could be eight. */
static bool split(str text, str *ret_digits, str *ret_rest)
{
	size_t len = 0;

	while (len < text.len && text.ptr[len] >= '0' && text.ptr[len] <= '9')
		len++;
	*ret_digits = str_slice(text, 0, len);
	*ret_rest = str_skip(text, len);
	return len == 1 || (len > 1 && text.ptr[0] != '0');
}

/* The maximum is held against the number before it is multiplied. */
static bool parse(str text, const struct unit *units, size_t count, uint64_t max, uint64_t *ret_value)
{
	str digits, name;
	uint64_t number;

	if (!split(text, &digits, &name))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!str_eq(name, units[i].name))
			continue;
		if (!str_to_u64(digits, max / units[i].factor, &number))
			return false;
		*ret_value = number * units[i].factor;
		return true;
	}
	return false;
}

bool unit_parse_duration(str text, duration *ret_value)
{
	uint64_t value;

	if (!parse(text, durations, DURATIONS, INT64_MAX, &value))
		return false;
	*ret_value = (duration)value;
	return true;
}

bool unit_parse_size(str text, uint64_t *ret_value)
{
	return parse(text, sizes, SIZES, UINT64_MAX, ret_value);
}

bool unit_parse_rate(str text, struct rate *ret_value)
{
	str number, period, digits, rest;
	struct rate rate;

	if (!str_cut(text, '/', &number, &period) || !split(number, &digits, &rest) || rest.len)
		return false;
	if (!str_to_u64(digits, INT64_MAX, (uint64_t *)&rate.number) ||
	    !unit_parse_duration(period, &rate.period) || !rate.number || !rate.period)
		return false;
	*ret_value = rate;
	return true;
}

/* The largest unit that divides the value; zero in the smallest. */
static str print(struct arena *arena, const struct unit *units, size_t count, uint64_t value)
{
	size_t i = 0;

	while (i + 1 < count && (value == 0 || value % units[i].factor))
		i++;
	return arena_printf(arena, "%" PRIu64 "%.*s", value / units[i].factor, STR_ARG(units[i].name));
}

str unit_print_duration(struct arena *arena, duration value)
{
	if (value == 0)
		return STR("0s");
	return print(arena, durations, DURATIONS, (uint64_t)value);
}

str unit_print_size(struct arena *arena, uint64_t value)
{
	return print(arena, sizes, SIZES, value);
}

str unit_print_rate(struct arena *arena, struct rate value)
{
	str period = unit_print_duration(arena, value.period);

	return arena_printf(arena, "%" PRId64 "/%.*s", value.number, STR_ARG(period));
}

/* The unit that a word as people write it means: "sec", "Seconds", "kb", "KIB". Its own name goes before the
 * beginning of a longer one: "M" is minutes. */
static const struct unit *find_meant(const struct unit *units, size_t count, str word)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq_nocase(word, units[i].name))
			return &units[i];
	for (size_t i = 0; i < count; i++)
		if (str_eq_nocase(word, str_slice(units[i].long_name, 0, word.len)))
			return &units[i];
	return NULL;
}

static str guess(struct arena *arena, const struct unit *units, size_t count, str text, str standard)
{
	const struct unit *unit;
	str digits, word;

	if (!split(str_trim(text), &digits, &word) || digits.len > 18)
		return (str) { 0 };
	word = str_trim(word);
	if (str_is_empty(word))
		return arena_printf(arena, "%.*s%.*s", STR_ARG(digits), STR_ARG(standard));
	unit = find_meant(units, count, word);
	if (!unit)
		return (str) { 0 };
	return arena_printf(arena, "%.*s%.*s", STR_ARG(digits), STR_ARG(unit->name));
}

str unit_guess_duration(struct arena *arena, str text)
{
	return guess(arena, durations, DURATIONS, text, STR("s"));
}

str unit_guess_size(struct arena *arena, str text)
{
	return guess(arena, sizes, SIZES, text, STR(""));
}

/* "100/s", "100 / minute" and "100r/s", as others write it, are by one of the unit. */
str unit_guess_rate(struct arena *arena, str text)
{
	str number, period, digits, rest, guessed;

	if (!str_cut(text, '/', &number, &period) || !split(str_trim(number), &digits, &rest))
		return (str) { 0 };
	rest = str_trim(rest);
	period = str_trim(period);
	if (digits.len > 18 || (rest.len && !str_eq_nocase(rest, STR("r"))) || !period.len)
		return (str) { 0 };
	if (period.ptr[0] < '0' || period.ptr[0] > '9')
		period = arena_printf(arena, "1%.*s", STR_ARG(period));
	guessed = unit_guess_duration(arena, period);
	return guessed.len ? arena_printf(arena, "%.*s/%.*s", STR_ARG(digits), STR_ARG(guessed))
			   : (str) { 0 };
}

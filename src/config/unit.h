/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit: durations, sizes and rates as an operator writes them: 250ms, 5s, 1m, 2h, 7d; 512, 16KiB, 1MiB, 1GiB;
 * 100/1s, 5000/1h.
 *
 * One whole number and one unit, without a space, a sign, a fraction or leading zeros. What is printed is
 * read back to the same value. Durations always have a unit, also zero; sizes are bytes without one. A rate
 * is a whole number, a stroke and a duration, neither of them zero.
 */
#pragma once

#include "base/arena.h"
#include "base/time.h"

/* So many within that time. */
struct rate {
	int64_t number;
	duration period;
};

bool unit_parse_duration(str text, duration *ret_value);
bool unit_parse_size(str text, uint64_t *ret_value);
bool unit_parse_rate(str text, struct rate *ret_value);
/* False, and nothing written, when it is not one, or one too large for its type. */

str unit_print_duration(struct arena *arena, duration value);
str unit_print_size(struct arena *arena, uint64_t value);
str unit_print_rate(struct arena *arena, struct rate value);
/* In the largest unit that divides it. Durations are whole milliseconds. */

str unit_guess_duration(struct arena *arena, str text);
str unit_guess_size(struct arena *arena, str text);
str unit_guess_rate(struct arena *arena, str text);
/* What somebody meant who wrote "5 seconds", "10", "16kb" or "100r/s"; empty when that cannot be told. */

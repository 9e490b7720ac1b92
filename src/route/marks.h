/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks: a set of small numbers that is filled in any order and emptied from the lowest on.
 *
 * Three levels of bits, the upper ones telling where the lower ones are not zero: a mark costs three
 * writes, and the next one is found with three counts of zeros, however many numbers there are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MARKS_WORD = 64, MARKS_MAX = MARKS_WORD * MARKS_WORD * MARKS_WORD };

struct marks {
	uint64_t top; /* which words of the middle are not zero, and so on down */
	uint64_t middle[MARKS_WORD];
	uint64_t low[MARKS_WORD * MARKS_WORD];
};

static inline void marks_add(struct marks *marks, uint32_t number)
{
	marks->low[number / MARKS_WORD] |= 1ull << (number % MARKS_WORD);
	number /= MARKS_WORD;
	marks->middle[number / MARKS_WORD] |= 1ull << (number % MARKS_WORD);
	marks->top |= 1ull << (number / MARKS_WORD);
}

static inline bool marks_has(const struct marks *marks, uint32_t number)
{
	return (marks->low[number / MARKS_WORD] >> (number % MARKS_WORD) & 1) != 0;
}

/* Takes the lowest out; false when there is none. */
static inline bool marks_take(struct marks *marks, uint32_t *ret_number)
{
	uint32_t high, middle, low;

	if (!marks->top)
		return false;
	high = (uint32_t)__builtin_ctzll(marks->top);
	middle = high * MARKS_WORD + (uint32_t)__builtin_ctzll(marks->middle[high]);
	low = (uint32_t)__builtin_ctzll(marks->low[middle]);
	*ret_number = middle * MARKS_WORD + low;
	marks->low[middle] &= marks->low[middle] - 1;
	if (!marks->low[middle])
		marks->middle[high] &= marks->middle[high] - 1;
	if (!marks->middle[high])
		marks->top &= marks->top - 1;
	return true;
}

/* In time linear in the marks, not in what there is room for. */
static inline void marks_clear(struct marks *marks)
{
	uint32_t number;

	while (marks_take(marks, &number))
		;
}

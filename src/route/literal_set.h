/* SPDX-License-Identifier: Apache-2.0 */
/*
 * literal_set: which of many regular expressions may match a subject, by the texts that they require.
 *
 * Each expression is filed under one window of 8, 4 or 2 bytes of a text that it requires: the window that
 * fewest others have. A subject is looked at through the same windows, byte by byte; a small filter in front
 * of the table says no to nearly all of them. So a pass costs a nanosecond or two a byte, whether there are
 * ten expressions or fifty thousand, and hardly touches memory. Letters match in either case.
 */
#pragma once

#include "base/arena.h"
#include "route/marks.h"
#include "route/required.h"

struct literal_set;

typedef void required_fn(const void *context, size_t index, struct required *ret_required);

struct literal_set *literal_set_new(struct arena *arena, size_t count, required_fn *required,
				    const void *context);
/* For the expressions 0 to count - 1, at most MARKS_MAX; required is called twice for each. */

void literal_set_expect(struct literal_set *set, const void *first, size_t size);
/* Where the caller will look at an expression that is marked: one of an array, by its index. It is fetched
 * into the cache while the scan goes on. */

void literal_set_scan(const struct literal_set *set, str subject, struct marks *marks);
/* Marks the expressions that may match, those that require nothing among them, each at most once: linear in
 * subject and marks. marks must be empty. */

size_t literal_set_always(const struct literal_set *set);
/* How many are marked whatever the subject. */

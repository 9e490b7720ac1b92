/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets are small and made when a configuration is loaded; while matching, a known method costs one bit test.
 */
#include "route/method_set.h"

static bool list_has(str_list list, str text)
{
	for (size_t i = 0; i < list.len; i++)
		if (str_eq(list.at[i], text))
			return true;
	return false;
}

bool method_set_has(const struct method_set *set, enum http_method method, str text)
{
	if (set->is_any)
		return true;
	if (method != HTTP_OTHER_METHOD)
		return (set->known & 1u << method) != 0;
	return list_has(set->other, text);
}

bool method_set_is_empty(const struct method_set *set)
{
	return !set->is_any && set->known == 0 && set->other.len == 0;
}

struct method_set method_set_both(struct arena *arena, const struct method_set *a, const struct method_set *b)
{
	struct method_set both = { .known = a->known & b->known };
	str *other;

	if (a->is_any)
		return *b;
	/* The usual case shares the list of the API rather than copying it. */
	if (b->is_any || (a->known == b->known && a->other.len + b->other.len == 0))
		return *a;
	other = ARENA_ARRAY(arena, str, a->other.len);
	both.other.at = other;
	for (size_t i = 0; i < a->other.len; i++)
		if (list_has(b->other, a->other.at[i]))
			other[both.other.len++] = a->other.at[i];
	return both;
}

bool method_sets_share(const struct method_set *a, const struct method_set *b)
{
	if (a->is_any || b->is_any)
		return !method_set_is_empty(a) && !method_set_is_empty(b);
	if (a->known & b->known)
		return true;
	for (size_t i = 0; i < a->other.len; i++)
		if (list_has(b->other, a->other.at[i]))
			return true;
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

enum { DISTANCE_WORD_MAX = 64 };

bool str_eq_nocase(str a, str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
			return false;
	return true;
}

int str_cmp(str a, str b)
{
	size_t shared = a.len < b.len ? a.len : b.len;
	int order = shared ? memcmp(a.ptr, b.ptr, shared) : 0;

	if (order)
		return order;
	return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

bool str_starts(str s, str prefix)
{
	return s.len >= prefix.len && str_eq(str_slice(s, 0, prefix.len), prefix);
}

bool str_ends(str s, str suffix)
{
	return s.len >= suffix.len && str_eq(str_skip(s, s.len - suffix.len), suffix);
}

bool str_find(str s, char c, size_t *ret_at)
{
	const char *hit = s.len ? memchr(s.ptr, c, s.len) : NULL;

	if (!hit)
		return false;
	*ret_at = (size_t)(hit - s.ptr);
	return true;
}

bool str_contains(str s, str part)
{
	return part.len == 0 || (s.len && memmem(s.ptr, s.len, part.ptr, part.len));
}

bool str_cut(str s, char at, str *ret_left, str *ret_right)
{
	size_t i;

	if (!str_find(s, at, &i))
		return false;
	*ret_left = str_slice(s, 0, i);
	*ret_right = str_skip(s, i + 1);
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

str str_trim(str s)
{
	while (s.len && is_blank(s.ptr[0]))
		s = str_skip(s, 1);
	while (s.len && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

bool str_next(str *list, char separator, str *ret_item)
{
	while (list->len) {
		str item = *list, rest = { 0 };

		str_cut(*list, separator, &item, &rest);
		*list = rest;
		*ret_item = str_trim(item);
		if (ret_item->len)
			return true;
	}
	return false;
}

bool str_to_u64(str s, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned char)s.ptr[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return false;
	}
	if (s.len == 0 || value > max)
		return false;
	*ret_value = value;
	return true;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

size_t str_distance(str a, str b, size_t limit)
{
	size_t row[DISTANCE_WORD_MAX + 1];

	if (a.len > DISTANCE_WORD_MAX || b.len > DISTANCE_WORD_MAX)
		return limit;
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t changed = diagonal + (ascii_lower(a.ptr[i - 1]) != ascii_lower(b.ptr[j - 1]));

			diagonal = row[j];
			row[j] = min3(row[j] + 1, row[j - 1] + 1, changed);
		}
	}
	return row[b.len] < limit ? row[b.len] : limit;
}

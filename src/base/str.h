/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str: all text is a slice by value, a pointer and a length.
 *
 * A slice owns nothing and is not terminated. Whoever made it says how long it lives: a field of a
 * request lives as long as the exchange's arena, a word of the configuration as long as the snapshot.
 * Nothing here allocates, nothing reads past len, and lengths are size_t everywhere.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct str {
	const char *ptr;
	size_t len;
} str;

/* A list of slices: as it stands in the configuration. */
typedef struct str_list {
	const str *at;
	size_t len;
} str_list;

/* A slice of a string literal, also in static initialisers (STR_INIT there). */
#define STR(literal) ((str) { "" literal, sizeof(literal) - 1 })
#define STR_INIT(literal)                       \
	{                                       \
		"" literal, sizeof(literal) - 1 \
	}

/* For printf: printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).len, (s).len ? (s).ptr : ""

/* For a NUL-terminated text of our own or of a library; NULL is the empty slice. */
static inline str str_of(const char *text)
{
	return (str) { text, text ? strlen(text) : 0 };
}

static inline bool str_is_empty(str s)
{
	return s.len == 0;
}

static inline bool str_eq(str a, str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* The bytes [from, to) of s; both are clamped to it. */
static inline str str_slice(str s, size_t from, size_t to)
{
	to = to > s.len ? s.len : to;
	from = from > to ? to : from;
	return (str) { s.ptr ? s.ptr + from : NULL, to - from };
}

static inline str str_skip(str s, size_t n)
{
	return str_slice(s, n, s.len);
}

bool str_eq_nocase(str a, str b);
/* ASCII case folded; other bytes must be equal. */

int str_cmp(str a, str b);
/* Bytewise order, a prefix first: for sorting. */

bool str_starts(str s, str prefix);
bool str_ends(str s, str suffix);

bool str_find(str s, char c, size_t *ret_at);
/* The first c. ret_at is written only on a hit. */

bool str_contains(str s, str part);

bool str_cut(str s, char at, str *ret_left, str *ret_right);
/* Splits at the first `at`, which belongs to neither half. False, and nothing written, without one. */

str str_trim(str s);
/* Without spaces and tabs at both ends: the OWS of RFC 9110 section 5.6.3. */

bool str_next(str *list, char separator, str *ret_item);
/* Takes the next trimmed item off a separated list, empty ones skipped: while (str_next(&rest, ',', &item)).
 */

bool str_to_u64(str s, uint64_t max, uint64_t *ret_value);
/* Decimal digits only, at least one, no sign, no space; false also when the value is above max. */

size_t str_distance(str a, str b, size_t limit);
/* Edit distance with case folded, for "did you mean"; limit when it is at least that, or for words over 64
 * bytes. */

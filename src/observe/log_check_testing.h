/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every line must be, whatever came in: for the unit tests and the fuzzer.
 *
 * A reader of its own, so that a mistake in the writer is not made twice.
 */
#pragma once

#include "base/str.h"

/* Line ends beyond ASCII: U+0085 and its kind, U+2028, U+2029. */
static inline bool check_is_line_end(const char *at, size_t len)
{
	if (len == 2 && at[0] == '\xc2')
		return (uint8_t)at[1] < 0xa0;
	return len == 3 && (memcmp(at, "\xe2\x80\xa8", 3) == 0 || memcmp(at, "\xe2\x80\xa9", 3) == 0);
}

static inline size_t check_utf8_length(uint8_t lead)
{
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

static inline bool check_utf8(str s)
{
	for (size_t i = 0; i < s.len;) {
		size_t len = check_utf8_length((uint8_t)s.ptr[i]);

		if (len == 0 || i + len > s.len || check_is_line_end(s.ptr + i, len))
			return false;
		for (size_t j = 1; j < len; j++)
			if (((uint8_t)s.ptr[i + j] & 0xc0) != 0x80)
				return false;
		i += len;
	}
	return true;
}

/* One line end, at the end; nothing else that is not printable. */
static inline bool check_line(str line)
{
	if (line.len == 0 || line.ptr[line.len - 1] != '\n')
		return false;
	for (size_t i = 0; i + 1 < line.len; i++)
		if ((uint8_t)line.ptr[i] < 0x20 || line.ptr[i] == 0x7f)
			return false;
	return check_utf8(line);
}

/* The string that s begins with, quotes included; 0 when there is none. */
static inline size_t check_json_string(str s)
{
	size_t i = 1;

	if (s.len < 2 || s.ptr[0] != '"')
		return 0;
	for (; i < s.len && s.ptr[i] != '"'; i++) {
		if (s.ptr[i] != '\\')
			continue;
		if (++i == s.len || !memchr("\"\\/bfnrtu", s.ptr[i], 9))
			return 0;
		for (size_t digits = s.ptr[i] == 'u' ? 4 : 0; digits; digits--)
			if (++i == s.len || !memchr("0123456789abcdefABCDEF", s.ptr[i], 22))
				return 0;
	}
	return i < s.len ? i + 1 : 0;
}

static inline size_t check_json_number(str s)
{
	size_t len = 0;

	while (len < s.len && s.ptr[len] >= '0' && s.ptr[len] <= '9')
		len++;
	if (len == 0 || (len > 1 && s.ptr[0] == '0'))
		return 0;
	if (len + 4 <= s.len && s.ptr[len] == '.')
		len += 4;
	return len;
}

/* {"name":value,...}\n with strings and numbers only; counts the members. */
static inline bool check_json_line(str line, size_t *ret_members)
{
	*ret_members = 0;
	if (!check_line(line) || !str_starts(line, STR("{")) || !str_ends(line, STR("}\n")))
		return false;
	line = str_slice(line, 1, line.len - 2);
	for (;; line = str_skip(line, 1)) {
		size_t len = check_json_string(line);

		if (len == 0 || len == line.len || line.ptr[len] != ':')
			return false;
		line = str_skip(line, len + 1);
		len = str_starts(line, STR("\"")) ? check_json_string(line) : check_json_number(line);
		if (len == 0)
			return false;
		++*ret_members;
		line = str_skip(line, len);
		if (line.len == 0)
			return true;
		if (line.ptr[0] != ',')
			return false;
	}
}

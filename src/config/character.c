/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What characters are to a file and to a terminal. The tables are short: they hold what occurs in
 * configurations.
 */
#include "config/character.h"

#include "base/utf8.h"

bool character_take(str *rest, uint32_t *ret_character)
{
	size_t length = utf8_decode(*rest, ret_character);

	*rest = str_skip(*rest, length);
	return length > 0;
}

/* A byte that belongs to no character takes a column of its own, as it is shown as an escape. */
size_t character_count(str s)
{
	size_t count = 0;
	uint32_t character;

	while (s.len) {
		if (!character_take(&s, &character))
			s = str_skip(s, 1);
		count++;
	}
	return count;
}

struct range {
	uint32_t first, last;
};

static bool is_in(uint32_t character, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (character >= ranges[i].first && character <= ranges[i].last)
			return true;
	return false;
}

#define IS_IN(character, ranges) is_in((character), (ranges), sizeof(ranges) / sizeof(ranges)[0])

/* The ranges that occur in texts, not the whole of Unicode's tables: a caret may be off by one in rare
 * scripts, never wrong by more. */
unsigned character_columns(uint32_t character)
{
	static const struct range none[] = {
		{ 0x300, 0x36f },   { 0x483, 0x489 },   { 0x591, 0x5bd },     { 0x610, 0x61a },
		{ 0x64b, 0x65f },   { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff },   { 0x200b, 0x200d },
		{ 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xe0100, 0xe01ef },
	};
	static const struct range wide[] = {
		{ 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0xa4cf },   { 0xac00, 0xd7a3 },
		{ 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },
		{ 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
	};

	if (character < 0x300)
		return 1;
	return IS_IN(character, none) ? 0 : IS_IN(character, wide) ? 2 : 1;
}

bool character_is_allowed(uint32_t character)
{
	if (character == '\t' || character == '\n' || character == '\r' || character == 0x85)
		return true;
	return character >= 0x20 && !(character >= 0x7f && character < 0xa0) && character != 0xfffe &&
	       character != 0xffff;
}

bool characters_are_valid(str s)
{
	uint32_t character;

	while (s.len)
		if (!character_take(&s, &character))
			return false;
	return true;
}

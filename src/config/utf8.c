/* SPDX-License-Identifier: Apache-2.0 */
#include "config/utf8.h"

/* The length that a first byte announces, or 0. */
static size_t length_of(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/* Overlong forms of three and four bytes, surrogates, past the end. Those of two bytes have no length. */
static bool is_valid(uint32_t character, size_t length)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };

	return character >= least[length] && character <= 0x10ffff &&
	       !(character >= 0xd800 && character < 0xe000);
}

bool utf8_next(str *rest, uint32_t *ret_character)
{
	unsigned char first;
	size_t length;
	uint32_t character;

	if (rest->len == 0)
		return false;
	first = (unsigned char)rest->ptr[0];
	length = length_of(first);
	if (length == 0 || length > rest->len)
		return false;
	character = length == 1 ? first : first & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		unsigned char byte = (unsigned char)rest->ptr[i];

		if ((byte & 0xc0) != 0x80)
			return false;
		character = character << 6 | (byte & 0x3f);
	}
	if (!is_valid(character, length))
		return false;
	*rest = str_skip(*rest, length);
	*ret_character = character;
	return true;
}

size_t utf8_count(str s)
{
	size_t count = 0;
	uint32_t character;

	while (s.len) {
		if (!utf8_next(&s, &character))
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
unsigned utf8_columns(uint32_t character)
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

bool utf8_is_control(uint32_t character)
{
	static const struct range control[] = {
		{ 0, 0x1f },        { 0x7f, 0x9f },     { 0x61c, 0x61c },   { 0x200e, 0x200f },
		{ 0x2028, 0x202e }, { 0x2066, 0x2069 }, { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb },
	};

	return IS_IN(character, control);
}

bool utf8_is_allowed(uint32_t character)
{
	if (character == '\t' || character == '\n' || character == '\r' || character == 0x85)
		return true;
	return character >= 0x20 && !(character >= 0x7f && character < 0xa0) && character != 0xfffe &&
	       character != 0xffff;
}

bool utf8_is_valid(str s)
{
	uint32_t character;

	while (s.len)
		if (!utf8_next(&s, &character))
			return false;
	return true;
}

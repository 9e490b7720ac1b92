/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lead tells the length, and for four leads a narrower range of the byte behind it (RFC 3629 section 4).
 * Those ranges are what keeps out everything that is not a character's only form; the rest is collecting
 * bits.
 */
#include "base/utf8.h"

static size_t length_of(uint8_t lead)
{
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

struct range {
	uint8_t low, high;
};

/* Where the second byte must lie. */
static struct range second_of(uint8_t lead)
{
	switch (lead) {
	case 0xe0:
		return (struct range) { 0xa0, 0xbf };
	case 0xed:
		return (struct range) { 0x80, 0x9f };
	case 0xf0:
		return (struct range) { 0x90, 0xbf };
	case 0xf4:
		return (struct range) { 0x80, 0x8f };
	default:
		return (struct range) { 0x80, 0xbf };
	}
}

size_t utf8_decode(str text, uint32_t *ret_character)
{
	uint8_t lead = text.len ? (uint8_t)text.ptr[0] : 0xff;
	size_t len = length_of(lead);
	struct range range = second_of(lead);
	uint32_t character = len == 1 ? lead : lead & (0x7fU >> len);

	if (len == 0 || len > text.len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		uint8_t byte = (uint8_t)text.ptr[i];

		if (byte < range.low || byte > range.high)
			return 0;
		character = character << 6 | (byte & 0x3f);
		range = (struct range) { 0x80, 0xbf };
	}
	*ret_character = character;
	return len;
}

size_t utf8_length(str text)
{
	uint32_t character;

	return utf8_decode(text, &character);
}

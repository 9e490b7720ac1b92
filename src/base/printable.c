/* SPDX-License-Identifier: Apache-2.0 */
#include "base/printable.h"

/* Reads one character that is not ASCII; 0 when it is not valid. */
static size_t decode(str text, uint32_t *ret_character)
{
	uint8_t lead = (uint8_t)text.ptr[0];
	size_t len = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
	uint32_t character = lead & (0x7fU >> len);

	if (len == 0 || len > text.len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		uint8_t byte = (uint8_t)text.ptr[i];

		if ((byte & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (byte & 0x3f);
	}
	/* Too long a form, a surrogate, beyond Unicode. */
	if ((len == 3 && character < 0x800) || (len == 4 && (character < 0x10000 || character > 0x10ffff)))
		return 0;
	if (character >= 0xd800 && character <= 0xdfff)
		return 0;
	*ret_character = character;
	return len;
}

size_t printable_length(str text)
{
	uint32_t character;
	size_t len;

	if (text.len == 0)
		return 0;
	if ((uint8_t)text.ptr[0] < 0x80)
		return text.ptr[0] >= 0x20 && text.ptr[0] != 0x7f;
	len = decode(text, &character);
	if (len == 0 || character < 0xa0)
		return 0;
	/* Separators and the marks that embed, override and isolate. */
	if ((character >= 0x2028 && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069))
		return 0;
	return len;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/printable.h"

#include "base/utf8.h"

size_t printable_length(str text)
{
	uint32_t character;
	size_t len;

	if (text.len == 0)
		return 0;
	if ((uint8_t)text.ptr[0] < 0x80)
		return text.ptr[0] >= 0x20 && text.ptr[0] != 0x7f;
	len = utf8_decode(text, &character);
	if (len == 0 || character < 0xa0)
		return 0;
	/* Separators and the marks that embed, override and isolate. */
	if ((character >= 0x2028 && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069))
		return 0;
	return len;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/base64url.h"

enum { BITS = 6 };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Each digit's value and one more, so that what is not named is none. */
static const unsigned char values[256] = {
	['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
	['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
	['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
	['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
	['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
	['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
	['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};

result base64url_decode(str in, struct buf *out)
{
	uint32_t bits = 0;
	unsigned held = 0;

	if (in.len % 4 == 1)
		return error_make(ERROR_MALFORMED, "a length that base64url never has");
	for (size_t i = 0; i < in.len; i++) {
		unsigned char value = values[(unsigned char)in.ptr[i]];

		if (!value)
			return error_make(ERROR_MALFORMED, "a character that base64url does not have");
		bits = bits << BITS | (value - 1u);
		held += BITS;
		if (held >= 8) {
			held -= 8;
			buf_put_char(out, (char)(bits >> held & 0xff));
		}
	}
	if (bits & ((1u << held) - 1))
		return error_make(ERROR_MALFORMED, "bits of base64url that say nothing are set");
	return OK;
}

void base64url_encode(str in, struct buf *out)
{
	uint32_t bits = 0;
	unsigned held = 0;

	for (size_t i = 0; i < in.len; i++) {
		bits = bits << 8 | (unsigned char)in.ptr[i];
		for (held += 8; held >= BITS; held -= BITS)
			buf_put_char(out, digits[bits >> (held - BITS) & 0x3f]);
	}
	if (held)
		buf_put_char(out, digits[bits << (BITS - held) & 0x3f]);
}

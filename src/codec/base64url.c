/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64url of RFC 4648 section 5, without padding (RFC 7515 section 2), and in one way only: what has
 * padding, blanks, or bits that say nothing is refused, or one token could be written in several ways and a
 * list of revoked ones be passed by.
 *
 * It is done for each token that is not remembered, so whole groups of four digits are decoded by a table;
 * the rest of two or three digits is told apart at the end.
 */
#include "codec/base64url.h"

enum { BITS = 6, DIGITS = 4 };

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

/* Up to four digits, of which the first is the highest. False: one is none. */
static inline bool read_digits(const char *at, size_t count, uint32_t *ret_bits)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned char value = values[(unsigned char)at[i]];

		if (!value)
			return false;
		bits = bits << BITS | (value - 1u);
	}
	*ret_bits = bits;
	return true;
}

/* Two or three digits, and one byte less. */
static result decode_rest(const char *at, size_t count, char *to)
{
	uint32_t bits;
	unsigned unused = (unsigned)(count * BITS % 8);

	if (!read_digits(at, count, &bits))
		return error_make(ERROR_MALFORMED, "a character that base64url does not have");
	if (bits & ((1u << unused) - 1))
		return error_make(ERROR_MALFORMED, "bits of base64url that say nothing are set");
	bits >>= unused;
	for (size_t i = count - 1; i-- > 0; bits >>= 8)
		to[i] = (char)(bits & 0xff);
	return OK;
}

/* Written straight into the buffer, whose length grows only when all was good. */
result base64url_decode(str in, struct buf *out)
{
	size_t len = base64url_decoded_len(in.len), at = 0;
	char *to = out->bytes + out->len;
	uint32_t bits;

	if (in.len % DIGITS == 1)
		return error_make(ERROR_MALFORMED, "a length that base64url never has");
	if (len > out->max - out->len) {
		out->overflow = true;
		return error_make(ERROR_LIMIT, "no room for what base64url stands for");
	}
	for (; in.len - at >= DIGITS; at += DIGITS, to += DIGITS - 1) {
		if (!read_digits(in.ptr + at, DIGITS, &bits))
			return error_make(ERROR_MALFORMED, "a character that base64url does not have");
		to[0] = (char)(bits >> 16);
		to[1] = (char)(bits >> 8 & 0xff);
		to[2] = (char)(bits & 0xff);
	}
	if (at < in.len)
		TRY(decode_rest(in.ptr + at, in.len - at, to));
	out->len += len;
	return OK;
}

/* Bits wait in `bits` until there are six of them; what stands above those is cut off by the mask. */
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

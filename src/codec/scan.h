/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan: the search for the first byte that ends or breaks a token, sixteen bytes at a time.
 *
 * Written with the compilers' vector extensions, so that it is one text for every machine; only the step
 * from a comparison to a bit mask is the machine's own. Nothing is read at or after `end`.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { SCAN_STEP = 16 };

typedef uint8_t bytes16 __attribute__((vector_size(SCAN_STEP)));

/* Bit i is set when lane i of a comparison holds. */
static inline uint32_t bytes16_mask(bytes16 lanes)
{
#ifdef __SSE2__
	return (uint32_t)_mm_movemask_epi8((__m128i)lanes);
#else
	uint32_t mask = 0;

	for (int i = 0; i < SCAN_STEP; i++)
		mask |= (uint32_t)(lanes[i] & 1) << i;
	return mask;
#endif
}

static inline bytes16 bytes16_load(const char *at)
{
	bytes16 bytes;

	memcpy(&bytes, at, sizeof bytes);
	return bytes;
}

/* One byte of flags for each byte there is: a look-up answers for any set of classes. */
extern const uint8_t scan_classes[256];

enum {
	SCAN_TOKEN = 1,  /* tchar, RFC 9110 section 5.6.2 */
	SCAN_VALUE = 2,  /* field-vchar, space and tab, RFC 9110 section 5.5 */
	SCAN_TARGET = 4, /* visible ASCII but '#': what can stand in a request target */
	SCAN_DIGIT = 8,
	SCAN_HEX = 16,
	SCAN_HOST = 32,       /* letters, digits and "-._" */
	SCAN_UNRESERVED = 64, /* RFC 3986 section 2.3 */
	SCAN_PATH = 128,      /* pchar and '/', but '%': RFC 3986 section 3.3 */
};

static inline bool scan_is(char c, unsigned class)
{
	return (scan_classes[(uint8_t)c] & class) != 0;
}

/* The value of a byte of SCAN_HEX. */
static inline unsigned scan_hex_value(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

/* Byte by byte; for what is short. */
static inline const char *scan_class(const char *at, const char *end, unsigned class)
{
	while (at < end && scan_is(*at, class))
		at++;
	return at;
}

/*
 * The three searches. A block is read only where a whole one is left; what is left behind the last block goes
 * byte by byte, so that heads can end where their memory ends.
 */

/* The first byte from `at` on that may not stand in a field value: CR, LF, another control character. */
static inline const char *scan_value(const char *at, const char *end)
{
	for (; end - at >= SCAN_STEP; at += SCAN_STEP) {
		bytes16 c = bytes16_load(at); /* unsigned lanes: 0x80 and above are text */
		bytes16 stops = (bytes16)(((c < 0x20) & (c != '\t')) | (c == 0x7f));
		uint32_t mask = bytes16_mask(stops);

		if (mask)
			return at + __builtin_ctz(mask);
	}
	return scan_class(at, end, SCAN_VALUE);
}

/* The first byte that may not stand in a request target: the space after it, or a wrong one. */
static inline const char *scan_target(const char *at, const char *end)
{
	for (; end - at >= SCAN_STEP; at += SCAN_STEP) {
		bytes16 c = bytes16_load(at);
		/* Lanes wrap round, so that one comparison finds what is below 0x21 or above 0x7e. */
		uint32_t mask = bytes16_mask((bytes16)((c - 0x21 >= 0x7f - 0x21) | (c == '#')));

		if (mask)
			return at + __builtin_ctz(mask);
	}
	return scan_class(at, end, SCAN_TARGET);
}

/* The first byte that is not of a token. Nearly all names are letters, digits and '-', which a few
 * comparisons find; the rarer marks are looked up, from the first one on. */
static inline const char *scan_token(const char *at, const char *end)
{
	for (; end - at >= SCAN_STEP; at += SCAN_STEP) {
		bytes16 c = bytes16_load(at);
		bytes16 common = (bytes16)(((c | 0x20) - 'a' < 26) | (c - '0' < 10) | (c == '-'));
		uint32_t mask = ~bytes16_mask(common) & 0xffff;

		if (mask && !scan_is(at[__builtin_ctz(mask)], SCAN_TOKEN))
			return at + __builtin_ctz(mask);
		if (mask)
			return scan_class(at, end, SCAN_TOKEN);
	}
	return scan_class(at, end, SCAN_TOKEN);
}

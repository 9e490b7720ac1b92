/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

/* Folded multiplication: 64 x 64 -> 128 bits, the halves combined. Odd constants from the digits of sqrt and
 * pi. */
static const uint64_t key_a = 0x9e3779b97f4a7c15, key_b = 0x243f6a8885a308d3, key_c = 0x13198a2e03707345;

uint64_t hash_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)(a ^ key_a) * (b ^ key_b);

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load(const char *at, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, at, len);
	return word;
}

/* The last step spreads what the one before it did not: a factor that happens to be even leaves low bits
 * empty. */
uint64_t hash_bytes(str s, uint64_t seed)
{
	uint64_t h = hash_mix(seed, s.len);
	size_t at = 0;

	for (; s.len - at > 8; at += 8)
		h = hash_mix(h ^ load(s.ptr + at, 8), seed);
	if (s.len)
		h = hash_mix(h ^ load(s.ptr + at, s.len - at), seed + 1);
	return hash_mix(h, key_c ^ s.len);
}

/* The finaliser of splitmix64. */
uint64_t hash_scatter(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* FNV-1a. */
uint64_t hash_stable(str s)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < s.len; i++)
		hash = (hash ^ (unsigned char)s.ptr[i]) * 0x100000001b3u;
	return hash_scatter(hash);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <sys/random.h>

#include "base/assert.h"

void random_bytes(void *out, size_t len)
{
	char *at = out;

	while (len) {
		ssize_t got = getrandom(at, len, 0);

		ASSERT(got > 0);
		at += got;
		len -= (size_t)got;
	}
}

uint64_t random_u64(void)
{
	uint64_t value;

	random_bytes(&value, sizeof value);
	return value;
}

void random_init(struct random *random)
{
	random->a = random_u64() | 1;
	random->b = random_u64();
}

static uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

/* xoroshiro128+ (Blackman and Vigna). */
uint64_t random_next(struct random *random)
{
	uint64_t a = random->a, b = random->b, sum = a + b;

	b ^= a;
	random->a = rotate(a, 24) ^ b ^ (b << 16);
	random->b = rotate(b, 37);
	return sum;
}

uint64_t random_below(struct random *random, uint64_t bound)
{
	return (uint64_t)((unsigned __int128)random_next(random) * bound >> 64);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "base/testing.h"

enum { SEED = 42, BUCKETS = 256, KEYS = 16 * BUCKETS };

static void is_a_function_of_bytes_and_seed(void **state)
{
	char other[] = "abc";

	(void)state;
	assert_true(hash_bytes(STR("abc"), SEED) == hash_bytes(str_of(other), SEED));
	assert_false(hash_bytes(STR("abc"), SEED) == hash_bytes(STR("abc"), SEED + 1));
	assert_false(hash_bytes(STR("abc"), SEED) == hash_bytes(STR("abd"), SEED));
	assert_false(hash_bytes(STR(""), SEED) == hash_bytes(STR("\0"), SEED));
	assert_true(hash_bytes((str) { 0 }, SEED) == hash_bytes(STR(""), SEED));
}

/* Every bit of every byte counts, whatever the length, and nothing behind the end is read. */
static void every_bit_counts(void **state)
{
	(void)state;
	for (size_t len = 1; len < 40; len++) {
		char *bytes = test_calloc(len, 1);
		uint64_t before = hash_bytes((str) { bytes, len }, SEED);

		for (size_t bit = 0; bit < len * 8; bit++) {
			bytes[bit / 8] = (char)(1 << bit % 8);
			assert_false(hash_bytes((str) { bytes, len }, SEED) == before);
			bytes[bit / 8] = 0;
		}
		assert_false(hash_bytes((str) { bytes, len - 1 }, SEED) == before);
		test_free(bytes);
	}
}

static void check_spread(uint64_t seed)
{
	unsigned low[BUCKETS] = { 0 }, high[BUCKETS] = { 0 };

	for (uint64_t i = 0; i < KEYS; i++) {
		uint64_t h = hash_bytes((str) { (const char *)&i, sizeof i }, seed);

		low[h % BUCKETS]++;
		high[h >> 56]++;
	}
	for (size_t i = 0; i < BUCKETS; i++) {
		assert_in_range(low[i], 1, 60);
		assert_in_range(high[i], 1, 60);
	}
}

/* Sixteen keys a bucket on average: none is empty or comes near four times that, at either end of the hash,
 * also for the seed that makes the first factor zero in its low half. */
static void spreads(void **state)
{
	static const uint64_t weak = 0x243f6a8885a308d3 - 1;

	(void)state;
	check_spread(SEED);
	check_spread(0);
	check_spread(weak ^ (uint64_t)1 << 40);
}

static void mixes(void **state)
{
	(void)state;
	assert_false(hash_mix(1, 2) == hash_mix(2, 1));
	assert_false(hash_mix(0, 0) == 0);
	assert_true(hash_mix(7, 9) == hash_mix(7, 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_a_function_of_bytes_and_seed),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(spreads),
		cmocka_unit_test(mixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

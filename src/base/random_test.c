/* SPDX-License-Identifier: Apache-2.0 */
/* No test here can fail by chance more often than once in 2^60 runs. */
#include "base/random.h"
#include "base/testing.h"

static void fills_all_that_is_asked_for(void **state)
{
	unsigned char *bytes = test_calloc(1, 4096);
	unsigned differ = 0;

	(void)state;
	random_bytes(bytes, 4096);
	for (size_t i = 0; i + 64 <= 4096; i += 64)
		differ += memcmp(bytes + i, (unsigned char[64]) { 0 }, 64) != 0;
	assert_int_equal(differ, 64);
	bytes[10] = 7;
	random_bytes(bytes, 0);
	assert_int_equal(bytes[10], 7);
	test_free(bytes);
}

static void differs_each_time(void **state)
{
	struct random a, b;

	(void)state;
	assert_false(random_u64() == random_u64() && random_u64() == random_u64());
	random_init(&a);
	random_init(&b);
	assert_false(random_next(&a) == random_next(&b) && random_next(&a) == random_next(&b));
}

/* The same seed gives the same numbers: what simulations rely on. */
static void is_a_function_of_its_seed(void **state)
{
	struct random a = { 1, 2 }, b = { 1, 2 };

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_true(random_next(&a) == random_next(&b));
	assert_false(random_next(&a) == random_next(&a));
}

static void stays_below_its_bound(void **state)
{
	static const uint64_t bounds[] = { 1, 2, 3, 10, 1000, UINT64_MAX };
	struct random random = { 3, 4 };
	unsigned hits[10] = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bounds); i++)
		for (int j = 0; j < 200; j++)
			assert_true(random_below(&random, bounds[i]) < bounds[i]);
	for (int i = 0; i < 1000; i++)
		hits[random_below(&random, COUNT_OF(hits))]++;
	for (size_t i = 0; i < COUNT_OF(hits); i++)
		assert_in_range(hits[i], 50, 150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_all_that_is_asked_for),
		cmocka_unit_test(differs_each_time),
		cmocka_unit_test(is_a_function_of_its_seed),
		cmocka_unit_test(stays_below_its_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

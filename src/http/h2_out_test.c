/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h2_out.h"

#include "base/random.h"
#include "base/testing.h"

static void holds_nothing_while_empty(void **state)
{
	struct block_pool pool;
	struct h2_out out;

	(void)state;
	block_pool_init(&pool, 4, 1 << 20);
	h2_out_init(&out, &pool);
	h2_out_put(&out, (str) { 0 });
	assert_int_equal(h2_out_bytes(&out).len, 0);
	assert_int_equal(pool.in_use, 0);
	h2_out_put(&out, STR("abc"));
	assert_true(pool.in_use > 0);
	h2_out_sent(&out, 1);
	assert_text(h2_out_bytes(&out), "bc");
	h2_out_sent(&out, 2);
	assert_int_equal(pool.in_use, 0);
	h2_out_put(&out, STR("abc"));
	h2_out_fini(&out);
	assert_int_equal(pool.in_use, 0);
	block_pool_fini(&pool);
}

/* Whatever is put and sent in between: a counter that goes on. */
static void keeps_bytes_in_order(void **state)
{
	struct random random = { 3, 5 };
	struct block_pool pool;
	struct h2_out out;
	unsigned char put = 0, sent = 0, piece[40000];

	(void)state;
	block_pool_init(&pool, 4, 64 << 20);
	h2_out_init(&out, &pool);
	for (int i = 0; i < 2000; i++) {
		size_t size = random_below(&random, i % 50 ? 300 : sizeof piece);
		str bytes;

		for (size_t j = 0; j < size; j++)
			piece[j] = put++;
		h2_out_put(&out, (str) { (char *)piece, size });
		bytes = h2_out_bytes(&out);
		size = random_below(&random, bytes.len + 1);
		for (size_t j = 0; j < size; j++)
			assert_int_equal((unsigned char)bytes.ptr[j], sent++);
		h2_out_sent(&out, size);
		assert_true(pool.in_use <= 1 << 20);
	}
	h2_out_fini(&out);
	block_pool_fini(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_nothing_while_empty),
		cmocka_unit_test(keeps_bytes_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

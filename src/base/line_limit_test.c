/* SPDX-License-Identifier: Apache-2.0 */
#include "base/line_limit.h"

#include "base/testing.h"

static void one_line_a_second_and_the_rest_counted(void **state)
{
	static const struct {
		duration at;
		bool passes;
		uint64_t unsaid;
	} rows[] = {
		{ 0, true, 0 },          { 0, false, 0 },          { SECOND - 1, false, 0 },
		{ SECOND, true, 2 },     { SECOND + 1, false, 0 }, { 2 * SECOND - 1, false, 0 },
		{ 9 * SECOND, true, 2 }, { 10 * SECOND, true, 0 },
	};
	struct line_limit limit = { 0 };
	deadline begin = 5 * SECOND;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint64_t unsaid = 0;

		assert_int_equal(line_limit_pass(&limit, begin + rows[i].at, &unsaid), rows[i].passes);
		assert_int_equal(unsaid, rows[i].unsaid);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_a_second_and_the_rest_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

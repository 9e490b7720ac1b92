/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses are this machine's: the loopback's, and none that documentation has for itself. */
#include "io/interface.h"

#include "base/testing.h"

static void test_own(void **state)
{
	static const struct {
		const char *ip;
		bool is_own;
	} rows[] = {
		{ "127.0.0.1", true },    { "::ffff:127.0.0.1", true }, { "192.0.2.1", false },
		{ "2001:db8::1", false }, { "0.0.0.0", false },         { "255.255.255.255", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct ip ip;

		assert_true(ip_parse(str_of(rows[i].ip), &ip));
		assert_row(interface_has(ip) == rows[i].is_own, i, rows[i].ip);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_own) };

	return cmocka_run_group_tests_name("interface", tests, NULL, NULL);
}

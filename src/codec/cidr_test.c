/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "codec/cidr.h"

static void refuses_what_is_no_block(void **state)
{
	static const char *const rows[] = {
		"",
		"/8",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/08",
		"10.0.0.0/8/8",
		"10.0.0/8",
		"10.0.0.0 /8",
		"10.0.0.0/ 8",
		"10.0.0.0/x",
		"::/129",
		"[::]/0",
		"::/+1",
		"localhost",
		"10.0.0.0/256",
		"::/00",
		"10.*",
		"10.0.0.0-10.0.0.9",
	};
	struct cidr cidr;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row(!cidr_parse(str_of(rows[i]), &cidr), i, rows[i]);
}

struct member_row {
	const char *block, *address;
	bool has;
};

static const struct member_row member_rows[] = {
	{ "10.0.0.0/8", "10.0.0.0", true },
	{ "10.0.0.0/8", "10.255.255.255", true },
	{ "10.0.0.0/8", "11.0.0.0", false },
	{ "10.0.0.0/8", "9.255.255.255", false },
	{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
	{ "10.1.2.3/8", "10.9.9.9", true },
	{ "192.0.2.128/25", "192.0.2.127", false },
	{ "192.0.2.128/25", "192.0.2.128", true },
	{ "192.0.2.7", "192.0.2.7", true },
	{ "192.0.2.7", "192.0.2.6", false },
	{ "192.0.2.6/31", "192.0.2.7", true },
	{ "192.0.2.7/32", "192.0.2.6", false },
	{ "0.0.0.0/0", "255.1.2.3", true },
	{ "0.0.0.0/0", "::1", false },
	{ "::/0", "2001:db8::1", true },
	{ "::/0", "10.0.0.1", false },
	{ "2001:db8::/32", "2001:db8:ffff::", true },
	{ "2001:db8::/32", "2001:db9::", false },
	{ "2001:db8::/33", "2001:db8:8000::", false },
	{ "2001:db8::/64", "2001:db8::ffff:0:0:1", true },
	{ "2001:db8::/65", "2001:db8:0:0:8000::", false },
	{ "::1", "::1", true },
	{ "::1", "::2", false },
	{ "::1/127", "::", true },
	{ "::ffff:10.0.0.0/104", "10.2.3.4", true },
	{ "::ffff:10.0.0.0/104", "11.2.3.4", false },
	{ "::ffff:0:0/96", "1.2.3.4", true },
};

static void knows_what_is_in_a_block(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(member_rows); i++) {
		struct cidr cidr;
		struct ip ip;

		assert_row(cidr_parse(str_of(member_rows[i].block), &cidr), i, member_rows[i].block);
		assert_row(ip_parse(str_of(member_rows[i].address), &ip), i, member_rows[i].address);
		assert_row(cidr_has(&cidr, ip) == member_rows[i].has, i, member_rows[i].address);
	}
}

static void knows_what_is_in_one_of_several(void **state)
{
	struct cidr cidrs[2];
	struct ip ip;

	(void)state;
	assert_true(cidr_parse(STR("10.0.0.0/8"), &cidrs[0]) && cidr_parse(STR("fd00::/8"), &cidrs[1]));
	assert_true(ip_parse(STR("fd12::1"), &ip));
	assert_true(cidr_any_has(cidrs, 2, ip));
	assert_false(cidr_any_has(cidrs, 1, ip));
	assert_false(cidr_any_has(NULL, 0, ip));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_is_no_block),
		cmocka_unit_test(knows_what_is_in_a_block),
		cmocka_unit_test(knows_what_is_in_one_of_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

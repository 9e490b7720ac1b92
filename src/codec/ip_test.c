/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "codec/ip.h"

struct ip_row {
	const char *text, *printed; /* printed NULL: refused */
};

static const struct ip_row ip_rows[] = {
	{ "0.0.0.0", "0.0.0.0" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "127.0.0.1", "127.0.0.1" },
	{ "::", "::" },
	{ "::1", "::1" },
	{ "1::", "1::" },
	{ "2001:DB8::A", "2001:db8::a" },
	{ "2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1" },
	{ "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" },
	{ "1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8" },
	{ "1:0:0:4:0:0:0:8", "1:0:0:4::8" },
	{ "0:0:3:0:0:6:7:8", "::3:0:0:6:7:8" },
	{ "1:2:3:4:5:6::", "1:2:3:4:5:6::" },
	{ "::ffff:1.2.3.4", "1.2.3.4" },
	{ "::FFFF:0102:0304", "1.2.3.4" },
	{ "64:ff9b::1.2.3.4", "64:ff9b::102:304" },
	{ "0000:0000:0000:0000:0000:ffff:255.255.255.255", "255.255.255.255" },
	{ "00000:0000:0000:0000:0000:ffff:255.255.255.255", NULL },
	{ "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304" },
	{ "::1.2.3.4", "::102:304" },
	{ "", NULL },
	{ "1.2.3", NULL },
	{ "1.2.3.4.5", NULL },
	{ "1.2.3.4.", NULL },
	{ ".1.2.3.4", NULL },
	{ "1..3.4", NULL },
	{ "01.2.3.4", NULL },
	{ "1.2.3.04", NULL },
	{ "1.2.3.256", NULL },
	{ "1.2.3.-4", NULL },
	{ "1.2.3.4 ", NULL },
	{ "0x1.2.3.4", NULL },
	{ "127.1", NULL },
	{ "2130706433", NULL },
	{ "a.b.c.d", NULL },
	{ ":", NULL },
	{ ":::", NULL },
	{ "::1::", NULL },
	{ "1::2::3", NULL },
	{ ":1:2:3:4:5:6:7:8", NULL },
	{ "1:2:3:4:5:6:7:", NULL },
	{ "1:2:3:4:5:6:7", NULL },
	{ "1:2:3:4:5:6:7:8:9", NULL },
	{ "1:2:3:4:5:6:7:8::", NULL },
	{ "1:2:3:4::5:6:7:8", NULL },
	{ "::12345", NULL },
	{ "::g", NULL },
	{ "1:2:3:4:5:6:7:1.2.3.4", NULL },
	{ "1.2.3.4::", NULL },
	{ "::1.2.3.4:5", NULL },
	{ "::1.2.3", NULL },
	{ "fe80::1%eth0", NULL },
	{ "[::1]", NULL },
	{ "::1/128", NULL },
};

static void reads_and_prints_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ip_rows); i++) {
		char bytes[IP_TEXT_MAX];
		struct buf out = buf_over(bytes, sizeof bytes);
		struct ip ip, again;

		assert_row(ip_parse(str_of(ip_rows[i].text), &ip) == (ip_rows[i].printed != NULL), i,
			   ip_rows[i].text);
		if (!ip_rows[i].printed)
			continue;
		ip_print(ip, &out);
		assert_text(buf_str(&out), ip_rows[i].printed);
		assert_true(ip_parse(buf_str(&out), &again) && ip_eq(ip, again));
	}
}

static void one_address_however_it_is_spelt(void **state)
{
	static const uint8_t four[4] = { 192, 0, 2, 1 };
	struct ip mapped, plain, six;

	(void)state;
	assert_true(ip_parse(STR("::ffff:192.0.2.1"), &mapped));
	assert_true(ip_parse(STR("192.0.2.1"), &plain));
	assert_true(ip_eq(mapped, plain) && ip_is_v4(mapped));
	assert_true(ip_eq(plain, ip_of_v4(four)));
	assert_true(ip_parse(STR("::192.0.2.1"), &six));
	assert_false(ip_eq(six, plain));
	assert_false(ip_is_v4(six));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_prints_addresses),
		cmocka_unit_test(one_address_however_it_is_spelt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

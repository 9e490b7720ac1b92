/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/address.h"

#define LABEL_63 "123456789012345678901234567890123456789012345678901234567890123"
#define LABEL_61 "1234567890123456789012345678901234567890123456789012345678901"
#define NAME_253 LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_61
#define PATH_107                                                       \
	"/23456789012345678901234567890123456789012345678901234567890" \
	"12345678901234567890123456789012345678901234567"

static const struct {
	const char *text, *host;
	uint16_t port;
	bool is_local;
} good[] = {
	{ "127.0.0.1:8080", "127.0.0.1", 8080, false },
	{ "example.com:80", "example.com", 80, false },
	{ "my_service-1.internal.:65535", "my_service-1.internal.", 65535, false },
	{ ":8080", "", 8080, false },
	{ "0.0.0.0:0", "0.0.0.0", 0, false },
	{ "[::1]:443", "::1", 443, false },
	{ "[::ffff:10.0.0.1]:1", "::ffff:10.0.0.1", 1, false },
	{ "localhost:0080", "localhost", 80, false },
	{ "unix:/run/gatehouse.sock", "/run/gatehouse.sock", 0, true },
	{ "unix:" PATH_107, PATH_107, 0, true },
	{ NAME_253 ":1", NAME_253, 1, false },
};

static const struct {
	const char *text, *want;
} bad[] = {
	{ "", "want host:port" },
	{ "example.com", "want host:port" },
	{ "example.com:", "the port" },
	{ "example.com:x", "the port" },
	{ "example.com:65536", "the port" },
	{ "example.com:-1", "the port" },
	{ "example.com:+1", "the port" },
	{ "example.com: 80", "the port" },
	{ "example.com:80 ", "the port" },
	{ "example.com:99999999999999999999999", "the port" },
	{ "a:b:80", "the port" },
	{ "exa mple.com:80", "not a host name" },
	{ "example..com:80", "not a host name" },
	{ ".example.com:80", "not a host name" },
	{ "http://example.com:80", "the port" },
	{ "user@example.com:80", "not a host name" },
	{ "ex\xc3\xa4mple.com:80", "not a host name" },
	{ LABEL_63 "4.com:1", "not a host name" },
	{ "12" NAME_253 ":1", "not a host name" },
	{ "::1", "an IPv6 address stands in brackets" },
	{ "::1:80", "an IPv6 address stands in brackets" },
	{ "[::1]", "want [address]:port" },
	{ "[::1]80", "want [address]:port" },
	{ "[::1", "no ]" },
	{ "[::1]:", "the port" },
	{ "[]:80", "not an IPv6 address" },
	{ "[127.0.0.1]:80", "not an IPv6 address" },
	{ "[example.com]:80", "not an IPv6 address" },
	{ "[fe80::1%eth0]:80", "not an IPv6 address" },
	{ "[1:2:3:4:5:6:7:8:9]:80", "not an IPv6 address" },
	{ "unix:", "want an absolute path" },
	{ "unix:run/x", "want an absolute path" },
	{ "unix:" PATH_107 "8", "the path of a Unix socket" },
};

static void good_text_is_taken_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct address_text got;
		result_value parsed = address_text_parse(str_of(good[i].text), &got);

		if (failed(parsed) || !str_eq(got.host, str_of(good[i].host)) || got.port != good[i].port ||
		    got.is_local != good[i].is_local)
			fail_msg("%s: %s, %.*s, %u", good[i].text, parsed.why ? parsed.why : "ok",
				 STR_ARG(got.host), got.port);
	}
}

static void bad_text_is_refused_with_the_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct address_text got;
		result_value parsed = address_text_parse(str_of(bad[i].text), &got);

		if (parsed.kind != ERROR_MALFORMED || !str_starts(str_of(parsed.why), str_of(bad[i].want)))
			fail_msg("%s: %s", bad[i].text, parsed.why ? parsed.why : "ok");
	}
}

static void a_zero_byte_is_no_end(void **state)
{
	static const str texts[] = { STR_INIT("unix:/run/\0x"), STR_INIT("127.0.0.1\0:80"),
				     STR_INIT("[::1\0]:80"), STR_INIT("host:80\0") };
	struct address_text got;
	struct address address;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_int_equal(address_text_parse(texts[i], &got).kind, ERROR_MALFORMED);
	assert_false(address_of_ip(STR("127.0.0.1\0"), 80, &address));
}

static const struct {
	const char *ip;
	bool want;
} literals[] = {
	{ "10.0.0.1", true },   { "255.255.255.255", true }, { "::", true },         { "2001:db8::1", true },
	{ "10.1", false },      { "10.0.0.256", false },     { "010.0.0.1", false }, { "0x7f.0.0.1", false },
	{ "10.0.0.1 ", false }, { "2130706433", false },     { "", false },          { "fe80::1%lo", false },
	{ "[::1]", false },     { "localhost", false },      { ":::", false },       { "10.0.0.1.2", false },
};

static void literals_are_strict(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
		struct address address = { .len = 0 };

		if (address_of_ip(str_of(literals[i].ip), 80, &address) != literals[i].want)
			fail_msg("%s", literals[i].ip);
		assert_int_equal(address.len != 0, literals[i].want);
	}
}

static const struct {
	const char *text, *print, *print_ip;
} printed[] = {
	{ "127.0.0.1:80", "127.0.0.1:80", "127.0.0.1" },
	{ "[2001:DB8:0:0::1]:443", "[2001:db8::1]:443", "2001:db8::1" },
	{ "[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.1]:1", "10.0.0.1" },
	{ ":8080", "[::]:8080", "::" },
	{ "unix:/run/x.sock", "unix:/run/x.sock", "unix:" },
};

static void addresses_print_as_they_are_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof printed / sizeof *printed; i++) {
		char text[ADDRESS_TEXT_MAX], ip[ADDRESS_TEXT_MAX];
		struct buf out = buf_over(text, sizeof text), ip_out = buf_over(ip, sizeof ip);
		struct address_text parts;
		struct address address;

		assert_false(failed(address_text_parse(str_of(printed[i].text), &parts)));
		assert_true(address_of_text(&parts, &address));
		assert_int_equal(address_port(&address), parts.port);
		assert_int_equal(address_is_local(&address), parts.is_local);
		address_print(&address, &out);
		address_print_ip(&address, &ip_out);
		if (!str_eq(buf_str(&out), str_of(printed[i].print)) ||
		    !str_eq(buf_str(&ip_out), str_of(printed[i].print_ip)))
			fail_msg("%s: %.*s, %.*s", printed[i].text, STR_ARG(buf_str(&out)),
				 STR_ARG(buf_str(&ip_out)));
	}
}

static void an_unnamed_local_peer_prints(void **state)
{
	struct address peer = { .any.sa_family = AF_UNIX, .len = sizeof(sa_family_t) };
	char text[ADDRESS_TEXT_MAX];
	struct buf out = buf_over(text, sizeof text);

	(void)state;
	address_print(&peer, &out);
	assert_true(str_eq(buf_str(&out), STR("unix:")));
	assert_int_equal(address_port(&peer), 0);
}

static void names_are_not_addresses(void **state)
{
	struct address_text name = { .host = STR("example.com"), .port = 80 };
	struct address_text long_path = { .host = STR(PATH_107 "8"), .is_local = true };
	struct address address;

	(void)state;
	assert_false(address_of_text(&name, &address));
	assert_false(address_of_text(&long_path, &address));
}

static struct address address_make(const char *text)
{
	struct address_text parts;
	struct address address;

	assert_false(failed(address_text_parse(str_of(text), &parts)));
	assert_true(address_of_text(&parts, &address));
	return address;
}

static const struct {
	const char *a, *b;
	bool is_equal, is_same_place, is_same_port;
} pairs[] = {
	{ "10.0.0.1:80", "10.0.0.1:80", true, true, true },
	{ "10.0.0.1:80", "10.0.0.1:81", false, false, false },
	{ "10.0.0.1:80", "10.0.0.2:80", false, false, true },
	{ "10.0.0.1:0", "10.0.0.1:0", true, false, false },
	{ "10.0.0.1:0", "10.0.0.1:80", false, false, false },
	{ "[::1]:80", "[0:0::1]:80", true, true, true },
	{ "[::1]:80", "[::2]:80", false, false, true },
	{ "[::1]:80", "[::1]:81", false, false, false },
	{ "[::1]:0", "[::1]:0", true, false, false },
	{ "[::1]:80", "10.0.0.1:80", false, false, true },
	{ "[::ffff:1.2.3.4]:1", "1.2.3.4:1", false, false, true },
	{ "unix:/a", "unix:/a", true, true, false },
	{ "unix:/a", "unix:/ab", false, false, false },
	{ "unix:/a", "unix:/b", false, false, false },
	{ "unix:/a", "[::1]:80", false, false, false },
	{ "unix:/a", "[::1]:0", false, false, false },
};

static void pairs_are_compared(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct address a = address_make(pairs[i].a), b = address_make(pairs[i].b);

		if (address_eq(&a, &b) != pairs[i].is_equal || address_eq(&b, &a) != pairs[i].is_equal ||
		    address_is_same_place(&a, &b) != pairs[i].is_same_place ||
		    address_is_same_place(&b, &a) != pairs[i].is_same_place ||
		    address_has_port_of(&a, &b) != pairs[i].is_same_port ||
		    address_has_port_of(&b, &a) != pairs[i].is_same_port)
			fail_msg("%s, %s", pairs[i].a, pairs[i].b);
	}
}

static void no_address_is_no_place(void **state)
{
	struct address none = { .len = 0 };

	(void)state;
	assert_false(address_is_local(&none));
	assert_false(address_is_same_place(&none, &none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_text_is_taken_apart),
		cmocka_unit_test(bad_text_is_refused_with_the_reason),
		cmocka_unit_test(a_zero_byte_is_no_end),
		cmocka_unit_test(literals_are_strict),
		cmocka_unit_test(addresses_print_as_they_are_written),
		cmocka_unit_test(an_unnamed_local_peer_prints),
		cmocka_unit_test(names_are_not_addresses),
		cmocka_unit_test(pairs_are_compared),
		cmocka_unit_test(no_address_is_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "codec/host.h"

struct host_row {
	const char *text, *name;
	int port; /* -1: none */
};

static void takes_hosts_apart(void **state)
{
	static const struct host_row rows[] = {
		{ "gw.test", "gw.test", -1 },
		{ "GW.test:8080", "GW.test", 8080 },
		{ "gw.test:1", "gw.test", 1 },
		{ "gw.test:65535", "gw.test", 65535 },
		{ "gw.test:", "gw.test", -1 },
		{ "gw.test.", "gw.test", -1 },
		{ "gw.test.:80", "gw.test", 80 },
		{ "localhost", "localhost", -1 },
		{ "my_service-1.x", "my_service-1.x", -1 },
		{ "1password.com", "1password.com", -1 },
		{ "10.0.0.1:80", "10.0.0.1", 80 },
		{ "[::1]", "[::1]", -1 },
		{ "[2001:DB8::1]:443", "[2001:DB8::1]", 443 },
		{ "[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]", -1 },
		{ "xn--bcher-kva.example", "xn--bcher-kva.example", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct host host;

		assert_row(host_parse(str_of(rows[i].text), &host), i, rows[i].text);
		assert_text(host.name, rows[i].name);
		assert_row(host.has_port ? host.port == rows[i].port : rows[i].port == -1, i, rows[i].text);
	}
}

static void refuses_what_is_no_host(void **state)
{
	static const str rows[] = {
		STR_INIT(""),
		STR_INIT(":80"),
		STR_INIT("."),
		STR_INIT(".gw.test"),
		STR_INIT("gw..test"),
		STR_INIT("gw.test.."),
		STR_INIT("gw test"),
		STR_INIT("gw.test@evil.test"),
		STR_INIT("user:pw@gw.test"),
		STR_INIT("gw.test/../evil"),
		STR_INIT("gw.test?x"),
		STR_INIT("gw.test#x"),
		STR_INIT("gw.test\\evil"),
		STR_INIT("gw.test,evil.test"),
		STR_INIT("gw.test%00"),
		STR_INIT("gw%2etest"),
		STR_INIT("gw.test\0.evil"),
		STR_INIT("gw.t\xc3\xa9st"),
		STR_INIT("gw.test\t"),
		STR_INIT("http://gw.test"),
		STR_INIT("gw.test:abc"),
		STR_INIT("gw.test:80:80"),
		STR_INIT("gw.test:0"),
		STR_INIT("gw.test:65536"),
		STR_INIT("gw.test:000080"),
		STR_INIT("gw.test:-1"),
		STR_INIT("gw.test:+1"),
		STR_INIT("gw.test: 80"),
		STR_INIT("gw.test:80 "),
		STR_INIT("[::1"),
		STR_INIT("::1"),
		STR_INIT("::1]"),
		STR_INIT("[]"),
		STR_INIT("[::1]x"),
		STR_INIT("[::1]:x"),
		STR_INIT("[::1]]"),
		STR_INIT("[[::1]]"),
		STR_INIT("[::g]"),
		STR_INIT("[127.0.0.1]"),
		STR_INIT("[fe80::1%25eth0]"),
		STR_INIT("[v1.x]"),
		STR_INIT("127.1"),
		STR_INIT("10.0.0.256"),
		STR_INIT("10.0.0.01"),
		STR_INIT("1.2.3.4.5"),
		STR_INIT("2130706433"),
		STR_INIT("gw.123"),
	};
	struct host host;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row(!host_parse(rows[i], &host), i, rows[i].ptr);
	assert_false(host_parse((str) { 0 }, &host));
}

/* RFC 1035 section 2.3.4. */
static void bounds_labels_and_names(void **state)
{
	char name[300];
	struct host host;

	(void)state;
	memset(name, 'a', sizeof name);
	assert_true(host_parse((str) { name, 63 }, &host));
	assert_false(host_parse((str) { name, 64 }, &host));
	name[63] = '.';
	assert_true(host_parse((str) { name, 70 }, &host));
	name[63] = 'a';
	name[64] = '.';
	assert_false(host_parse((str) { name, 70 }, &host));
	for (size_t at = 50; at < sizeof name; at += 51)
		name[at] = '.';
	name[64] = 'a';
	assert_true(host_parse((str) { name, 253 }, &host));
	assert_false(host_parse((str) { name, 254 }, &host));
}

static void folds_letters(void **state)
{
	char bytes[16];
	struct buf room = buf_over(bytes, sizeof bytes);
	str lower = STR("gw.test"), folded;

	(void)state;
	assert_true(host_is_lower(lower));
	assert_ptr_equal(host_lower(lower, &room).ptr, lower.ptr);
	assert_int_equal(room.len, 0);
	assert_false(host_is_lower(STR("gw.Test")));
	buf_put(&room, STR("x"));
	folded = host_lower(STR("GW-9.Test"), &room);
	assert_text(folded, "gw-9.test");
	assert_ptr_equal(folded.ptr, bytes + 1);
	assert_text(host_lower(STR("GW-9.Test"), &room), "");
	assert_true(buf_overflowed(&room));
}

static void knows_this_machine(void **state)
{
	static const struct {
		const char *name;
		bool want;
	} rows[] = {
		{ "127.0.0.1", true },   { "127.1.2.3", true },
		{ "::1", true },         { "[::1]", true },
		{ "localhost", true },   { "LocalHost.", true },
		{ "a.localhost", true }, { "::ffff:127.0.0.1", true },
		{ "128.0.0.1", false },  { "[::2]", false },
		{ "0.0.0.0", false },    { "127.example.com", false },
		{ "", false },           { "notlocalhost", false },
		{ ".localhost", false }, { "localhost.example.com", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row(host_is_loopback(str_of(rows[i].name)) == rows[i].want, i, rows[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_hosts_apart),       cmocka_unit_test(refuses_what_is_no_host),
		cmocka_unit_test(bounds_labels_and_names), cmocka_unit_test(folds_letters),
		cmocka_unit_test(knows_this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

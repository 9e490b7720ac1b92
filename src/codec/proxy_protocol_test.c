/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "codec/proxy_protocol.h"

/* Parses input in memory of exactly its size. */
static enum proxy_state parse(str input, struct proxy_header *ret_header, size_t *ret_len)
{
	char *copy = test_malloc(input.len + 1);
	enum proxy_state state;

	memcpy(copy + 1, input.ptr, input.len);
	state = proxy_header_parse((str) { copy + 1, input.len }, ret_header, ret_len);
	test_free(copy);
	return state;
}

/* Every beginning of a good header wants more, and what stands behind it changes nothing. */
static void check_good(str input, struct proxy_header *ret_header)
{
	char bytes[512];
	size_t len = 0;

	for (size_t i = 0; i < input.len; i++)
		assert_int_equal(parse(str_slice(input, 0, i), ret_header, &len), PROXY_MORE);
	assert_int_equal(proxy_header_parse(input, ret_header, &len), PROXY_DONE);
	assert_int_equal(len, input.len);
	memcpy(bytes, input.ptr, input.len);
	memset(bytes + input.len, 0xff, 16);
	assert_int_equal(parse((str) { bytes, input.len + 16 }, ret_header, &len), PROXY_DONE);
	assert_int_equal(len, input.len);
	assert_int_equal(proxy_header_parse(input, ret_header, &len), PROXY_DONE);
}

static void check_ip(struct ip ip, const char *expected)
{
	char bytes[IP_TEXT_MAX];
	struct buf out = buf_over(bytes, sizeof bytes);

	ip_print(ip, &out);
	assert_text(buf_str(&out), expected);
}

static void reads_version_1(void **state)
{
	struct proxy_header h;

	(void)state;
	check_good(STR("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"), &h);
	assert_int_equal(h.family, PROXY_IP);
	check_ip(h.source, "192.0.2.1");
	check_ip(h.destination, "198.51.100.2");
	assert_int_equal(h.source_port, 56324);
	assert_int_equal(h.destination_port, 443);
	check_good(STR("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n"), &h);
	check_ip(h.source, "2001:db8::1");
	check_ip(h.destination, "::1");
	assert_int_equal(h.source_port, 0);
	check_good(STR("PROXY UNKNOWN\r\n"), &h);
	assert_int_equal(h.family, PROXY_NONE);
	check_good(STR("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
		   &h);
	assert_int_equal(h.family, PROXY_NONE);
}

static void refuses_malformed_version_1(void **state)
{
	static const str rows[] = {
		STR_INIT("GET / HTTP/1.1\r\n"),
		STR_INIT("proxy TCP4"),
		STR_INIT("PROXY\r\n"),
		STR_INIT("PROXY \r\n"),
		STR_INIT("PROXY TCP4\r\n"),
		STR_INIT("PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n"),
		STR_INIT("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"),
		STR_INIT("PROXY UNKNOWNX\r\n"),
		STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"),
		STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"),
		STR_INIT("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n"),
		STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"),
		STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n"),
		STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"),
		STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n"),
		STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n"),
		STR_INIT("PROXY TCP4 ::1 ::1 1 2\r\n"),
		STR_INIT("PROXY TCP4 ::ffff:1.2.3.4 1.2.3.4 1 2\r\n"),
		STR_INIT("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"),
		STR_INIT("PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n"),
		STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"),
		STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rX"),
		STR_INIT("PROXY TCP4 192.0.2.1\t192.0.2.2 1 2\r\n"),
		STR_INIT("PROXY UNKNOWN \0\r\n"),
		STR_INIT("PROXY UNKNOWN aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			 "aaaaaaaaaaaaaaaaaaaaaaaaaa"),
	};
	struct proxy_header h;
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row(parse(rows[i], &h, &len) == PROXY_FAILED, i, rows[i].ptr);
}

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define FOUR_ADDRESSES "\xc0\0\2\1\xc6\x33\x64\2\xdc\4\1\xbb"

static void reads_version_2(void **state)
{
	struct proxy_header h;
	uint8_t type;
	str value, tlvs;

	(void)state;
	check_good(STR(SIGNATURE "\x21\x11\0\x0c" FOUR_ADDRESSES), &h);
	assert_int_equal(h.family, PROXY_IP);
	check_ip(h.source, "192.0.2.1");
	check_ip(h.destination, "198.51.100.2");
	assert_int_equal(h.source_port, 56324);
	assert_int_equal(h.destination_port, 443);
	check_good(STR(SIGNATURE "\x21\x11\0\x14" FOUR_ADDRESSES "\4\0\0\x20\0\2hi"), &h);
	tlvs = h.tlvs;
	assert_true(proxy_tlv_next(&tlvs, &type, &value));
	assert_int_equal(type, 4);
	assert_text(value, "");
	assert_true(proxy_tlv_next(&tlvs, &type, &value));
	assert_int_equal(type, 0x20);
	assert_text(value, "hi");
	assert_false(proxy_tlv_next(&tlvs, &type, &value));
	check_good(STR(SIGNATURE "\x21\x11\0\x0f" FOUR_ADDRESSES "\5\0\0"), &h);
	assert_int_equal(h.tlvs.len, 3);
	assert_true(proxy_tlv_next(&h.tlvs, &type, &value) && type == 5 && value.len == 0);
	check_good(STR(SIGNATURE "\x20\0\0\0"), &h);
	assert_int_equal(h.family, PROXY_NONE);
	check_good(STR(SIGNATURE "\x20\x11\0\3xyz"), &h);
	assert_int_equal(h.family, PROXY_NONE);
	check_good(STR(SIGNATURE "\x21\0\0\0"), &h);
	assert_int_equal(h.family, PROXY_NONE);
	check_good(STR(SIGNATURE "\x21\x12\0\x0c" FOUR_ADDRESSES), &h);
	assert_int_equal(h.family, PROXY_NONE);
	check_good(STR(SIGNATURE "\x21\x41\0\1x"), &h);
	assert_int_equal(h.family, PROXY_NONE);
}

static void reads_other_families_of_version_2(void **state)
{
	char bytes[16 + 216] = SIGNATURE "\x21\x21\0\x24";
	struct proxy_header h;

	(void)state;
	bytes[16] = 0x20;
	bytes[17] = 0x01;
	bytes[16 + 31] = 1;
	bytes[16 + 33] = 80;
	bytes[16 + 34] = 1;
	check_good((str) { bytes, 16 + 36 }, &h);
	assert_int_equal(h.family, PROXY_IP);
	check_ip(h.source, "2001::");
	check_ip(h.destination, "::1");
	assert_int_equal(h.source_port, 80);
	assert_int_equal(h.destination_port, 256);
	memset(bytes + 13, 0, sizeof bytes - 13);
	bytes[13] = 0x31;
	bytes[15] = (char)216;
	memcpy(bytes + 16, "/run/a", 6);
	memset(bytes + 16 + 108, 'b', 108);
	check_good((str) { bytes, sizeof bytes }, &h);
	assert_int_equal(h.family, PROXY_UNIX);
	assert_text(h.source_path, "/run/a");
	assert_int_equal(h.destination_path.len, 108);
}

static void refuses_malformed_version_2(void **state)
{
	static const str rows[] = {
		STR_INIT("\r\n\r\n\0\r\nQUIT\r"),
		STR_INIT("\r\n\r\nGET"),
		STR_INIT(SIGNATURE "\x11"),
		STR_INIT(SIGNATURE "\x31"),
		STR_INIT(SIGNATURE "\x22"),
		STR_INIT(SIGNATURE "\x2f"),
		STR_INIT(SIGNATURE "\x21\x11\x10\x01"),
		STR_INIT(SIGNATURE "\x21\x11\xff\xff"),
		STR_INIT(SIGNATURE "\x21\x11\0\x0b\1\1\1\1\2\2\2\2\0\1\0"),
		STR_INIT(SIGNATURE "\x21\x21\0\x0c" FOUR_ADDRESSES),
		STR_INIT(SIGNATURE "\x21\x31\0\x0c" FOUR_ADDRESSES),
		STR_INIT(SIGNATURE "\x21\x11\0\x0d" FOUR_ADDRESSES "\4"),
		STR_INIT(SIGNATURE "\x21\x11\0\x10" FOUR_ADDRESSES "\4\0\2x"),
		STR_INIT(SIGNATURE "\x21\x11\0\x11" FOUR_ADDRESSES "\4\0\0\4\0"),
	};
	struct proxy_header h;
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row(parse(rows[i], &h, &len) == PROXY_FAILED, i, "version 2");
}

static void keeps_its_bounds_to_the_byte(void **state)
{
	char *bytes = test_calloc(16 + PROXY_V2_MAX + 1, 1), line[PROXY_V1_MAX + 1];
	struct proxy_header h;
	size_t len;

	(void)state;
	memcpy(bytes, SIGNATURE "\x20\0\x10\0", 16);
	assert_int_equal(parse((str) { bytes, 16 + PROXY_V2_MAX }, &h, &len), PROXY_DONE);
	assert_int_equal(len, 16 + PROXY_V2_MAX);
	bytes[15] = 1;
	assert_int_equal(parse((str) { bytes, 16 + PROXY_V2_MAX + 1 }, &h, &len), PROXY_FAILED);
	test_free(bytes);
	memset(line, 'a', sizeof line);
	memcpy(line, "PROXY UNKNOWN ", 14);
	line[PROXY_V1_MAX - 2] = '\r';
	line[PROXY_V1_MAX - 1] = '\n';
	assert_int_equal(parse((str) { line, PROXY_V1_MAX }, &h, &len), PROXY_DONE);
	assert_int_equal(len, PROXY_V1_MAX);
	line[PROXY_V1_MAX - 2] = 'a';
	line[PROXY_V1_MAX - 1] = '\r';
	line[PROXY_V1_MAX] = '\n';
	assert_int_equal(parse((str) { line, PROXY_V1_MAX - 1 }, &h, &len), PROXY_MORE);
	assert_int_equal(parse((str) { line, PROXY_V1_MAX }, &h, &len), PROXY_FAILED);
	assert_int_equal(parse((str) { line, PROXY_V1_MAX + 1 }, &h, &len), PROXY_FAILED);
}

static void tells_a_wrong_byte_at_once(void **state)
{
	struct proxy_header h;
	size_t len;

	(void)state;
	assert_int_equal(parse(STR("G"), &h, &len), PROXY_FAILED);
	assert_int_equal(parse(STR("PROXZ"), &h, &len), PROXY_FAILED);
	assert_int_equal(parse(STR("\r\n\n"), &h, &len), PROXY_FAILED);
	assert_int_equal(parse(STR("PROXY \x01"), &h, &len), PROXY_FAILED);
	assert_int_equal(parse(STR(""), &h, &len), PROXY_MORE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_version_1),
		cmocka_unit_test(refuses_malformed_version_1),
		cmocka_unit_test(reads_version_2),
		cmocka_unit_test(reads_other_families_of_version_2),
		cmocka_unit_test(refuses_malformed_version_2),
		cmocka_unit_test(keeps_its_bounds_to_the_byte),
		cmocka_unit_test(tells_a_wrong_byte_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

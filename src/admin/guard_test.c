/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask: requests as they come, of addresses with a token and without. */
#include "admin/guard.h"

#include "admin/token.h"
#include "base/testing.h"
#include "codec/h1.h"

enum { FIELDS_MAX = 16 };

static const struct h1_limits limits = {
	.request_line = 1000, .field = 1000, .name = 100, .head = 4000, .fields = FIELDS_MAX
};

/* SHA-256 of "abc" (FIPS 180-4, appendix B). */
static const struct admin_place with_token = {
	.is_open = true,
	.has_token = true,
	.address = { .any.sa_family = AF_INET },
	.token = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
		   0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
		   0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad },
};
static const struct admin_place without_token = { .is_open = true, .address = { .any.sa_family = AF_INET } };
static const struct admin_place with_tls = { .is_open = true,
					     .address = { .any.sa_family = AF_INET },
					     .tls = (struct listener_tls *)&with_token };
static const struct admin_place public = { .is_open = true,
					   .is_public = true,
					   .has_token = true,
					   .address = { .any.sa_family = AF_INET6 },
					   .tls = (struct listener_tls *)&with_token };
static const struct admin_place local = { .is_open = true, .address = { .any.sa_family = AF_UNIX } };

static enum guard_verdict ask(enum guard_verdict (*check)(const struct admin_place *,
							  const struct http_request *),
			      const struct admin_place *place, const char *fields)
{
	char text[4096];
	struct buf head = buf_over(text, sizeof text);
	struct http_field room[FIELDS_MAX];
	struct http_request request = { .fields = { .at = room, .max = FIELDS_MAX } };
	struct h1_parser parser = { 0 };
	size_t len;

	buf_put(&head, STR("GET / HTTP/1.0\r\n"));
	buf_put(&head, str_of(fields));
	buf_put(&head, STR("\r\n"));
	assert_int_equal(h1_request_parse(&parser, buf_str(&head), &limits, &request, &len), H1_DONE);
	return check(place, &request);
}

static void test_who_may_ask(void **state)
{
	static const struct {
		const char *fields;
		enum guard_verdict verdict, local;
	} rows[] = {
		{ "", GUARD_OK, GUARD_OK },
		{ "Host: localhost\r\n", GUARD_OK, GUARD_OK },
		{ "Host: LocalHost:9901\r\n", GUARD_OK, GUARD_OK },
		{ "Host: localhost.\r\n", GUARD_OK, GUARD_OK },
		{ "Host: 127.0.0.1:9901\r\n", GUARD_OK, GUARD_OK },
		{ "Host: 127.9.8.7\r\n", GUARD_OK, GUARD_OK },
		{ "Host: [::1]:9901\r\n", GUARD_OK, GUARD_OK },
		{ "Host: [::ffff:127.0.0.1]\r\n", GUARD_OK, GUARD_OK },
		{ "Host: 127.0.0.1\r\nUser-Agent: curl\r\nAccept: */*\r\n", GUARD_OK, GUARD_OK },
		{ "Host: localhost\r\nOrigin: http://localhost\r\n", GUARD_OK, GUARD_OK },
		{ "Host: localhost:1\r\nOrigin: http://localhost:1\r\nSec-Fetch-Site: same-origin\r\n",
		  GUARD_OK, GUARD_OK },
		{ "Host: localhost\r\nSec-Fetch-Site: none\r\n", GUARD_OK, GUARD_OK },

		{ "Host: evil.example\r\n", GUARD_HOST, GUARD_OK },
		{ "Host: localhost.evil.example\r\n", GUARD_HOST, GUARD_OK },
		{ "Host: notlocalhost\r\n", GUARD_HOST, GUARD_OK },
		{ "Host: 127.0.0.1.evil.example\r\n", GUARD_HOST, GUARD_OK },
		{ "Host: 128.0.0.1\r\n", GUARD_HOST, GUARD_OK },
		{ "Host: 0.0.0.0\r\n", GUARD_HOST, GUARD_OK },
		{ "Host: [::2]\r\n", GUARD_HOST, GUARD_OK },

		{ "Host: localhost\r\nOrigin: http://evil.example\r\n", GUARD_ORIGIN, GUARD_ORIGIN },
		{ "Host: localhost\r\nOrigin: null\r\n", GUARD_ORIGIN, GUARD_ORIGIN },
		{ "Host: localhost\r\nOrigin: https://localhost\r\n", GUARD_ORIGIN, GUARD_ORIGIN },
		{ "Host: localhost:1\r\nOrigin: http://localhost:2\r\n", GUARD_ORIGIN, GUARD_ORIGIN },
		{ "Host: localhost\r\nOrigin:\r\n", GUARD_ORIGIN, GUARD_ORIGIN },
		{ "Origin: http://localhost\r\n", GUARD_ORIGIN, GUARD_ORIGIN },
		{ "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n", GUARD_ORIGIN, GUARD_ORIGIN },
		{ "Host: localhost\r\nSec-Fetch-Site: same-site\r\n", GUARD_ORIGIN, GUARD_ORIGIN },
		{ "Host: localhost\r\nSec-Fetch-Site:\r\n", GUARD_ORIGIN, GUARD_ORIGIN },

		{ "Host: localhost\r\nVia: 1.1 gatehouse\r\n", GUARD_FORWARDED, GUARD_FORWARDED },
		{ "Host: localhost\r\nForwarded: for=127.0.0.1\r\n", GUARD_FORWARDED, GUARD_FORWARDED },
		{ "Host: localhost\r\nx-forwarded-for: 127.0.0.1\r\n", GUARD_FORWARDED, GUARD_FORWARDED },
		{ "Host: localhost\r\nX-Forwarded-Host: localhost\r\n", GUARD_FORWARDED, GUARD_FORWARDED },
		{ "Host: localhost\r\nX-Forwarded-Proto:\r\n", GUARD_FORWARDED, GUARD_FORWARDED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_row(ask(guard_check, &without_token, rows[i].fields) == rows[i].verdict, i,
			   rows[i].fields);
		assert_row(ask(guard_check, &local, rows[i].fields) == rows[i].local, i, rows[i].fields);
	}
}

/* With TLS a page's origin is https; where others can reach it, it has any name. */
static void test_who_may_ask_by_tls(void **state)
{
	static const struct {
		const char *fields;
		enum guard_verdict verdict, public;
	} rows[] = {
		{ "", GUARD_OK, GUARD_OK },
		{ "Host: localhost:9901\r\nOrigin: https://localhost:9901\r\n", GUARD_OK, GUARD_OK },
		{ "Host: localhost\r\nOrigin: http://localhost\r\n", GUARD_ORIGIN, GUARD_ORIGIN },
		{ "Host: gw.example:9901\r\n", GUARD_HOST, GUARD_OK },
		{ "Host: 10.0.0.1:9901\r\n", GUARD_HOST, GUARD_OK },
		{ "Host: gw.example\r\nOrigin: https://GW.example\r\nSec-Fetch-Site: same-origin\r\n",
		  GUARD_HOST, GUARD_OK },
		{ "Host: gw.example\r\nOrigin: http://gw.example\r\n", GUARD_HOST, GUARD_ORIGIN },
		{ "Host: gw.example\r\nOrigin: https://evil.example\r\n", GUARD_HOST, GUARD_ORIGIN },
		{ "Host: gw.example\r\nOrigin: https://\r\n", GUARD_HOST, GUARD_ORIGIN },
		{ "Host: gw.example\r\nSec-Fetch-Site: cross-site\r\n", GUARD_HOST, GUARD_ORIGIN },
		{ "Host: gw.example\r\nVia: 1.1 gatehouse\r\n", GUARD_FORWARDED, GUARD_FORWARDED },
		{ "Host: gw.example\r\nX-Forwarded-For: 10.0.0.2\r\n", GUARD_FORWARDED, GUARD_FORWARDED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_row(ask(guard_check, &with_tls, rows[i].fields) == rows[i].verdict, i, rows[i].fields);
		assert_row(ask(guard_check, &public, rows[i].fields) == rows[i].public, i, rows[i].fields);
	}
}

static void test_tokens(void **state)
{
	static const struct {
		const char *fields;
		bool is_right;
	} rows[] = {
		{ "Authorization: Bearer abc\r\n", true },
		{ "authorization: bearer abc\r\n", true },
		{ "Authorization: Bearer   abc  \r\n", true },
		{ "", false },
		{ "Authorization:\r\n", false },
		{ "Authorization: Bearer\r\n", false },
		{ "Authorization: Bearer \r\n", false },
		{ "Authorization: abc\r\n", false },
		{ "Authorization: Basic abc\r\n", false },
		{ "Authorization: Bearer ABC\r\n", false },
		{ "Authorization: Bearer ab\r\n", false },
		{ "Authorization: Bearer abcd\r\n", false },
		{ "Authorization: Bearer abc abc\r\n", false },
		{ "Authorization: Bearer "
		  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\r\n",
		  false },
		{ "X-Authorization: Bearer abc\r\n", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum guard_verdict want = rows[i].is_right ? GUARD_OK : GUARD_TOKEN;

		assert_row(ask(guard_check_token, &with_token, rows[i].fields) == want, i, rows[i].fields);
		assert_row(ask(guard_check_token, &without_token, rows[i].fields) == GUARD_OK, i,
			   rows[i].fields);
	}
}

/* Every byte of the hash counts. */
static void test_every_byte_counts(void **state)
{
	uint8_t digest[SHA256_LEN];

	(void)state;
	memcpy(digest, with_token.token, sizeof digest);
	assert_true(token_matches(STR("abc"), digest));
	assert_false(token_matches((str) { 0 }, digest));
	for (size_t i = 0; i < sizeof digest; i++) {
		digest[i] ^= 1;
		assert_false(token_matches(STR("abc"), digest));
		digest[i] ^= 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_may_ask),
		cmocka_unit_test(test_who_may_ask_by_tls),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_every_byte_counts),
	};

	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}

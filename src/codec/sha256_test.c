/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/sha256.h"

#include "base/testing.h"

/* FIPS 180-4's own example; in capitals here and there. */
static const char abc[] = "sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015AD";

static void the_digest_is_the_one_of_the_standard(void **state)
{
	unsigned char digest[SHA256_LEN], wanted[SHA256_LEN];

	(void)state;
	sha256_digest(STR("abc"), digest);
	assert_true(sha256_parse(str_of(abc), wanted));
	assert_memory_equal(digest, wanted, SHA256_LEN);
	sha256_digest((str) { 0 }, digest);
	assert_int_equal(digest[0], 0xe3);
	assert_int_equal(digest[SHA256_LEN - 1], 0x55);
}

/* RFC 7636, appendix B. */
static void as_jose_writes_it(void **state)
{
	char bytes[SHA256_BASE64URL_LEN];
	struct buf out = buf_over(bytes, sizeof bytes);

	(void)state;
	sha256_put_base64url(STR("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), &out);
	assert_true(str_eq(buf_str(&out), STR("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")));
	assert_false(buf_overflowed(&out));
}

static bool is_hexadecimal(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Any byte in any place: the prefix is the one, each digit is one. */
static void nothing_else_is_taken(void **state)
{
	const size_t prefix = sizeof "sha256:" - 1;
	unsigned char digest[SHA256_LEN];
	char text[sizeof abc];

	(void)state;
	for (size_t i = 0; i < sizeof abc - 1; i++) {
		for (int c = 0; c < 256; c++) {
			bool is_good = i < prefix ? c == abc[i] : is_hexadecimal(c);

			memcpy(text, abc, sizeof abc);
			text[i] = (char)c;
			assert_int_equal(sha256_parse((str) { text, sizeof abc - 1 }, digest), is_good);
		}
		assert_false(sha256_parse((str) { abc, i }, digest));
	}
	assert_false(sha256_parse((str) { abc, sizeof abc }, digest));
	assert_false(sha256_parse((str) { 0 }, digest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_digest_is_the_one_of_the_standard),
		cmocka_unit_test(as_jose_writes_it),
		cmocka_unit_test(nothing_else_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

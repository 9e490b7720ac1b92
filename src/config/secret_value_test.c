/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that tell what they are, and texts that only look alike. */
#include "base/testing.h"
#include "config/secret_value.h"

static void values_are_judged(void **state)
{
	static const char *const secret[] = { "Bearer x",
					      "BEARER x",
					      "Basic x",
					      "https://a:b@c",
					      "https://a@c/x",
					      "sha256:1",
					      "-----BEGIN PRIVATE KEY-----",
					      "x http://a:b@c",
					      "a://b c://d:e@f",
					      "https://a/b?token=c",
					      "/a?b=c&&api_key=d",
					      "/a?sig=d",
					      "/a?t%6Fken=d",
					      "/a?functions-key=d",
					      "/a?code=d",
					      "/a?b=c;token=d",
					      "/a?to=https://b/c?token=d" };
	static const char *const plain[] = { "",          ":",         "://",
					     "http://",   "a@b",       "http://a/b@c",
					     "Bear",      "http://a",  "a:b@c",
					     "http:/a@b", "/token",    "/a?b=token",
					     "/a?token",  "/a?token=", "/a?b=c&d" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(secret); i++)
		assert_row(secret_value_is_evident(str_of(secret[i])), i, secret[i]);
	for (size_t i = 0; i < COUNT_OF(plain); i++)
		assert_row(!secret_value_is_evident(str_of(plain[i])), i, plain[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

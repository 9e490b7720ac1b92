/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: names, and what may stand under them. */
#include "base/testing.h"
#include "config/secret_name.h"

static const struct {
	const char *name;
	enum secret_name want;
} rows[] = {
	{ "password", SECRET_NAME_USUAL },
	{ "Password", SECRET_NAME_USUAL },
	{ "db_passwd", SECRET_NAME_USUAL },
	{ "token", SECRET_NAME_USUAL },
	{ "access-token", SECRET_NAME_USUAL },
	{ "X_API.KEY", SECRET_NAME_USUAL },
	{ "Authorization", SECRET_NAME_USUAL },
	{ "Proxy-Authorization", SECRET_NAME_USUAL },
	{ "key", SECRET_NAME_USUAL },
	{ "client_secret", SECRET_NAME_USUAL },
	{ "apikey", SECRET_NAME_USUAL },
	{ "private_key", SECRET_NAME_USUAL },
	{ "credentials", SECRET_NAME_USUAL },
	{ "pwd", SECRET_NAME_USUAL },
	{ "passphrase", SECRET_NAME_USUAL },
	{ "accessKey", SECRET_NAME_USUAL },
	{ "AWSAccessKeyId", SECRET_NAME_USUAL },
	{ "X-Origin-Verify", SECRET_NAME_USUAL },

	{ "Set-Cookie", SECRET_NAME_DOUBTFUL },
	{ "session_id", SECRET_NAME_DOUBTFUL },
	{ "keys", SECRET_NAME_DOUBTFUL },
	{ "basic", SECRET_NAME_DOUBTFUL },
	{ "X-Functions-Key", SECRET_NAME_DOUBTFUL },
	{ "subscription_key", SECRET_NAME_DOUBTFUL },
	{ "subscriptionKey", SECRET_NAME_DOUBTFUL },
	{ "X-Auth", SECRET_NAME_DOUBTFUL },
	{ "userAuth", SECRET_NAME_DOUBTFUL },
	{ "code", SECRET_NAME_DOUBTFUL },
	{ "sig", SECRET_NAME_DOUBTFUL },
	{ "jwt", SECRET_NAME_DOUBTFUL },

	{ "", SECRET_NAME_NONE },
	{ "path", SECRET_NAME_NONE },
	{ "monkey", SECRET_NAME_NONE },
	{ "keyboard", SECRET_NAME_NONE },
	{ "hosts", SECRET_NAME_NONE },
	{ "author", SECRET_NAME_NONE },
	{ "authorize", SECRET_NAME_NONE },
	{ "pass", SECRET_NAME_NONE },
	{ "address", SECRET_NAME_NONE },
	{ "upstream", SECRET_NAME_NONE },
	{ "basics", SECRET_NAME_NONE },
	{ "headers", SECRET_NAME_NONE },
	{ "turnkey", SECRET_NAME_NONE },
	{ "MONKEY", SECRET_NAME_NONE },
	{ "Idempotency-Key", SECRET_NAME_NONE },
	{ "cache_key", SECRET_NAME_NONE },
	{ "sortKey", SECRET_NAME_NONE },
	{ "max_tokens", SECRET_NAME_NONE },
	{ "max_tokens_secret", SECRET_NAME_USUAL },
	{ "Sec-WebSocket-Key", SECRET_NAME_NONE },
	{ "barcode", SECRET_NAME_NONE },
	{ "-", SECRET_NAME_NONE },
	{ "-key", SECRET_NAME_USUAL },
};

static void names_are_judged(void **state)
{
	static char long_name[1000];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row(secret_name_judge(str_of(rows[i].name)) == rows[i].want, i, rows[i].name);
	memset(long_name, 'a', sizeof long_name);
	assert_int_equal(secret_name_judge((str) { long_name, sizeof long_name }), SECRET_NAME_USUAL);
	assert_int_equal(secret_name_judge_encoded((str) { long_name, sizeof long_name }), SECRET_NAME_USUAL);
	assert_int_equal(secret_name_judge_encoded(STR("t%6Fken")), SECRET_NAME_USUAL);
	assert_int_equal(secret_name_judge_encoded(STR("p%61ge")), SECRET_NAME_NONE);
	assert_int_equal(secret_name_judge_encoded(STR("keys")), SECRET_NAME_NONE);
	assert_int_equal(secret_name_judge_encoded(STR("basic")), SECRET_NAME_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: lines of configurations, and as they may be shown. */
#include "base/testing.h"
#include "config/cover.h"

static const struct {
	const char *line, *want;
	bool is_item;
} rows[] = {
	{ "secret: hunter2", "secret: *******", false },
	{ "  secret: hunter2 # of ours", "  secret: ******* # of ours", false },
	{ "secret: \"hunter2\"", "secret: \"*******\"", false },
	{ "secret: 'hun''ter2' # x", "secret: '*********' # x", false },
	{ "[ secret: 'it''s', password: x ]", "[ secret: '*****', password: * ]", false },
	{ "secret: 'open''", "secret: '******", false },
	{ "\"client_secret\":\"hunter\\\"2\",\"a\":1", "\"client_secret\":\"*********\",\"a\":1", false },
	{ "password: \"open", "password: \"****", false },
	{ "password: a, b}c]", "password: *******", false },
	{ "{ password: a, b: c }", "{ password: *, b: c }", false },
	{ "jwt: { issuer: me, secret: hunter2, audience: a }",
	  "jwt: { issuer: me, secret: *******, audience: a }", false },
	{ "a: { api_keys: [one, \"two\", 'three'], groups: [x] }",
	  "a: { api_keys: [***, \"***\", '*****'], groups: [x] }", false },
	{ "api_keys: [sha256:00, open]", "api_keys: [sha256:00, ****]", false },
	{ "secret: ${SECRET}", "secret: ${SECRET}", false },
	{ "key: file:keys/a.pem", "key: file:keys/a.pem", false },
	{ "secret: s\xc3\xa4"
	  "ge # x",
	  "secret: **** # x", false },
	{ "credentials: true", "credentials: true", false },
	{ "secret: trueish", "secret: *******", false },
	{ "secret:", "secret:", false },
	{ "secret: ", "secret: ", false },
	{ "token: { sub: alice }", "token: { sub: alice }", false },
	{ "{ not_a_secret: x, my-token: y }", "{ not_a_secret: *, my-token: * }", false },
	{ "keys: [a.pem]", "keys: [a.pem]", false },
	{ "a secret is open", "a secret is open", false },
	{ "api_keys: [unclosed, \"and more", "api_keys: [********, \"********", false },
	{ "api_keys: [a}b]", "api_keys: [*}*]", false },

	{ "  - hunter2", "  - *******", true },
	{ "  - \"hunter2\"", "  - \"*******\"", true },
	{ "  - ${A}", "  - ${A}", true },
	{ "- - x", "- - *", true },
	{ "  - id: k1", "  - id: k1", true },
	{ "secret: [x]", "secret: [*]", true },
	{ "  \"password\": \"hunter2\"", "  \"password\": \"*******\"", true },
	{ "  \"password\" : \"hunter2\",", "  \"password\" : \"*******\",", true },
	{ "  'password': hunter2", "  'password': *******", true },
	{ "password: hunter2", "password: *******", true },
	{ "password:", "password:", true },
	{ "  \"hunter2\",", "  \"*******\",", true },
	{ "  \"hun: ter2\"", "  \"*********\"", true },
	{ "  hun:ter2", "  ********", true },
	{ "  \"hun' : ter2\"", "  \"***********\"", true },
	{ "", "", true },
};

static void secrets_are_covered(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char line[100];
		size_t len = strlen(rows[i].line);

		assert_row(len < sizeof line, i, rows[i].line);
		memcpy(line, rows[i].line, len);
		len = cover_secrets(line, len, rows[i].is_item);
		if (!str_eq((str) { line, len }, str_of(rows[i].want)))
			fail_msg("%s: got %.*s, want %s", rows[i].line, (int)len, line, rows[i].want);
	}
}

static const struct {
	const char *line, *want;
	uint32_t column, width;
} places[] = {
	{ "basic: hunter2", "basic: *******", 8, 7 },
	{ "{ basic: hunter2, groups: [a] }", "{ basic: *******, groups: [a] }", 10, 7 },
	{ "basic: \"hunter2\" # x", "basic: ********* # x", 8, 9 },
	{ "key: { value: hunter2 }", "key: ******************", 6, 0 },
	{ "\xc3\xa4: s\xc3\xa4ge x", "\xc3\xa4: **** x", 4, 4 },
	{ "basic: ${A}", "basic: ${A}", 8, 4 },
	{ "basic: \"${A}\"", "basic: \"${A}\"", 8, 6 },
	{ "{ ${A}: hunter2 }", "{ ***************", 3, 0 },
	{ "basic: a", "basic: *", 8, 100 },
	{ "basic: a", "basic: a", 100, 1 },
	{ "", "", 1, 0 },
};

static void places_are_covered(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		char line[100];
		size_t len = strlen(places[i].line);

		assert_row(len < sizeof line, i, places[i].line);
		memcpy(line, places[i].line, len);
		len = cover_place(line, len, places[i].column, places[i].width);
		if (!str_eq((str) { line, len }, str_of(places[i].want)))
			fail_msg("%s: got %.*s, want %s", places[i].line, (int)len, line, places[i].want);
	}
}

static void paths_of_secrets_are_known(void **state)
{
	(void)state;
	assert_true(cover_is_secret(STR("secret")));
	assert_true(cover_is_secret(STR("apis.a.policies[0].oidc.cookie.secret[1]")));
	assert_true(cover_is_secret(STR("consumers.a.api_keys[0]")));
	assert_true(cover_is_secret(STR("a.secret[0][1]")));
	assert_false(cover_is_secret(STR("apis.a.policies[0].jwt")));
	assert_false(cover_is_secret(STR("apis.secrets.policies[0]")));
	assert_true(cover_is_secret(STR("oidc.session_secret")));
	assert_true(cover_is_secret(STR("my_token")));
	assert_false(cover_is_secret(STR("jwt.keys[0]")));
	assert_false(cover_is_secret(STR("")));
	assert_false(cover_is_secret(STR("]")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_are_covered),
		cmocka_unit_test(places_are_covered),
		cmocka_unit_test(paths_of_secrets_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

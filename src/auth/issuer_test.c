/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/issuer.h"

#include "base/testing.h"

static const struct {
	const char *issuer, *openid, *oauth;
} places[] = {
	{ "https://id.test", "https://id.test/.well-known/openid-configuration",
	  "https://id.test/.well-known/oauth-authorization-server" },
	{ "https://id.test/", "https://id.test/.well-known/openid-configuration",
	  "https://id.test/.well-known/oauth-authorization-server" },
	{ "https://id.test:8443/realms/a", "https://id.test:8443/realms/a/.well-known/openid-configuration",
	  "https://id.test:8443/.well-known/oauth-authorization-server/realms/a" },
	{ "none", "none/.well-known/openid-configuration", "" },
};

static void where_it_says_who_it_is(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 1024 * 1024);
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		str issuer = str_of(places[i].issuer);

		assert_text(issuer_metadata_url(&arena, issuer), places[i].openid);
		assert_text(issuer_oauth_metadata_url(&arena, issuer), places[i].oauth);
	}
	arena_fini(&arena);
}

static const struct {
	const char *issuer, *url;
	bool may;
} named[] = {
	{ "https://id.test", "https://other.test/keys", true },
	{ "https://id.test", "http://id.test/keys", false },
	{ "http://id.test", "http://id.test/keys", true },
	{ "http://id.test", "https://id.test/keys", true },
	{ "http://id.test", "ftp://id.test/keys", false },
	{ "https://id.test", "https://id.test/a b", false },
	{ "https://id.test", "https://", false },
	{ "https://id.test", "/keys", false },
	{ "http://id.test", "", false },
};

static void which_places_it_may_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(named); i++)
		assert_row(issuer_may_name(str_of(named[i].issuer), str_of(named[i].url)) == named[i].may, i,
			   named[i].url);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_it_says_who_it_is),
		cmocka_unit_test(which_places_it_may_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

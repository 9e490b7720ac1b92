/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: a key as others call it, in tables that have ours or have not. */
#include "config/elsewhere.h"

#include "base/testing.h"

static const struct field token_fields[] = {
	{ .name = "issuer", .type = FIELD_T_STR }, { .name = "jwks", .type = FIELD_T_STR },
	{ .name = "skew", .type = FIELD_T_STR },   { .name = "require", .type = FIELD_T_STR },
	{ .name = "cookie", .type = FIELD_T_STR }, { .name = "from", .type = FIELD_T_STR },
	{ .name = "strip", .type = FIELD_T_STR },  { .name = "api_keys", .type = FIELD_T_STR },
	{ .name = "basic", .type = FIELD_T_STR },  FIELD_END
};

static const struct field upstream_fields[] = {
	{ .name = "endpoints", .type = FIELD_T_STR }, { .name = "balance", .type = FIELD_T_STR },
	{ .name = "outlier", .type = FIELD_T_STR },   { .name = "every", .type = FIELD_T_STR },
	{ .name = "attempts", .type = FIELD_T_STR },  FIELD_END
};

static const struct field root_fields[] = { { .name = "upstreams", .type = FIELD_T_STR },
					    { .name = "policies", .type = FIELD_T_STR },
					    { .name = "apis", .type = FIELD_T_STR },
					    { .name = "listeners", .type = FIELD_T_STR },
					    FIELD_END };

static const struct {
	const struct field *fields;
	const char *key, *want;
} rows[] = {
	{ token_fields, "jwks_uri", "; here it is \"jwks\"" },
	{ token_fields, "jwks_url", "; here it is \"jwks\"" },
	{ token_fields, "iss", "; here it is \"issuer\"" },
	{ token_fields, "discovery", "; here it is \"issuer\"" },
	{ token_fields, "leeway", "; here it is \"skew\"" },
	{ token_fields, "scopes", "; a policy after this one asks for scopes, authorize: { scopes: [...] }" },
	{ token_fields, "session_secret", "; here it is cookie: { secret: ... }" },
	{ token_fields, "key_names", "; here it is from: { header: NAME }" },
	{ token_fields, "hide_credentials", "; here it is \"strip\"" },
	{ token_fields, "keyauth_credentials",
	  "; here it is api_keys: [\"sha256:...\"], the hashes of keys" },
	{ token_fields, "basicauth_credentials", "; here it is basic: { password: HASH }" },
	{ root_fields, "entryPoints", "; here it is \"listeners\"" },
	{ root_fields, "routers", "; here it is \"apis\"" },
	{ root_fields, "plugins", "; here it is \"policies\"" },
	{ root_fields, "middlewares", "; here it is \"policies\"" },
	{ root_fields, "services", "; here it is \"upstreams\"" },
	{ root_fields, "clusters", "; here it is \"upstreams\"" },
	{ root_fields, "routes", "; here it is \"apis\"" },
	{ upstream_fields, "targets", "; here it is \"endpoints\"" },
	{ upstream_fields, "lb_policy", "; here it is \"balance\"" },
	{ upstream_fields, "outlier_detection", "; here it is \"outlier\"" },
	{ upstream_fields, "interval", "; here it is \"every\"" },
	{ upstream_fields, "num_retries", "; here it is \"attempts\", with the first one" },
	/* Where ours is no key, theirs means nothing. */
	{ token_fields, "aud", "" },
	{ token_fields, "plugins", "" },
	{ root_fields, "iss", "" },
	{ root_fields, "interval", "" },
	{ root_fields, "scopes", "" },
	/* To the letter. */
	{ token_fields, "Iss", "" },
	{ token_fields, "issuer", "" },
	{ token_fields, "", "" },
};

static void each_row(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 64 * 1024);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str hint = elsewhere_hint(&arena, str_of(rows[i].key), rows[i].fields);

		if (!str_eq(hint, str_of(rows[i].want)))
			fail_msg("%s: \"%.*s\"", rows[i].key, STR_ARG(hint));
	}
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_row) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

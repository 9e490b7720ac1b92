/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: algorithms; what is minted is verified by what the set has afterwards. */
#include "auth/token_mint.h"

#include "base/testing.h"
#include "codec/jws.h"

struct mint {
	struct key_sets *sets;
	struct key_set *set;
	struct token_mint *mint;
	struct arena arena;
};

static void mint_open(struct mint *m)
{
	*m = (struct mint) { .sets = key_sets_new(), .mint = token_mint_new() };
	arena_init(&m->arena, NULL, (size_t)1 << 20);
	assert_false(failed(key_sets_get(m->sets, KEYS_AT_URL, STR("https://id.test/keys"), &m->set)));
}

static void mint_close(struct mint *m)
{
	key_set_unref(&m->set);
	key_sets_free(&m->sets);
	token_mint_free(&m->mint);
	arena_fini(&m->arena);
}

static bool is_verified(struct mint *m, str token)
{
	struct jwk_set *keys = key_set_take(m->set);
	const struct jwk *jwk = NULL;
	struct jws jws;
	bool is_good = false;

	assert_non_null(keys);
	assert_false(failed(jws_split(token, &m->arena, &jws)));
	assert_true(str_eq(jws.payload, STR("{\"sub\":\"alice\"}")));
	assert_true(str_eq(jws.type, STR("at+jwt")));
	while (!is_good && (jwk = jwk_set_next(keys, jws.kid, jws.algorithm, jwk)))
		is_good = jws_verify(&jws, jwk);
	jwk_set_unref(&keys);
	return is_good;
}

static result mint_one(struct mint *m, unsigned allowed, str *ret_token)
{
	return token_mint_sign(m->mint, m->set, allowed, STR("at+jwt"), STR("{\"sub\":\"alice\"}"), &m->arena,
			       ret_token);
}

static void each_algorithm(void **state)
{
	(void)state;
	for (enum jose_algorithm i = JOSE_RS256; i < JOSE_HS256; i++) {
		struct mint m;
		str token, again;

		mint_open(&m);
		assert_false(failed(mint_one(&m, JOSE_BIT(i), &token)));
		assert_true(is_verified(&m, token));
		/* The key is told of once. */
		assert_false(failed(mint_one(&m, JOSE_BIT(i), &again)));
		assert_int_equal(key_set_version(m.set), 1);
		mint_close(&m);
	}
}

static void a_secret_signs_itself(void **state)
{
	struct mint m;
	str token;

	(void)state;
	mint_open(&m);
	assert_int_equal(mint_one(&m, JOSE_SYMMETRIC, &token).kind, ERROR_INVALID); /* there is none */
	key_set_publish(m.set, jwk_set_from_secret(STR(""), STR("0123456789abcdef0123456789abcdef")));
	assert_int_equal(mint_one(&m, JOSE_BIT(JOSE_HS512), &token).kind, ERROR_INVALID); /* too short */
	assert_false(failed(mint_one(&m, JOSE_SYMMETRIC, &token)));
	assert_true(is_verified(&m, token));
	assert_int_equal(key_set_version(m.set), 1); /* nothing was published */
	mint_close(&m);
}

static void keys_that_were_there_stay(void **state)
{
	struct mint m, other;
	str first, second;

	(void)state;
	mint_open(&m);
	mint_open(&other);
	assert_false(failed(mint_one(&m, JOSE_BIT(JOSE_ES256), &first)));
	assert_false(failed(mint_one(&m, JOSE_BIT(JOSE_EDDSA), &second)));
	assert_true(is_verified(&m, first));
	assert_true(is_verified(&m, second));
	/* Another mint's key is another one. */
	assert_false(failed(mint_one(&other, JOSE_BIT(JOSE_ES256), &second)));
	assert_false(is_verified(&other, first));
	mint_close(&m);
	mint_close(&other);
}

static void nothing_is_signed_by_none(void **state)
{
	struct mint m;
	str token;

	(void)state;
	mint_open(&m);
	assert_int_equal(mint_one(&m, 0, &token).kind, ERROR_INVALID);
	assert_int_equal(mint_one(&m, JOSE_BIT(JOSE_UNKNOWN), &token).kind, ERROR_INVALID);
	assert_int_equal(key_set_version(m.set), 0);
	mint_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_algorithm),
		cmocka_unit_test(a_secret_signs_itself),
		cmocka_unit_test(keys_that_were_there_stay),
		cmocka_unit_test(nothing_is_signed_by_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

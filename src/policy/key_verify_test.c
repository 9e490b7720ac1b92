/* SPDX-License-Identifier: Apache-2.0 */
/* key_verify: which keys are tried, and when the issuer is asked for others. */
#include "policy/key_verify.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/testing.h"

static const str secret = STR_INIT("0123456789abcdef0123456789abcdef"),
		 other_secret = STR_INIT("fedcba9876543210fedcba9876543210"), text = STR_INIT("head.body");

struct scene {
	struct key_sets *sets;
	struct key_set *set;
	struct effects effects;
	struct view view;
	unsigned asked;
	struct jwk_set *brings; /* what the issuer has when it is asked; NULL: what there was */
	result_value outcome;
	unsigned char code[EVP_MAX_MD_SIZE];
};

static result refresh(void *self, struct view *view, struct key_set *keys, duration patience)
{
	struct scene *scene = self;

	(void)view;
	assert_ptr_equal(keys, scene->set);
	assert_true(patience > 0);
	scene->asked++;
	if (scene->brings)
		key_set_publish(keys, scene->brings);
	scene->brings = NULL;
	return scene->outcome;
}

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof *scene);

	assert_non_null(scene);
	scene->sets = key_sets_new();
	assert_false(
		failed(key_sets_get(scene->sets, KEYS_AT_URL, STR("https://id.test/keys"), &scene->set)));
	scene->effects = (struct effects) { .self = scene, .refresh_keys = refresh };
	scene->view.effects = &scene->effects;
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	jwk_set_unref(&scene->brings);
	key_set_unref(&scene->set);
	key_sets_free(&scene->sets);
	free(scene);
	return 0;
}

/* Signed by the secret, under a name of a key. */
static struct jws signed_by(struct scene *scene, str by, str kid)
{
	unsigned len;

	assert_non_null(HMAC(EVP_sha256(), by.ptr, (int)by.len, (const unsigned char *)text.ptr, text.len,
			     scene->code, &len));
	return (struct jws) { .algorithm = JOSE_HS256,
			      .kid = kid,
			      .signed_text = text,
			      .signature = { (const char *)scene->code, len } };
}

static void expect(struct scene *scene, const struct jws *jws, enum reason wanted, unsigned asked)
{
	uint64_t version = 0;

	scene->asked = 0;
	assert_int_equal(key_verify(scene->set, &scene->view, jws, &version), wanted);
	assert_int_equal(scene->asked, asked);
	assert_int_equal(version, key_set_version(scene->set));
}

static void test_a_key_that_is_known_is_enough(void **state)
{
	struct scene *scene = *state;
	struct jws good = signed_by(scene, secret, STR("a"));

	key_set_publish(scene->set, jwk_set_from_secret(STR("a"), secret));
	expect(scene, &good, REASON_NONE, 0);
	good.kid = STR("");
	expect(scene, &good, REASON_NONE, 0);
}

static void test_a_wrong_signature_asks_nobody(void **state)
{
	struct scene *scene = *state;
	struct jws bad = signed_by(scene, other_secret, STR("a"));

	key_set_publish(scene->set, jwk_set_from_secret(STR("a"), secret));
	expect(scene, &bad, REASON_TOKEN_SIGNATURE, 0);
}

static void test_a_key_that_is_not_known_is_asked_for_once(void **state)
{
	struct scene *scene = *state;
	struct jws good = signed_by(scene, other_secret, STR("b"));

	key_set_publish(scene->set, jwk_set_from_secret(STR("a"), secret));
	expect(scene, &good, REASON_TOKEN_KEY_UNKNOWN, 1);
	scene->brings = jwk_set_from_secret(STR("b"), other_secret);
	expect(scene, &good, REASON_NONE, 1);
	expect(scene, &good, REASON_NONE, 0);
}

static void test_an_algorithm_that_no_key_fits_is_no_key(void **state)
{
	struct scene *scene = *state;
	struct jws jws = signed_by(scene, secret, STR("a"));

	key_set_publish(scene->set, jwk_set_from_secret(STR("a"), secret));
	jws.algorithm = JOSE_RS256;
	expect(scene, &jws, REASON_TOKEN_KEY_UNKNOWN, 1);
}

static void test_without_keys_nobody_can_tell(void **state)
{
	struct scene *scene = *state;
	struct jws good = signed_by(scene, secret, STR(""));

	expect(scene, &good, REASON_AUTH_UNAVAILABLE, 1);
	scene->outcome = error_make(ERROR_TIMEOUT, "the issuer does not answer");
	expect(scene, &good, REASON_AUTH_UNAVAILABLE, 1);
	scene->outcome = OK;
	scene->brings = jwk_set_from_secret(STR("a"), secret);
	expect(scene, &good, REASON_NONE, 1);
}

static void test_where_nobody_can_be_asked_what_is_known_counts(void **state)
{
	struct scene *scene = *state;
	struct jws good = signed_by(scene, secret, STR("b"));

	scene->effects.refresh_keys = NULL;
	expect(scene, &good, REASON_AUTH_UNAVAILABLE, 0);
	key_set_publish(scene->set, jwk_set_from_secret(STR("a"), secret));
	expect(scene, &good, REASON_TOKEN_KEY_UNKNOWN, 0);
}

static void test_ends_with_the_exchange(void **state)
{
	struct scene *scene = *state;
	struct jws good = signed_by(scene, secret, STR("b"));

	scene->outcome = error_make(ERROR_CANCELLED, "the client is gone");
	expect(scene, &good, REASON_CLIENT_ABORTED, 1);
}

static void test_tries_a_few_keys_only(void **state)
{
	enum { TRIED = 8 };
	struct scene *scene = *state;
	struct jws good = signed_by(scene, secret, STR(""));
	struct jwk_set *sets[TRIED + 1];

	for (size_t i = 0; i < TRIED; i++)
		sets[i] = jwk_set_from_secret(STR(""), other_secret);
	sets[TRIED] = jwk_set_from_secret(STR(""), secret);
	key_set_publish(scene->set, jwk_set_join(sets + 1, TRIED));
	expect(scene, &good, REASON_NONE, 0); /* by the last that may be tried */
	key_set_publish(scene->set, jwk_set_join(sets, TRIED + 1));
	expect(scene, &good, REASON_TOKEN_SIGNATURE, 1); /* it names no key: there may be a new one */
	for (size_t i = 0; i <= TRIED; i++)
		jwk_set_unref(&sets[i]);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_a_key_that_is_known_is_enough),
		TEST(test_a_wrong_signature_asks_nobody),
		TEST(test_a_key_that_is_not_known_is_asked_for_once),
		TEST(test_an_algorithm_that_no_key_fits_is_no_key),
		TEST(test_without_keys_nobody_can_tell),
		TEST(test_where_nobody_can_be_asked_what_is_known_counts),
		TEST(test_ends_with_the_exchange),
		TEST(test_tries_a_few_keys_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

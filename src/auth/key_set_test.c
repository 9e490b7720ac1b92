/* SPDX-License-Identifier: Apache-2.0 */
/* Key sets: the same by name and by content, and a number for each change that no other has. */
#include "auth/key_set.h"

#include "base/testing.h"

static struct jwk_set *secret_of(const char *text)
{
	return jwk_set_from_secret(STR(""), str_of(text));
}

static str first_secret(struct key_set *set)
{
	struct jwk_set *keys = key_set_take(set);
	str secret = keys ? jwk_set_at(keys, 0)->secret : (str) { 0 };

	jwk_set_unref(&keys); /* the set has it still */
	return secret;
}

static void a_set_is_found_by_its_name(void **state)
{
	struct key_sets *sets = key_sets_new();
	struct key_set *a, *again, *b;

	(void)state;
	assert_false(failed(key_sets_get(sets, KEYS_AT_URL, STR("https://a.test"), &a)));
	assert_false(failed(key_sets_get(sets, KEYS_AT_URL, STR("https://a.test"), &again)));
	assert_false(failed(key_sets_get(sets, KEYS_AT_URL, STR("https://b.test"), &b)));
	assert_ptr_equal(a, again);
	assert_ptr_not_equal(a, b);
	assert_true(str_eq(key_set_url(b), STR("https://b.test")));
	assert_null(key_set_take(a));
	assert_int_equal(key_set_version(a), 0);
	key_set_unref(&a);
	key_set_unref(&again);
	key_set_unref(&b);
	key_set_unref(&b);
	key_sets_free(&sets);
	key_sets_free(&sets);
}

static void each_change_has_a_number_of_its_own(void **state)
{
	struct key_sets *sets = key_sets_new();
	struct key_set *a, *b;
	uint64_t first;

	(void)state;
	assert_false(failed(key_sets_get(sets, KEYS_AT_URL, STR("a"), &a)));
	assert_false(failed(key_sets_get(sets, KEYS_AT_URL, STR("b"), &b)));
	key_set_publish(a, secret_of("one"));
	first = key_set_version(a);
	assert_true(str_eq(first_secret(a), STR("one")));
	key_set_publish(b, secret_of("one"));
	assert_int_not_equal(key_set_version(b), first);
	key_set_publish(a, secret_of("two"));
	assert_int_not_equal(key_set_version(a), first);
	assert_int_not_equal(key_set_version(a), key_set_version(b));
	assert_true(str_eq(first_secret(a), STR("two")));
	key_set_publish(a, NULL);
	assert_int_equal(key_set_version(a), 0);
	assert_null(key_set_take(a));
	key_set_unref(&a);
	key_set_unref(&b);
	key_sets_free(&sets);
}

static void what_is_taken_outlives_the_next(void **state)
{
	struct key_sets *sets = key_sets_new();
	struct key_set *set;
	struct jwk_set *taken;

	(void)state;
	assert_false(failed(key_sets_get(sets, KEYS_AT_URL, STR("a"), &set)));
	key_set_publish(set, secret_of("one"));
	taken = key_set_take(set);
	key_set_publish(set, secret_of("two"));
	key_set_unref(&set);
	assert_true(str_eq(jwk_set_at(taken, 0)->secret, STR("one")));
	jwk_set_unref(&taken);
	key_sets_free(&sets);
}

static void the_same_content_is_the_same_set(void **state)
{
	struct key_sets *sets = key_sets_new();
	struct key_set *set, *again, *other;
	uint64_t version;

	(void)state;
	assert_false(failed(key_sets_keep(sets, secret_of("one"), STR("one"), &set)));
	version = key_set_version(set);
	assert_int_not_equal(version, 0);
	assert_false(failed(key_sets_keep(sets, secret_of("one"), STR("one"), &again)));
	assert_ptr_equal(set, again);
	assert_int_equal(key_set_version(again), version);
	assert_false(failed(key_sets_keep(sets, secret_of("two"), STR("two"), &other)));
	assert_int_not_equal(key_set_version(other), version);
	key_set_unref(&set);
	key_set_unref(&again);
	key_set_unref(&other);
	/* Nobody has it any more: what was found out by it does not hold for who comes then. */
	assert_false(failed(key_sets_keep(sets, secret_of("one"), STR("one"), &again)));
	assert_int_not_equal(key_set_version(again), version);
	key_set_unref(&again);
	key_sets_free(&sets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_is_found_by_its_name),
		cmocka_unit_test(each_change_has_a_number_of_its_own),
		cmocka_unit_test(what_is_taken_outlives_the_next),
		cmocka_unit_test(the_same_content_is_the_same_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

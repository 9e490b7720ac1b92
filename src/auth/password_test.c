/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes of passwords, which of them are taken, and what is remembered of those that were checked. */
#include "auth/password.h"

#include "auth/verified_passwords.h"
#include "base/testing.h"

/* Of "secret", as cheap as can be. */
#define HASH \
	"$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh/PgxMRCku8o"

static void a_hash_is_of_its_password_alone(void **state)
{
	char first[PASSWORD_HASH_MAX], second[PASSWORD_HASH_MAX];
	struct buf out = buf_over(first, sizeof first), again = buf_over(second, sizeof second);

	(void)state;
	assert_false(failed(password_hash(STR("correct horse"), &out)));
	assert_false(failed(password_hash(STR("correct horse"), &again)));
	assert_false(str_eq(buf_str(&out), buf_str(&again))); /* each has a salt of its own */
	assert_true(password_hash_is_good(buf_str(&out)) && password_hash_is_usual(buf_str(&out)));
	assert_true(password_is(STR("correct horse"), buf_str(&out)));
	assert_false(password_is(STR("correct hors"), buf_str(&out)));
	assert_false(password_is(STR("correct horse "), buf_str(&out)));
	assert_false(password_is(STR(""), buf_str(&out)));
	assert_true(password_is(STR("secret"), STR(HASH)));
}

static void nobodys_hash_is_of_no_password(void **state)
{
	static char long_one[PASSWORD_MAX + 1];
	char room[PASSWORD_HASH_MAX];
	struct buf out = buf_over(room, sizeof room);

	(void)state;
	assert_false(password_is(STR("secret"), (str) { 0 }));
	assert_false(password_is(STR(""), (str) { 0 }));
	assert_false(password_is((str) { long_one, sizeof long_one }, STR(HASH)));
	assert_int_equal(password_hash((str) { long_one, sizeof long_one }, &out).kind, ERROR_LIMIT);
}

/* All of "secret". */
static void other_parameters_are_computed(void **state)
{
	static const char *const good[] = {
		"$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHRzb21lc2FsdA"
		"$ZjuxTRTmUWCgNQMRIh7/aDCqz4MyT2v6KrQ6ZyXs7hE",
		"$argon2id$v=19$m=1024,t=1,p=4$c29tZXNhbHRzb21lc2FsdA"
		"$gBPRol5x0aeU0GLpwywBF718XWKwSvjgcqV2ps53fnc",
		"$argon2id$v=19$m=32,t=1,p=4$c29tZXNhbHRzb21lc2FsdA"
		"$Eh5QcSoTSzB9dgkj5HVQpVREE7NRit5r2zn2o9jSBY0",
		"$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA"
		"$+c6q23sQwLpOH1shdbgrn6Ho39DyRbsdY34ab5ZO+fs",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_row(password_hash_is_good(str_of(good[i])), i, good[i]);
		assert_row(password_hash_is_usual(str_of(good[i])) == !i, i, good[i]);
		assert_row(password_is(STR("secret"), str_of(good[i])), i, good[i]);
		assert_row(!password_is(STR("secret "), str_of(good[i])), i, good[i]);
	}
}

#define WITH(parameters) \
	"$argon2id$v=19$" parameters "$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh/PgxMRCku8o"

static const struct {
	const char *hash;
	bool want;
} hashes[] = {
	{ HASH, true },
	{ "", false },
	{ "secret", false },
	{ "$argon2i$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh", false },
	{ "$argon2id$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh", false },
	{ "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73L", false },
	{ "$argon2id$v=19$m=1024,t=4294967295,p=1$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ", false },
	{ "$argon2id$v=19$m=0,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh", false },
	{ "$argon2id$v=19$t=1,m=1024,p=1$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73LImS6", false },
	{ "$argon2id$v=19$m=1024,t=1,p=1$$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh", false },
	{ "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$", false },
	{ "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA", false },
	/* What would take all memory or minutes, or could never be right. */
	{ WITH("m=1048576,t=100,p=255"), false },
	{ WITH("m=1024,t=1024,p=1"), true },
	{ WITH("m=1024,t=1025,p=1"), false },
	{ WITH("m=1,t=1,p=1"), false },
	{ WITH("m=1024,t=0,p=1"), false },
	{ WITH("m=1024,t=1,p=0"), false },
	{ WITH("m=1024,t=1,p=1,x=1"), false },
	{ HASH "\n", false },
	{ HASH "AA", false }, /* a length that no bytes have */
	{ "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh/PgxMRCku8p",
	  false }, /* bits that are set and say nothing */
	{ "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbA$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh/PgxMRCku8o",
	  false }, /* seven bytes of salt */
	{ "$argon2id$v=19$m=262144,t=4,p=4$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh", true },
	{ "$argon2id$v=19$m=262145,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh", false },
	{ "$argon2id$v=19$m=262144,t=5,p=1$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh", false },
	{ "$argon2id$v=19$m=65536,t=3,p=5$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh", false },
	{ "$argon2id$v=19$m=31,t=1,p=4$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh", false },
	{ "$argon2id$v=19$m=32,t=1,p=4$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh", true },
	{ "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$!!!!cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh",
	  false },
	{ "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh$x", false },
	{ "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh=", false },
	{ "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2Fsd$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh", false },
	{ "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", false },
};

static void hashes_are_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(hashes); i++)
		if (password_hash_is_good(str_of(hashes[i].hash)) != hashes[i].want)
			fail_msg("%s", hashes[i].hash);
}

static void each_question_is_another(void **state)
{
	static const struct {
		const char *name, *password, *hash;
	} questions[] = {
		{ "alice", "secret", "h" }, { "alic", "esecret", "h" }, { "alice", "secreth", "" },
		{ "alice", "secret", "i" }, { "bob", "secret", "h" },   { "alice", "Secret", "h" },
	};
	struct verified_passwords *passwords = verified_passwords_new(), *others = verified_passwords_new();
	unsigned char digests[COUNT_OF(questions)][PASSWORD_DIGEST_LEN], other[PASSWORD_DIGEST_LEN];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(questions); i++) {
		verified_passwords_digest(passwords, str_of(questions[i].name), str_of(questions[i].password),
					  str_of(questions[i].hash), digests[i]);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(digests[i], digests[j], PASSWORD_DIGEST_LEN);
	}
	verified_passwords_digest(others, STR("alice"), STR("secret"), STR("h"), other);
	assert_memory_not_equal(other, digests[0], PASSWORD_DIGEST_LEN); /* by another process's key */
	assert_int_equal(verified_passwords_find(passwords, digests[0]), PASSWORD_UNKNOWN);
	verified_passwords_add(passwords, digests[0], PASSWORD_RIGHT);
	verified_passwords_add(passwords, digests[1], PASSWORD_WRONG);
	assert_int_equal(verified_passwords_find(passwords, digests[0]), PASSWORD_RIGHT);
	assert_int_equal(verified_passwords_find(passwords, digests[1]), PASSWORD_WRONG);
	assert_int_equal(verified_passwords_find(passwords, digests[2]), PASSWORD_UNKNOWN);
	verified_passwords_free(&passwords);
	verified_passwords_free(&others);
	verified_passwords_free(&others);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_is_of_its_password_alone),
		cmocka_unit_test(nobodys_hash_is_of_no_password),
		cmocka_unit_test(other_parameters_are_computed),
		cmocka_unit_test(hashes_are_checked),
		cmocka_unit_test(each_question_is_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

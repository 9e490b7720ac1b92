/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed tokens that were made to be mistaken: Wycheproof's, each with its own set of keys. No invalid one
 * holds. Where the gateway judges otherwise stands here, with the reason.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/testing.h"
#include "codec/base64url.h"
#include "codec/json.h"
#include "codec/jws.h"

enum { ARENA_MAX = 4 * 1024 * 1024, SETS_MAX = 16, VECTORS = 476, SECRET_MAX = 1024 };

/* From where the compiler stood, which is where the tests run. */
#define FILE_OF_VECTORS "../../tests/data/jws_wycheproof.jsonl"

static const char *const differences[] = {
	/* Signed with an algorithm that is not the one that the key names. */
	"json_web_signature_test/346",
	"json_web_signature_test/347",
	"json_web_signature_test/350",
	"json_web_signature_test/351",
	/* A '?' among the characters of base64url: called valid, and refused. */
	"json_web_signature_test/372",
	"json_web_signature_test/373",
	/* Called invalid, but letter for letter the token of 357, which is valid. */
	"json_web_signature_test/367",
	"json_web_signature_test/370",
	/* Sets with secrets, which the gateway never takes out of a set; here they were added by hand. */
	"json_web_key_test/1",
	"json_web_key_test/4",
	"json_web_crypto_test/47",
};

static bool is_for_hmac(const struct operand *key)
{
	str name = json_find_text(key, STR("alg"));

	return !name.len || JOSE_BIT(jose_algorithm_find(name)) & JOSE_SYMMETRIC;
}

/* The gateway takes no secrets out of sets: here they are given to it as its configuration would. */
static size_t add_secrets(str jwks, struct arena *arena, struct jwk_set **sets)
{
	struct operand root, keys;
	size_t count = 0;

	if (failed(json_parse(arena, jwks, &root)))
		return 0;
	keys = json_find(&root, STR("keys"));
	for (size_t i = 0; keys.kind == OPERAND_LIST && i < keys.list.count && count < SETS_MAX; i++) {
		const struct operand *key = &keys.list.at[i];
		char bytes[SECRET_MAX];
		struct buf secret = buf_over(bytes, sizeof bytes);

		if (str_eq(json_find_text(key, STR("kty")), STR("oct")) &&
		    str_eq(json_find_text(key, STR("use")), STR("sig")) && is_for_hmac(key) &&
		    !failed(base64url_decode(json_find_text(key, STR("k")), &secret)))
			sets[count++] =
				jwk_set_from_secret(json_find_text(key, STR("kid")), buf_str(&secret));
	}
	return count;
}

static bool is_signed(str token, const struct jwk_set *set, struct arena *arena)
{
	struct jws jws;
	const struct jwk *jwk = NULL;

	if (failed(jws_split(token, arena, &jws)) || jws.algorithm == JOSE_UNKNOWN)
		return false;
	while ((jwk = jwk_set_next(set, jws.kid, jws.algorithm, jwk)))
		if (jws_verify(&jws, jwk))
			return true;
	return false;
}

static bool holds(const struct operand *vector, struct arena *arena)
{
	str jwks = json_find_text(vector, STR("jwks"));
	struct jwk_set *sets[SETS_MAX + 1], *all;
	size_t count = add_secrets(jwks, arena, sets);
	bool is_good;

	count += !failed(jwk_set_parse(jwks, &sets[count]));
	all = jwk_set_join(sets, count);
	is_good = is_signed(json_find_text(vector, STR("token")), all, arena);
	while (count)
		jwk_set_unref(&sets[--count]);
	jwk_set_unref(&all);
	return is_good;
}

static bool is_known_difference(str id)
{
	for (size_t i = 0; i < COUNT_OF(differences); i++)
		if (str_eq(id, str_of(differences[i])))
			return true;
	return false;
}

static bool differs(str line)
{
	struct arena arena;
	struct operand vector;
	str id, comment;
	bool is_wrong;

	arena_init(&arena, NULL, ARENA_MAX);
	assert_false(failed(json_parse(&arena, line, &vector)));
	id = json_find_text(&vector, STR("id"));
	comment = json_find_text(&vector, STR("comment"));
	is_wrong = holds(&vector, &arena) !=
		   (json_find(&vector, STR("valid")).boolean ^ is_known_difference(id));
	if (is_wrong)
		print_message("%.*s, %.*s\n", (int)id.len, id.ptr, (int)comment.len, comment.ptr);
	arena_fini(&arena);
	return is_wrong;
}

static void only_what_was_signed_holds(void **state)
{
	char path[1024];
	const char *slash = strrchr(__FILE__, '/');
	char *line = NULL;
	size_t size = 0, vectors = 0, wrong = 0;
	ssize_t len;
	FILE *file;

	(void)state;
	snprintf(path, sizeof path, "%.*s/" FILE_OF_VECTORS, (int)(slash - __FILE__), __FILE__);
	file = fopen(path, "re");
	assert_non_null(file);
	while ((len = getline(&line, &size, file)) > 0) {
		vectors++;
		wrong += differs((str) { line, (size_t)len });
	}
	free(line);
	fclose(file);
	assert_int_equal(vectors, VECTORS);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(only_what_was_signed_holds) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

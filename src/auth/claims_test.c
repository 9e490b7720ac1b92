/* SPDX-License-Identifier: Apache-2.0 */
/* What holds of a token's claims, and that what cannot be understood never does. */
#include "auth/claims.h"

#include "base/testing.h"

enum { ARENA_MAX = 1024 * 1024 };

#define NOW 1000

static struct operand claims_of(struct arena *arena, const char *json)
{
	struct operand claims;
	result_value parsed = json_parse(arena, str_of(json), &claims);

	if (failed(parsed))
		fail_msg("%s: %s", json, parsed.why);
	return claims;
}

static const struct {
	const char *claims;
	enum reason want, want_unlimited; /* with and without an expiry that is needed */
} times[] = {
	{ "{\"exp\":1001}", REASON_NONE, REASON_NONE },
	{ "{\"exp\":1000.5}", REASON_NONE, REASON_NONE },
	{ "{\"exp\":990}", REASON_TOKEN_EXPIRED, REASON_TOKEN_EXPIRED },
	{ "{\"exp\":991}", REASON_NONE, REASON_NONE }, /* clocks may be 10 s apart */
	{ "{\"exp\":0}", REASON_TOKEN_EXPIRED, REASON_TOKEN_EXPIRED },
	{ "{\"exp\":-1}", REASON_TOKEN_EXPIRED, REASON_TOKEN_EXPIRED },
	{ "{\"exp\":-1e300}", REASON_TOKEN_EXPIRED, REASON_TOKEN_EXPIRED },
	{ "{\"exp\":1e300}", REASON_NONE, REASON_NONE },
	{ "{\"exp\":9223372036854775807}", REASON_NONE, REASON_NONE },
	{ "{\"exp\":-9223372036854775808}", REASON_TOKEN_EXPIRED, REASON_TOKEN_EXPIRED },
	{ "{}", REASON_TOKEN_EXPIRED, REASON_NONE },
	{ "{\"exp\":null}", REASON_TOKEN_CLAIMS, REASON_TOKEN_CLAIMS },
	{ "{\"exp\":\"2000\"}", REASON_TOKEN_CLAIMS, REASON_TOKEN_CLAIMS },
	{ "{\"exp\":true}", REASON_TOKEN_CLAIMS, REASON_TOKEN_CLAIMS },
	{ "{\"exp\":[2000]}", REASON_TOKEN_CLAIMS, REASON_TOKEN_CLAIMS },
	{ "{\"exp\":{\"a\":2000}}", REASON_TOKEN_CLAIMS, REASON_TOKEN_CLAIMS },
	{ "{\"exp\":2000,\"nbf\":1010}", REASON_NONE, REASON_NONE },
	{ "{\"exp\":2000,\"nbf\":1011}", REASON_TOKEN_NOT_YET_VALID, REASON_TOKEN_NOT_YET_VALID },
	{ "{\"exp\":2000,\"nbf\":1e300}", REASON_TOKEN_NOT_YET_VALID, REASON_TOKEN_NOT_YET_VALID },
	{ "{\"exp\":2000,\"nbf\":\"1\"}", REASON_TOKEN_CLAIMS, REASON_TOKEN_CLAIMS },
	{ "{\"exp\":2000,\"iat\":1010}", REASON_NONE, REASON_NONE },
	{ "{\"exp\":2000,\"iat\":1011}", REASON_TOKEN_NOT_YET_VALID, REASON_TOKEN_NOT_YET_VALID },
	{ "{\"exp\":2000,\"iat\":null}", REASON_TOKEN_CLAIMS, REASON_TOKEN_CLAIMS },
};

static void times_hold_with_clocks_apart(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	for (size_t i = 0; i < COUNT_OF(times); i++) {
		struct operand claims = claims_of(&arena, times[i].claims);
		enum reason reason = claims_check_time(&claims, NOW * SECOND, 10 * SECOND, true);
		enum reason unlimited = claims_check_time(&claims, NOW * SECOND, 10 * SECOND, false);

		if (reason != times[i].want || unlimited != times[i].want_unlimited)
			fail_msg("%s: %.*s, %.*s", times[i].claims, STR_ARG(reason_word(reason)),
				 STR_ARG(reason_word(unlimited)));
	}
	arena_fini(&arena);
}

static const struct {
	const char *claims, *path;
	bool want;
} holding[] = {
	{ "{\"a\":\"x\"}", "a", true },
	{ "{\"a\":[\"y\",\"x\"]}", "a", true },
	{ "{\"a\":7}", "a", true },
	{ "{\"a\":true}", "a", true },
	{ "{\"a\":[7]}", "a", true },
	{ "{\"a\":{\"b\":\"x\"}}", "a.b", true },
	{ "{\"a.b\":\"x\",\"a\":{\"b\":\"z\"}}", "a.b", true }, /* the whole name first */
	{ "{\"https://x.test/role\":\"x\"}", "https://x.test/role", true },
	{ "{\"a\":\"X\"}", "a", false },
	{ "{\"a\":\"xx\"}", "a", false },
	{ "{\"a\":\"\"}", "a", false },
	{ "{\"a\":null}", "a", false },
	{ "{\"a\":7.5}", "a", false },
	{ "{\"a\":false}", "a", false },
	{ "{\"a\":[]}", "a", false },
	{ "{\"a\":[[\"x\"]]}", "a", false },
	{ "{\"a\":[{\"x\":\"x\"}]}", "a", false },
	{ "{\"a\":{\"x\":\"x\"}}", "a", false },
	{ "{\"b\":\"x\"}", "a", false },
	{ "{\"a\":\"x\"}", "a.b", false },
	{ "{\"a\":[{\"b\":\"x\"}]}", "a.b", false },
	{ "{}", "a", false },
};

static void a_claim_is_or_has_one_of_the_values(void **state)
{
	const str values[] = { STR("x"), STR("7"), STR("true") };
	const str_list list = { values, COUNT_OF(values) };
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	for (size_t i = 0; i < COUNT_OF(holding); i++) {
		struct operand claims = claims_of(&arena, holding[i].claims);

		if (claims_hold(&claims, str_of(holding[i].path), &list) != holding[i].want)
			fail_msg("%s: %s", holding[i].claims, holding[i].path);
	}
	arena_fini(&arena);
}

static const struct {
	const char *claims;
	bool want;
} audiences[] = {
	{ "{\"aud\":\"x\"}", true },       { "{\"aud\":[\"a\",\"y\"]}", true },
	{ "{\"aud\":\"x y\"}", false },    { "{\"aud\":[]}", false },
	{ "{\"aud\":null}", false },       { "{\"aud\":[[\"x\"]]}", false },
	{ "{\"aud\":\"X\"}", false },      { "{\"aud\":{\"x\":1}}", false },
	{ "{\"audience\":\"x\"}", false }, { "{}", false },
};

static void a_token_is_for_who_it_names(void **state)
{
	const str values[] = { STR("x"), STR("y") };
	const str_list list = { values, COUNT_OF(values) };
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	for (size_t i = 0; i < COUNT_OF(audiences); i++) {
		struct operand claims = claims_of(&arena, audiences[i].claims);

		if (claims_is_for(&claims, &list) != audiences[i].want)
			fail_msg("%s", audiences[i].claims);
	}
	arena_fini(&arena);
}

static const struct {
	const char *claims;
	bool want;
} scopes[] = {
	{ "{\"scope\":\"a\"}", true },
	{ "{\"scope\":\"b a c\"}", true },
	{ "{\"scope\":[\"b\",\"a\"]}", true },
	{ "{\"scp\":\"b a\"}", true },
	{ "{\"scp\":[\"a\"]}", true },
	{ "{\"scope\":\"b\",\"scp\":[\"a\"]}", true },
	{ "{\"scope\":\"A\"}", false },
	{ "{\"scope\":\"ab\"}", false },
	{ "{\"scope\":\"a,b\"}", false },
	{ "{\"scope\":[\"a b\"]}", false },
	{ "{\"scope\":[[\"a\"]]}", false },
	{ "{\"scope\":{\"a\":1}}", false },
	{ "{\"scope\":1}", false },
	{ "{\"scopes\":\"a\"}", false },
	{ "{}", false },
};

static void scopes_are_words_or_a_list(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	for (size_t i = 0; i < COUNT_OF(scopes); i++) {
		struct operand claims = claims_of(&arena, scopes[i].claims);

		if (claims_has_scope(&claims, STR("a")) != scopes[i].want)
			fail_msg("%s", scopes[i].claims);
	}
	arena_fini(&arena);
}

static const struct {
	const char *claims, *want;
} printed[] = {
	{ "{\"a\":\"x\"}", "x" },
	{ "{\"a\":7}", "7" },
	{ "{\"a\":-7}", "-7" },
	{ "{\"a\":0.5}", "0.5" },
	{ "{\"a\":true}", "true" },
	{ "{\"a\":[\"x\",\"y\",7]}", "x,y,7" },
	{ "{\"a\":[\"x\",[\"y\"],{\"z\":1},\"w\"]}", "x,w" },
	{ "{\"a\":[]}", "" },
	{ "{\"a\":null}", "" },
	{ "{\"a\":{\"b\":\"x\"}}", "" },
	{ "{}", "" },
};

static void claims_are_printed_for_fields(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	for (size_t i = 0; i < COUNT_OF(printed); i++) {
		struct operand claims = claims_of(&arena, printed[i].claims);
		str text = claims_text(&claims, STR("a"), &arena);

		if (!str_eq(text, str_of(printed[i].want)))
			fail_msg("%s: %.*s", printed[i].claims, STR_ARG(text));
	}
	arena_fini(&arena);
}

static void what_is_no_object_has_no_claims(void **state)
{
	const struct operand nothing = { .kind = OPERAND_MISSING };
	const struct operand text = { .kind = OPERAND_STRING, .text = STR("x") };
	const str value = STR("x");
	const str_list list = { &value, 1 };

	(void)state;
	assert_false(claims_is_for(&nothing, &list));
	assert_false(claims_hold(&text, STR("a"), &list));
	assert_false(claims_has_scope(&nothing, STR("x")));
	assert_int_equal(claims_check_time(&nothing, 0, 0, true), REASON_TOKEN_EXPIRED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_hold_with_clocks_apart),
		cmocka_unit_test(a_claim_is_or_has_one_of_the_values),
		cmocka_unit_test(a_token_is_for_who_it_names),
		cmocka_unit_test(scopes_are_words_or_a_list),
		cmocka_unit_test(claims_are_printed_for_fields),
		cmocka_unit_test(what_is_no_object_has_no_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

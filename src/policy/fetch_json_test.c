/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/fetch_json.h"

#include "base/testing.h"
#include "codec/json.h"

static void an_answer_is_parsed_once(void **state)
{
	struct arena arena;
	struct fetch_json json = { 0 };
	struct fetch_answer answer = { .body = STR("{\"a\": \"b\"}"), .is_body_whole = true };
	const struct operand *value;
	size_t left;

	(void)state;
	arena_init(&arena, NULL, 1024 * 1024);
	value = fetch_json_parse(&json, &arena, &answer);
	assert_text(json_find_text(value, STR("a")), "b");
	left = arena_left(&arena);
	assert_ptr_equal(fetch_json_parse(&json, &arena, &answer), value);
	assert_int_equal(arena_left(&arena), left);
	answer.body = STR("{\"a\": \"c\"}"); /* what another one has remembered */
	assert_text(json_find_text(fetch_json_parse(&json, &arena, &answer), STR("a")), "c");
	arena_fini(&arena);
}

static void what_is_none_is_missing(void **state)
{
	static const struct fetch_answer answers[] = {
		{ .is_body_whole = true },
		{ .body = STR_INIT("<html>"), .is_body_whole = true },
		{ .body = STR_INIT("{\"a\": 1}") },
		{ 0 },
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 1024 * 1024);
	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		struct fetch_json json = { 0 };

		assert_int_equal(fetch_json_parse(&json, &arena, &answers[i])->kind, OPERAND_MISSING);
	}
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_parsed_once),
		cmocka_unit_test(what_is_none_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

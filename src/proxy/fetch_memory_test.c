/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "proxy/fetch_memory.h"

enum { ARENA_MAX = 64 * 1024 * 1024 };

struct bench {
	struct fetch_memory *memory;
	struct arena arena;
	struct http_field at[4];
};

static struct bench *bench_new(void)
{
	struct bench *bench = calloc(1, sizeof *bench);

	bench->memory = fetch_memory_new(NULL);
	arena_init(&bench->arena, NULL, ARENA_MAX);
	return bench;
}

static void bench_free(struct bench **bench)
{
	fetch_memory_free(&(*bench)->memory);
	fetch_memory_free(&(*bench)->memory);
	arena_fini(&(*bench)->arena);
	free(*bench);
	*bench = NULL;
}

static void add(struct bench *bench, str question, deadline now, str body)
{
	struct fetch_answer answer = { .status = 200, .body = body, .fields = { .at = bench->at, .max = 4 } };

	assert_false(failed(http_fields_add(&answer.fields, HTTP_X_USER, STR("X-User"), STR("alice"))));
	assert_false(failed(http_fields_add(&answer.fields, HTTP_AGE, STR("Age"), STR("1"))));
	assert_false(failed(http_fields_add(&answer.fields, HTTP_NAME_OTHER, STR("X-Empty"), STR(""))));
	answer.fields.at[1].removed = true;
	fetch_memory_add(bench->memory, question, now, &answer);
}

static bool find(struct bench *bench, str question, deadline now, duration lasts,
		 struct fetch_answer *ret_answer)
{
	*ret_answer = (struct fetch_answer) { 0 };
	return fetch_memory_find(bench->memory, question, now, lasts, &bench->arena, ret_answer);
}

static void what_was_answered_is_found_as_it_was(void **state)
{
	struct bench *bench = bench_new();
	struct fetch_answer answer;

	(void)state;
	assert_false(find(bench, STR("q"), 0, HOUR, &answer));
	add(bench, STR("q"), 10, STR("body"));
	assert_true(find(bench, STR("q"), 10, HOUR, &answer));
	assert_int_equal(answer.status, 200);
	assert_text(answer.body, "body");
	assert_true(answer.is_body_whole);
	assert_int_equal(answer.fields.count, 2);
	assert_text(answer.fields.at[0].name, "X-User");
	assert_text(answer.fields.at[0].value, "alice");
	assert_int_equal(answer.fields.at[0].id, HTTP_X_USER);
	assert_text(answer.fields.at[1].name, "X-Empty");
	assert_text(answer.fields.at[1].value, "");
	bench_free(&bench);
}

static void nothing_else_finds_it(void **state)
{
	struct bench *bench = bench_new();
	struct fetch_answer answer;

	(void)state;
	add(bench, STR("question"), 0, STR("a"));
	assert_false(find(bench, STR("questio"), 0, HOUR, &answer));
	assert_false(find(bench, STR("question "), 0, HOUR, &answer));
	assert_false(find(bench, STR("questiona"), 0, HOUR, &answer)); /* what lies behind it in memory */
	assert_false(find(bench, STR(""), 0, HOUR, &answer));
	bench_free(&bench);
}

static void it_lasts_as_long_as_who_asks_says(void **state)
{
	struct bench *bench = bench_new();
	struct fetch_answer answer;

	(void)state;
	add(bench, STR("q"), 100, STR("a"));
	assert_true(find(bench, STR("q"), 100 + SECOND - 1, SECOND, &answer));
	assert_false(find(bench, STR("q"), 100 + SECOND, SECOND, &answer));
	assert_true(find(bench, STR("q"), 100 + SECOND, HOUR, &answer));
	add(bench, STR("q"), 100 + SECOND, STR("b"));
	assert_true(find(bench, STR("q"), 100 + SECOND, SECOND, &answer));
	assert_text(answer.body, "b");
	bench_free(&bench);
}

static void it_never_grows(void **state)
{
	struct bench *bench = bench_new();
	struct fetch_answer answer;
	size_t found = 0;

	(void)state;
	for (unsigned i = 0; i < 4 * FETCH_MEMORY_PLACES; i++)
		add(bench, (str) { (const char *)&i, sizeof i }, i, STR("a"));
	for (unsigned i = 0; i < 4 * FETCH_MEMORY_PLACES; i++)
		found += find(bench, (str) { (const char *)&i, sizeof i }, 0, HOUR, &answer);
	assert_in_range(found, FETCH_MEMORY_PLACES / 2, FETCH_MEMORY_PLACES);
	/* The newest of all is there: it took the place of an older one. */
	assert_true(find(
		bench, (str) { (const char *)&(unsigned) { 4 * FETCH_MEMORY_PLACES - 1 }, sizeof(unsigned) },
		0, HOUR, &answer));
	bench_free(&bench);
}

static void what_is_too_large_is_not_kept_nor_what_it_replaces(void **state)
{
	static const char large[FETCH_MEMORY_ANSWER_MAX];
	struct bench *bench = bench_new();
	struct fetch_answer answer;

	(void)state;
	add(bench, STR("q"), 0, (str) { large, sizeof large });
	assert_false(find(bench, STR("q"), 0, HOUR, &answer));
	add(bench, STR("q"), 0, (str) { large, sizeof large - 200 });
	assert_true(find(bench, STR("q"), 0, HOUR, &answer));
	assert_int_equal(answer.body.len, sizeof large - 200);
	add(bench, STR("q"), 0, (str) { large, sizeof large });
	assert_false(find(bench, STR("q"), 0, HOUR, &answer)); /* what it was is not true any more */
	bench_free(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_answered_is_found_as_it_was),
		cmocka_unit_test(nothing_else_finds_it),
		cmocka_unit_test(it_lasts_as_long_as_who_asks_says),
		cmocka_unit_test(it_never_grows),
		cmocka_unit_test(what_is_too_large_is_not_kept_nor_what_it_replaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

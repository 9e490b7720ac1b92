/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"
#include "base/testing.h"

enum { ARENA_MAX = 16 * 1024 * 1024, MANY = 5000 };

static void an_empty_map_has_nothing(void **state)
{
	struct arena arena;
	struct map map;

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	map_init(&map, &arena, 10);
	assert_null(map_get(&map, STR("a")));
	assert_null(map_get(&map, STR("")));
	arena_fini(&arena);
}

static void a_key_is_added_once(void **state)
{
	struct arena arena;
	struct map map;
	int first, second;

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	map_init(&map, &arena, 10);
	assert_true(map_add(&map, STR("a"), &first));
	assert_false(map_add(&map, STR("a"), &second));
	assert_ptr_equal(map_get(&map, STR("a")), &first);
	assert_true(map_add(&map, STR(""), &second));
	assert_ptr_equal(map_get(&map, STR("")), &second);
	assert_null(map_get(&map, STR("A")));
	assert_null(map_get(&map, STR("a\0")));
	arena_fini(&arena);
}

static void a_map_has_its_maximum(void **state)
{
	static const str keys[] = { STR_INIT("a"), STR_INIT("b"), STR_INIT("c") };
	struct arena arena;
	struct map map;
	int value;

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	map_init(&map, &arena, 2);
	assert_true(map_add(&map, keys[0], &value) && map_add(&map, keys[1], &value));
	assert_false(map_add(&map, keys[2], &value));
	assert_null(map_get(&map, keys[2]));
	assert_non_null(map_get(&map, keys[1]));
	map_init(&map, &arena, 0);
	assert_false(map_add(&map, keys[0], &value));
	arena_fini(&arena);
}

static void growing_loses_nothing(void **state)
{
	struct arena arena;
	struct map map;
	static int values[MANY];

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	map_init(&map, &arena, MANY);
	for (int i = 0; i < MANY; i++)
		assert_true(map_add(&map, arena_printf(&arena, "key %d", i), &values[i]));
	for (int i = 0; i < MANY; i++)
		assert_ptr_equal(map_get(&map, arena_printf(&arena, "key %d", i)), &values[i]);
	assert_null(map_get(&map, STR("key -1")));
	assert_int_equal(map.count, MANY);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_has_nothing),
		cmocka_unit_test(a_key_is_added_once),
		cmocka_unit_test(a_map_has_its_maximum),
		cmocka_unit_test(growing_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

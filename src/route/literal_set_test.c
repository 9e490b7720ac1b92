/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/testing.h"
#include "route/literal_set.h"

static struct arena arena;
static struct marks marks;

static int open_arena(void **state)
{
	(void)state;
	arena_init(&arena, NULL, SIZE_MAX);
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static void required_of(const void *context, size_t index, struct required *ret_required)
{
	const char *const *expressions = context;

	required_find(str_of(expressions[index]), ret_required);
}

/* The marked expressions as letters: a is the first. */
static const char *scan(const struct literal_set *set, const char *subject, char *room)
{
	uint32_t index;
	size_t len = 0;

	literal_set_scan(set, str_of(subject), &marks);
	while (marks_take(&marks, &index))
		room[len++] = (char)('a' + index);
	room[len] = 0;
	return room;
}

static void marks_what_may_match(void **state)
{
	static const char *const expressions[] = {
		"^/svc1/item/[0-9]+$", /* a */
		"^/svc2/item/[0-9]+$", /* b */
		"^/[a-z]+/item1$",     /* c */
		"^/[a-z]+/item2$",     /* d */
		".*",                  /* e: always */
		"ab",                  /* f */
		"(?i)Four",            /* g */
		"^/svc1/other",        /* h */
		"ab|cd",               /* i: always */
		"^x/y[0-9]",           /* j */
	};
	static const struct {
		const char *subject, *want;
	} rows[] = {
		{ "", "ei" },
		{ "/", "ei" },
		{ "a", "ei" },
		{ "/svc1/item/7", "aei" },
		{ "/svc2/item/7", "bei" },
		{ "/svc3/item/7", "ei" },
		{ "/abc/item2", "defi" },
		{ "/abc/item1", "cefi" },
		{ "/svc1/other", "ehi" },
		{ "/x/svc1/item/", "aeij" },
		{ "ab", "efi" },
		{ "xxab", "efi" },
		{ "four", "egi" },
		{ "FOUR", "egi" },
		{ "fou", "ei" },
		{ "x/y1", "eij" },
		{ "/svc1/item/svc2/item/item1/item2/ab/four/", "abcdefgi" },
	};
	const struct literal_set *set =
		literal_set_new(&arena, COUNT_OF(expressions), required_of, expressions);
	char room[COUNT_OF(expressions) + 1];

	(void)state;
	assert_int_equal(literal_set_always(set), 2);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_string_equal(scan(set, rows[i].subject, room), rows[i].want);
}

/* What all have in common tells nothing, however long it is. */
static void chooses_what_is_rare(void **state)
{
	static const char *const expressions[] = { "^/api/internal/accounts/[0-9]+/red$",
						   "^/api/internal/accounts/[0-9]+/green$",
						   "^/api/internal/accounts/[0-9]+/blue$" };
	const struct literal_set *set =
		literal_set_new(&arena, COUNT_OF(expressions), required_of, expressions);
	char room[COUNT_OF(expressions) + 1];

	(void)state;
	assert_string_equal(scan(set, "/api/internal/accounts/1/green", room), "b");
	assert_string_equal(scan(set, "/api/internal/accounts/1/gold", room), "");
}

static void many_share_one_text(void **state)
{
	enum { MANY = 1000 };
	const char **expressions = (const char **)ARENA_ARRAY(&arena, char *, MANY);
	const struct literal_set *set;
	uint32_t index, count = 0;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		expressions[i] = "^/same/[0-9]+$";
	set = literal_set_new(&arena, MANY, required_of, expressions);
	/* Found again and again, marked once. */
	literal_set_scan(set, STR("/same/same/same/same/same/same/"), &marks);
	while (marks_take(&marks, &index))
		assert_int_equal(index, count++);
	assert_int_equal(count, MANY);
}

static void tells_ten_thousand_apart(void **state)
{
	enum { MANY = 10000 };
	const char **expressions = (const char **)ARENA_ARRAY(&arena, char *, MANY);
	const struct literal_set *set;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		expressions[i] = arena_printf(&arena, "^/[a-z]+/item%zu$", i).ptr;
	set = literal_set_new(&arena, MANY, required_of, expressions);
	for (size_t i = 0; i < MANY; i += 97) {
		uint32_t index, count = 0;
		bool is_found = false;

		literal_set_scan(set, arena_printf(&arena, "/shop/item%zu", i), &marks);
		for (; marks_take(&marks, &index); count++)
			is_found |= index == i;
		assert_true(is_found);
		assert_true(count < 100);
	}
}

static void marks_come_in_order(void **state)
{
	static const uint32_t numbers[] = { 4096, 0, MARKS_MAX - 1, 63, 64, 4095, 64, 100000 };
	static const uint32_t want[] = { 0, 63, 64, 4095, 4096, 100000, MARKS_MAX - 1 };
	uint32_t number;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		assert_false(marks_has(&marks, numbers[i]) && i != 6);
		marks_add(&marks, numbers[i]);
		assert_true(marks_has(&marks, numbers[i]));
	}
	for (size_t i = 0; i < COUNT_OF(want); i++) {
		assert_true(marks_take(&marks, &number));
		assert_int_equal(number, want[i]);
	}
	assert_false(marks_take(&marks, &number));
}

static void marks_are_cleared(void **state)
{
	uint32_t number;

	(void)state;
	for (uint32_t i = 0; i < MARKS_MAX; i += 1001)
		marks_add(&marks, i);
	marks_clear(&marks);
	assert_false(marks_take(&marks, &number));
	for (uint32_t i = 0; i < MARKS_MAX; i += 1001)
		assert_false(marks_has(&marks, i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_what_may_match), cmocka_unit_test(chooses_what_is_rare),
		cmocka_unit_test(many_share_one_text),  cmocka_unit_test(tells_ten_thousand_apart),
		cmocka_unit_test(marks_come_in_order),  cmocka_unit_test(marks_are_cleared),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}

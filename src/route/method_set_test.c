/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "route/method_set.h"

static struct arena arena;

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

/* "GET PURGE", "" for none, "*" for any. */
static struct method_set set_of(const char *text)
{
	str rest = str_of(text), word, *other = ARENA_ARRAY(&arena, str, 8);
	struct method_set set = { .is_any = str_eq(rest, STR("*")), .other.at = other };

	while (!set.is_any && str_next(&rest, ' ', &word)) {
		enum http_method method = http_method_find(word);

		if (method == HTTP_OTHER_METHOD)
			other[set.other.len++] = word;
		else
			set.known |= 1u << method;
	}
	return set;
}

static const char *const words[] = { "GET", "POST", "PURGE", "LINK", "get" };

static void holds_what_it_was_given(void **state)
{
	static const struct {
		const char *set, *has; /* by word: 1 or 0 */
	} rows[] = {
		{ "", "00000" },     { "*", "11111" },         { "GET", "10000" },
		{ "POST", "01000" }, { "GET PURGE", "10100" }, { "PURGE LINK", "00110" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (size_t j = 0; j < COUNT_OF(words); j++) {
			struct method_set set = set_of(rows[i].set);
			str word = str_of(words[j]);

			assert_row(method_set_has(&set, http_method_find(word), word) ==
					   (rows[i].has[j] == '1'),
				   i, words[j]);
		}
}

static void two_sets_have_what_is_in_both(void **state)
{
	static const char *const sets[] = { "",      "*",         "GET",       "POST",       "GET POST",
					    "PURGE", "GET PURGE", "POST LINK", "PURGE LINK", "LINK GET" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sets); i++)
		for (size_t j = 0; j < COUNT_OF(sets); j++) {
			struct method_set a = set_of(sets[i]), b = set_of(sets[j]);
			struct method_set both = method_set_both(&arena, &a, &b);
			bool shares = false;

			for (size_t k = 0; k < COUNT_OF(words); k++) {
				str word = str_of(words[k]);
				enum http_method method = http_method_find(word);
				bool in_both =
					method_set_has(&a, method, word) && method_set_has(&b, method, word);

				assert_row(method_set_has(&both, method, word) == in_both, i, sets[j]);
				shares |= in_both;
			}
			assert_row(method_sets_share(&a, &b) == shares, i, sets[j]);
			assert_row(method_set_is_empty(&both) == !shares, i, sets[j]);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_what_it_was_given),
		cmocka_unit_test(two_sets_have_what_is_in_both),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}

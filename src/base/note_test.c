/* SPDX-License-Identifier: Apache-2.0 */
#include "base/note.h"

#include "base/testing.h"

static void what_is_printed_is_kept(void **state)
{
	struct arena arena;
	struct note note;
	str first, second, empty;

	(void)state;
	arena_init(&arena, NULL, 1 << 16);
	note_begin(&note);
	fprintf(note.to, "%d is", 1);
	fprintf(note.to, " one");
	first = note_end(&note, &arena);
	note_begin(&note);
	for (int i = 0; i < 9000; i++)
		fputc('x', note.to);
	second = note_end(&note, &arena);
	note_begin(&note);
	empty = note_end(&note, &arena);
	assert_text(first, "1 is one");
	assert_int_equal(second.len, 9000);
	assert_int_equal(second.ptr[8999], 'x');
	assert_int_equal(empty.len, 0);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that say something, and where the first wrong one stands. */
#include "base/file_lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/testing.h"

enum { LINE_ROOM = 12 };

static const struct {
	const char *text;
	const char *want;    /* each line in brackets */
	const char *mistake; /* ":LINE: WHY"; empty: all is well */
} rows[] = {
	{ "", "", "" },
	{ "a\nb", "[a][b]", "" },
	{ "\n  \n\t\r\n", "", "" },
	{ " a b\t\r\n\nb\n", "[a b][b]", "" },
	{ "bad\n", "", ":1: bad is no good" },
	{ "\na\n\n bad \nb\nbad\n", "[a]", ":4: bad is no good" },
	{ "a\n0123456789abc\nb\n", "[a]", ":2: the line is too long" },
};

static const char *take(void *self, str line)
{
	struct buf *out = self;

	if (str_eq(line, STR("bad")))
		return "bad is no good";
	buf_put_char(out, '[');
	buf_put(out, line);
	buf_put_char(out, ']');
	return NULL;
}

static void write_file(char *path, const char *text)
{
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void each_line_is_handed_over_up_to_the_first_that_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char path[] = "/tmp/file-lines-XXXXXX", bytes[256], room[256], want[256];
		struct buf out = buf_over(bytes, sizeof bytes);
		struct file_mistake mistake = { 0 };
		result_value read;

		write_file(path, rows[i].text);
		read = file_lines_read(path, LINE_ROOM, take, &out, &mistake);
		unlink(path);
		assert_int_equal(read.kind, *rows[i].mistake ? ERROR_INVALID : ERROR_NONE);
		if (!str_eq(buf_str(&out), str_of(rows[i].want)))
			fail_msg("\"%s\": %.*s", rows[i].text, STR_ARG(buf_str(&out)));
		if (!failed(read))
			continue;
		snprintf(want, sizeof want, "%s%s", path, rows[i].mistake);
		file_mistake_print(&mistake, path, room, sizeof room);
		assert_string_equal(room, want);
	}
}

static void what_is_wrong_with_the_file_itself_has_no_line(void **state)
{
	struct file_mistake mistake = { .line = 7 };
	char room[256];

	(void)state;
	assert_int_equal(file_lines_read("/no/such/file", LINE_ROOM, take, NULL, &mistake).kind,
			 ERROR_SYSTEM);
	file_mistake_print(&mistake, "/no/such/file", room, sizeof room);
	assert_string_equal(room, "/no/such/file: No such file or directory");
	assert_int_equal(file_lines_read("/", LINE_ROOM, take, NULL, &mistake).kind, ERROR_INVALID);
	file_mistake_print(&mistake, "/", room, sizeof room);
	assert_string_equal(room, "/: want a regular file");
	/* A regular file that is opened, and cannot be read at its beginning. */
	assert_int_equal(file_lines_read("/proc/self/mem", LINE_ROOM, take, NULL, &mistake).sys, EIO);
}

static void what_there_is_no_room_for_is_cut(void **state)
{
	const struct file_mistake mistake = { 12, "wrong" };
	char room[8];
	str text = file_mistake_print(&mistake, "a.txt", room, sizeof room);

	(void)state;
	assert_int_equal(text.len, 7);
	assert_string_equal(room, "a.txt:1");
	text = file_mistake_print(&mistake, "", room, 1);
	assert_int_equal(text.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_is_handed_over_up_to_the_first_that_is_wrong),
		cmocka_unit_test(what_is_wrong_with_the_file_itself_has_no_line),
		cmocka_unit_test(what_there_is_no_room_for_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

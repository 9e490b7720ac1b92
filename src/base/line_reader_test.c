/* SPDX-License-Identifier: Apache-2.0 */
/* Lines, whole and bounded, wherever the buffer ends between them. */
#include "base/line_reader.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/testing.h"

static const struct {
	const char *text, *want; /* each line in brackets; '!' is one that is too long, where reading ends */
} rows[] = {
	{ "", "" },
	{ "\n", "[]" },
	{ "a", "[a]" },
	{ "a\n", "[a]" },
	{ "a\nb", "[a][b]" },
	{ "a\r\nb\r", "[a][b]" },
	{ "a\r\r\n", "[a\r]" },
	{ "\n\na\n\n", "[][][a][]" },
	{ "1234567\nx\n", "[1234567][x]" },
	{ "12345678", "!" },
	{ "12345678\n", "!" },
	{ "a\n12345678\nb\n", "[a]!" },
	{ "abc\nabc\nabc\nabc\n", "[abc][abc][abc][abc]" },
	{ "123456\r\n1234567\n", "[123456][1234567]" },
};

static FILE *file_of(const char *text)
{
	FILE *file = tmpfile();

	assert_non_null(file);
	fputs(text, file);
	rewind(file);
	return file;
}

static void lines_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		FILE *file = file_of(rows[i].text);
		struct line_reader reader;
		char bytes[256];
		struct buf out = buf_over(bytes, sizeof bytes);
		result_value next;
		str line;

		line_reader_init(&reader, file, 8);
		while (!failed(next = line_reader_next(&reader, &line))) {
			buf_put_char(&out, '[');
			buf_put(&out, line);
			buf_put_char(&out, ']');
		}
		if (next.kind == ERROR_LIMIT)
			buf_put_char(&out, '!');
		else
			assert_int_equal(next.kind, ERROR_MISSING);
		if (!str_eq(buf_str(&out), str_of(rows[i].want)))
			fail_msg("\"%s\": %.*s", rows[i].text, STR_ARG(buf_str(&out)));
		line_reader_fini(&reader);
		fclose(file);
	}
}

static void what_is_no_file_is_not_opened(void **state)
{
	static const char *const paths[] = { "/", "/dev/zero", "/dev/null", "/no/such/file", "" };
	char path[] = "/tmp/line-reader-XXXXXX";
	int fd = mkstemp(path);
	FILE *file;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_false(failed(line_reader_open(path, &file)));
	fclose(file);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(line_reader_open(path, &file).kind, ERROR_INVALID); /* nobody writes into it */
	unlink(path);
	for (size_t i = 0; i < COUNT_OF(paths); i++)
		assert_true(failed(line_reader_open(paths[i], &file)));
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
	FILE *folder = fopen("/", "r");
	struct line_reader reader;
	str line;

	(void)state;
	assert_non_null(folder);
	line_reader_init(&reader, folder, 8);
	assert_int_equal(line_reader_next(&reader, &line).kind, ERROR_SYSTEM);
	line_reader_fini(&reader);
	fclose(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_told_apart),
		cmocka_unit_test(what_is_no_file_is_not_opened),
		cmocka_unit_test(a_file_that_cannot_be_read_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

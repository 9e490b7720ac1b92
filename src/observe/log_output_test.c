/* SPDX-License-Identifier: Apache-2.0 */
/* Destinations that take all, some, nothing, or fail. */
#include "observe/log_output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct iovec part_of(const char *text, size_t len)
{
	return (struct iovec) { (void *)(uintptr_t)text, len };
}

/* A pipe in place of standard output, as when another program reads the log. */
struct tube {
	int read_end, saved;
};

static struct tube tube_open(void)
{
	int fds[2];
	struct tube tube = { .saved = dup(STDOUT_FILENO) };

	fflush(stdout);
	assert_int_equal(pipe(fds), 0);
	assert_true(fcntl(fds[1], F_SETPIPE_SZ, 16 * 1024) > 0);
	assert_true(dup2(fds[1], STDOUT_FILENO) >= 0);
	close(fds[1]);
	tube.read_end = fds[0];
	return tube;
}

static void tube_close(struct tube *tube)
{
	dup2(tube->saved, STDOUT_FILENO);
	close(tube->saved);
	if (tube->read_end >= 0)
		close(tube->read_end);
}

static void a_pipe_takes_whole_lines(void **state)
{
	struct tube tube = tube_open();
	struct log_output output;
	char text[3 * PIPE_BUF];
	struct iovec part = part_of(text, sizeof text);
	size_t written = 0;
	result_value wrote;

	(void)state;
	memset(text, 'x', sizeof text);
	for (size_t at = 99; at < sizeof text; at += 100)
		text[at] = '\n';
	wrote = log_output_open(&output, &(struct log_target) { LOG_TO_STDOUT, { 0 } });
	if (!failed(wrote))
		wrote = log_output_write(&output, &part, 1, SECOND, &written);
	log_output_close(&output);
	tube_close(&tube);
	assert_false(failed(wrote));
	assert_int_equal(written, PIPE_BUF / 100 * 100);
}

static void a_full_pipe_times_out_and_its_flags_stay(void **state)
{
	struct tube tube = tube_open();
	struct log_output output;
	char text[PIPE_BUF];
	struct iovec part = part_of(text, sizeof text);
	size_t written = 0, count = 0;
	int flags = fcntl(STDOUT_FILENO, F_GETFL);
	result_value wrote;

	(void)state;
	memset(text, '\n', sizeof text);
	wrote = log_output_open(&output, &(struct log_target) { LOG_TO_STDOUT, { 0 } });
	while (!failed(wrote) && count++ < 1000)
		wrote = log_output_write(&output, &part, 1, MILLISECOND, &written);
	flags = flags == fcntl(STDOUT_FILENO, F_GETFL) ? 0 : -1;
	log_output_close(&output);
	tube_close(&tube);
	assert_int_equal(wrote.kind, ERROR_TIMEOUT);
	assert_in_range(count, 2, 100);
	assert_int_equal(flags, 0);
}

static void a_pipe_that_nobody_reads_is_an_error(void **state)
{
	struct tube tube = tube_open();
	struct log_output output;
	struct iovec part = part_of("x\n", 2);
	size_t written;
	result_value wrote;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	close(tube.read_end);
	tube.read_end = -1;
	wrote = log_output_open(&output, &(struct log_target) { LOG_TO_STDOUT, { 0 } });
	if (!failed(wrote))
		wrote = log_output_write(&output, &part, 1, SECOND, &written);
	log_output_close(&output);
	tube_close(&tube);
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(wrote.kind, ERROR_SYSTEM);
	assert_int_equal(wrote.sys, EPIPE);
}

/* Closing a log on standard output leaves that open: it was there before. */
static void standard_output_is_not_ours_to_close(void **state)
{
	struct log_output output;

	(void)state;
	assert_false(failed(log_output_open(&output, &(struct log_target) { LOG_TO_STDERR, { 0 } })));
	assert_int_equal(output.fd, STDERR_FILENO);
	assert_false(failed(log_output_reopen(&output)));
	log_output_close(&output);
	assert_int_equal(output.fd, -1);
	assert_true(fcntl(STDERR_FILENO, F_GETFD) >= 0);
}

static void a_file_takes_everything_in_one_call(void **state)
{
	char path[] = "/tmp/gatehouse-output-XXXXXX", text[64 * 1024];
	struct iovec parts[] = { part_of(text, sizeof text), part_of("end\n", 4) };
	struct log_output output;
	struct stat status;
	size_t written;

	(void)state;
	memset(text, 'x', sizeof text);
	assert_true(mkstemp(path) >= 0);
	assert_int_equal(unlink(path), 0);
	assert_false(failed(log_output_open(&output, &(struct log_target) { LOG_TO_FILE, str_of(path) })));
	assert_false(failed(log_output_write(&output, parts, 2, 0, &written)));
	assert_int_equal(written, sizeof text + 4);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_size, sizeof text + 4);
	/* Nobody but the owner and its group reads who asked for what. */
	assert_int_equal(status.st_mode & 0137, 0);
	log_output_close(&output);
	assert_int_equal(unlink(path), 0);
}

static void what_cannot_be_opened(void **state)
{
	static const struct {
		const char *path;
		int want;
	} cases[] = {
		{ "/nonexistent/x", ENOENT },
		{ "/tmp", EISDIR },
		{ "/dev/null/x", ENOTDIR },
		{ "", ENOENT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct log_target target = { LOG_TO_FILE, str_of(cases[i].path) };
		struct log_output output;
		result_value opened = log_output_open(&output, &target);

		assert_int_equal(opened.kind, ERROR_SYSTEM);
		assert_int_equal(opened.sys, cases[i].want);
		log_output_close(&output);
	}
}

static void a_full_device_is_an_error(void **state)
{
	struct log_output output;
	struct iovec part = part_of("x\n", 2);
	size_t written;
	result_value wrote;

	(void)state;
	assert_false(
		failed(log_output_open(&output, &(struct log_target) { LOG_TO_FILE, STR("/dev/full") })));
	wrote = log_output_write(&output, &part, 1, 0, &written);
	assert_int_equal(wrote.kind, ERROR_SYSTEM);
	assert_int_equal(wrote.sys, ENOSPC);
	log_output_close(&output);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_takes_whole_lines),
		cmocka_unit_test(a_full_pipe_times_out_and_its_flags_stay),
		cmocka_unit_test(a_pipe_that_nobody_reads_is_an_error),
		cmocka_unit_test(standard_output_is_not_ours_to_close),
		cmocka_unit_test(a_file_takes_everything_in_one_call),
		cmocka_unit_test(what_cannot_be_opened),
		cmocka_unit_test(a_full_device_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

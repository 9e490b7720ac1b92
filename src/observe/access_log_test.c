/* SPDX-License-Identifier: Apache-2.0 */
/* The whole way of a line: rings, writer, file; and what happens when the file does not take it. */
#include "observe/access_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"
#include "observe/log_check_testing.h"

#define PATIENCE (20 * SECOND)

/* A log in a folder of its own, and a journal in a file beside it. */
struct desk {
	char folder[64], path[96], moved[96], journal_path[96];
	int journal_fd;
	struct journal *journal;
	struct access_log_config config;
	struct access_log *log;
	char *text; /* of desk_read() */
};

static void desk_open(struct desk *desk, size_t workers)
{
	desk->config.to = (struct log_target) { LOG_TO_FILE, str_of(desk->path) };
	assert_false(failed(access_log_open(&desk->config, desk->journal, workers, &desk->log)));
}

static struct desk *desk_new(void)
{
	struct desk *desk = calloc(1, sizeof *desk);

	snprintf(desk->folder, sizeof desk->folder, "/tmp/gatehouse-log-XXXXXX");
	assert_non_null(mkdtemp(desk->folder));
	snprintf(desk->path, sizeof desk->path, "%s/access.log", desk->folder);
	snprintf(desk->moved, sizeof desk->moved, "%s/access.log.1", desk->folder);
	snprintf(desk->journal_path, sizeof desk->journal_path, "%s/journal", desk->folder);
	desk->journal_fd = open(desk->journal_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	assert_true(desk->journal_fd >= 0);
	desk->journal = journal_new_on(desk->journal_fd, JOURNAL_INFO);
	return desk;
}

static void desk_free(struct desk *desk)
{
	access_log_close(&desk->log);
	journal_free(&desk->journal);
	close(desk->journal_fd);
	unlink(desk->path);
	unlink(desk->moved);
	unlink(desk->journal_path);
	assert_int_equal(rmdir(desk->folder), 0);
	free(desk->text);
	free(desk);
}

static str desk_read(struct desk *desk, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	ssize_t n;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &status), 0);
	free(desk->text);
	desk->text = malloc((size_t)status.st_size + 1);
	n = read(fd, desk->text, (size_t)status.st_size);
	close(fd);
	return (str) { desk->text, n > 0 ? (size_t)n : 0 };
}

static size_t count_of(str text, const char *part)
{
	size_t count = 0, len = strlen(part);

	for (size_t i = 0; i + len <= text.len; i++)
		count += memcmp(text.ptr + i, part, len) == 0;
	return count;
}

/* Until the file has that many lines. */
static void wait_for_lines(struct desk *desk, const char *path, const char *part, size_t lines)
{
	deadline until = deadline_after(time_monotonic(), PATIENCE);

	while (count_of(desk_read(desk, path), part) < lines) {
		assert_true(time_monotonic() < until);
		usleep(2000);
	}
}

static void write_numbered(struct access_log_ring *ring, uint64_t number)
{
	struct exchange_facts facts = {
		.method = STR("GET"),
		.path = STR("/a/path/of/some/length"),
		.status = 200,
		.upstream_time = -1,
		.generation = number,
	};

	access_log_write(ring, &facts);
}

/* Every line is whole, and each ring's numbers rise. ring = number / 1000000. */
static size_t check_lines(str text)
{
	uint64_t last[8] = { 0 };
	size_t count = 0;
	str line;

	while (str_cut(text, '\n', &line, &text)) {
		size_t at = line.len - 1;
		uint64_t number;
		str whole = { line.ptr, line.len + 1 };
		size_t members;

		assert_true(check_json_line(whole, &members));
		while (line.ptr[at - 1] != ':')
			at--;
		assert_true(str_to_u64(str_slice(line, at, line.len - 1), UINT64_MAX, &number));
		assert_true(number / 1000000 < 8);
		assert_true(number > last[number / 1000000]);
		last[number / 1000000] = number;
		count++;
	}
	assert_int_equal(text.len, 0);
	return count;
}

static void every_line_arrives(void **state)
{
	struct desk *desk = desk_new();

	(void)state;
	desk_open(desk, 1);
	for (uint64_t i = 1; i <= 1000; i++)
		write_numbered(access_log_ring(desk->log, 0), i);
	access_log_close(&desk->log);
	assert_null(desk->log);
	assert_int_equal(check_lines(desk_read(desk, desk->path)), 1000);
	assert_int_equal(desk_read(desk, desk->journal_path).len, 0);
	desk_free(desk);
}

static void lines_are_appended(void **state)
{
	struct desk *desk = desk_new();

	(void)state;
	for (uint64_t i = 1; i <= 3; i++) {
		desk_open(desk, 1);
		write_numbered(access_log_ring(desk->log, 0), i);
		access_log_close(&desk->log);
	}
	assert_int_equal(check_lines(desk_read(desk, desk->path)), 3);
	desk_free(desk);
}

/* Also when the writer has gone to sleep for want of work. */
static void a_single_line_does_not_wait_for_others(void **state)
{
	struct desk *desk = desk_new();

	(void)state;
	desk_open(desk, 2);
	write_numbered(access_log_ring(desk->log, 0), 1);
	wait_for_lines(desk, desk->path, "\n", 1);
	usleep(1200 * 1000);
	write_numbered(access_log_ring(desk->log, 1), 2);
	wait_for_lines(desk, desk->path, "\n", 2);
	desk_free(desk);
}

enum { WORKERS = 20, LINES_EACH = 1000 };

struct job {
	struct access_log_ring *ring;
	uint64_t first;
};

static void *work(void *argument)
{
	const struct job *job = argument;

	for (uint64_t i = 1; i <= LINES_EACH; i++)
		write_numbered(job->ring, job->first + i);
	return NULL;
}

/* More rings than one call takes. */
static void lines_of_many_workers_never_mix(void **state)
{
	struct desk *desk = desk_new();
	pthread_t threads[WORKERS];
	struct job jobs[WORKERS];

	(void)state;
	desk_open(desk, WORKERS);
	for (size_t i = 0; i < WORKERS; i++) {
		/* Threads that share a number range take turns in it: only whole lines are checked there. */
		jobs[i] = (struct job) { access_log_ring(desk->log, i), i * 1000000 };
		assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
	}
	for (size_t i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(access_log_dropped(desk->log), 0);
	access_log_close(&desk->log);
	assert_int_equal(count_of(desk_read(desk, desk->path), "\n"), WORKERS * LINES_EACH);
	assert_int_equal(count_of(desk_read(desk, desk->path), "{\"time\":\"1970-01-01T00:00:00.000000Z\","),
			 WORKERS * LINES_EACH);
	desk_free(desk);
}

static void a_moved_file_is_opened_anew(void **state)
{
	struct desk *desk = desk_new();

	(void)state;
	desk_open(desk, 1);
	write_numbered(access_log_ring(desk->log, 0), 1);
	wait_for_lines(desk, desk->path, "\n", 1);
	assert_int_equal(rename(desk->path, desk->moved), 0);
	write_numbered(access_log_ring(desk->log, 0), 2);
	wait_for_lines(desk, desk->moved, "\n", 2);
	access_log_reopen(desk->log);
	for (int i = 0; access(desk->path, F_OK) != 0 && i < 10000; i++)
		usleep(2000);
	write_numbered(access_log_ring(desk->log, 0), 3);
	access_log_close(&desk->log);
	assert_int_equal(check_lines(desk_read(desk, desk->path)), 1);
	assert_int_equal(check_lines(desk_read(desk, desk->moved)), 2);
	desk_free(desk);
}

static void a_file_that_cannot_be_reopened_stays(void **state)
{
	struct desk *desk = desk_new();

	(void)state;
	desk_open(desk, 1);
	assert_int_equal(rename(desk->path, desk->moved), 0);
	assert_int_equal(mkdir(desk->path, 0700), 0);
	access_log_reopen(desk->log);
	wait_for_lines(desk, desk->journal_path, "the old file stays in use", 1);
	write_numbered(access_log_ring(desk->log, 0), 1);
	access_log_close(&desk->log);
	assert_int_equal(check_lines(desk_read(desk, desk->moved)), 1);
	assert_int_equal(rmdir(desk->path), 0);
	desk_free(desk);
}

static void limit_files(rlim_t size)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A file that takes no more, in the middle of a line, and later does: nothing is torn, nothing is lost. */
static void a_full_disk_is_waited_for(void **state)
{
	struct desk *desk = desk_new();
	str journal;

	(void)state;
	desk_open(desk, 3);
	limit_files(500);
	for (uint64_t i = 1; i <= 10; i++)
		for (size_t ring = 0; ring < 3; ring++)
			write_numbered(access_log_ring(desk->log, ring), ring * 1000000 + i);
	wait_for_lines(desk, desk->journal_path, "cannot write the access log", 1);
	assert_int_equal(desk_read(desk, desk->path).len, 500);
	usleep(300 * 1000);
	limit_files(RLIM_INFINITY);
	wait_for_lines(desk, desk->journal_path, "written again", 1);
	access_log_close(&desk->log);
	assert_int_equal(check_lines(desk_read(desk, desk->path)), 30);
	journal = desk_read(desk, desk->journal_path);
	assert_int_equal(count_of(journal, "\n"), 2);
	assert_int_equal(
		count_of(journal, " error access log: cannot write the access log: File too large; "), 1);
	desk_free(desk);
}

/* The line that was begun in the old file is given up, and counted; the new one begins with a whole line. */
static void reopening_in_the_middle_of_a_line(void **state)
{
	struct desk *desk = desk_new();
	str moved;

	(void)state;
	desk_open(desk, 1);
	limit_files(250); /* the journal is a file too, and says no more than it has to here */
	for (uint64_t i = 1; i <= 10; i++)
		write_numbered(access_log_ring(desk->log, 0), i);
	wait_for_lines(desk, desk->journal_path, "cannot write the access log", 1);
	assert_int_equal(rename(desk->path, desk->moved), 0);
	access_log_reopen(desk->log);
	for (int i = 0; access(desk->path, F_OK) != 0 && i < 10000; i++)
		usleep(2000);
	limit_files(RLIM_INFINITY);
	wait_for_lines(desk, desk->path, "\n", 8);
	assert_int_equal(access_log_dropped(desk->log), 1);
	access_log_close(&desk->log);
	assert_int_equal(check_lines(desk_read(desk, desk->path)), 8);
	moved = desk_read(desk, desk->moved);
	assert_int_equal(moved.len, 250);
	assert_int_equal(count_of(moved, "\n"), 1);
	desk_free(desk);
}

/* The ring fills, what does not fit is counted, and nobody waits. */
static void a_disk_that_stays_full_drops(void **state)
{
	struct desk *desk = desk_new();
	uint64_t sent = 0;

	(void)state;
	memcpy(desk->path, "/dev/full", 10);
	desk_open(desk, 1);
	while (access_log_dropped(desk->log) < 100) {
		assert_true(sent < 100000);
		write_numbered(access_log_ring(desk->log, 0), ++sent);
	}
	wait_for_lines(desk, desk->journal_path, "lines dropped", 1);
	access_log_close(&desk->log);
	assert_int_equal(count_of(desk_read(desk, desk->journal_path), "No space left on device"), 1);
	/* What waited in vain counts too. */
	assert_in_range(count_of(desk_read(desk, desk->journal_path), "lines dropped"), 2, 50);
	snprintf(desk->path, sizeof desk->path, "%s/none", desk->folder);
	desk_free(desk);
}

/* A reader that does not read holds neither the workers nor, for long, the end. */
static void a_pipe_that_stalls(void **state)
{
	struct desk *desk = desk_new();
	deadline began;
	char bytes[256 * 1024];
	size_t lines = 0;
	ssize_t n;
	int fd;

	(void)state;
	assert_int_equal(mkfifo(desk->path, 0600), 0);
	fd = open(desk->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	desk_open(desk, 1);
	for (uint64_t i = 1; i <= 3000; i++)
		write_numbered(access_log_ring(desk->log, 0), i);
	began = time_monotonic();
	access_log_close(&desk->log);
	assert_true(time_monotonic() - began < PATIENCE);
	n = read(fd, bytes, sizeof bytes);
	assert_true(n > 0);
	/* Whole lines, as others may write there too. */
	lines = check_lines((str) { bytes, (size_t)n });
	assert_in_range(lines, 1, 2999);
	assert_int_equal(count_of(desk_read(desk, desk->journal_path), "lines dropped"), 1);
	close(fd);
	desk_free(desk);
}

static void a_pipe_that_is_read(void **state)
{
	struct desk *desk = desk_new();
	deadline until = deadline_after(time_monotonic(), PATIENCE);
	char *bytes = malloc(1024 * 1024);
	size_t len = 0;
	int fd;

	(void)state;
	assert_int_equal(mkfifo(desk->path, 0600), 0);
	fd = open(desk->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	desk_open(desk, 1);
	for (uint64_t i = 1; i <= 3000; i++)
		write_numbered(access_log_ring(desk->log, 0), i);
	while (count_of((str) { bytes, len }, "\n") < 3000 && time_monotonic() < until) {
		ssize_t n = read(fd, bytes + len, 1024 * 1024 - len);

		len += n > 0 ? (size_t)n : 0;
		usleep(1000);
	}
	assert_int_equal(check_lines((str) { bytes, len }), 3000);
	assert_int_equal(access_log_dropped(desk->log), 0);
	close(fd);
	free(bytes);
	desk_free(desk);
}

static void a_pipe_without_a_reader_is_an_error(void **state)
{
	struct desk *desk = desk_new();

	(void)state;
	assert_int_equal(mkfifo(desk->path, 0600), 0);
	desk->config.to = (struct log_target) { LOG_TO_FILE, str_of(desk->path) };
	assert_int_equal(access_log_open(&desk->config, desk->journal, 1, &desk->log).sys, ENXIO);
	desk_free(desk);
}

static void a_file_that_cannot_be_opened(void **state)
{
	struct desk *desk = desk_new();
	result_value opened;

	(void)state;
	desk->config.to = (struct log_target) { LOG_TO_FILE, STR("/nonexistent/access.log") };
	opened = access_log_open(&desk->config, desk->journal, 1, &desk->log);
	assert_int_equal(opened.kind, ERROR_SYSTEM);
	assert_int_equal(opened.sys, ENOENT);
	assert_null(desk->log);
	assert_int_equal(
		count_of(desk_read(desk, desk->journal_path),
			 "cannot open the access log /nonexistent/access.log: No such file or directory"),
		1);
	desk_free(desk);
}

static void off_writes_nothing_but_the_journal(void **state)
{
	struct desk *desk = desk_new();

	(void)state;
	desk->config.to.destination = LOG_TO_NOWHERE;
	assert_false(failed(access_log_open(&desk->config, desk->journal, 1, &desk->log)));
	for (uint64_t i = 1; i <= 100000; i++)
		write_numbered(access_log_ring(desk->log, 0), i);
	access_log_reopen(desk->log);
	journal_info(desk->journal, "said");
	wait_for_lines(desk, desk->journal_path, " info said\n", 1);
	assert_int_equal(access_log_dropped(desk->log), 0);
	access_log_close(&desk->log);
	journal_info(desk->journal, "after");
	assert_int_equal(count_of(desk_read(desk, desk->journal_path), "\n"), 2);
	desk_free(desk);
}

static void a_sample_is_taken_at_random(void **state)
{
	struct desk *desk = desk_new();
	size_t count;

	(void)state;
	desk->config.sample = 25;
	desk_open(desk, 1);
	for (uint64_t i = 1; i <= 4000; i++)
		write_numbered(access_log_ring(desk->log, 0), i);
	access_log_close(&desk->log);
	count = check_lines(desk_read(desk, desk->path));
	/* Eleven standard deviations. */
	assert_in_range(count, 700, 1300);
	desk_free(desk);
}

/* A worker that goes on writing finds each line whole, in one of the two files. */
static void another_file_while_lines_are_written(void **state)
{
	struct desk *desk = desk_new();
	struct access_log_ring *ring;
	uint64_t number = 0;
	size_t before, after;

	(void)state;
	desk_open(desk, 1);
	ring = access_log_ring(desk->log, 0);
	while (number < 500)
		write_numbered(ring, ++number);
	desk->config.to.path = str_of(desk->moved);
	assert_false(failed(access_log_configure(desk->log, &desk->config)));
	while (number < 1000 || (count_of(desk_read(desk, desk->moved), "\n") == 0 && number < 1000000))
		write_numbered(ring, ++number);
	access_log_close(&desk->log);
	before = check_lines(desk_read(desk, desk->path));
	after = check_lines(desk_read(desk, desk->moved));
	assert_true(after > 0);
	assert_int_equal(before + after, number);
	desk_free(desk);
}

static void another_format_in_the_same_file(void **state)
{
	struct desk *desk = desk_new();

	(void)state;
	desk_open(desk, 1);
	write_numbered(access_log_ring(desk->log, 0), 1);
	desk->config.format.kind = LOG_CLF;
	assert_false(failed(access_log_configure(desk->log, &desk->config)));
	write_numbered(access_log_ring(desk->log, 0), 2);
	desk->config.format.kind = LOG_JSON;
	assert_false(failed(access_log_configure(desk->log, &desk->config)));
	write_numbered(access_log_ring(desk->log, 0), 3);
	access_log_close(&desk->log);
	assert_int_equal(count_of(desk_read(desk, desk->path), "\n"), 3);
	assert_int_equal(count_of(desk_read(desk, desk->path), "{"), 2);
	desk_free(desk);
}

static void off_and_on_again(void **state)
{
	struct desk *desk = desk_new();

	(void)state;
	desk_open(desk, 1);
	write_numbered(access_log_ring(desk->log, 0), 1);
	wait_for_lines(desk, desk->path, "\n", 1);
	desk->config.to.destination = LOG_TO_NOWHERE;
	assert_false(failed(access_log_configure(desk->log, &desk->config)));
	write_numbered(access_log_ring(desk->log, 0), 2);
	desk->config.to.destination = LOG_TO_FILE;
	assert_false(failed(access_log_configure(desk->log, &desk->config)));
	write_numbered(access_log_ring(desk->log, 0), 3);
	wait_for_lines(desk, desk->path, "\n", 2);
	access_log_close(&desk->log);
	assert_int_equal(count_of(desk_read(desk, desk->path), "\n"), 2);
	desk_free(desk);
}

static void another_file_that_cannot_be_opened(void **state)
{
	struct desk *desk = desk_new();
	struct access_log_config wrong;

	(void)state;
	desk_open(desk, 1);
	wrong = desk->config;
	wrong.to.path = STR("/nowhere/access.log");
	wrong.format.kind = LOG_CLF;
	assert_int_equal(access_log_configure(desk->log, &wrong).kind, ERROR_SYSTEM);
	write_numbered(access_log_ring(desk->log, 0), 1);
	access_log_close(&desk->log);
	assert_int_equal(check_lines(desk_read(desk, desk->path)), 1);
	assert_int_equal(count_of(desk_read(desk, desk->journal_path), "/nowhere/access.log"), 1);
	desk_free(desk);
}

/* The thread has not looked between the two: the first of them is never used. */
static void two_other_files_at_once(void **state)
{
	struct desk *desk = desk_new();
	size_t lines;

	(void)state;
	desk_open(desk, 1);
	for (int i = 0; i < 20; i++) {
		desk->config.to.path = str_of(i % 2 ? desk->path : desk->moved);
		assert_false(failed(access_log_configure(desk->log, &desk->config)));
	}
	write_numbered(access_log_ring(desk->log, 0), 1);
	access_log_close(&desk->log);
	/* The writer takes one change after the other, and may be at the last but one when the line comes. */
	lines = check_lines(desk_read(desk, desk->path));
	assert_int_equal(lines + check_lines(desk_read(desk, desk->moved)), 1);
	desk_free(desk);
}

static void nothing_to_close(void **state)
{
	struct access_log *log = NULL;

	(void)state;
	access_log_close(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_arrives),
		cmocka_unit_test(lines_are_appended),
		cmocka_unit_test(a_single_line_does_not_wait_for_others),
		cmocka_unit_test(lines_of_many_workers_never_mix),
		cmocka_unit_test(a_moved_file_is_opened_anew),
		cmocka_unit_test(a_file_that_cannot_be_reopened_stays),
		cmocka_unit_test(a_full_disk_is_waited_for),
		cmocka_unit_test(reopening_in_the_middle_of_a_line),
		cmocka_unit_test(a_disk_that_stays_full_drops),
		cmocka_unit_test(a_pipe_that_stalls),
		cmocka_unit_test(a_pipe_that_is_read),
		cmocka_unit_test(a_pipe_without_a_reader_is_an_error),
		cmocka_unit_test(a_file_that_cannot_be_opened),
		cmocka_unit_test(off_writes_nothing_but_the_journal),
		cmocka_unit_test(a_sample_is_taken_at_random),
		cmocka_unit_test(another_file_while_lines_are_written),
		cmocka_unit_test(another_format_in_the_same_file),
		cmocka_unit_test(off_and_on_again),
		cmocka_unit_test(another_file_that_cannot_be_opened),
		cmocka_unit_test(two_other_files_at_once),
		cmocka_unit_test(nothing_to_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

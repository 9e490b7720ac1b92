/* SPDX-License-Identifier: Apache-2.0 */
/* Lines are whole, escaped, bounded and counted, at once and through the queue, from one thread and from
 * many. */
#include "base/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/time.h"

struct reader {
	int fds[2];
	char text[256 * 1024];
	size_t len;
};

static struct reader *reader_new(void)
{
	struct reader *reader = calloc(1, sizeof *reader);

	assert_int_equal(pipe(reader->fds), 0);
	assert_int_equal(fcntl(reader->fds[0], F_SETFL, O_NONBLOCK), 0);
	return reader;
}

static void reader_free(struct reader *reader)
{
	close(reader->fds[0]);
	close(reader->fds[1]);
	free(reader);
}

/* Everything that was written since the last call. */
static str reader_take(struct reader *reader)
{
	ssize_t n;

	reader->len = 0;
	while ((n = read(reader->fds[0], reader->text + reader->len, sizeof reader->text - reader->len)) > 0)
		reader->len += (size_t)n;
	return (str) { reader->text, reader->len };
}

/* The line without its time, which must be one. */
static str without_time(str line)
{
	static const char form[] = "0000-00-00T00:00:00.000000Z ";

	assert_true(line.len > sizeof form - 1);
	for (size_t i = 0; i < sizeof form - 1; i++) {
		if (form[i] == '0')
			assert_in_range(line.ptr[i], '0', '9');
		else
			assert_int_equal(line.ptr[i], form[i]);
	}
	return str_skip(line, sizeof form - 1);
}

static void count_line(void *owner)
{
	++*(unsigned *)owner;
}

static void assert_lines(str text, const char *want)
{
	char without[4096];
	size_t len = 0;
	str line;

	while (str_cut(text, '\n', &line, &text)) {
		line = without_time(line);
		assert_true(len + line.len + 2 < sizeof without);
		memcpy(without + len, line.ptr, line.len);
		len += line.len;
		without[len++] = '\n';
	}
	assert_int_equal(text.len, 0);
	without[len] = 0;
	assert_string_equal(without, want);
}

static const struct {
	const char *what;
	str message;
	const char *want;
} escape_cases[] = {
	{ "plain words", STR_INIT("listening on 127.0.0.1:8080"), "listening on 127.0.0.1:8080" },
	{ "a line end cannot forge a line", STR_INIT("a\n2026-01-02T03:04:05.678901Z error b"),
	  "a\\x0a2026-01-02T03:04:05.678901Z error b" },
	{ "carriage return", STR_INIT("a\rb"), "a\\x0db" },
	{ "an escape sequence", STR_INIT("\x1b[2Jgone"), "\\x1b[2Jgone" },
	{ "DEL", STR_INIT("\x7f"), "\\x7f" },
	{ "letters of the world", STR_INIT("gr\xc3\xbc\xc3\x9f \xe2\x82\xac"),
	  "gr\xc3\xbc\xc3\x9f \xe2\x82\xac" },
	{ "broken UTF-8", STR_INIT("\xc3("), "\\xc3(" },
	{ "line separator", STR_INIT("a\xe2\x80\xa8z"), "a\\xe2\\x80\\xa8z" },
	{ "a backslash stays", STR_INIT("C:\\x0a"), "C:\\x0a" },
};

static void what_is_not_printable_is_escaped(void **state)
{
	struct reader *reader = reader_new();
	struct journal *journal = journal_new_on(reader->fds[1], JOURNAL_INFO);

	(void)state;
	for (size_t i = 0; i < sizeof escape_cases / sizeof *escape_cases; i++) {
		char want[256];

		journal_info(journal, "%.*s", STR_ARG(escape_cases[i].message));
		snprintf(want, sizeof want, "info %s\n", escape_cases[i].want);
		assert_lines(reader_take(reader), want);
	}
	journal_free(&journal);
	assert_null(journal);
	reader_free(reader);
}

static void say_one_of_each(struct journal *journal)
{
	journal_debug(journal, "%d", 1);
	journal_info(journal, "%d", 2);
	journal_warn(journal, "%d", 3);
	journal_error(journal, "%d", 4);
}

static void only_what_is_at_the_level_is_said(void **state)
{
	static const char *const want[] = {
		"debug 1\ninfo 2\nwarn 3\nerror 4\n",
		"info 2\nwarn 3\nerror 4\n",
		"warn 3\nerror 4\n",
		"error 4\n",
	};
	struct reader *reader = reader_new();
	struct journal *journal = journal_new_on(reader->fds[1], JOURNAL_DEBUG);

	(void)state;
	for (int level = JOURNAL_DEBUG; level <= JOURNAL_ERROR; level++) {
		journal_set_level(journal, (enum journal_level)level);
		say_one_of_each(journal);
		assert_lines(reader_take(reader), want[level]);
	}
	journal_free(&journal);
	reader_free(reader);
}

static void nobody_and_nothing(void **state)
{
	struct journal *journal = NULL;

	(void)state;
	say_one_of_each(NULL);
	journal_free(&journal);
}

/* Whether cut in the message or by its escapes, the line keeps its bound and its end. */
static void long_lines_are_cut(void **state)
{
	static const char *const fillers[] = { "x", "\n", "\xe2\x82\xac" };
	struct reader *reader = reader_new();
	struct journal *journal = journal_new_on(reader->fds[1], JOURNAL_INFO);

	(void)state;
	for (size_t i = 0; i < sizeof fillers / sizeof *fillers; i++) {
		char message[6000] = "";
		size_t len = 0;
		str line;

		while (len + 4 < sizeof message)
			len += (size_t)snprintf(message + len, sizeof message - len, "%s", fillers[i]);
		journal_info(journal, "%s", message);
		line = reader_take(reader);
		assert_in_range(line.len, 700, JOURNAL_LINE_MAX);
		assert_true(str_ends(line, STR("...\n")));
		assert_ptr_equal(memchr(line.ptr, '\n', line.len), line.ptr + line.len - 1);
	}
	journal_free(&journal);
	reader_free(reader);
}

static void queued_lines_wait_and_keep_their_order(void **state)
{
	struct reader *reader = reader_new();
	struct journal *journal = journal_new_on(reader->fds[1], JOURNAL_INFO);
	unsigned told = 0;

	(void)state;
	journal_queue(journal, count_line, &told);
	journal_info(journal, "one");
	journal_debug(journal, "not said");
	journal_warn(journal, "two");
	assert_int_equal(told, 2);
	assert_int_equal(reader_take(reader).len, 0);
	assert_int_equal(journal_drain(journal), 2);
	assert_lines(reader_take(reader), "info one\nwarn two\n");
	assert_int_equal(journal_drain(journal), 0);

	journal_info(journal, "three");
	journal_unqueue(journal);
	journal_info(journal, "four");
	assert_lines(reader_take(reader), "info four\n");
	journal_free(&journal);
	assert_lines(reader_take(reader), "info three\n");
	reader_free(reader);
}

static void a_full_queue_drops_and_says_so_once(void **state)
{
	struct reader *reader = reader_new();
	struct journal *journal = journal_new_on(reader->fds[1], JOURNAL_INFO);
	unsigned told = 0;
	str text;

	(void)state;
	journal_queue(journal, count_line, &told);
	for (int round = 1; round <= 3; round++) {
		for (int i = 0; i < JOURNAL_QUEUE_MAX + 5; i++)
			journal_info(journal, "%d", i);
		assert_int_equal(journal_dropped(journal), 5 * round);
		assert_int_equal(journal_drain(journal), JOURNAL_QUEUE_MAX);
		text = reader_take(reader);
		assert_true(str_contains(text, STR(" info 255\n")));
		assert_false(str_contains(text, STR(" info 256\n")));
		assert_true(str_ends(text, STR(" warn journal: lines dropped: 5\n")));
	}
	assert_int_equal(told, 3 * JOURNAL_QUEUE_MAX);
	assert_int_equal(journal_drain(journal), 0);
	assert_int_equal(reader_take(reader).len, 0);
	journal_free(&journal);
	reader_free(reader);
}

static void a_full_pipe_stops_the_drain_and_nothing_is_lost(void **state)
{
	struct reader *reader = reader_new();
	struct journal *journal = journal_new_on(reader->fds[1], JOURNAL_INFO);
	unsigned told = 0;
	size_t first, second;
	str text;

	(void)state;
	assert_true(fcntl(reader->fds[1], F_SETPIPE_SZ, 4096) > 0);
	journal_queue(journal, count_line, &told);
	for (int i = 0; i < 100; i++)
		journal_info(journal, "%0*d", 200, i);
	first = journal_drain(journal);
	assert_in_range(first, 1, 99);
	text = reader_take(reader);
	assert_true(str_ends(text, STR("\n")));
	second = journal_drain(journal);
	assert_true(second > 0);
	while (first + second < 100) {
		reader_take(reader);
		second += journal_drain(journal);
	}
	assert_int_equal(journal_dropped(journal), 0);
	journal_free(&journal);
	reader_free(reader);
}

static void a_closed_descriptor_is_counted(void **state)
{
	struct journal *journal = journal_new_on(-1, JOURNAL_INFO);

	(void)state;
	journal_info(journal, "nobody will read this");
	assert_int_equal(journal_dropped(journal), 1);
	journal_free(&journal);
}

enum { THREADS = 4, LINES_EACH = 2000 };

struct crowd {
	struct journal *journal;
	atomic_int running;
	int number;
};

static void ignore_line(void *owner)
{
	(void)owner;
}

static void *talk(void *argument)
{
	struct crowd *crowd = argument;
	int number = atomic_fetch_add(&crowd->running, 1);

	for (int i = 0; i < LINES_EACH; i++)
		journal_info(crowd->journal, "thread %d says %d and that is all", number, i);
	return NULL;
}

/* Each thread's lines come whole and in its order; what is missing was counted. */
static size_t check_crowd(str text, int last[THREADS])
{
	size_t count = 0;
	str line;

	while (str_cut(text, '\n', &line, &text)) {
		int thread = -1, number = -1;
		char words[128];

		line = without_time(line);
		if (str_starts(line, STR("warn journal: ")))
			continue;
		memcpy(words, line.ptr, line.len);
		words[line.len] = 0;
		thread = words[12] - '0';
		assert_in_range(thread, 0, THREADS - 1);
		number = 0;
		for (const char *c = words + 19; *c >= '0' && *c <= '9'; c++)
			number = number * 10 + (*c - '0');
		assert_true(str_ends(line, STR(" and that is all")));
		assert_true(number > last[thread]);
		last[thread] = number;
		count++;
	}
	assert_int_equal(text.len, 0);
	return count;
}

static void many_threads_at_once(void **state)
{
	struct reader *reader = reader_new();
	struct crowd crowd = { .journal = journal_new_on(reader->fds[1], JOURNAL_INFO) };
	int last[THREADS] = { -1, -1, -1, -1 };
	pthread_t threads[THREADS];
	size_t count = 0;

	(void)state;
	journal_queue(crowd.journal, ignore_line, NULL);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, talk, &crowd), 0);
	for (int i = 0; i < 50; i++) {
		journal_drain(crowd.journal);
		count += check_crowd(reader_take(reader), last);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	while (journal_drain(crowd.journal))
		count += check_crowd(reader_take(reader), last);
	count += check_crowd(reader_take(reader), last);
	assert_int_equal(count + journal_dropped(crowd.journal), THREADS * LINES_EACH);
	journal_free(&crowd.journal);
	reader_free(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_printable_is_escaped),
		cmocka_unit_test(only_what_is_at_the_level_is_said),
		cmocka_unit_test(nobody_and_nothing),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(queued_lines_wait_and_keep_their_order),
		cmocka_unit_test(a_full_queue_drops_and_says_so_once),
		cmocka_unit_test(a_full_pipe_stops_the_drain_and_nothing_is_lost),
		cmocka_unit_test(a_closed_descriptor_is_counted),
		cmocka_unit_test(many_threads_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

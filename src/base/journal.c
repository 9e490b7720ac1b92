/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue is a ring of lines. Each has a turn, a number that tells whose move it is: turn == position, a
 * writer may fill it; turn == position + 1, it is full; it becomes position + JOURNAL_QUEUE_MAX when it was
 * taken, which is the position of the next round.
 */
#include "base/journal.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/printable.h"
#include "base/time.h"

enum { MESSAGE_MAX = 800, ESCAPE_LEN = 4, ELLIPSIS_LEN = 3, NEWLINE_LEN = 1 };

struct line {
	atomic_size_t turn;
	size_t len;
	char text[JOURNAL_LINE_MAX];
};

struct journal {
	int fd;
	atomic_int level;
	atomic_bool is_queued;
	void (*on_line)(void *owner);
	void *owner;
	_Atomic uint64_t dropped;
	uint64_t dropped_told; /* the drainer's */
	_Alignas(64) atomic_size_t head;
	_Alignas(64) size_t tail; /* the drainer's */
	struct line lines[JOURNAL_QUEUE_MAX];
};

struct journal *journal_new_on(int fd, enum journal_level level)
{
	struct journal *journal = aligned_alloc(64, (sizeof *journal + 63) / 64 * 64);

	ASSERT(journal);
	memset(journal, 0, sizeof *journal);
	journal->fd = fd;
	atomic_init(&journal->level, (int)level);
	for (size_t i = 0; i < JOURNAL_QUEUE_MAX; i++)
		atomic_init(&journal->lines[i].turn, i);
	return journal;
}

struct journal *journal_new(enum journal_level level)
{
	return journal_new_on(STDERR_FILENO, level);
}

void journal_free(struct journal **address)
{
	struct journal *journal = *address;

	if (!journal)
		return;
	journal_unqueue(journal);
	journal_drain(journal);
	free(journal);
	*address = NULL;
}

void journal_set_level(struct journal *journal, enum journal_level level)
{
	atomic_store_explicit(&journal->level, (int)level, memory_order_relaxed);
}

uint64_t journal_dropped(const struct journal *journal)
{
	return atomic_load_explicit(&journal->dropped, memory_order_relaxed);
}

/* The message with what is not printable escaped; cut where there is no room for more. */
static void put_message(struct buf *out, str message)
{
	out->max -= ELLIPSIS_LEN + NEWLINE_LEN;
	while (message.len && !buf_overflowed(out)) {
		size_t len = printable_length(message);
		uint8_t byte = (uint8_t)message.ptr[0];
		char escape[ESCAPE_LEN] = { '\\', 'x', "0123456789abcdef"[byte >> 4],
					    "0123456789abcdef"[byte & 15] };

		buf_put(out, len ? str_slice(message, 0, len) : (str) { escape, ESCAPE_LEN });
		message = str_skip(message, len ? len : 1);
	}
	out->max += ELLIPSIS_LEN + NEWLINE_LEN;
}

__attribute__((format(printf, 3, 0))) static size_t
line_print(char out[JOURNAL_LINE_MAX], enum journal_level level, const char *format, va_list arguments)
{
	static const char *const words[] = { " debug ", " info ", " warn ", " error " };
	struct buf line = buf_over(out, JOURNAL_LINE_MAX);
	char message[MESSAGE_MAX];
	int len = vsnprintf(message, sizeof message, format, arguments);
	size_t whole = len < 0 ? 0 : (size_t)len;
	size_t kept = whole < sizeof message ? whole : sizeof message - 1;

	line.len = time_print_rfc3339(time_wall(), out);
	buf_put(&line, str_of(words[level]));
	put_message(&line, (str) { message, kept });
	if (buf_overflowed(&line) || kept < whole) {
		line.overflow = false;
		buf_put(&line, STR("..."));
	}
	buf_put_char(&line, '\n');
	return line.len;
}

/* What cannot be written is lost: there is nowhere to say so. */
static bool write_line(struct journal *journal, str line)
{
	if (write(journal->fd, line.ptr, line.len) == (ssize_t)line.len)
		return true;
	atomic_fetch_add_explicit(&journal->dropped, 1, memory_order_relaxed);
	return false;
}

/* A free line whose turn it is, for this thread alone; NULL when the queue is full. */
static struct line *claim(struct journal *journal, size_t *ret_position)
{
	size_t position = atomic_load_explicit(&journal->head, memory_order_relaxed);

	for (;;) {
		struct line *line = &journal->lines[position % JOURNAL_QUEUE_MAX];
		size_t turn = atomic_load_explicit(&line->turn, memory_order_acquire);

		if (turn == position) {
			*ret_position = position;
			if (atomic_compare_exchange_weak_explicit(&journal->head, &position, position + 1,
								  memory_order_relaxed, memory_order_relaxed))
				return line;
		} else if ((ptrdiff_t)(turn - position) < 0) {
			return NULL;
		} else {
			position = atomic_load_explicit(&journal->head, memory_order_relaxed);
		}
	}
}

__attribute__((format(printf, 3, 0))) static void enqueue(struct journal *journal, enum journal_level level,
							  const char *format, va_list arguments)
{
	size_t position;
	struct line *line = claim(journal, &position);

	if (!line) {
		atomic_fetch_add_explicit(&journal->dropped, 1, memory_order_relaxed);
		return;
	}
	line->len = line_print(line->text, level, format, arguments);
	/* Before on_line() looks whether the drainer sleeps: hence the strong order. */
	atomic_store(&line->turn, position + 1);
	journal->on_line(journal->owner);
}

static bool is_said(struct journal *journal, enum journal_level level)
{
	return journal && (int)level >= atomic_load_explicit(&journal->level, memory_order_relaxed);
}

__attribute__((format(printf, 3, 0))) static void say(struct journal *journal, enum journal_level level,
						      const char *format, va_list arguments)
{
	char text[JOURNAL_LINE_MAX];

	if (atomic_load_explicit(&journal->is_queued, memory_order_acquire))
		enqueue(journal, level, format, arguments);
	else
		write_line(journal, (str) { text, line_print(text, level, format, arguments) });
}

#define SAY(LEVEL)                                      \
	do {                                            \
		va_list arguments;                      \
                                                        \
		if (!is_said(journal, LEVEL))           \
			return;                         \
		va_start(arguments, format);            \
		say(journal, LEVEL, format, arguments); \
		va_end(arguments);                      \
	} while (0)

void journal_debug(struct journal *journal, const char *format, ...)
{
	SAY(JOURNAL_DEBUG);
}

void journal_info(struct journal *journal, const char *format, ...)
{
	SAY(JOURNAL_INFO);
}

void journal_warn(struct journal *journal, const char *format, ...)
{
	SAY(JOURNAL_WARN);
}

void journal_error(struct journal *journal, const char *format, ...)
{
	SAY(JOURNAL_ERROR);
}

void journal_queue(struct journal *journal, void (*on_line)(void *owner), void *owner)
{
	journal->on_line = on_line;
	journal->owner = owner;
	atomic_store_explicit(&journal->is_queued, true, memory_order_release);
}

void journal_unqueue(struct journal *journal)
{
	atomic_store_explicit(&journal->is_queued, false, memory_order_release);
}

/* A line is shorter than what a pipe takes in one piece, so that the answer holds for all of it. */
static bool can_write(const struct journal *journal)
{
	struct pollfd ready = { .fd = journal->fd, .events = POLLOUT };

	return poll(&ready, 1, 0) == 1;
}

static void tell_dropped(struct journal *journal)
{
	uint64_t dropped = journal_dropped(journal);
	char text[TIME_RFC3339_LEN + 64];
	struct buf line = buf_over(text, sizeof text);

	if (dropped == journal->dropped_told || !can_write(journal))
		return;
	line.len = time_print_rfc3339(time_wall(), text);
	buf_put(&line, STR(" warn journal: lines dropped: "));
	buf_put_u64(&line, dropped - journal->dropped_told);
	buf_put_char(&line, '\n');
	journal->dropped_told = dropped;
	if (!write_line(journal, buf_str(&line)))
		journal->dropped_told++; /* a line about this one would be one too many */
}

size_t journal_drain(struct journal *journal)
{
	size_t count = 0;

	for (;;) {
		struct line *line = &journal->lines[journal->tail % JOURNAL_QUEUE_MAX];

		if (atomic_load(&line->turn) != journal->tail + 1 || !can_write(journal))
			break;
		count += write_line(journal, (str) { line->text, line->len });
		atomic_store_explicit(&line->turn, journal->tail + JOURNAL_QUEUE_MAX, memory_order_release);
		journal->tail++;
	}
	tell_dropped(journal);
	return count;
}

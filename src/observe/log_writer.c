/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One turn of the thread: reopen if asked, write what is in the rings, tell what was dropped, drain the
 * journal, rest. Where it stopped in the middle of a line is kept in `next` and `is_in_line`, and nothing but
 * the rest of that line may follow, or a new file.
 */
#include "observe/log_writer.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/assert.h"
#include "observe/bell.h"
#include "observe/log_output.h"

#define DOZE (20 * MILLISECOND)
#define NAP (100 * MILLISECOND) /* after trouble */
#define SLEEP SECOND
#define STALL (100 * MILLISECOND) /* how long a reader may keep us */
#define GRACE (2 * SECOND)        /* at the end */
#define TELL_AGAIN SECOND

enum {
	BATCH = 16,     /* rings written by one call */
	DOZES_MAX = 50, /* without work, then sleep */
	PASSES = 64,    /* before the writer looks at something else */
};

struct log_writer {
	struct journal *journal;
	struct log_output output; /* its descriptor is -1 while there is none */
	pthread_t thread;
	struct bell bell;
	_Atomic(struct log_output *) next_output; /* NULL: this one stays */
	atomic_bool is_stopping, must_reopen;
	deadline stop_at; /* set before is_stopping */

	/* The thread's own. */
	size_t next; /* the ring whose turn it is; in the middle of a line with is_in_line */
	bool is_in_line;
	bool is_failing;
	unsigned dozes;
	uint64_t told; /* of the dropped lines */
	deadline tell_after;
	_Atomic uint64_t cut; /* lines lost by reopening, or left at the end */

	size_t count;
	struct log_ring rings[];
};

/* A line of the journal is there: from any thread. */
static void on_journal_line(void *owner)
{
	struct log_writer *writer = owner;

	bell_ring(&writer->bell, false);
}

struct log_ring *log_writer_ring(struct log_writer *writer, size_t index)
{
	return &writer->rings[index];
}

void log_writer_tell(struct log_writer *writer, bool is_urgent)
{
	bell_ring(&writer->bell, is_urgent);
}

void log_writer_reopen(struct log_writer *writer)
{
	atomic_store(&writer->must_reopen, true);
	bell_ring(&writer->bell, true);
}

uint64_t log_writer_dropped(const struct log_writer *writer)
{
	uint64_t dropped = atomic_load_explicit(&writer->cut, memory_order_relaxed);

	for (size_t i = 0; i < writer->count; i++)
		dropped += log_ring_dropped(&writer->rings[i]);
	return dropped;
}

/* What one call writes: the bytes that wait in some rings, and whose they are. */
struct batch {
	struct iovec parts[2 * BATCH];
	size_t rings[2 * BATCH];
	int count;
};

/* Begins with the ring whose turn it is. */
static void gather(struct log_writer *writer, struct batch *ret_batch)
{
	int count = 0;

	for (size_t i = 0; i < writer->count && count <= 2 * BATCH - 2; i++) {
		size_t index = (writer->next + i) % writer->count;
		int parts = log_ring_peek(&writer->rings[index], &ret_batch->parts[count]);

		while (parts-- > 0)
			ret_batch->rings[count++] = index;
	}
	ret_batch->count = count;
}

/* The first bytes of the batch went out. */
static void advance(struct log_writer *writer, const struct batch *batch, size_t written)
{
	for (int i = 0; written > 0; i++) {
		const struct iovec *part = &batch->parts[i];
		size_t len = part->iov_len < written ? part->iov_len : written;

		writer->next = batch->rings[i];
		writer->is_in_line = ((const char *)part->iov_base)[len - 1] != '\n';
		log_ring_take(&writer->rings[writer->next], len);
		written -= len;
	}
}

static void say_how_it_goes(struct log_writer *writer, result_value written)
{
	bool is_failing = failed(written);

	if (written.kind == ERROR_TIMEOUT || is_failing == writer->is_failing)
		return;
	writer->is_failing = is_failing;
	if (is_failing)
		journal_error(writer->journal,
			      "access log: %s: %s; lines wait, and are dropped when there are too many",
			      written.why, strerror(written.sys));
	else
		journal_info(writer->journal, "access log: written again");
}

/* Whether something was written. */
static bool write_rings(struct log_writer *writer)
{
	struct batch batch;
	bool has_worked = false;

	for (int pass = 0; writer->output.fd >= 0 && pass < PASSES; pass++) {
		size_t written = 0;
		result_value wrote;

		gather(writer, &batch);
		if (batch.count == 0)
			break;
		wrote = log_output_write(&writer->output, batch.parts, batch.count, STALL, &written);
		say_how_it_goes(writer, wrote);
		if (failed(wrote))
			break;
		advance(writer, &batch, written);
		has_worked = true;
	}
	return has_worked;
}

/* The line that was begun in the old file is not ended in the new one. */
static void give_up_line(struct log_writer *writer)
{
	struct log_ring *ring = &writer->rings[writer->next];
	struct iovec parts[2];
	int count = log_ring_peek(ring, parts);
	size_t len = 0;

	for (int i = 0; writer->is_in_line && i < count; i++) {
		const char *end = memchr(parts[i].iov_base, '\n', parts[i].iov_len);

		len += end ? (size_t)(end - (const char *)parts[i].iov_base) + 1 : parts[i].iov_len;
		writer->is_in_line = !end;
	}
	log_ring_take(ring, len);
	atomic_fetch_add_explicit(&writer->cut, len > 0, memory_order_relaxed);
}

static void reopen(struct log_writer *writer)
{
	result_value opened = log_output_reopen(&writer->output);

	if (failed(opened))
		journal_error(writer->journal, "access log: %s: %s; the old file stays in use", opened.why,
			      strerror(opened.sys));
	else if (writer->output.path && writer->is_in_line)
		give_up_line(writer);
}

/* What waits was meant for the old place: it goes there if that takes it at once. */
static void redirect(struct log_writer *writer)
{
	struct log_output *next = atomic_exchange(&writer->next_output, NULL);

	if (!next)
		return;
	write_rings(writer);
	if (writer->is_in_line)
		give_up_line(writer);
	log_output_close(&writer->output);
	writer->output = *next;
	writer->is_failing = false;
	free(next);
}

/* At most once a second, but for the last time. */
static void tell_dropped(struct log_writer *writer, bool is_last)
{
	uint64_t dropped = log_writer_dropped(writer);
	deadline now = time_monotonic();

	if (dropped == writer->told || (now < writer->tell_after && !is_last))
		return;
	journal_warn(writer->journal, "access log: lines dropped: %" PRIu64, dropped - writer->told);
	writer->told = dropped;
	writer->tell_after = deadline_after(now, TELL_AGAIN);
}

/* Also how the thread looks once more before it sleeps. What waits while there is no output is no work. */
static bool has_lines(struct log_writer *writer)
{
	struct batch batch;

	gather(writer, &batch);
	return batch.count > 0 && writer->output.fd >= 0;
}

static bool must_work(struct log_writer *writer)
{
	return has_lines(writer) || atomic_load(&writer->must_reopen) || atomic_load(&writer->next_output) ||
	       atomic_load(&writer->is_stopping);
}

/* Dozes while there was work lately, then sleeps. After trouble nobody may wake it: trying again costs
 * something. */
static void rest(struct log_writer *writer, bool has_worked)
{
	struct bell *bell = &writer->bell;

	writer->dozes = has_worked ? 0 : writer->dozes + 1;
	if (writer->is_failing) {
		bell_wait(bell, BELL_AWAKE, NAP);
	} else if (writer->dozes <= DOZES_MAX) {
		bell_settle(bell, BELL_DOZING);
		bell_wait(bell, BELL_DOZING, DOZE);
	} else {
		bell_settle(bell, BELL_ASLEEP);
		if (must_work(writer))
			bell_settle(bell, BELL_AWAKE);
		else
			bell_wait(bell, BELL_ASLEEP, SLEEP);
	}
}

static void drain_journal(struct log_writer *writer)
{
	if (writer->journal)
		journal_drain(writer->journal);
}

static size_t count_lines(struct log_ring *ring)
{
	struct iovec parts[2];
	int count = log_ring_peek(ring, parts);
	size_t lines = 0;

	for (int i = 0; i < count; i++)
		for (size_t at = 0; at < parts[i].iov_len; at++)
			lines += ((const char *)parts[i].iov_base)[at] == '\n';
	return lines;
}

static void count_what_is_left(struct log_writer *writer)
{
	for (size_t i = 0; i < writer->count; i++)
		atomic_fetch_add_explicit(&writer->cut, count_lines(&writer->rings[i]), memory_order_relaxed);
}

/* At the end: all is written, or it does not get on, or it takes too long. */
static bool is_done(struct log_writer *writer)
{
	return !has_lines(writer) || writer->is_failing || time_monotonic() >= writer->stop_at;
}

static void *run(void *argument)
{
	struct log_writer *writer = argument;

	for (;;) {
		bool is_stopping = atomic_load(&writer->is_stopping);
		bool has_worked;

		redirect(writer);
		if (atomic_exchange(&writer->must_reopen, false))
			reopen(writer);
		has_worked = write_rings(writer);
		tell_dropped(writer, false);
		drain_journal(writer);
		if (!is_stopping)
			rest(writer, has_worked);
		else if (is_done(writer))
			break;
	}
	count_what_is_left(writer);
	return NULL;
}

/* Signals are for the thread that minds them, and a broken pipe is an error like another. */
static result start(struct log_writer *writer)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&writer->thread, NULL, run, writer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!error)
		return OK;
	journal_error(writer->journal, "cannot start the log's writer: %s", strerror(error));
	return error_system("cannot start the log's writer", error);
}

static struct log_writer *writer_new(struct journal *journal, size_t rings)
{
	size_t size = sizeof(struct log_writer) + rings * sizeof(struct log_ring);
	struct log_writer *writer = aligned_alloc(64, size);

	ASSERT(writer);
	memset(writer, 0, size);
	writer->journal = journal;
	writer->output.fd = -1;
	writer->count = rings;
	for (size_t i = 0; i < rings; i++)
		log_ring_init(&writer->rings[i]);
	return writer;
}

/* A place of the lines, or none. */
static result open_output(struct log_writer *writer, const struct log_target *target,
			  struct log_output *ret_output)
{
	result_value opened = OK;

	*ret_output = (struct log_output) { .fd = -1 };
	if (target->destination != LOG_TO_NOWHERE)
		opened = log_output_open(ret_output, target);
	if (failed(opened)) {
		journal_error(writer->journal, "%s%s%.*s: %s", opened.why, target->path.len ? " " : "",
			      STR_ARG(target->path), strerror(opened.sys));
		log_output_close(ret_output);
	}
	return opened;
}

static void forget_output(struct log_output *output)
{
	if (output)
		log_output_close(output);
	free(output);
}

static void writer_free(struct log_writer *writer)
{
	forget_output(atomic_load(&writer->next_output));
	log_output_close(&writer->output);
	for (size_t i = 0; i < writer->count; i++)
		log_ring_fini(&writer->rings[i]);
	free(writer);
}

result log_writer_open(const struct log_target *target, struct journal *journal, size_t rings,
		       struct log_writer **ret_writer)
{
	struct log_writer *writer = writer_new(journal, rings);
	result_value opened = open_output(writer, target, &writer->output);

	if (!failed(opened))
		opened = start(writer);
	if (failed(opened)) {
		writer_free(writer);
		return opened;
	}
	if (journal)
		journal_queue(journal, on_journal_line, writer);
	*ret_writer = writer;
	return OK;
}

result log_writer_redirect(struct log_writer *writer, const struct log_target *target)
{
	struct log_output *output = calloc(1, sizeof *output);
	result_value opened;

	ASSERT(output);
	opened = open_output(writer, target, output);
	if (failed(opened)) {
		free(output);
		return opened;
	}
	forget_output(atomic_exchange(&writer->next_output, output));
	bell_ring(&writer->bell, true);
	return OK;
}

void log_writer_close(struct log_writer **address)
{
	struct log_writer *writer = *address;

	writer->stop_at = deadline_after(time_monotonic(), GRACE);
	atomic_store(&writer->is_stopping, true);
	bell_ring(&writer->bell, true);
	pthread_join(writer->thread, NULL);
	if (writer->journal)
		journal_unqueue(writer->journal);
	tell_dropped(writer, true);
	drain_journal(writer);
	writer_free(writer);
	*address = NULL;
}

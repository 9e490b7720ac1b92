/* SPDX-License-Identifier: Apache-2.0 */
/* What goes in comes out, in order and whole, across the seam, and never more than there is room for. */
#include "observe/log_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/random.h"
#include "observe/log_config.h"

static bool put(struct log_ring *ring, char fill, size_t len)
{
	struct buf line = log_ring_begin(ring);

	assert_true(line.max <= LOG_LINE_MAX);
	if (line.max < len) {
		log_ring_drop(ring);
		return false;
	}
	memset(line.bytes, fill, len);
	log_ring_commit(ring, len);
	return true;
}

/* Takes len bytes and checks that all of them are fill. */
static void take(struct log_ring *ring, char fill, size_t len)
{
	while (len) {
		struct iovec parts[2];
		int count = log_ring_peek(ring, parts);
		size_t part;

		assert_true(count > 0);
		part = parts[0].iov_len < len ? parts[0].iov_len : len;
		for (size_t i = 0; i < part; i++)
			assert_int_equal(((char *)parts[0].iov_base)[i], fill);
		log_ring_take(ring, part);
		len -= part;
	}
}

static size_t waiting(struct log_ring *ring)
{
	struct iovec parts[2];
	int count = log_ring_peek(ring, parts);

	return (count > 0 ? parts[0].iov_len : 0) + (count > 1 ? parts[1].iov_len : 0);
}

/* On the heap: not every sanitizer's stack keeps to the alignment that the ring asks for. */
static struct log_ring *ring_open(void)
{
	struct log_ring *ring = aligned_alloc(_Alignof(struct log_ring), sizeof *ring);

	assert_non_null(ring);
	log_ring_init(ring);
	return ring;
}

static void ring_close(struct log_ring *ring)
{
	log_ring_fini(ring);
	free(ring);
}

static void an_empty_ring(void **state)
{
	struct log_ring *ring = ring_open();
	struct iovec parts[2];

	(void)state;
	assert_int_equal(log_ring_peek(ring, parts), 0);
	assert_int_equal(log_ring_begin(ring).max, LOG_LINE_MAX);
	assert_int_equal(log_ring_dropped(ring), 0);
	ring_close(ring);
}

static void nothing_is_seen_before_it_is_committed(void **state)
{
	struct log_ring *ring = ring_open();
	struct buf line;

	(void)state;
	line = log_ring_begin(ring);
	buf_put(&line, STR("abc"));
	assert_int_equal(waiting(ring), 0);
	log_ring_commit(ring, line.len);
	assert_int_equal(waiting(ring), 3);
	ring_close(ring);
}

/* Many rounds with lines of every length, so that the seam falls everywhere. */
static void lines_across_the_seam(void **state)
{
	struct log_ring *ring = ring_open();
	size_t len = 1;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		char fill = (char)('a' + i % 26);

		len = len * 31 % 40009 + 1;
		assert_true(put(ring, fill, len));
		take(ring, fill, len);
		assert_int_equal(waiting(ring), 0);
	}
	ring_close(ring);
}

static void a_full_ring_takes_nothing_and_loses_nothing(void **state)
{
	enum { LEN = 10007 };
	struct log_ring *ring = ring_open();
	size_t count = 0;

	(void)state;
	while (put(ring, (char)('a' + count % 26), LEN))
		count++;
	assert_int_equal(count, LOG_RING_SIZE / LEN);
	assert_int_equal(log_ring_dropped(ring), 1);
	assert_int_equal(log_ring_begin(ring).max, LOG_RING_SIZE - count * LEN);
	for (size_t i = 0; i < count; i++)
		take(ring, (char)('a' + i % 26), LEN);
	assert_int_equal(waiting(ring), 0);
	assert_true(put(ring, 'z', LEN));
	take(ring, 'z', LEN);
	ring_close(ring);
}

static void to_the_last_byte(void **state)
{
	struct log_ring *ring = ring_open();

	(void)state;
	for (size_t i = 0; i < LOG_RING_SIZE / LOG_LINE_MAX; i++)
		assert_true(put(ring, 'x', LOG_LINE_MAX));
	assert_int_equal(log_ring_begin(ring).max, 0);
	assert_false(put(ring, 'y', 1));
	take(ring, 'x', 1);
	assert_true(put(ring, 'y', 1));
	take(ring, 'x', LOG_RING_SIZE - 1);
	take(ring, 'y', 1);
	ring_close(ring);
}

static void half_full_is_told(void **state)
{
	struct log_ring *ring = ring_open();

	(void)state;
	for (size_t sum = LOG_LINE_MAX; sum <= LOG_RING_SIZE; sum += LOG_LINE_MAX)
		assert_int_equal(log_ring_commit(ring, LOG_LINE_MAX), sum > LOG_RING_SIZE / 2);
	log_ring_take(ring, LOG_RING_SIZE);
	assert_false(log_ring_commit(ring, LOG_LINE_MAX));
	ring_close(ring);
}

enum { SENT = 20000 };

/* Lines of random lengths that say their number and end in a line end. */
static void *produce(void *argument)
{
	struct log_ring *ring = argument;
	struct random random = { 1, 2 };

	for (uint64_t i = 0; i < SENT; i++) {
		size_t filler = random_below(&random, 600);
		struct buf line = log_ring_begin(ring);

		buf_put_u64(&line, i);
		for (size_t j = 0; j < filler; j++)
			buf_put_char(&line, 'x');
		buf_put_char(&line, '\n');
		if (buf_overflowed(&line))
			log_ring_drop(ring);
		else
			log_ring_commit(ring, line.len);
	}
	return NULL;
}

struct consumer {
	char line[1024];
	size_t len;
	uint64_t count;
	int64_t last;
};

static void consume_byte(struct consumer *consumer, char c)
{
	int64_t number = 0;

	if (c != '\n') {
		assert_true(consumer->len < sizeof consumer->line);
		consumer->line[consumer->len++] = c;
		return;
	}
	for (size_t i = 0; i < consumer->len; i++) {
		char digit = consumer->line[i];

		assert_true(digit == 'x' || (digit >= '0' && digit <= '9'));
		if (digit != 'x')
			number = number * 10 + (digit - '0');
	}
	assert_true(number > consumer->last);
	consumer->last = number;
	consumer->count++;
	consumer->len = 0;
}

static void consume(struct log_ring *ring, struct consumer *consumer)
{
	struct iovec parts[2];
	int count = log_ring_peek(ring, parts);

	for (int i = 0; i < count; i++) {
		for (size_t at = 0; at < parts[i].iov_len; at++)
			consume_byte(consumer, ((char *)parts[i].iov_base)[at]);
		log_ring_take(ring, parts[i].iov_len);
	}
}

static void two_threads(void **state)
{
	struct log_ring *ring = aligned_alloc(64, sizeof *ring);
	struct consumer consumer = { .last = -1 };
	pthread_t thread;

	(void)state;
	log_ring_init(ring);
	assert_int_equal(pthread_create(&thread, NULL, produce, ring), 0);
	for (int i = 0; i < 100000 && consumer.count + log_ring_dropped(ring) < SENT; i++)
		consume(ring, &consumer);
	assert_int_equal(pthread_join(thread, NULL), 0);
	consume(ring, &consumer);
	assert_int_equal(consumer.count + log_ring_dropped(ring), SENT);
	assert_int_equal(consumer.len, 0);
	log_ring_fini(ring);
	free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_ring),
		cmocka_unit_test(nothing_is_seen_before_it_is_committed),
		cmocka_unit_test(lines_across_the_seam),
		cmocka_unit_test(a_full_ring_takes_nothing_and_loses_nothing),
		cmocka_unit_test(to_the_last_byte),
		cmocka_unit_test(half_full_is_told),
		cmocka_unit_test(two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay between a source and a sink that are doubles: who is asked for what and when, how long, and what
 * comes of a failure of either.
 */
#include "base/testing.h"
#include "fiber/testing.h"
#include "http/body.h"

enum { LOG_MAX = 4096 };

/* Gives its pieces; writes down what is asked of it. */
struct feed {
	struct body_source source; /* first */
	const char *const *pieces;
	size_t at, used;         /* the piece, and how much of it is used */
	bool is_slow;            /* the next piece has to be waited for */
	enum error_kind failure; /* behind the pieces; ERROR_NONE: the last one is the last */
	deadline until;
	struct buf *log;
};

/* Takes n bytes at a time. */
struct drain {
	struct body_sink sink; /* first */
	size_t n, waits;       /* waits: how often nothing goes before something does */
	size_t waited, fails_after, taken;
	enum error_kind failure, flush_failure;
	deadline until, flush_until;
	bool had_trailers;
	struct buf *log;
};

static bool feed_is_ready(const struct body_source *source)
{
	return !((const struct feed *)source)->is_slow;
}

static result feed_peek(struct body_source *source, deadline until, struct piece *ret_piece)
{
	struct feed *feed = (struct feed *)source;
	const char *text = feed->pieces[feed->at];

	buf_put_char(feed->log, 'p');
	feed->until = until;
	if (!text && feed->failure)
		return error_make(feed->failure, "the feed fails");
	*ret_piece = (struct piece) {
		.bytes = str_skip(str_of(text), feed->used),
		.is_last = !feed->failure && (!text || !feed->pieces[feed->at + 1]),
	};
	return OK;
}

static void feed_consume(struct body_source *source, size_t n)
{
	struct feed *feed = (struct feed *)source;

	feed->used += n;
	if (feed->pieces[feed->at] && feed->used == strlen(feed->pieces[feed->at])) {
		feed->at++;
		feed->used = 0;
	}
}

static result drain_send(struct body_sink *sink, struct piece piece, deadline until, size_t *ret_used)
{
	struct drain *drain = (struct drain *)sink;
	str bytes = str_slice(piece.bytes, 0, drain->n);

	drain->until = until;
	*ret_used = 0;
	if (drain->failure && drain->taken >= drain->fails_after)
		return error_make(drain->failure, "the drain fails");
	if (drain->waited++ < drain->waits) {
		buf_put_char(drain->log, 'w');
		return OK;
	}
	drain->waited = 0;
	buf_put_char(drain->log, '<');
	buf_put(drain->log, bytes);
	buf_put_char(drain->log, '>');
	drain->taken += bytes.len;
	drain->had_trailers |= sink->trailers != NULL;
	sink->is_done = piece.is_last && bytes.len == piece.bytes.len;
	*ret_used = bytes.len;
	return OK;
}

static result drain_flush(struct body_sink *sink, deadline until)
{
	struct drain *drain = (struct drain *)sink;

	buf_put_char(drain->log, 'f');
	drain->flush_until = until;
	return drain->flush_failure ? error_make(drain->flush_failure, "no flush") : OK;
}

static const struct body_source_ops feed_ops = { feed_is_ready, feed_peek, feed_consume };
static const struct body_sink_ops drain_ops = { drain_send, drain_flush };

static const char *const two_pieces[] = { "abcd", "ef", NULL, NULL };
static const char *const nothing[] = { NULL, NULL };
static const char *const last_is_empty[] = { "ab", "", NULL, NULL };

static const struct {
	const char *name;
	const char *const *pieces;
	bool is_slow;
	size_t n, waits;
	enum error_kind feed_failure, drain_failure, flush_failure;
	size_t fails_after;
	enum relay_end end;
	const char *log; /* p: asked for a piece; <x>: x went; w: nothing went; f: flushed */
} rows[] = {
	{ "at once", two_pieces, false, 9, 0, 0, 0, 0, 0, RELAY_DONE, "p<abcd>p<ef>" },
	{ "no body", nothing, false, 9, 0, 0, 0, 0, 0, RELAY_DONE, "p<>" },
	{ "an empty last piece", last_is_empty, false, 9, 0, 0, 0, 0, 0, RELAY_DONE, "p<ab>p<>" },
	{ "the sink takes little", two_pieces, false, 3, 0, 0, 0, 0, 0, RELAY_DONE, "p<abc>p<d>p<ef>" },
	{ "the sink takes a byte", two_pieces, false, 1, 0, 0, 0, 0, 0, RELAY_DONE,
	  "p<a>p<b>p<c>p<d>p<e>p<f>" },
	{ "the sink is slow: nothing more is asked for", two_pieces, false, 9, 2, 0, 0, 0, 0, RELAY_DONE,
	  "pwpwp<abcd>pwpwp<ef>" },
	{ "the source is slow: what is held back goes", two_pieces, true, 9, 0, 0, 0, 0, 0, RELAY_DONE,
	  "fp<abcd>fp<ef>" },
	{ "both are slow", two_pieces, true, 3, 1, 0, 0, 0, 0, RELAY_DONE, "fpwfp<abc>fpwfp<d>fpwfp<ef>" },

	{ "the source fails at once", nothing, false, 9, 0, ERROR_RESET, 0, 0, 0, RELAY_SOURCE_FAILED, "p" },
	{ "the source ends early", two_pieces, false, 9, 0, ERROR_CLOSED, 0, 0, 0, RELAY_SOURCE_FAILED,
	  "p<abcd>p<ef>p" },
	{ "the source is malformed", two_pieces, false, 3, 0, ERROR_MALFORMED, 0, 0, 0, RELAY_SOURCE_FAILED,
	  "p<abc>p<d>p<ef>p" },
	{ "the source is too late", two_pieces, true, 9, 0, ERROR_TIMEOUT, 0, 0, 0, RELAY_SOURCE_FAILED,
	  "fp<abcd>fp<ef>fp" },
	{ "cancelled while reading", two_pieces, false, 9, 0, ERROR_CANCELLED, 0, 0, 0, RELAY_SOURCE_FAILED,
	  "p<abcd>p<ef>p" },
	{ "the sink fails at once", two_pieces, false, 9, 0, 0, ERROR_RESET, 0, 0, RELAY_SINK_FAILED, "p" },
	{ "the sink fails later", two_pieces, false, 3, 0, 0, ERROR_RESET, 0, 3, RELAY_SINK_FAILED,
	  "p<abc>p" },
	{ "the sink is too late", two_pieces, false, 9, 3, 0, ERROR_TIMEOUT, 0, 4, RELAY_SINK_FAILED,
	  "pwpwpwp<abcd>p" },
	{ "cancelled while writing", two_pieces, false, 9, 0, 0, ERROR_CANCELLED, 0, 4, RELAY_SINK_FAILED,
	  "p<abcd>p" },
	{ "the flush fails", two_pieces, true, 9, 0, 0, 0, ERROR_RESET, 0, RELAY_SINK_FAILED, "f" },
	{ "both fail: the sink is first", nothing, true, 9, 0, ERROR_RESET, 0, ERROR_TIMEOUT, 0,
	  RELAY_SINK_FAILED, "f" },
};

static enum error_kind failure_of(size_t i)
{
	if (rows[i].end == RELAY_SOURCE_FAILED)
		return rows[i].feed_failure;
	return rows[i].drain_failure ? rows[i].drain_failure : rows[i].flush_failure;
}

static void relays_step_by_step(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[LOG_MAX];
		struct buf log = buf_over(text, sizeof text);
		struct world world;
		struct feed feed = { .source.ops = &feed_ops,
				     .pieces = rows[i].pieces,
				     .is_slow = rows[i].is_slow,
				     .failure = rows[i].feed_failure,
				     .log = &log };
		struct drain drain = { .sink.ops = &drain_ops,
				       .n = rows[i].n,
				       .waits = rows[i].waits,
				       .failure = rows[i].drain_failure,
				       .flush_failure = rows[i].flush_failure,
				       .fails_after = rows[i].fails_after,
				       .log = &log };
		struct relay relay = { .from = &feed.source, .to = &drain.sink, .until = DEADLINE_NEVER };
		result_value error;

		world_open(&world);
		relay.loop = world.loop;
		assert_row(relay_run(&relay, &error) == rows[i].end, i, rows[i].name);
		assert_row(error.kind == failure_of(i), i, rows[i].name);
		assert_text(buf_str(&log), rows[i].log);
		assert_row(drain.sink.is_done == (rows[i].end == RELAY_DONE), i, rows[i].name);
		world_close(&world);
	}
}

/* ---- deadlines ---- */

static const struct {
	const char *name;
	duration from_idle, to_idle, until; /* until: from now */
	duration want_from, want_to;
} deadline_rows[] = {
	{ "each its own", SECOND, 2 * SECOND, DAY, SECOND, 2 * SECOND },
	{ "all of it is shorter than either", SECOND, 2 * SECOND, MILLISECOND, MILLISECOND, MILLISECOND },
	{ "all of it is shorter than one", SECOND, 3 * SECOND, 2 * SECOND, SECOND, 2 * SECOND },
	{ "all of it is over already", SECOND, SECOND, -SECOND, -SECOND, -SECOND },
};

static void every_wait_has_its_bound(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(deadline_rows); i++) {
		char text[LOG_MAX];
		struct buf log = buf_over(text, sizeof text);
		struct world world;
		struct feed feed = {
			.source.ops = &feed_ops, .pieces = two_pieces, .is_slow = true, .log = &log
		};
		struct drain drain = { .sink.ops = &drain_ops, .n = 9, .log = &log };
		struct relay relay = { .from = &feed.source,
				       .to = &drain.sink,
				       .from_idle = deadline_rows[i].from_idle,
				       .to_idle = deadline_rows[i].to_idle };
		result_value error;
		deadline now;

		world_open(&world);
		now = loop_now(world.loop);
		relay.loop = world.loop;
		relay.until = now + deadline_rows[i].until;
		assert_int_equal(relay_run(&relay, &error), RELAY_DONE);
		assert_row(feed.until == now + deadline_rows[i].want_from, i, deadline_rows[i].name);
		assert_row(drain.until == now + deadline_rows[i].want_to, i, deadline_rows[i].name);
		assert_row(drain.flush_until == drain.until, i, deadline_rows[i].name);
		world_close(&world);
	}
}

/* The idle time runs anew for every piece. */
static void idle_time_runs_from_the_last_piece(void **state)
{
	char text[LOG_MAX];
	struct buf log = buf_over(text, sizeof text);
	struct world world;
	struct feed feed = { .source.ops = &feed_ops, .pieces = two_pieces, .log = &log };
	struct drain drain = {
		.sink.ops = &drain_ops, .n = 4, .failure = ERROR_RESET, .fails_after = 4, .log = &log
	};
	struct relay relay = { .from = &feed.source,
			       .to = &drain.sink,
			       .from_idle = SECOND,
			       .to_idle = SECOND,
			       .until = DEADLINE_NEVER };
	result_value error;
	deadline first, began;

	(void)state;
	world_open(&world);
	relay.loop = world.loop;
	assert_int_equal(relay_run(&relay, &error), RELAY_SINK_FAILED);
	first = feed.until;
	began = loop_now(world.loop);
	loop_turn(world.loop, began + 2 * MILLISECOND);
	while (loop_now(world.loop) == began)
		loop_turn(world.loop, 0);
	drain.failure = ERROR_NONE;
	assert_int_equal(relay_run(&relay, &error), RELAY_DONE);
	assert_int_equal(feed.until - first, loop_now(world.loop) - began);
	world_close(&world);
}

static void trailers_go_with_the_last_piece(void **state)
{
	struct http_field field = { .name = STR_INIT("ETag") };
	char text[LOG_MAX];
	struct buf log = buf_over(text, sizeof text);
	struct world world;
	struct feed feed = { .source = { &feed_ops, { &field, 1, 1, NULL } },
			     .pieces = two_pieces,
			     .log = &log };
	struct drain drain = {
		.sink.ops = &drain_ops, .n = 9, .failure = ERROR_RESET, .fails_after = 4, .log = &log
	};
	struct relay relay = { .from = &feed.source, .to = &drain.sink, .until = DEADLINE_NEVER };
	result_value error;

	(void)state;
	world_open(&world);
	relay.loop = world.loop;
	assert_int_equal(relay_run(&relay, &error), RELAY_SINK_FAILED);
	assert_false(drain.had_trailers);
	drain.failure = ERROR_NONE;
	assert_int_equal(relay_run(&relay, &error), RELAY_DONE);
	assert_true(drain.had_trailers);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relays_step_by_step),
		cmocka_unit_test(every_wait_has_its_bound),
		cmocka_unit_test(idle_time_runs_from_the_last_piece),
		cmocka_unit_test(trailers_go_with_the_last_piece),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies written to their connection: whatever goes at once and however the pieces are cut, what arrives is
 * the head and a body that reads back as the same bytes.
 */
#include "base/testing.h"
#include "codec/h1_chunked_testing.h"
#include "http/h1_sink.h"
#include "http/http_testing.h"

enum { TEXT_MAX = 8192, HEAD_LONG = 400 };

#define HEAD "HEAD: yes\r\n\r\n"

struct bench {
	struct wire wire;
	struct h1_sink sink;
};

static void bench_open(struct bench *bench, str head, enum http_framing framing, uint64_t length,
		       struct pace takes)
{
	wire_open(&bench->wire, STR(""), (struct pace) { 0 });
	bench->wire.takes = takes;
	h1_sink_init(&bench->sink, &bench->wire.stream, &bench->wire.arena, head, framing, length);
}

/* ---- what arrives, to the byte ---- */

static const struct {
	const char *name;
	enum http_framing framing;
	uint64_t length;
	struct pace pieces;
	const char *body, *want;
	enum error_kind error;
} rows[] = {
	{ "no body", HTTP_NO_BODY, 0, { 0 }, "", HEAD, 0 },
	{ "content where no body may be", HTTP_NO_BODY, 0, PACE(2), "hello", HEAD, 0 },
	{ "a length in one piece", HTTP_LENGTH, 5, { 0 }, "hello", HEAD "hello", 0 },
	{ "a length in pieces", HTTP_LENGTH, 5, PACE(2, 1, 7), "hello", HEAD "hello", 0 },
	{ "a length of nothing", HTTP_LENGTH, 0, { 0 }, "", HEAD, 0 },
	{ "more than the length", HTTP_LENGTH, 3, { 0 }, "hello", HEAD "hel", 0 },
	{ "more than the length, in pieces", HTTP_LENGTH, 3, PACE(2), "hello", HEAD "hel", 0 },
	{ "more than a length of nothing", HTTP_LENGTH, 0, { 0 }, "hello", HEAD, 0 },
	{ "less than the length", HTTP_LENGTH, 9, { 0 }, "hello", HEAD "hello", ERROR_INVALID },
	{ "nothing of the length", HTTP_LENGTH, 9, { 0 }, "", HEAD, ERROR_INVALID },
	{ "until close", HTTP_UNTIL_CLOSE, 0, PACE(1, 2), "hello", HEAD "hello", 0 },
	{ "until close, of nothing", HTTP_UNTIL_CLOSE, 0, { 0 }, "", HEAD, 0 },
	{ "a chunk", HTTP_CHUNKED, 0, { 0 }, "hello", HEAD "5\r\nhello\r\n0\r\n\r\n", 0 },
	{ "chunks", HTTP_CHUNKED, 0, PACE(2), "hello", HEAD "2\r\nhe\r\n2\r\nll\r\n1\r\no\r\n0\r\n\r\n", 0 },
	{ "no chunk", HTTP_CHUNKED, 0, { 0 }, "", HEAD "0\r\n\r\n", 0 },
	{ "a chunk of two digits",
	  HTTP_CHUNKED,
	  0,
	  { 0 },
	  "0123456789abcdefg",
	  HEAD "11\r\n0123456789abcdefg\r\n0\r\n\r\n",
	  0 },
};

static void check_row(size_t i, struct pace takes)
{
	struct bench bench;
	result_value sent;

	bench_open(&bench, STR(HEAD), rows[i].framing, rows[i].length, takes);
	sent = body_write(&bench.sink.sink, str_of(rows[i].body), rows[i].pieces);
	assert_row(sent.kind == rows[i].error, i, rows[i].name);
	assert_row(bench.sink.sink.is_done == (rows[i].error == ERROR_NONE), i, rows[i].name);
	if (rows[i].error)
		assert_row(str_starts(str_of(rows[i].want), wire_output(&bench.wire)), i, rows[i].name);
	else
		assert_text(wire_output(&bench.wire), rows[i].want);
	assert_int_equal(bench.sink.sink.sent, bench.wire.output_len);
	wire_close(&bench.wire);
}

static void what_arrives_does_not_depend_on_what_goes_at_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		check_row(i, (struct pace) { 0 });
		for (unsigned char n = 1; n < 40; n++) {
			check_row(i, PACE(n));
			check_row(i, PACE(n, 0));
			check_row(i, PACE(0, 0, n, 255));
			check_row(i, PACE(n, 1, 0, 2));
		}
	}
}

/* ---- one call ---- */

static const struct {
	const char *name;
	enum http_framing framing;
	uint64_t length;
	const char *body;
	size_t headroom, want_parts;
} call_rows[] = {
	{ "a head alone", HTTP_NO_BODY, 0, "", 0, 1 },
	{ "head and body", HTTP_LENGTH, 5, "hello", 0, 2 },
	{ "head in front of the body", HTTP_LENGTH, 5, "hello", 64, 1 },
	{ "just room for the head", HTTP_LENGTH, 5, "hello", sizeof HEAD - 1, 1 },
	{ "a byte too little for the head", HTTP_LENGTH, 5, "hello", sizeof HEAD - 2, 2 },
	{ "head, chunk and end", HTTP_CHUNKED, 0, "hello", 0, 3 },
	{ "head in front of the chunk, and end", HTTP_CHUNKED, 0, "hello", 64, 2 },
	{ "head and end", HTTP_CHUNKED, 0, "", 0, 2 },
};

static void a_message_that_is_there_leaves_in_one_call(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(call_rows); i++) {
		char room[256];
		struct piece piece = { .bytes = { room + 128, strlen(call_rows[i].body) },
				       .is_last = true,
				       .headroom = call_rows[i].headroom };
		struct bench bench;
		size_t used;

		memset(room, '#', sizeof room);
		memcpy(room + 128, call_rows[i].body, piece.bytes.len);
		bench_open(&bench, STR(HEAD), call_rows[i].framing, call_rows[i].length, (struct pace) { 0 });
		assert_int_equal(sink_send(&bench.sink.sink, piece, 0, &used).kind, ERROR_NONE);
		assert_row(bench.wire.sends == 1, i, call_rows[i].name);
		assert_row(bench.wire.parts == call_rows[i].want_parts, i, call_rows[i].name);
		assert_row(bench.sink.sink.is_done && used == piece.bytes.len, i, call_rows[i].name);
		for (size_t j = 0; j < 128 - call_rows[i].headroom; j++)
			assert_row(room[j] == '#', i, "written before the headroom");
		wire_close(&bench.wire);
	}
}

/* ---- what is held back ---- */

static void a_flush_sends_the_head_and_the_end_of_a_chunk(void **state)
{
	struct piece piece = { .bytes = STR("hello") };
	struct bench bench;
	size_t used;

	(void)state;
	bench_open(&bench, STR(HEAD), HTTP_CHUNKED, 0, PACE(4, 0));
	assert_int_equal(sink_flush(&bench.sink.sink, 7).kind, ERROR_NONE);
	assert_text(wire_output(&bench.wire), HEAD);
	assert_int_equal(bench.wire.send_until, 7);
	bench.wire.takes = PACE(8);
	assert_int_equal(sink_send(&bench.sink.sink, piece, 0, &used).kind, ERROR_NONE);
	assert_text(wire_output(&bench.wire), HEAD "5\r\nhello");
	assert_false(bench.sink.sink.is_done);
	assert_int_equal(sink_flush(&bench.sink.sink, 0).kind, ERROR_NONE);
	assert_text(wire_output(&bench.wire), HEAD "5\r\nhello\r\n");
	assert_int_equal(sink_flush(&bench.sink.sink, 0).kind, ERROR_NONE);
	assert_text(wire_output(&bench.wire), HEAD "5\r\nhello\r\n");
	wire_close(&bench.wire);
}

/* A chunk that was announced goes on with whatever is given next, also when the pieces are others now. */
static void a_chunk_under_way_keeps_its_size(void **state)
{
	struct bench bench;
	size_t used;

	(void)state;
	bench_open(&bench, STR(""), HTTP_CHUNKED, 0, PACE(5, 255, 255));
	assert_int_equal(
		sink_send(&bench.sink.sink, (struct piece) { .bytes = STR("abcdef") }, 0, &used).kind,
		ERROR_NONE);
	assert_int_equal(used, 2);
	assert_int_equal(sink_send(&bench.sink.sink,
				   (struct piece) { .bytes = STR("cdefGHI"), .is_last = true }, 0, &used)
				 .kind,
			 ERROR_NONE);
	assert_int_equal(used, 4);
	assert_false(bench.sink.sink.is_done);
	assert_int_equal(
		sink_send(&bench.sink.sink, (struct piece) { .bytes = STR("GHI"), .is_last = true }, 0, &used)
			.kind,
		ERROR_NONE);
	assert_true(bench.sink.sink.is_done);
	assert_text(wire_output(&bench.wire), "6\r\nabcdef\r\n3\r\nGHI\r\n0\r\n\r\n");
	wire_close(&bench.wire);
}

/* A head of any length may be stuck half way when the first chunk begins. */
static void a_long_head_may_be_stuck_anywhere(void **state)
{
	static char head[HEAD_LONG];

	(void)state;
	memset(head, 'h', sizeof head);
	for (unsigned char n = 1; n < 250; n += 7) {
		struct bench bench;
		static char want[HEAD_LONG + 32];
		struct buf text = buf_over(want, sizeof want);

		bench_open(&bench, (str) { head, sizeof head }, HTTP_CHUNKED, 0, PACE(n, 0, 0));
		assert_int_equal(body_write(&bench.sink.sink, STR("body"), PACE(3)).kind, ERROR_NONE);
		buf_put(&text, (str) { head, sizeof head });
		buf_put(&text, STR("3\r\nbod\r\n1\r\ny\r\n0\r\n\r\n"));
		assert_true(str_eq(wire_output(&bench.wire), buf_str(&text)));
		wire_close(&bench.wire);
	}
}

/* A stream may go on for days: what frames its chunks must not pile up in the arena. */
static void a_long_stream_takes_no_memory(void **state)
{
	struct bench bench;
	size_t left, used;

	(void)state;
	bench_open(&bench, STR(HEAD), HTTP_CHUNKED, 0, PACE(3, 0, 9, 1, 30));
	for (unsigned i = 0; i < 2000; i++) {
		str bytes = STR("event");

		if (i == 10)
			left = bench.wire.arena.used;
		while (bytes.len) {
			assert_int_equal(
				sink_send(&bench.sink.sink, (struct piece) { .bytes = bytes }, 0, &used).kind,
				ERROR_NONE);
			bytes = str_skip(bytes, used);
		}
	}
	assert_int_equal(bench.wire.arena.used, left);
	wire_close(&bench.wire);
}

/* ---- trailers ---- */

static void trailers_stand_behind_the_last_chunk(void **state)
{
	struct http_field fields[] = {
		{ .name = STR_INIT("ETag"), .value = STR_INIT("\"1\""), .id = HTTP_ETAG },
		{ .name = STR_INIT("X-Gone"), .value = STR_INIT("no"), .removed = true },
		{ .name = STR_INIT("X-Empty"), .value = STR_INIT("") },
	};
	struct http_fields trailers = { .at = fields, .count = 3, .max = 3 };

	(void)state;
	for (unsigned char n = 1; n < 60; n++) {
		struct bench bench;

		bench_open(&bench, STR(HEAD), HTTP_CHUNKED, 0, PACE(n, 0));
		bench.sink.sink.trailers = &trailers;
		assert_int_equal(body_write(&bench.sink.sink, STR("hi"), PACE(1)).kind, ERROR_NONE);
		assert_text(wire_output(&bench.wire),
			    HEAD "1\r\nh\r\n1\r\ni\r\n0\r\nETag: \"1\"\r\nX-Empty: \r\n\r\n");
		wire_close(&bench.wire);
	}
}

static void trailers_are_dropped_where_no_coding_can_bear_them(void **state)
{
	struct http_field field = { .name = STR_INIT("ETag"), .value = STR_INIT("1"), .id = HTTP_ETAG };
	struct http_fields trailers = { .at = &field, .count = 1, .max = 1 };
	struct bench bench;

	(void)state;
	bench_open(&bench, STR(HEAD), HTTP_LENGTH, 2, (struct pace) { 0 });
	bench.sink.sink.trailers = &trailers;
	assert_int_equal(body_write(&bench.sink.sink, STR("hi"), PACE(1)).kind, ERROR_NONE);
	assert_text(wire_output(&bench.wire), HEAD "hi");
	wire_close(&bench.wire);
}

/* ---- failures ---- */

static const enum error_kind refusals[] = { ERROR_RESET, ERROR_CLOSED, ERROR_TIMEOUT, ERROR_CANCELLED };

/* Refused at any byte: told as it is, counted rightly, and never done. */
static void a_refusal_is_passed_on(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < COUNT_OF(refusals); kind++) {
		for (size_t at = 0; at < sizeof HEAD "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" - 1; at++) {
			struct bench bench;

			bench_open(&bench, STR(HEAD), HTTP_CHUNKED, 0, (struct pace) { 0 });
			bench.wire.refusal = refusals[kind];
			bench.wire.refuses_at = at;
			assert_int_equal(body_write(&bench.sink.sink, STR("abcde"), PACE(3)).kind,
					 refusals[kind]);
			assert_int_equal(bench.sink.sink.sent, at);
			assert_false(bench.sink.sink.is_done);
			wire_close(&bench.wire);
		}
	}
}

/* ---- property: any pieces, any pace, read back ---- */

static void check_framing(str chunks, str body, unsigned round)
{
	static struct chunked_outcome outcome;

	chunked_outcome_find(chunks, chunks.len, SIZE_MAX, &outcome);
	if (outcome.state != H1_CHUNKED_END || outcome.taken != chunks.len)
		fail_msg("round %u: state %d, %zu of %zu taken", round, (int)outcome.state, outcome.taken,
			 chunks.len);
	assert_true(str_eq(buf_str(&outcome.text), body));
}

static void any_pieces_read_back_as_the_same_bytes(void **state)
{
	static char body[TEXT_MAX];
	struct random random = { 99, 7 };

	(void)state;
	for (size_t i = 0; i < sizeof body; i++)
		body[i] = "\r\n0;abz"[random_below(&random, 7)];
	for (unsigned round = 0; round < 4000; round++) {
		unsigned char takes[5], pieces[5];
		bool is_chunked = round % 3;
		str content = { body, random_below(&random, round % 50 ? 300 : sizeof body) };
		struct bench bench;
		result_value sent;

		bench_open(&bench, STR(HEAD), is_chunked ? HTTP_CHUNKED : HTTP_LENGTH, content.len,
			   pace_random(&random, takes, sizeof takes, 1 + round % 200));
		sent = body_write(&bench.sink.sink, content,
				  pace_random(&random, pieces, sizeof pieces, 1 + round % 120));
		if (failed(sent))
			fail_msg("round %u: %s", round, sent.why);
		assert_true(str_starts(wire_output(&bench.wire), STR(HEAD)));
		if (is_chunked)
			check_framing(str_skip(wire_output(&bench.wire), sizeof HEAD - 1), content, round);
		else
			assert_true(str_eq(str_skip(wire_output(&bench.wire), sizeof HEAD - 1), content));
		wire_close(&bench.wire);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_arrives_does_not_depend_on_what_goes_at_once),
		cmocka_unit_test(a_message_that_is_there_leaves_in_one_call),
		cmocka_unit_test(a_flush_sends_the_head_and_the_end_of_a_chunk),
		cmocka_unit_test(a_chunk_under_way_keeps_its_size),
		cmocka_unit_test(a_long_head_may_be_stuck_anywhere),
		cmocka_unit_test(a_long_stream_takes_no_memory),
		cmocka_unit_test(trailers_stand_behind_the_last_chunk),
		cmocka_unit_test(trailers_are_dropped_where_no_coding_can_bear_them),
		cmocka_unit_test(a_refusal_is_passed_on),
		cmocka_unit_test(any_pieces_read_back_as_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

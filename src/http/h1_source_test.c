/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies read from their connection: whatever the splits and the bites, the same content, the same trailers,
 * the same bytes left for the next message, the same failure.
 */
#include "base/testing.h"
#include "http/h1_source.h"
#include "http/http_testing.h"

enum { BODY_MAX = 100, FIELDS_MAX = 4, TEXT_MAX = 4096 };

static const struct h1_chunked_limits limits = {
	.extension = 16,
	.trailers = { .field = 64, .name = 32, .head = 128, .fields = FIELDS_MAX },
};

struct row {
	const char *name;
	enum http_framing framing;
	uint64_t length;
	const char *input;
	enum error_kind end; /* of the connection, behind the input */
	const char *content, *rest, *trailers;
	enum error_kind want;
};

static const struct row rows[] = {
	{ "no body", HTTP_NO_BODY, 0, "GET / next", 0, "", "GET / next", "", 0 },
	{ "a length", HTTP_LENGTH, 5, "helloGET / next", 0, "hello", "GET / next", "", 0 },
	{ "a length of nothing", HTTP_LENGTH, 0, "GET / next", 0, "", "GET / next", "", 0 },
	{ "a length that ends early", HTTP_LENGTH, 5, "hel", 0, "hel", NULL, "", ERROR_CLOSED },
	{ "a length of which nothing comes", HTTP_LENGTH, 5, "", 0, "", NULL, "", ERROR_CLOSED },
	{ "a length that breaks off", HTTP_LENGTH, 5, "hell", ERROR_RESET, "hell", NULL, "", ERROR_RESET },
	{ "a length that comes too late", HTTP_LENGTH, 5, "h", ERROR_TIMEOUT, "h", NULL, "", ERROR_TIMEOUT },
	{ "a length, cancelled", HTTP_LENGTH, 5, "h", ERROR_CANCELLED, "h", NULL, "", ERROR_CANCELLED },
	{ "a length beyond counting", HTTP_LENGTH, UINT64_MAX, "abc", 0, "abc", NULL, "", ERROR_CLOSED },

	{ "until close", HTTP_UNTIL_CLOSE, 0, "all of it", 0, "all of it", "", "", 0 },
	{ "until close, and nothing", HTTP_UNTIL_CLOSE, 0, "", 0, "", "", "", 0 },
	{ "until close, but broken", HTTP_UNTIL_CLOSE, 0, "some", ERROR_RESET, "some", NULL, "",
	  ERROR_RESET },
	{ "until close, too late", HTTP_UNTIL_CLOSE, 0, "some", ERROR_TIMEOUT, "some", NULL, "",
	  ERROR_TIMEOUT },

	{ "a chunk", HTTP_CHUNKED, 0, "5\r\nhello\r\n0\r\n\r\nGET / next", 0, "hello", "GET / next", "", 0 },
	{ "no chunk", HTTP_CHUNKED, 0, "0\r\n\r\nGET / next", 0, "", "GET / next", "", 0 },
	{ "chunks", HTTP_CHUNKED, 0, "3\r\nabc\r\n1\r\nd\r\n00a\r\n0123456789\r\n0\r\n\r\n0\r\n\r\n", 0,
	  "abcd0123456789", "0\r\n\r\n", "", 0 },
	{ "chunks that hold framing", HTTP_CHUNKED, 0, "5\r\n0\r\n\r\n\r\n0\r\n\r\n", 0, "0\r\n\r\n", "", "",
	  0 },
	{ "an extension", HTTP_CHUNKED, 0, "2;a=b\r\nhi\r\n0;c\r\n\r\nG", 0, "hi", "G", "", 0 },
	{ "trailers", HTTP_CHUNKED, 0, "2\r\nhi\r\n0\r\nETag: 1\r\nX-B:  two \r\n\r\nG", 0, "hi", "G",
	  "ETag=1;X-B=two;", 0 },
	{ "trailers alone", HTTP_CHUNKED, 0, "0\r\nX-Sum: 9\r\n\r\n", 0, "", "", "X-Sum=9;", 0 },
	{ "a trailer that may not be one", HTTP_CHUNKED, 0,
	  "1\r\nx\r\n0\r\nHost: evil\r\nContent-Length: 9\r\nX-Sum: 9\r\nX-User: root\r\n\r\n", 0, "x", "",
	  "X-Sum=9;", 0 },

	{ "chunks, end before any", HTTP_CHUNKED, 0, "", 0, "", NULL, "", ERROR_CLOSED },
	{ "chunks, end in a size", HTTP_CHUNKED, 0, "2\r\nhi\r\n1", 0, "hi", NULL, "", ERROR_CLOSED },
	{ "chunks, end in content", HTTP_CHUNKED, 0, "5\r\nhel", 0, "hel", NULL, "", ERROR_CLOSED },
	{ "chunks, end before the last", HTTP_CHUNKED, 0, "2\r\nhi\r\n", 0, "hi", NULL, "", ERROR_CLOSED },
	{ "chunks, end behind the last", HTTP_CHUNKED, 0, "2\r\nhi\r\n0\r\n", 0, "hi", NULL, "",
	  ERROR_CLOSED },
	{ "chunks, end in trailers", HTTP_CHUNKED, 0, "0\r\nX-Sum: 9\r\n\r", 0, "", NULL, "", ERROR_CLOSED },
	{ "chunks, broken off", HTTP_CHUNKED, 0, "5\r\nhe", ERROR_RESET, "he", NULL, "", ERROR_RESET },
	{ "chunks, too late", HTTP_CHUNKED, 0, "2\r\nhi\r\n", ERROR_TIMEOUT, "hi", NULL, "", ERROR_TIMEOUT },

	{ "no size", HTTP_CHUNKED, 0, "\r\n", ERROR_TIMEOUT, "", NULL, "", ERROR_MALFORMED },
	{ "a size that is no number", HTTP_CHUNKED, 0, "g\r\n", ERROR_TIMEOUT, "", NULL, "",
	  ERROR_MALFORMED },
	{ "a size with 0x", HTTP_CHUNKED, 0, "0x5\r\nhello\r\n", ERROR_TIMEOUT, "", NULL, "",
	  ERROR_MALFORMED },
	{ "a negative size", HTTP_CHUNKED, 0, "-5\r\nhello\r\n", ERROR_TIMEOUT, "", NULL, "",
	  ERROR_MALFORMED },
	{ "a size with a bare LF", HTTP_CHUNKED, 0, "5\nhello\r\n", ERROR_TIMEOUT, "", NULL, "",
	  ERROR_MALFORMED },
	{ "a size beyond counting", HTTP_CHUNKED, 0, "10000000000000000\r\n", ERROR_TIMEOUT, "", NULL, "",
	  ERROR_MALFORMED },
	{ "a chunk that is longer than it says", HTTP_CHUNKED, 0, "4\r\nhello\r\n0\r\n\r\n", ERROR_TIMEOUT,
	  "hell", NULL, "", ERROR_MALFORMED },
	{ "a chunk that is shorter than it says", HTTP_CHUNKED, 0, "6\r\nhello\r\n0\r\n\r\n", ERROR_TIMEOUT,
	  "hello\r", NULL, "", ERROR_MALFORMED },
	{ "good content before a bad size", HTTP_CHUNKED, 0, "3\r\nabc\r\n2\r\nde\r\nz", ERROR_TIMEOUT,
	  "abcde", NULL, "", ERROR_MALFORMED },
	{ "good content before a bad extension", HTTP_CHUNKED, 0, "3\r\nabc\r\n2;\x01\r\nde\r\n",
	  ERROR_TIMEOUT, "abc", NULL, "", ERROR_MALFORMED },
	{ "extensions without end", HTTP_CHUNKED, 0, "3;12345678\r\nabc\r\n2;12345678\r\nde\r\n0\r\n\r\n",
	  ERROR_TIMEOUT, "abc", NULL, "", ERROR_MALFORMED },
	{ "a malformed trailer", HTTP_CHUNKED, 0, "1\r\nx\r\n0\r\nX Sum: 9\r\n\r\n", ERROR_TIMEOUT, "x", NULL,
	  "", ERROR_MALFORMED },
	{ "too many trailers", HTTP_CHUNKED, 0,
	  "1\r\nx\r\n0\r\nA1: 1\r\nA2: 1\r\nA3: 1\r\nA4: 1\r\nA5: 1\r\n\r\n", ERROR_TIMEOUT, "x", NULL, "",
	  ERROR_MALFORMED },
};

struct bench {
	struct wire wire;
	struct h1_source source;
};

static void bench_open(struct bench *bench, enum http_framing framing, uint64_t length, str input,
		       struct pace gives)
{
	wire_open(&bench->wire, input, gives);
	h1_source_init(&bench->source, &bench->wire.stream, &bench->wire.in, framing, length);
	h1_source_allow(&bench->source, framing == HTTP_LENGTH ? UINT64_MAX : BODY_MAX, &limits,
			&bench->wire.arena);
}

static void put_trailers(const struct http_fields *trailers, struct buf *out)
{
	for (size_t i = 0; i < trailers->count; i++) {
		buf_put(out, trailers->at[i].name);
		buf_put_char(out, '=');
		buf_put(out, trailers->at[i].value);
		buf_put_char(out, ';');
	}
}

static void check_row(const struct row *row, struct pace gives, struct pace bites)
{
	static char content_text[TEXT_MAX], rest_text[TEXT_MAX], trailer_text[TEXT_MAX];
	struct buf content = buf_over(content_text, TEXT_MAX), rest = buf_over(rest_text, TEXT_MAX),
		   trailers = buf_over(trailer_text, TEXT_MAX);
	struct bench bench;
	result_value read;

	bench_open(&bench, row->framing, row->length, str_of(row->input), gives);
	bench.wire.end = row->end;
	read = body_read(&bench.source.source, bites, &content);
	if (read.kind != row->want)
		fail_msg("%s: %s", row->name, error_name(read.kind));
	assert_text(buf_str(&content), row->content);
	assert_int_equal(bench.source.source.received, content.len);
	if (row->rest)
		assert_text(wire_rest(&bench.wire, &rest), row->rest);
	assert_row(h1_source_is_whole(&bench.source) == (row->want == ERROR_NONE), 0, row->name);
	wire_disturb(&bench.wire); /* what was kept does not lie in the scratch */
	put_trailers(&bench.source.source.trailers, &trailers);
	assert_text(buf_str(&trailers), row->trailers);
	wire_close(&bench.wire);
}

static const struct pace bite_paces[] = {
	{ NULL, 0 },
	{ (const unsigned char[]) { 1 }, 1 },
	{ (const unsigned char[]) { 0, 2 }, 2 },
	{ (const unsigned char[]) { 3, 0, 0, 1 }, 4 },
};

/* One cut anywhere, with and without a wait there; and pieces of each size. */
static void any_split_gives_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t len = strlen(rows[i].input);

		for (size_t b = 0; b < COUNT_OF(bite_paces); b++) {
			check_row(&rows[i], (struct pace) { 0 }, bite_paces[b]);
			for (size_t cut = 1; cut <= len; cut++) {
				check_row(&rows[i], PACE(cut, 255), bite_paces[b]);
				check_row(&rows[i], PACE(cut, 0, 255, 255), bite_paces[b]);
				check_row(&rows[i], PACE(cut), bite_paces[b]);
				check_row(&rows[i], PACE(0, cut), bite_paces[b]);
			}
		}
	}
}

/* ---- bounds ---- */

static const struct {
	const char *name, *input;
	enum error_kind want;
} bound_rows[] = {
	{ "just allowed", "a\r\n0123456789\r\n0\r\n\r\n", ERROR_NONE },
	{ "just allowed, in two", "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", ERROR_NONE },
	{ "a byte too many", "b\r\n0123456789x\r\n0\r\n\r\n", ERROR_LIMIT },
	{ "a byte too many, in the second", "5\r\n01234\r\n6\r\n56789x\r\n0\r\n\r\n", ERROR_LIMIT },
	{ "told by the size alone", "b\r\n", ERROR_LIMIT },
	{ "told by the second size alone", "5\r\n01234\r\n6\r\n", ERROR_LIMIT },
	{ "told by a huge size", "7fffffffffffffff\r\n", ERROR_LIMIT },
	{ "a huge size after content", "5\r\n01234\r\n7fffffffffffffff\r\n", ERROR_LIMIT },
	{ "a size that no number holds", "ffffffffffffffff\r\n", ERROR_MALFORMED },
	{ "a size that may still grow", "0000000000b", ERROR_TIMEOUT },
};

static void a_chunk_counts_when_its_size_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bound_rows); i++) {
		for (unsigned char step = 1; step < 16; step++) {
			char text[TEXT_MAX];
			struct buf content = buf_over(text, sizeof text);
			struct bench bench;
			result_value read;

			bench_open(&bench, HTTP_CHUNKED, 0, str_of(bound_rows[i].input), PACE(step, 0, step));
			h1_source_allow(&bench.source, 10, &limits, &bench.wire.arena);
			bench.wire.end = ERROR_TIMEOUT;
			read = body_read(&bench.source.source, (struct pace) { 0 }, &content);
			assert_row(read.kind == bound_rows[i].want, i, bound_rows[i].name);
			assert_row(content.len <= 10, i, bound_rows[i].name);
			wire_close(&bench.wire);
		}
	}
}

static void the_bound_is_told_again(void **state)
{
	struct bench bench;
	struct piece piece;

	(void)state;
	bench_open(&bench, HTTP_CHUNKED, 0, STR("ff\r\n"), (struct pace) { 0 });
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(body_peek(&bench.source.source, DEADLINE_NEVER, &piece).kind, ERROR_LIMIT);
	assert_int_equal(bench.wire.fills, 1);
	wire_close(&bench.wire);
}

/* ---- what is ready ---- */

static const struct {
	const char *name;
	enum http_framing framing;
	uint64_t length;
	const char *there;
	bool want;
} ready_rows[] = {
	{ "no body", HTTP_NO_BODY, 0, "", true },
	{ "a length of nothing", HTTP_LENGTH, 0, "", true },
	{ "nothing of a length", HTTP_LENGTH, 5, "", false },
	{ "some of a length", HTTP_LENGTH, 5, "h", true },
	{ "nothing yet until close", HTTP_UNTIL_CLOSE, 0, "", false },
	{ "something until close", HTTP_UNTIL_CLOSE, 0, "x", true },
	{ "nothing of a chunk", HTTP_CHUNKED, 0, "", false },
	{ "half a size", HTTP_CHUNKED, 0, "5", false },
	{ "a size", HTTP_CHUNKED, 0, "5\r\n", false },
	{ "a byte of a chunk", HTTP_CHUNKED, 0, "5\r\nh", true },
	{ "the last chunk's size", HTTP_CHUNKED, 0, "0\r\n", false },
	{ "half a trailer", HTTP_CHUNKED, 0, "0\r\nETag: 1\r\n", false },
	{ "the end of the chunks", HTTP_CHUNKED, 0, "0\r\n\r\n", true },
	{ "a malformed chunk", HTTP_CHUNKED, 0, "z", true },
	{ "a malformed end of a chunk", HTTP_CHUNKED, 0, "1\r\nxy", true },
};

/* Ready is what a peek need not wait for, however often one asks. */
static void what_is_ready_is_given_without_a_wait(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ready_rows); i++) {
		struct bench bench;
		struct piece piece;
		result_value peeked;

		bench_open(&bench, ready_rows[i].framing, ready_rows[i].length, str_of(ready_rows[i].there),
			   (struct pace) { 0 });
		bench.wire.end = ERROR_TIMEOUT;
		if (bench.wire.input.len)
			assert_int_equal(stream_fill(&bench.wire.stream, &bench.wire.in, 0).kind, ERROR_NONE);
		for (unsigned again = 0; again < 3; again++)
			assert_row(body_is_ready(&bench.source.source) == ready_rows[i].want, i,
				   ready_rows[i].name);
		bench.wire.fills = 0;
		peeked = body_peek(&bench.source.source, DEADLINE_NEVER, &piece);
		assert_row((bench.wire.fills == 0) == ready_rows[i].want, i, ready_rows[i].name);
		assert_row((peeked.kind == ERROR_TIMEOUT) == !ready_rows[i].want, i, ready_rows[i].name);
		wire_close(&bench.wire);
	}
}

/* Asking must not lose what stands there: half a size, read to its end, is still the size. */
static void asking_changes_nothing(void **state)
{
	str input = STR("4\r\nwiki\r\nE\r\n in\r\n\r\nchunks.\r\n0\r\nETag: 7\r\n\r\nnext");
	struct bench bench;
	struct piece piece;
	char text[TEXT_MAX];
	struct buf content = buf_over(text, sizeof text);

	(void)state;
	bench_open(&bench, HTTP_CHUNKED, 0, input, PACE(1));
	do {
		while (!body_is_ready(&bench.source.source))
			assert_int_equal(stream_fill(&bench.wire.stream, &bench.wire.in, 0).kind, ERROR_NONE);
		assert_int_equal(body_peek(&bench.source.source, 0, &piece).kind, ERROR_NONE);
		buf_put(&content, piece.bytes);
		body_consume(&bench.source.source, piece.bytes.len);
	} while (!piece.is_last);
	assert_text(buf_str(&content), "wiki in\r\n\r\nchunks.");
	assert_int_equal(bench.source.source.trailers.count, 1);
	wire_close(&bench.wire);
}

/* ---- memory ---- */

/* A piece that was not used up is given again, whatever happened to the scratch in between. */
static void a_piece_survives_a_wait(void **state)
{
	static const enum http_framing framings[] = { HTTP_LENGTH, HTTP_CHUNKED, HTTP_UNTIL_CLOSE };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(framings); i++) {
		bool is_chunked = framings[i] == HTTP_CHUNKED;
		struct bench bench;
		struct piece piece;

		bench_open(&bench, framings[i], 7,
			   is_chunked ? STR("3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n") : STR("abcdefg"),
			   (struct pace) { 0 });
		assert_int_equal(body_peek(&bench.source.source, 0, &piece).kind, ERROR_NONE);
		assert_text(piece.bytes, "abcdefg");
		body_consume(&bench.source.source, 2);
		wire_disturb(&bench.wire);
		assert_int_equal(body_peek(&bench.source.source, 0, &piece).kind, ERROR_NONE);
		assert_text(piece.bytes, "cdefg");
		body_consume(&bench.source.source, 4);
		wire_disturb(&bench.wire);
		assert_int_equal(body_peek(&bench.source.source, 0, &piece).kind, ERROR_NONE);
		assert_text(piece.bytes, "g");
		body_consume(&bench.source.source, 1);
		assert_int_equal(body_peek(&bench.source.source, 0, &piece).kind, ERROR_NONE);
		assert_true(piece.is_last && piece.bytes.len == 0);
		assert_true(h1_source_is_whole(&bench.source));
		wire_close(&bench.wire);
	}
}

/* What is said to be free before a piece may be written over, and nothing of the body is lost by it. */
static void headroom_may_be_written_over(void **state)
{
	static char text[TEXT_MAX];
	struct buf content = buf_over(text, sizeof text);
	struct bench bench;
	struct piece piece;

	(void)state;
	bench_open(&bench, HTTP_CHUNKED, 0, STR("3\r\nabc\r\n4\r\ndefg\r\n1\r\nh\r\n0\r\n\r\nnext"),
		   PACE(7, 9, 0, 200));
	do {
		assert_int_equal(body_peek(&bench.source.source, 0, &piece).kind, ERROR_NONE);
		if (piece.bytes.len)
			memset((char *)(uintptr_t)piece.bytes.ptr - piece.headroom, '#', piece.headroom);
		buf_put(&content, str_slice(piece.bytes, 0, 2));
		piece.is_last &= piece.bytes.len <= 2;
		body_consume(&bench.source.source, piece.bytes.len < 2 ? piece.bytes.len : 2);
	} while (!piece.is_last);
	assert_text(buf_str(&content), "abcdefgh");
	assert_text(intake_data(&bench.wire.in), "next");
	wire_close(&bench.wire);
}

/* ---- property: chunked bodies made at random ---- */

struct made {
	char body[BODY_MAX], wire[TEXT_MAX];
	struct buf content, coded;
};

static void make_chunks(struct made *made, struct random *random)
{
	size_t total = random_below(random, BODY_MAX + 1);

	made->content = buf_over(made->body, sizeof made->body);
	made->coded = buf_over(made->wire, sizeof made->wire);
	for (size_t left = total; left;) {
		size_t size = random_below(random, left) + 1;

		if (random_below(random, 4) == 0)
			buf_put(&made->coded, STR("00"));
		buf_put_hex(&made->coded, size);
		buf_put(&made->coded, STR("\r\n"));
		for (size_t i = 0; i < size; i++) {
			char byte = "\r\n0;abz"[random_below(random, 7)];

			buf_put_char(&made->content, byte);
			buf_put_char(&made->coded, byte);
		}
		buf_put(&made->coded, STR("\r\n"));
		left -= size;
	}
	buf_put(&made->coded,
		random_below(random, 2) ? STR("0\r\n\r\nNEXT") : STR("0\r\nETag: 1\r\n\r\nNEXT"));
}

static void any_chunks_in_any_pieces_are_the_same_bytes(void **state)
{
	static char text[TEXT_MAX], rest_text[TEXT_MAX];
	struct random random = { 4711, 42 };
	struct made made;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		struct buf content = buf_over(text, sizeof text),
			   rest = buf_over(rest_text, sizeof rest_text);
		unsigned char gives[6], bites[4];
		struct bench bench;
		result_value read;

		make_chunks(&made, &random);
		bench_open(&bench, HTTP_CHUNKED, 0, buf_str(&made.coded),
			   pace_random(&random, gives, sizeof gives, round % 2 ? 3 : 60));
		read = body_read(&bench.source.source, pace_random(&random, bites, sizeof bites, 20),
				 &content);
		if (failed(read))
			fail_msg("round %u: %s", round, error_name(read.kind));
		assert_true(str_eq(buf_str(&content), buf_str(&made.content)));
		assert_text(wire_rest(&bench.wire, &rest), "NEXT");
		wire_close(&bench.wire);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_split_gives_the_same),
		cmocka_unit_test(a_chunk_counts_when_its_size_is_told),
		cmocka_unit_test(the_bound_is_told_again),
		cmocka_unit_test(what_is_ready_is_given_without_a_wait),
		cmocka_unit_test(asking_changes_nothing),
		cmocka_unit_test(a_piece_survives_a_wait),
		cmocka_unit_test(headroom_may_be_written_over),
		cmocka_unit_test(any_chunks_in_any_pieces_are_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

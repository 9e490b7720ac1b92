/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies below may come in any pieces, with any waits, and end badly: what goes up decodes to what came,
 * and is never behind it when there is a wait.
 */
#include <zlib.h>

#include "base/testing.h"
#include "http/encode_source.h"
#include "http/h1_source.h"
#include "http/http_testing.h"

enum { BODY_LEN = 100 * 1000, BACK_MAX = 2 * BODY_LEN, BITES_MAX = 16 };

static const struct h1_chunked_limits limits = {
	.extension = 16, .trailers = { .field = 64, .name = 32, .head = 128, .fields = 4 }
};

struct bench {
	struct wire wire;
	struct h1_source below;
	struct encoders *encoders;
	struct encoder *encoder;
	struct encode_source encode;
	char back[BACK_MAX];
	char coded[BACK_MAX];
	struct buf out;
};

static struct bench *bench_new(str input, enum http_framing framing, struct pace gives)
{
	struct bench *bench = malloc(sizeof *bench);

	wire_open(&bench->wire, input, gives);
	h1_source_init(&bench->below, &bench->wire.stream, &bench->wire.in, framing, input.len);
	h1_source_allow(&bench->below, UINT64_MAX, &limits, &bench->wire.arena);
	bench->encoders = encoders_new(1, NULL);
	bench->encoder = encoder_take(bench->encoders, CODING_GZIP);
	encode_source_init(&bench->encode, &bench->below.source, bench->encoder, NULL);
	bench->out = buf_over(bench->coded, sizeof bench->coded);
	return bench;
}

static void bench_free(struct bench **bench)
{
	encoder_give(&(*bench)->encoder);
	encoders_free(&(*bench)->encoders);
	wire_close(&(*bench)->wire);
	free(*bench);
	*bench = NULL;
}

static str decoded(struct bench *bench)
{
	z_stream stream = { .next_in = (Bytef *)bench->coded,
			    .avail_in = (uInt)bench->out.len,
			    .next_out = (Bytef *)bench->back,
			    .avail_out = BACK_MAX };

	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_true(inflate(&stream, Z_SYNC_FLUSH) >= Z_OK || stream.avail_in == 0);
	inflateEnd(&stream);
	return (str) { bench->back, BACK_MAX - stream.avail_out };
}

static char *body_make(struct random *random)
{
	char *body = malloc(BODY_LEN);

	for (size_t i = 0; i < BODY_LEN; i++)
		body[i] = (char)(i % 3 ? 'a' + i % 7 : random_below(random, 256));
	return body;
}

static void any_pieces_come_back(void **state)
{
	struct random random = { 3, 4 };
	char *body = body_make(&random);

	(void)state;
	for (unsigned turn = 0; turn < 60; turn++) {
		unsigned char gives[BITES_MAX], bites[BITES_MAX];
		struct bench *bench =
			bench_new((str) { body, BODY_LEN - turn * 1000 }, HTTP_LENGTH,
				  turn ? pace_random(&random, gives, BITES_MAX, 255) : (struct pace) { 0 });

		assert_false(failed(body_read(&bench->encode.source,
					      turn & 1 ? pace_random(&random, bites, BITES_MAX, 255)
						       : (struct pace) { 0 },
					      &bench->out)));
		assert_false(buf_overflowed(&bench->out));
		assert_int_equal(decoded(bench).len, BODY_LEN - turn * 1000);
		assert_memory_equal(bench->back, body, BODY_LEN - turn * 1000);
		assert_true(h1_source_is_whole(&bench->below));
		bench_free(&bench);
	}
	free(body);
}

/* Each event is there before the next one comes, and nothing is ready while there is nothing. */
static void an_event_stream_is_never_behind(void **state)
{
	static const char stream[] = "6\r\nevent1\r\n"
				     "6\r\nevent2\r\n"
				     "6\r\nevent3\r\n"
				     "0\r\nETag: 1\r\n\r\n";
	struct bench *bench = bench_new(str_of(stream), HTTP_CHUNKED, PACE(11, 0));
	struct piece piece;

	(void)state;
	for (unsigned event = 1; event <= 3; event++) {
		assert_false(body_is_ready(&bench->encode.source));
		do {
			assert_false(failed(body_peek(&bench->encode.source, 0, &piece)));
			assert_true(piece.headroom >= ENCODER_HEADROOM);
			assert_false(piece.is_last);
			buf_put(&bench->out, piece.bytes);
			body_consume(&bench->encode.source, piece.bytes.len);
		} while (body_is_ready(&bench->encode.source));
		assert_int_equal(decoded(bench).len, 6 * event);
		assert_int_equal(bench->wire.given, 11 * event);
	}
	assert_text(decoded(bench), "event1event2event3");
	assert_false(failed(body_read(&bench->encode.source, (struct pace) { 0 }, &bench->out)));
	assert_text(decoded(bench), "event1event2event3");
	assert_int_equal(bench->encode.source.trailers.count, 1);
	bench_free(&bench);
}

static void what_is_ready_together_is_not_flushed_apart(void **state)
{
	static const char body[] = "0123456789012345678901234567890123456789";
	struct bench *at_once = bench_new(str_of(body), HTTP_LENGTH, (struct pace) { 0 });
	struct bench *apart = bench_new(str_of(body), HTTP_LENGTH, PACE(1));

	(void)state;
	assert_false(failed(body_read(&at_once->encode.source, (struct pace) { 0 }, &at_once->out)));
	assert_false(failed(body_read(&apart->encode.source, (struct pace) { 0 }, &apart->out)));
	assert_text(decoded(at_once), body);
	assert_text(decoded(apart), body);
	assert_true(at_once->out.len < apart->out.len);
	bench_free(&at_once);
	bench_free(&apart);
}

static const struct end_row {
	const char *input;
	enum http_framing framing;
	enum error_kind end, expected;
	const char *before;
} ends[] = {
	{ "", HTTP_NO_BODY, ERROR_NONE, ERROR_NONE, "" },
	{ "", HTTP_UNTIL_CLOSE, ERROR_CLOSED, ERROR_NONE, "" },
	{ "0\r\n\r\n", HTTP_CHUNKED, ERROR_NONE, ERROR_NONE, "" },
	{ "abc", HTTP_UNTIL_CLOSE, ERROR_CLOSED, ERROR_NONE, "abc" },
	{ "abc", HTTP_UNTIL_CLOSE, ERROR_RESET, ERROR_RESET, "abc" },
	{ "abc", HTTP_UNTIL_CLOSE, ERROR_TIMEOUT, ERROR_TIMEOUT, "abc" },
	{ "abc", HTTP_UNTIL_CLOSE, ERROR_CANCELLED, ERROR_CANCELLED, "abc" },
	{ "3\r\nabc\r\n", HTTP_CHUNKED, ERROR_CLOSED, ERROR_CLOSED, "abc" },
	{ "3\r\nabc\r\nzz", HTTP_CHUNKED, ERROR_NONE, ERROR_MALFORMED, "" }, /* ready is not flushed */
	{ "zz", HTTP_CHUNKED, ERROR_NONE, ERROR_MALFORMED, "" },
};

static void it_ends_as_what_is_below(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		struct bench *bench = bench_new(str_of(ends[i].input), ends[i].framing, (struct pace) { 0 });
		result_value read;

		bench->wire.end = ends[i].end;
		read = body_read(&bench->encode.source, (struct pace) { 0 }, &bench->out);
		assert_row(read.kind == ends[i].expected, i, ends[i].input);
		assert_row(str_eq(decoded(bench), str_of(ends[i].before)), i, ends[i].input);
		bench_free(&bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_pieces_come_back),
		cmocka_unit_test(an_event_stream_is_never_behind),
		cmocka_unit_test(what_is_ready_together_is_not_flushed_apart),
		cmocka_unit_test(it_ends_as_what_is_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

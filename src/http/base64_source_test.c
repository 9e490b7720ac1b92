/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "http/base64_source.h"
#include "http/h1_source.h"
#include "http/http_testing.h"

enum { BODY_LEN = 20000, TEXT_MAX = 2 * BODY_LEN, BITES_MAX = 16 };

static const struct h1_chunked_limits limits = {
	.extension = 16, .trailers = { .field = 64, .name = 32, .head = 128, .fields = 4 }
};

struct bench {
	struct wire wire;
	struct h1_source below;
	struct base64_source base64;
	char bytes[TEXT_MAX];
	struct buf out;
};

static void bench_open(struct bench *bench, str input, enum http_framing framing, struct pace gives,
		       bool is_encoding)
{
	wire_open(&bench->wire, input, gives);
	h1_source_init(&bench->below, &bench->wire.stream, &bench->wire.in, framing, input.len);
	h1_source_allow(&bench->below, UINT64_MAX, &limits, &bench->wire.arena);
	base64_source_init(&bench->base64, &bench->below.source, is_encoding, &bench->wire.arena);
	bench->out = buf_over(bench->bytes, sizeof bench->bytes);
}

static enum error_kind bench_read(struct bench *bench, struct pace bites)
{
	return body_read(&bench->base64.source, bites, &bench->out).kind;
}

static void encodes_and_decodes(void **state)
{
	static const struct {
		const char *input, *output;
		bool is_encoding;
	} rows[] = {
		{ "foob", "Zm9vYg==", true }, { "", "", true },  { "Zm9vYg==", "foob", false },
		{ "Zg==Zm8=", "ffo", false }, { "", "", false },
	};
	struct bench bench;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		bench_open(&bench, str_of(rows[i].input), HTTP_LENGTH, (struct pace) { 0 },
			   rows[i].is_encoding);
		assert_int_equal(bench_read(&bench, PACE(1, 0, 2)), ERROR_NONE);
		assert_text(buf_str(&bench.out), rows[i].output);
		wire_close(&bench.wire);
	}
}

static void fails_as_what_lies_below(void **state)
{
	static const struct {
		const char *input;
		enum http_framing framing;
		enum error_kind end, expected;
		bool is_encoding;
	} rows[] = {
		{ "Zm9v!", HTTP_LENGTH, ERROR_NONE, ERROR_MALFORMED, false },
		{ "Zm9", HTTP_LENGTH, ERROR_NONE, ERROR_MALFORMED, false },
		{ "Zm9vZ", HTTP_LENGTH, ERROR_NONE, ERROR_MALFORMED, false },
		{ "Zg==\r\n", HTTP_LENGTH, ERROR_NONE, ERROR_MALFORMED, false },
		{ "4\r\nZm9v\r\n", HTTP_CHUNKED, ERROR_NONE, ERROR_CLOSED, false },
		{ "4\r\nZm9v\r\n", HTTP_CHUNKED, ERROR_RESET, ERROR_RESET, false },
		{ "4\r\nZm9v\r\n", HTTP_CHUNKED, ERROR_TIMEOUT, ERROR_TIMEOUT, false },
		{ "3\r\nfoo\r\n", HTTP_CHUNKED, ERROR_CANCELLED, ERROR_CANCELLED, true },
		{ "3\r\nfoo\r\nx", HTTP_CHUNKED, ERROR_NONE, ERROR_MALFORMED, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (unsigned char step = 1; step < 8; step++) {
			struct bench bench;

			bench_open(&bench, str_of(rows[i].input), rows[i].framing, PACE(step),
				   rows[i].is_encoding);
			bench.wire.end = rows[i].end;
			assert_row(bench_read(&bench, PACE(1)) == rows[i].expected, i, rows[i].input);
			wire_close(&bench.wire);
		}
	}
}

/* What was refused once is refused each time, however often it is asked for. */
static void malformed_is_for_good(void **state)
{
	struct bench bench;
	struct piece piece;

	(void)state;
	bench_open(&bench, STR("Zm9"), HTTP_LENGTH, (struct pace) { 0 }, false);
	for (unsigned times = 0; times < 5; times++) {
		assert_int_equal(body_peek(&bench.base64.source, 0, &piece).kind, ERROR_MALFORMED);
		assert_true(body_is_ready(&bench.base64.source));
	}
	wire_close(&bench.wire);
}

/* Each message is there, and padded, before the next one comes; and less than a group is not ready. */
static void nothing_is_held_back(void **state)
{
	struct bench bench;
	struct piece piece;

	(void)state;
	bench_open(&bench, STR("1\r\na\r\n2\r\nbc\r\n0\r\nETag: 1\r\n\r\n"), HTTP_CHUNKED, PACE(6, 0, 7, 0),
		   true);
	assert_false(body_is_ready(&bench.base64.source));
	assert_false(failed(body_peek(&bench.base64.source, 0, &piece)));
	assert_text(piece.bytes, "YQ==");
	assert_int_equal(bench.wire.given, 6);
	body_consume(&bench.base64.source, 4);
	assert_false(body_is_ready(&bench.base64.source));
	assert_int_equal(bench_read(&bench, (struct pace) { 0 }), ERROR_NONE);
	assert_text(buf_str(&bench.out), "YmM=");
	assert_int_equal(bench.base64.source.trailers.count, 1);
	wire_close(&bench.wire);

	bench_open(&bench, STR("3\r\nYQ=\r\n1\r\n=\r\n0\r\n\r\n"), HTTP_CHUNKED, PACE(8, 0, 6, 0), false);
	assert_false(failed(stream_fill(&bench.wire.stream, &bench.wire.in, 0)));
	assert_true(body_is_ready(&bench.below.source));
	assert_false(body_is_ready(&bench.base64.source));
	assert_int_equal(bench_read(&bench, (struct pace) { 0 }), ERROR_NONE);
	assert_text(buf_str(&bench.out), "a");
	wire_close(&bench.wire);
}

static void any_pieces_come_back(void **state)
{
	struct random random = { 5, 6 };
	static char body[BODY_LEN];

	(void)state;
	for (size_t i = 0; i < BODY_LEN; i++)
		body[i] = (char)random_below(&random, 256);
	for (unsigned turn = 0; turn < 40; turn++) {
		unsigned char gives[BITES_MAX], bites[BITES_MAX];
		size_t len = BODY_LEN - turn * 101;
		static struct bench there, back;
		struct pace pace = turn ? pace_random(&random, gives, BITES_MAX, 255) : (struct pace) { 0 };

		bench_open(&there, (str) { body, len }, HTTP_LENGTH, pace, true);
		assert_int_equal(bench_read(&there, pace_random(&random, bites, BITES_MAX, 255)), ERROR_NONE);
		assert_false(buf_overflowed(&there.out));
		bench_open(&back, buf_str(&there.out), HTTP_LENGTH, pace, false);
		assert_int_equal(bench_read(&back, pace_random(&random, bites, BITES_MAX, 255)), ERROR_NONE);
		assert_int_equal(back.out.len, len);
		assert_memory_equal(back.bytes, body, len);
		wire_close(&there.wire);
		wire_close(&back.wire);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes_and_decodes),   cmocka_unit_test(fails_as_what_lies_below),
		cmocka_unit_test(malformed_is_for_good), cmocka_unit_test(nothing_is_held_back),
		cmocka_unit_test(any_pieces_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encoders against the decoders of the same libraries: whatever the pieces and the room, the bytes come
 * back, and after a flush everything that was given can be decoded.
 */
#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include "base/random.h"
#include "base/testing.h"
#include "http/encoder.h"

enum { TEXT_MAX = 200 * 1000, CODED_MAX = 400 * 1000 };

struct bench {
	char text[TEXT_MAX], coded[CODED_MAX], back[TEXT_MAX];
	size_t coded_len;
};

static size_t gzip_decode(const struct bench *bench, char *back)
{
	z_stream stream = { .next_in = (Bytef *)(uintptr_t)bench->coded,
			    .avail_in = (uInt)bench->coded_len,
			    .next_out = (Bytef *)back,
			    .avail_out = TEXT_MAX };
	int said;

	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	said = inflate(&stream, Z_SYNC_FLUSH);
	assert_true(said == Z_OK || said == Z_STREAM_END || said == Z_BUF_ERROR);
	inflateEnd(&stream);
	return TEXT_MAX - stream.avail_out;
}

static size_t brotli_decode(const struct bench *bench, char *back)
{
	BrotliDecoderState *state = BrotliDecoderCreateInstance(NULL, NULL, NULL);
	size_t in = bench->coded_len, out = TEXT_MAX;
	const uint8_t *next_in = (const uint8_t *)bench->coded;
	uint8_t *next_out = (uint8_t *)back;

	assert_int_not_equal(BrotliDecoderDecompressStream(state, &in, &next_in, &out, &next_out, NULL),
			     BROTLI_DECODER_RESULT_ERROR);
	BrotliDecoderDestroyInstance(state);
	return TEXT_MAX - out;
}

static size_t zstd_decode(const struct bench *bench, char *back)
{
	ZSTD_DCtx *state = ZSTD_createDCtx();
	ZSTD_inBuffer in = { bench->coded, bench->coded_len, 0 };
	ZSTD_outBuffer out = { back, TEXT_MAX, 0 };

	assert_false(ZSTD_isError(ZSTD_decompressStream(state, &out, &in)));
	ZSTD_freeDCtx(state);
	return out.pos;
}

static size_t (*const decoders[CODINGS])(const struct bench *bench, char *back) = {
	gzip_decode,
	brotli_decode,
	zstd_decode,
};

/* One step to its end, with so much room at a time. */
static void run(struct bench *bench, struct encoder *encoder, enum encoder_step step, str in, size_t room)
{
	bool is_done = false;

	while (!is_done) {
		struct buf out = buf_over(bench->coded + bench->coded_len, room);

		assert_true(bench->coded_len + room <= CODED_MAX);
		assert_false(failed(encoder_run(encoder, step, &in, &out, &is_done)));
		assert_true(out.len <= room);
		bench->coded_len += out.len;
	}
	assert_int_equal(in.len, 0);
}

static void fill_text(struct bench *bench, struct random *random, bool is_dull)
{
	for (size_t i = 0; i < TEXT_MAX; i++)
		bench->text[i] = is_dull ? "{\"id\":7}"[i % 8] : (char)random_next(random);
}

static void check(struct bench *bench, enum coding coding, size_t len)
{
	assert_row(decoders[coding](bench, bench->back) == len, len, coding_name(coding).ptr);
	assert_memory_equal(bench->back, bench->text, len);
}

static void what_is_encoded_comes_back(void **state)
{
	static const size_t rooms[] = { ENCODER_ROOM_LEAST, 77, 512, ENCODER_ROOM };
	struct bench *bench = malloc(sizeof *bench);
	struct encoders *encoders = encoders_new(1, NULL);
	struct random random = { 1, 2 };

	(void)state;
	for (unsigned turn = 0; turn < CODINGS * COUNT_OF(rooms) * 2; turn++) {
		enum coding coding = turn % CODINGS;
		size_t room = rooms[turn / CODINGS % COUNT_OF(rooms)], at = 0;
		struct encoder *encoder = encoder_take(encoders, coding);

		fill_text(bench, &random, turn & 1);
		bench->coded_len = 0;
		while (at < TEXT_MAX) {
			size_t left = TEXT_MAX - at, size = (size_t)random_below(&random, 30000);

			size = size < left ? size : left;
			run(bench, encoder, ENCODER_MORE, (str) { bench->text + at, size }, room);
			at += size;
			if (random_below(&random, 4) == 0) {
				run(bench, encoder, ENCODER_FLUSH, (str) { 0 }, room);
				check(bench, coding, at);
			}
		}
		run(bench, encoder, ENCODER_FINISH, (str) { 0 }, room);
		check(bench, coding, TEXT_MAX);
		encoder_give(&encoder);
	}
	encoders_free(&encoders);
	free(bench);
}

static void nothing_is_a_whole_stream_too(void **state)
{
	struct bench *bench = malloc(sizeof *bench);
	struct encoders *encoders = encoders_new(1, NULL);

	(void)state;
	for (enum coding coding = 0; coding < CODINGS; coding++) {
		struct encoder *encoder = encoder_take(encoders, coding);

		bench->coded_len = 0;
		run(bench, encoder, ENCODER_FINISH, (str) { 0 }, 16);
		assert_true(bench->coded_len > 0);
		check(bench, coding, 0);
		encoder_give(&encoder);
	}
	encoders_free(&encoders);
	free(bench);
}

/* Also one that was given back in the middle: nothing of it may reach the next client. */
static void one_that_was_used_begins_anew(void **state)
{
	struct bench *bench = malloc(sizeof *bench);
	struct encoders *encoders = encoders_new(1, NULL);

	(void)state;
	for (enum coding coding = 0; coding < CODINGS; coding++) {
		for (unsigned turn = 0; turn < 3; turn++) {
			struct encoder *encoder = encoder_take(encoders, coding);
			struct buf out = buf_over(bench->coded, ENCODER_ROOM_LEAST);
			str secret = STR("another's secret another's secret another's secret");
			bool is_done;

			assert_false(failed(encoder_run(encoder, ENCODER_MORE, &secret, &out, &is_done)));
			assert_false(failed(encoder_run(encoder, ENCODER_FLUSH, &secret, &out, &is_done)));
			encoder_give(&encoder);
			assert_null(encoder);
			encoder_give(&encoder);
			memcpy(bench->text, "hello", 5);
			bench->coded_len = 0;
			encoder = encoder_take(encoders, coding);
			run(bench, encoder, ENCODER_MORE, STR("hello"), 64);
			run(bench, encoder, ENCODER_FINISH, (str) { 0 }, 64);
			check(bench, coding, 5);
			encoder_give(&encoder);
		}
	}
	encoders_free(&encoders);
	free(bench);
}

static void no_more_than_the_bound_are_at_work(void **state)
{
	struct encoders *encoders = encoders_new(20, NULL);
	struct encoder *taken[20];

	(void)state;
	for (unsigned turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < COUNT_OF(taken); i++)
			assert_non_null(taken[i] = encoder_take(encoders, (enum coding)(i % CODINGS)));
		assert_null(encoder_take(encoders, CODING_GZIP));
		assert_int_equal(encoders_at_work(encoders), 20);
		encoder_give(&taken[7]);
		assert_non_null(taken[7] = encoder_take(encoders, CODING_GZIP));
		for (size_t i = 0; i < COUNT_OF(taken); i++)
			encoder_give(&taken[i]);
		assert_int_equal(encoders_at_work(encoders), 0);
	}
	encoders_free(&encoders);
	encoders_free(&encoders);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_comes_back),
		cmocka_unit_test(nothing_is_a_whole_stream_too),
		cmocka_unit_test(one_that_was_used_begins_anew),
		cmocka_unit_test(no_more_than_the_bound_are_at_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

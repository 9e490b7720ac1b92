/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A body that can be sent again: rewound at any point it gives the same bytes, and what did not fit is said
 * to be lost.
 */
#include "base/testing.h"
#include "http/h1_source.h"
#include "http/http_testing.h"
#include "http/replay_source.h"

#define BODY "0123456789"
#define CHUNKS "3\r\n012\r\n1\r\n3\r\n6\r\n456789\r\n0\r\nETag: 1\r\n\r\nNEXT"

static const struct h1_chunked_limits limits = {
	.extension = 16, .trailers = { .field = 64, .name = 32, .head = 128, .fields = 4 }
};

struct bench {
	struct wire wire;
	struct h1_source source;
	struct replay_source replay;
	char text[256];
	struct buf content;
};

static void bench_open(struct bench *bench, enum http_framing framing, struct pace gives, size_t max)
{
	wire_open(&bench->wire, framing == HTTP_CHUNKED ? STR(CHUNKS) : STR(BODY "NEXT"), gives);
	h1_source_init(&bench->source, &bench->wire.stream, &bench->wire.in, framing, sizeof BODY - 1);
	h1_source_allow(&bench->source, 100, &limits, &bench->wire.arena);
	replay_source_init(&bench->replay, &bench->source.source, &bench->wire.arena, max);
	bench->content = buf_over(bench->text, sizeof bench->text);
}

/* Takes n bytes, or all that there are. */
static void take(struct bench *bench, size_t n)
{
	struct piece piece;
	size_t taken;

	do {
		assert_int_equal(body_peek(&bench->replay.source, 0, &piece).kind, ERROR_NONE);
		taken = piece.bytes.len < n ? piece.bytes.len : n;
		buf_put(&bench->content, str_slice(piece.bytes, 0, taken));
		body_consume(&bench->replay.source, taken);
		n -= taken;
	} while (n && !(piece.is_last && taken == piece.bytes.len));
}

static const enum http_framing framings[] = { HTTP_LENGTH, HTTP_CHUNKED };

static void rewound_anywhere_it_gives_the_same(void **state)
{
	(void)state;
	for (size_t f = 0; f < COUNT_OF(framings); f++) {
		for (unsigned at = 0; at <= sizeof BODY - 1; at++) {
			for (unsigned char step = 1; step < 30; step++) {
				struct bench bench;

				bench_open(&bench, framings[f], PACE(step, 0, step), sizeof BODY - 1);
				for (unsigned i = 0; i < 3; i++) {
					take(&bench, at);
					wire_disturb(&bench.wire);
					assert_true(replay_source_rewind(&bench.replay));
					bench.content.len = 0;
				}
				take(&bench, SIZE_MAX);
				assert_text(buf_str(&bench.content), BODY);
				assert_true(h1_source_is_whole(&bench.source));
				assert_true(replay_source_rewind(&bench.replay));
				bench.content.len = 0;
				take(&bench, SIZE_MAX); /* also when all of it has gone */
				assert_text(buf_str(&bench.content), BODY);
				assert_int_equal(bench.replay.source.trailers.count, f);
				wire_close(&bench.wire);
			}
		}
	}
}

/* Rewound while it still gives again what it kept. */
static void rewinding_within_what_is_kept(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, HTTP_LENGTH, PACE(4), 100);
	take(&bench, 7);
	for (size_t again = 0; again < 7; again++) {
		assert_true(replay_source_rewind(&bench.replay));
		take(&bench, again);
	}
	assert_true(replay_source_rewind(&bench.replay));
	bench.content.len = 0;
	take(&bench, SIZE_MAX);
	assert_text(buf_str(&bench.content), BODY);
	wire_close(&bench.wire);
}

static void beyond_its_bound_it_is_lost(void **state)
{
	(void)state;
	for (size_t max = 0; max <= sizeof BODY; max++) {
		for (size_t used = 0; used <= sizeof BODY - 1; used++) {
			struct bench bench;

			bench_open(&bench, HTTP_CHUNKED, PACE(5, 0), max);
			for (size_t i = 0; i < used; i++)
				take(&bench, 1);
			assert_int_equal(replay_source_rewind(&bench.replay), used <= max);
			if (used > max) { /* what has not gone yet still comes */
				bench.content.len = 0;
				bench.replay.at = bench.replay.kept_len;
				take(&bench, SIZE_MAX);
				assert_true(str_ends(STR(BODY), buf_str(&bench.content)));
				assert_int_equal(bench.content.len, sizeof BODY - 1 - used);
				assert_false(replay_source_rewind(&bench.replay));
			}
			wire_close(&bench.wire);
		}
	}
}

/* A body that was not touched takes no memory; one that was, once. */
static void memory_is_taken_when_something_is_kept(void **state)
{
	struct bench bench;
	struct piece piece;
	size_t left;

	(void)state;
	bench_open(&bench, HTTP_LENGTH, (struct pace) { 0 }, 2000);
	left = arena_left(&bench.wire.arena);
	assert_int_equal(body_peek(&bench.replay.source, 0, &piece).kind, ERROR_NONE);
	body_consume(&bench.replay.source, 0);
	assert_int_equal(arena_left(&bench.wire.arena), left);
	assert_null(bench.replay.kept);
	take(&bench, 1);
	left = arena_left(&bench.wire.arena);
	take(&bench, 3);
	assert_int_equal(arena_left(&bench.wire.arena), left);
	wire_close(&bench.wire);
}

static void what_is_kept_is_ready(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, HTTP_LENGTH, PACE(4), 100);
	assert_false(body_is_ready(&bench.replay.source));
	take(&bench, 4);
	assert_false(body_is_ready(&bench.replay.source));
	assert_true(replay_source_rewind(&bench.replay));
	assert_true(body_is_ready(&bench.replay.source));
	take(&bench, 4);
	assert_false(body_is_ready(&bench.replay.source));
	take(&bench, SIZE_MAX);
	assert_true(body_is_ready(&bench.replay.source));
	wire_close(&bench.wire);
}

static const enum error_kind failures[] = { ERROR_CLOSED, ERROR_RESET, ERROR_TIMEOUT, ERROR_CANCELLED };

/* The failure of what is below is its own, and what it gave before can be given again. */
static void failures_are_passed_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(failures); i++) {
		struct bench bench;
		struct piece piece;

		bench_open(&bench, HTTP_LENGTH, (struct pace) { 0 }, 100);
		bench.wire.input = STR("0123");
		bench.wire.end = failures[i];
		for (unsigned again = 0; again < 2; again++) {
			bench.content.len = 0;
			take(&bench, 4);
			assert_text(buf_str(&bench.content), "0123");
			assert_int_equal(body_peek(&bench.replay.source, 0, &piece).kind, failures[i]);
			assert_true(replay_source_rewind(&bench.replay));
		}
		wire_close(&bench.wire);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rewound_anywhere_it_gives_the_same),
		cmocka_unit_test(rewinding_within_what_is_kept),
		cmocka_unit_test(beyond_its_bound_it_is_lost),
		cmocka_unit_test(memory_is_taken_when_something_is_kept),
		cmocka_unit_test(what_is_kept_is_ready),
		cmocka_unit_test(failures_are_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

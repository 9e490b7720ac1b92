/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A body that is what its sender said goes by as it is, in any split; of another the end is never given.
 */
#include <openssl/evp.h>

#include "base/testing.h"
#include "http/digest_source.h"
#include "http/h1_source.h"
#include "http/http_testing.h"
#include "http/replay_source.h"

#define BODY "0123456789"
#define CHUNKS "3\r\n012\r\n1\r\n3\r\n6\r\n456789\r\n0\r\nETag: 1\r\n\r\nNEXT"

static const struct h1_chunked_limits limits = {
	.extension = 16, .trailers = { .field = 64, .name = 32, .head = 128, .fields = 4 }
};

static const uint64_t body_len = sizeof BODY - 1;

struct bench {
	struct wire wire;
	struct h1_source source;
	struct body_digest expected;
	struct digest_source digest;
	struct replay_source replay;
	char text[256];
	struct buf content;
};

static void digest_of(str body, struct body_digest *ret_digest)
{
	assert_int_equal(EVP_Digest(body.ptr, body.len, ret_digest->sha_256, NULL, EVP_sha256(), NULL), 1);
	assert_int_equal(EVP_Digest(body.ptr, body.len, ret_digest->sha_512, NULL, EVP_sha512(), NULL), 1);
}

/* which: 1 SHA-256, 2 SHA-512, 3 both. */
static void bench_open(struct bench *bench, enum http_framing framing, struct pace gives, unsigned which,
		       str expected)
{
	bool is_chunked = framing == HTTP_CHUNKED;

	wire_open(&bench->wire, is_chunked ? STR(CHUNKS) : STR(BODY "NEXT"), gives);
	h1_source_init(&bench->source, &bench->wire.stream, &bench->wire.in, framing, body_len);
	h1_source_allow(&bench->source, 100, &limits, &bench->wire.arena);
	bench->expected = (struct body_digest) { .has_256 = which & 1, .has_512 = which & 2 };
	digest_of(expected, &bench->expected);
	digest_source_init(&bench->digest, &bench->source.source, &bench->expected,
			   is_chunked ? NULL : &body_len);
	bench->content = buf_over(bench->text, sizeof bench->text);
}

static void bench_close(struct bench *bench)
{
	digest_source_fini(&bench->digest);
	digest_source_fini(&bench->digest);
	wire_close(&bench->wire);
}

/* Takes step bytes at a time, until the end or an error. */
static result take_all(struct bench *bench, struct body_source *source, size_t step)
{
	struct piece piece;
	size_t taken;

	do {
		TRY(body_peek(source, 0, &piece));
		taken = piece.bytes.len < step ? piece.bytes.len : step;
		buf_put(&bench->content, str_slice(piece.bytes, 0, taken));
		body_consume(source, taken);
		wire_disturb(&bench->wire);
	} while (!(piece.is_last && taken == piece.bytes.len));
	return OK;
}

static const enum http_framing framings[] = { HTTP_LENGTH, HTTP_CHUNKED };

static void what_was_said_goes_by(void **state)
{
	(void)state;
	for (size_t f = 0; f < COUNT_OF(framings); f++)
		for (unsigned which = 1; which <= 3; which++)
			for (unsigned char step = 1; step < 30; step++) {
				struct bench bench;

				bench_open(&bench, framings[f], PACE(step, 0, step), which, STR(BODY));
				assert_false(failed(take_all(&bench, &bench.digest.source, step)));
				assert_text(buf_str(&bench.content), BODY);
				assert_int_equal(bench.digest.source.trailers.count, f);
				assert_true(h1_source_is_whole(&bench.source));
				bench_close(&bench);
			}
}

static const char *const others[] = { "", "0", "012345678", "012345678x", "x123456789", "01234567890" };

static void of_anothers_the_end_is_not_given(void **state)
{
	(void)state;
	for (size_t f = 0; f < COUNT_OF(framings); f++)
		for (size_t i = 0; i < COUNT_OF(others); i++)
			for (unsigned char step = 1; step < 30; step += 4) {
				struct bench bench;

				bench_open(&bench, framings[f], PACE(step, 0, step), 1 + i % 3,
					   str_of(others[i]));
				assert_int_equal(take_all(&bench, &bench.digest.source, step).kind,
						 ERROR_DENIED);
				assert_false(bench.digest.is_good);
				if (framings[f] == HTTP_LENGTH) /* a receiver that counts must miss some */
					assert_true(bench.content.len < body_len);
				bench_close(&bench);
			}
}

static void each_digest_must_hold(void **state)
{
	(void)state;
	for (unsigned wrong = 0; wrong < 2; wrong++) {
		struct bench bench;

		bench_open(&bench, HTTP_LENGTH, PACE(0), 3, STR(BODY));
		if (wrong)
			bench.expected.sha_512[DIGEST_512_LEN - 1] ^= 1;
		else
			bench.expected.sha_256[DIGEST_256_LEN - 1] ^= 1;
		assert_int_equal(take_all(&bench, &bench.digest.source, SIZE_MAX).kind, ERROR_DENIED);
		assert_true(bench.content.len < body_len);
		bench_close(&bench);
	}
}

static void asked_again_it_says_the_same(void **state)
{
	struct piece piece;
	struct bench bench;

	(void)state;
	bench_open(&bench, HTTP_LENGTH, PACE(30, 0, 30), 1, STR("other"));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(body_peek(&bench.digest.source, 0, &piece).kind, ERROR_DENIED);
	bench_close(&bench);
}

static void it_can_be_sent_again(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, HTTP_CHUNKED, PACE(1, 0, 1), 3, STR(BODY));
	replay_source_init(&bench.replay, &bench.digest.source, &bench.wire.arena, body_len);
	for (unsigned i = 0; i < 2; i++) {
		bench.content.len = 0;
		assert_false(failed(take_all(&bench, &bench.replay.source, 2)));
		assert_text(buf_str(&bench.content), BODY);
		assert_true(replay_source_rewind(&bench.replay));
	}
	bench_close(&bench);
}

static void a_body_that_breaks_off_is_no_denial(void **state)
{
	static const uint64_t longer = sizeof BODY + sizeof "NEXT";
	struct bench bench;

	(void)state;
	bench_open(&bench, HTTP_LENGTH, PACE(0), 1, STR(BODY));
	h1_source_init(&bench.source, &bench.wire.stream, &bench.wire.in, HTTP_LENGTH, longer);
	h1_source_allow(&bench.source, 100, &limits, &bench.wire.arena);
	bench.digest.left = longer;
	assert_int_equal(take_all(&bench, &bench.digest.source, SIZE_MAX).kind, ERROR_CLOSED);
	bench_close(&bench);
}

static void none_is_a_body_too(void **state)
{
	struct body_digest digest = { .has_256 = true };

	(void)state;
	digest_of(STR(""), &digest);
	assert_true(digest_is_empty_body(&digest));
	digest.has_512 = true;
	assert_true(digest_is_empty_body(&digest));
	digest_of(STR("0"), &digest);
	assert_false(digest_is_empty_body(&digest));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_said_goes_by),
		cmocka_unit_test(of_anothers_the_end_is_not_given),
		cmocka_unit_test(each_digest_must_hold),
		cmocka_unit_test(asked_again_it_says_the_same),
		cmocka_unit_test(it_can_be_sent_again),
		cmocka_unit_test(a_body_that_breaks_off_is_no_denial),
		cmocka_unit_test(none_is_a_body_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

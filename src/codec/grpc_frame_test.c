/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"
#include "base/testing.h"
#include "codec/grpc_frame.h"

#define BYTES(literal)                       \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

static const struct row {
	str bytes;
	bool holds, is_between;
} rows[] = {
	{ BYTES(""), true, true },
	{ BYTES("\0\0\0\0\0"), true, true },
	{ BYTES("\0\0\0\0\1x"), true, true },
	{ BYTES("\1\0\0\0\3abc\0\0\0\0\0"), true, true },
	{ BYTES("\0\0\0\0\2\x80\x80"), true, true },

	/* in the middle */
	{ BYTES("\0"), true, false },
	{ BYTES("\0\0\0\0"), true, false },
	{ BYTES("\0\0\0\0\1"), true, false },
	{ BYTES("\0\0\0\1\0x"), true, false },
	{ BYTES("\0\xff\xff\xff\xffx"), true, false },
	{ BYTES("\0\0\0\0\1x\1"), true, false },

	/* no flags of a message */
	{ BYTES("\2"), false, false },
	{ BYTES("\x80\0\0\0\0"), false, false },
	{ BYTES("\x81\0\0\0\0"), false, false },
	{ BYTES("\xff"), false, false },
	{ BYTES("\0\0\0\0\1x\x80"), false, false },
	{ BYTES("\0\0\0\0\0\x02\0\0\0\0"), false, false },
};

static void follows_frames_in_any_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (size_t at = 0; at <= rows[i].bytes.len; at++) {
			struct grpc_frame frame = { 0 };
			bool holds = grpc_frame_follow(&frame, str_slice(rows[i].bytes, 0, at)) &&
				     grpc_frame_follow(&frame, str_skip(rows[i].bytes, at));

			assert_row(holds == rows[i].holds, i, "holds");
			assert_row(!holds || grpc_frame_is_between(&frame) == rows[i].is_between, i,
				   "between");
		}
	}
}

/* Frames that are printed, in pieces of any size: between two exactly at their ends. */
static void follows_what_is_printed(void **state)
{
	struct random random = { 41, 42 };
	static char bytes[1 << 16];

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct grpc_frame frame = { 0 };
		size_t sizes[16], end = 0, next = 0;
		struct buf out = buf_over(bytes, sizeof bytes);

		for (size_t i = 0; i < COUNT_OF(sizes); i++) {
			sizes[i] = random_below(&random, 8) ? random_below(&random, 300) : 0;
			grpc_frame_print_head(i % 2, (uint32_t)sizes[i], &out);
			for (size_t k = 0; k < sizes[i]; k++)
				buf_put_char(&out, (char)random_below(&random, 256));
		}
		assert_false(buf_overflowed(&out));
		for (size_t at = 0; at < out.len; at++) {
			assert_int_equal(grpc_frame_is_between(&frame), at == end);
			if (at == end)
				end += GRPC_FRAME_HEAD + sizes[next++];
			assert_true(grpc_frame_follow(&frame, str_slice(buf_str(&out), at, at + 1)));
		}
		assert_true(grpc_frame_is_between(&frame) && end == out.len);
	}
}

static void prints_heads(void **state)
{
	char bytes[GRPC_FRAME_HEAD];
	struct buf out = buf_over(bytes, sizeof bytes);

	(void)state;
	grpc_frame_print_head(GRPC_FRAME_TRAILERS, 0x01020304, &out);
	assert_memory_equal(bytes, "\x80\1\2\3\4", GRPC_FRAME_HEAD);
	out = buf_over(bytes, sizeof bytes - 1);
	grpc_frame_print_head(0, 0, &out);
	assert_true(buf_overflowed(&out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_frames_in_any_split),
		cmocka_unit_test(follows_what_is_printed),
		cmocka_unit_test(prints_heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

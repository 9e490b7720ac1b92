/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The examples of RFC 6455 first; then heads that are wrong, and streams of frames in every split.
 */
#include "base/random.h"
#include "base/testing.h"
#include "codec/websocket.h"

#define BYTES(literal)                          \
	{                                       \
		"" literal, sizeof(literal) - 1 \
	}

static void the_key_is_proved(void **state)
{
	char accept[WEBSOCKET_ACCEPT_LEN];

	(void)state;
	websocket_accept(STR("dGhlIHNhbXBsZSBub25jZQ=="), accept); /* RFC 6455 section 1.3 */
	assert_text(((str) { accept, sizeof accept }), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void a_key_is_sixteen_bytes(void **state)
{
	static const struct {
		const char *text;
		bool is_key;
	} rows[] = {
		{ "dGhlIHNhbXBsZSBub25jZQ==", true },
		{ "AAAAAAAAAAAAAAAAAAAAAA==", true },
		{ "/+/+/+/+/+/+/+/+/+/+/w==", true },
		{ "", false },
		{ "dGhlIHNhbXBsZSBub25jZQ=", false },
		{ "dGhlIHNhbXBsZSBub25jZQ", false },
		{ "dGhlIHNhbXBsZSBub25jZR==", false }, /* bits that mean nothing */
		{ "dGhlIHNhbXBsZSBub25jZ1E=", false }, /* 17 bytes */
		{ "dGhlIHNhbXBsZSBub25jZQ== ", false },
		{ "dGhlIHNhbXBsZSB1b25j Q==", false },
		{ "dGhlIHNhbXBsZSB-b25jZQ==", false },
		{ "========================", false },
		{ "x", false },
	};
	unsigned char bytes[16] = "the sample nonce";
	char key[WEBSOCKET_KEY_LEN];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row(websocket_is_key(str_of(rows[i].text)) == rows[i].is_key, i, rows[i].text);
	websocket_key_print(bytes, key);
	assert_text(((str) { key, sizeof key }), "dGhlIHNhbXBsZSBub25jZQ==");
}

static const struct {
	const char *name;
	str bytes;
	enum websocket_state state;
	struct websocket_head head;
} heads[] = {
	{ "nothing", BYTES(""), WEBSOCKET_MORE, { 0 } },
	{ "a byte", BYTES("\x81"), WEBSOCKET_MORE, { 0 } },
	{ "text of five", BYTES("\x81\x05"), WEBSOCKET_DONE, { .opcode = 1, .is_final = true, .length = 5 } },
	{ "a mask is missing", BYTES("\x81\x85\x37\xfa\x21"), WEBSOCKET_MORE, { 0 } },
	{ "masked",
	  BYTES("\x81\x85\x37\xfa\x21\x3d"),
	  WEBSOCKET_DONE,
	  { .opcode = 1,
	    .is_final = true,
	    .is_masked = true,
	    .mask = { 0x37, 0xfa, 0x21, 0x3d },
	    .length = 5 } },
	{ "the first part", BYTES("\x01\x03"), WEBSOCKET_DONE, { .opcode = 1, .length = 3 } },
	{ "a reserved bit",
	  BYTES("\xc2\x00"),
	  WEBSOCKET_DONE,
	  { .opcode = 2, .reserved = 4, .is_final = true } },
	{ "an unknown opcode", BYTES("\x8f\x00"), WEBSOCKET_DONE, { .opcode = 15, .is_final = true } },
	{ "256 bytes",
	  BYTES("\x82\x7e\x01\x00"),
	  WEBSOCKET_DONE,
	  { .opcode = 2, .is_final = true, .length = 256 } },
	{ "126 bytes",
	  BYTES("\x82\x7e\x00\x7e"),
	  WEBSOCKET_DONE,
	  { .opcode = 2, .is_final = true, .length = 126 } },
	{ "125 bytes in two", BYTES("\x82\x7e\x00\x7d"), WEBSOCKET_FAILED, { 0 } },
	{ "half of two", BYTES("\x82\x7e\x00"), WEBSOCKET_MORE, { 0 } },
	{ "64 KiB",
	  BYTES("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
	  WEBSOCKET_DONE,
	  { .opcode = 2, .is_final = true, .length = 65536 } },
	{ "65535 bytes in eight",
	  BYTES("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"),
	  WEBSOCKET_FAILED,
	  { 0 } },
	{ "seven of eight", BYTES("\x82\x7f\x00\x00\x00\x00\x00\x01\x00"), WEBSOCKET_MORE, { 0 } },
	{ "the largest",
	  BYTES("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"),
	  WEBSOCKET_DONE,
	  { .opcode = 2, .is_final = true, .length = INT64_MAX } },
	{ "the highest bit", BYTES("\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"), WEBSOCKET_FAILED, { 0 } },
};

static bool is_same(const struct websocket_head *a, const struct websocket_head *b)
{
	return a->opcode == b->opcode && a->reserved == b->reserved && a->is_final == b->is_final &&
	       a->is_masked == b->is_masked && memcmp(a->mask, b->mask, sizeof a->mask) == 0 &&
	       a->length == b->length;
}

static void heads_are_parsed_and_printed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		struct websocket_head head = { 0 };
		size_t len = 0;
		char out[WEBSOCKET_HEAD_MAX];

		assert_row(websocket_head_parse(heads[i].bytes, &head, &len) == heads[i].state, i,
			   heads[i].name);
		assert_row(is_same(&head, &heads[i].head), i, heads[i].name);
		if (heads[i].state != WEBSOCKET_DONE)
			continue;
		assert_row(len == heads[i].bytes.len, i, heads[i].name);
		assert_row(websocket_head_print(&head, out) == len, i, heads[i].name);
		assert_row(memcmp(out, heads[i].bytes.ptr, len) == 0, i, heads[i].name);
	}
}

static void what_the_rfc_forbids_is_not_sound(void **state)
{
	static const struct {
		const char *name;
		struct websocket_head head;
		bool is_within, is_sound;
	} rows[] = {
		{ "text", { .opcode = 1, .is_final = true, .length = 1 << 30 }, false, true },
		{ "the first part", { .opcode = 2 }, false, true },
		{ "the next part", { .opcode = 0 }, true, true },
		{ "the last part", { .opcode = 0, .is_final = true }, true, true },
		{ "a part of nothing", { .opcode = 0, .is_final = true }, false, false },
		{ "a message within one", { .opcode = 1, .is_final = true }, true, false },
		{ "binary within text", { .opcode = 2 }, true, false },
		{ "a ping between parts", { .opcode = 9, .is_final = true, .length = 125 }, true, true },
		{ "a long ping", { .opcode = 9, .is_final = true, .length = 126 }, false, false },
		{ "a ping in parts", { .opcode = 9 }, false, false },
		{ "a close", { .opcode = 8, .is_final = true, .length = 2 }, true, true },
		{ "a pong nobody asked for", { .opcode = 10, .is_final = true }, false, true },
		{ "an unknown opcode", { .opcode = 3, .is_final = true }, false, false },
		{ "an unknown control", { .opcode = 11, .is_final = true }, false, false },
		{ "reserved bits", { .opcode = 1, .is_final = true, .reserved = 4 }, false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row(websocket_head_is_sound(&rows[i].head, rows[i].is_within) == rows[i].is_sound, i,
			   rows[i].name);
}

/* RFC 6455 section 5.7. */
static void masking_is_its_own_opposite(void **state)
{
	static const unsigned char mask[] = { 0x37, 0xfa, 0x21, 0x3d };
	char text[] = "Hello";

	(void)state;
	websocket_mask(text, 5, mask, 0);
	assert_memory_equal(text, "\x7f\x9f\x4d\x51\x58", 5);
	websocket_mask(text, 2, mask, 0);
	websocket_mask(text + 2, 3, mask, 2);
	assert_string_equal(text, "Hello");
}

static void a_close_frame_bears_its_code(void **state)
{
	static const unsigned char mask[] = { 1, 2, 3, 4 };
	char out[WEBSOCKET_CLOSE_MAX];

	(void)state;
	assert_int_equal(websocket_close_print(WEBSOCKET_GOING_AWAY, NULL, out), 4);
	assert_memory_equal(out, "\x88\x02\x03\xe9", 4);
	assert_int_equal(websocket_close_print(WEBSOCKET_GOING_AWAY, mask, out), 8);
	assert_memory_equal(out, "\x88\x82\x01\x02\x03\x04\x02\xeb", 8);
}

static void a_trail_ends_where_frames_end(void **state)
{
	static const str stream = BYTES("\x81\x02hi"
					"\x89\x00"
					"\x01\x81mmmmx"
					"\x88\x02\x03\xe9");
	static const size_t ends[] = { 4, 6, 13, 17 };

	(void)state;
	for (size_t piece = 1; piece <= stream.len; piece++) {
		struct websocket_trail trail = { 0 };
		size_t at = 0, ended = 0;

		assert_true(websocket_is_between(&trail));
		while (at < stream.len) {
			at += websocket_follow(&trail, str_slice(stream, at, at + piece));
			if (websocket_is_between(&trail))
				assert_int_equal(at, ends[ended++]);
			assert_int_equal(trail.has_close, at >= 15);
		}
		assert_int_equal(ended, COUNT_OF(ends));
	}
}

/* What is no WebSocket has no boundary ever after. */
static void a_trail_can_be_lost(void **state)
{
	struct websocket_trail trail = { 0 };
	static const str stream = BYTES("\x81\x02hi\x82\x7e\x00\x01x\x81\x00");

	(void)state;
	assert_int_equal(websocket_follow(&trail, stream), 4);
	assert_int_equal(websocket_follow(&trail, str_skip(stream, 4)), stream.len - 4);
	assert_true(trail.is_lost);
	assert_false(websocket_is_between(&trail));
	assert_int_equal(websocket_follow(&trail, STR("\x81")), 1);
	assert_false(websocket_is_between(&trail));
}

/* Lengths around every bound, in pieces at random: a frame ends with its last byte and not before. */
static void any_stream_is_followed(void **state)
{
	static const uint64_t lengths[] = { 0, 1, 125, 126, 127, 65535, 65536, 70000 };
	static char bytes[80000];
	struct random random = { 7, 8 };

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct websocket_head head = { .opcode = (unsigned)random_below(&random, 16),
					       .is_final = random_below(&random, 2),
					       .is_masked = random_below(&random, 2),
					       .length = lengths[random_below(&random, COUNT_OF(lengths))] };
		size_t len = websocket_head_print(&head, bytes) + head.length, at = 0;
		struct websocket_trail trail = { 0 };

		while (at < len) {
			size_t piece = 1 + random_below(&random, 30000);

			assert_true(at == 0 || !websocket_is_between(&trail));
			at += websocket_follow(&trail, str_slice((str) { bytes, len }, at, at + piece));
		}
		assert_true(websocket_is_between(&trail));
		assert_int_equal(trail.has_close, head.opcode == WEBSOCKET_CLOSE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_key_is_proved),
		cmocka_unit_test(a_key_is_sixteen_bytes),
		cmocka_unit_test(heads_are_parsed_and_printed),
		cmocka_unit_test(what_the_rfc_forbids_is_not_sound),
		cmocka_unit_test(masking_is_its_own_opposite),
		cmocka_unit_test(a_close_frame_bears_its_code),
		cmocka_unit_test(a_trail_ends_where_frames_end),
		cmocka_unit_test(a_trail_can_be_lost),
		cmocka_unit_test(any_stream_is_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

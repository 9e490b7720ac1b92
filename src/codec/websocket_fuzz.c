/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte says in which pieces the rest is followed. However they are, the same boundaries come out;
 * a head that was parsed is the same when it is printed and parsed again, and ends where the trail says.
 */
#include "base/assert.h"
#include "codec/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_head(str input)
{
	struct websocket_head head, again;
	char out[WEBSOCKET_HEAD_MAX];
	size_t len, printed;

	if (websocket_head_parse(input, &head, &len) != WEBSOCKET_DONE)
		return;
	printed = websocket_head_print(&head, out);
	ASSERT(printed == len && memcmp(out, input.ptr, len) == 0);
	ASSERT(websocket_head_parse((str) { out, printed }, &again, &len) == WEBSOCKET_DONE);
	ASSERT(again.length == head.length && again.opcode == head.opcode);
}

/* The hash of all offsets at which a frame ended. */
static uint64_t boundaries(str input, size_t piece)
{
	struct websocket_trail trail = { 0 };
	uint64_t sum = 0;
	size_t at = 0;

	while (at < input.len) {
		str part = str_slice(input, at, at + piece);
		size_t taken = websocket_follow(&trail, part);

		ASSERT(taken && taken <= part.len);
		at += taken;
		if (websocket_is_between(&trail))
			sum = sum * 31 + at;
	}
	return sum * 4 + trail.is_lost * 2u + trail.has_close;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = { (const char *)data, size };

	if (!size)
		return 0;
	check_head(str_skip(input, 1));
	ASSERT(boundaries(str_skip(input, 1), 1 + data[0]) == boundaries(str_skip(input, 1), size));
	return 0;
}

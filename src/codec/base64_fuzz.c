/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What base64 comes to does not depend on how it arrives; and where it is one encoding, writing what was read
 * gives the same text again.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "codec/base64.h"

enum { TEXT_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool decode(str text, size_t step, struct buf *out)
{
	struct base64_decoder decoder = { 0 };

	while (text.len) {
		str piece = str_slice(text, 0, step);

		text = str_skip(text, piece.len);
		if (failed(base64_decode(&decoder, &piece, out)))
			return false;
		ASSERT(piece.len == 0);
	}
	return base64_decode_is_whole(&decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char whole_bytes[TEXT_MAX], split_bytes[TEXT_MAX], text_bytes[TEXT_MAX + BASE64_GROUP];
	struct buf whole = buf_over(whole_bytes, TEXT_MAX), split = buf_over(split_bytes, TEXT_MAX);
	struct buf text = buf_over(text_bytes, sizeof text_bytes);
	struct base64_encoder encoder = { 0 };
	str input = { (const char *)data, size }, content;
	size_t end = size;
	bool holds;

	if (size > TEXT_MAX)
		return 0;
	holds = decode(input, SIZE_MAX, &whole);
	ASSERT(decode(input, 1, &split) == holds);
	ASSERT(str_eq(buf_str(&whole), buf_str(&split)));
	str_find(input, '=', &end);
	if (!holds || end + 2 < size)
		return 0;
	content = buf_str(&whole);
	base64_encode(&encoder, &content, &text);
	base64_encode_end(&encoder, &text);
	ASSERT(str_eq(buf_str(&text), input));
	return 0;
}

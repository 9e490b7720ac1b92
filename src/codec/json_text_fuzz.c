/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever goes in, what comes out is one line of valid UTF-8 between two quotes.
 */
#include "base/assert.h"
#include "base/utf8.h"
#include "codec/json_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char bytes[4096 * 6 + 2];
	struct buf out = buf_over(bytes, size * 6 + 2);
	str text;

	if (size > 4096)
		return 0;
	json_put_string(&out, (str) { (const char *)data, size });
	ASSERT(!buf_overflowed(&out) && out.len >= 2);
	ASSERT(bytes[0] == '"' && bytes[out.len - 1] == '"');
	text = str_slice(buf_str(&out), 1, out.len - 1);
	while (text.len) {
		size_t len = utf8_length(text);

		ASSERT(len > 0 && (uint8_t)text.ptr[0] >= 0x20 && text.ptr[0] != '"' && text.ptr[0] != 0x7f);
		len = text.ptr[0] == '\\' ? 2 : len;
		ASSERT(len <= text.len);
		text = str_skip(text, len);
	}
	return 0;
}

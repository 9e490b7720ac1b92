/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nearly every text is plain, so it is looked at sixteen bytes at a time and copied as a whole; what stands
 * between plain pieces is taken one character at a time. DEL is escaped although JSON does not ask for it:
 * terminals do.
 */
#include "codec/json_text.h"

#include "base/utf8.h"
#include "codec/scan.h"

/* The first byte that cannot simply be copied, or is not ASCII. */
static const char *plain_end(const char *at, const char *end)
{
	for (; end - at >= SCAN_STEP; at += SCAN_STEP) {
		bytes16 c = bytes16_load(at);
		uint32_t mask = bytes16_mask(
			(bytes16)((c - 0x20 >= 0x7f - 0x20) | (c == (uint8_t)'"') | (c == (uint8_t)'\\')));

		if (mask)
			return at + __builtin_ctz(mask);
	}
	while (at < end && *at >= 0x20 && *at != 0x7f && *at != '"' && *at != '\\')
		at++;
	return at;
}

/* The short forms for what is frequent in texts, \\u for the rest. */
static void put_escape(struct buf *out, char c)
{
	static const char hex[] = "0123456789abcdef";
	char escape[6] = { '\\', 'u', '0', '0', hex[(uint8_t)c >> 4], hex[c & 15] };

	switch (c) {
	case '"':
	case '\\':
		buf_put(out, (str) { (char[]) { '\\', c }, 2 });
		return;
	case '\n':
		buf_put(out, STR("\\n"));
		return;
	case '\r':
		buf_put(out, STR("\\r"));
		return;
	case '\t':
		buf_put(out, STR("\\t"));
		return;
	default:
		buf_put(out, (str) { escape, sizeof escape });
	}
}

void json_put_string(struct buf *out, str text)
{
	buf_put_char(out, '"');
	while (text.len) {
		size_t len = (size_t)(plain_end(text.ptr, text.ptr + text.len) - text.ptr);

		buf_put(out, str_slice(text, 0, len));
		text = str_skip(text, len);
		if (text.len == 0)
			break;
		len = 1;
		if ((uint8_t)text.ptr[0] < 0x80)
			put_escape(out, text.ptr[0]);
		else if ((len = utf8_length(text)) > 0)
			buf_put(out, str_slice(text, 0, len));
		else
			buf_put(out, STR("\xef\xbf\xbd"));
		text = str_skip(text, len ? len : 1);
	}
	buf_put_char(out, '"');
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nearly every byte that is logged can stand as it is, so the work is to find out quickly that nothing has to
 * be done: sixteen bytes at a time, and texts that are shorter still in one look. Only a byte that stops the
 * search is dealt with one by one.
 */
#include "observe/log_text.h"

#include "base/printable.h"
#include "codec/scan.h"
#include "codec/uri.h"
#include "config/secret_name.h"

enum { NAME_MAX_ENCODED = 256, DIGITS_MAX = 20 };

enum { STOPS_TEXT = 1, STOPS_WORD = 2 };

/* Bytes that cannot simply be copied. */
static const uint8_t stops[256] = {
	[0 ... 0x1f] = STOPS_TEXT | STOPS_WORD,    [' '] = STOPS_WORD,
	['"'] = STOPS_TEXT | STOPS_WORD,           ['\\'] = STOPS_TEXT | STOPS_WORD,
	[0x7f ... 0xff] = STOPS_TEXT | STOPS_WORD,
};

static uint32_t stops_of(bytes16 c, char also)
{
	return bytes16_mask((bytes16)((c - 0x20 >= 0x7f - 0x20) | (c == (uint8_t)'"') | (c == (uint8_t)'\\') |
				      (c == (uint8_t)also)));
}

static const char *plain_end(const char *at, const char *end, enum log_escape escape)
{
	unsigned class = escape == LOG_ESCAPE_WORD ? STOPS_WORD : STOPS_TEXT;
	char also = escape == LOG_ESCAPE_WORD ? ' ' : '"';

	for (; end - at >= SCAN_STEP; at += SCAN_STEP) {
		uint32_t mask = stops_of(bytes16_load(at), also);

		if (mask)
			return at + __builtin_ctz(mask);
	}
	while (at < end && !(stops[(uint8_t)*at] & class))
		at++;
	return at;
}

/* A text of up to sixteen bytes, as most are: its first and its last bytes are taken as two words that may
 * overlap, looked at together, and put down the same way. False, and nothing put, when one must be escaped.
 */
static bool put_short(struct buf *out, str text, char also)
{
	char *to = out->bytes + out->len;
	size_t word = text.len >= 8 ? 8 : 4;
	uint64_t words[2] = { 0x6161616161616161, 0x6161616161616161 }; /* letters */
	bytes16 both;

	if (text.len < 4 || text.len > SCAN_STEP || text.len > out->max - out->len)
		return false;
	if (word == 8) {
		memcpy(&words[0], text.ptr, 8);
		memcpy(&words[1], text.ptr + text.len - 8, 8);
	} else {
		memcpy(&words[0], text.ptr, 4);
		memcpy(&words[1], text.ptr + text.len - 4, 4);
	}
	memcpy(&both, words, sizeof both);
	if (stops_of(both, also))
		return false;
	if (word == 8) {
		memcpy(to, &words[0], 8);
		memcpy(to + text.len - 8, &words[1], 8);
	} else {
		memcpy(to, &words[0], 4);
		memcpy(to + text.len - 4, &words[1], 4);
	}
	out->len += text.len;
	return true;
}

static char hex_digit(unsigned value)
{
	return "0123456789abcdef"[value & 15];
}

/* One character that could not be copied; its length. */
static size_t put_json_character(struct buf *out, str text)
{
	uint8_t byte = (uint8_t)text.ptr[0];
	size_t len = printable_length(text);
	unsigned code = byte;

	if (byte == '"' || byte == '\\') {
		buf_put(out, (str) { (char[]) { '\\', (char)byte }, 2 });
		return 1;
	}
	if (len) {
		buf_put(out, str_slice(text, 0, len));
		return len;
	}
	/* What is valid and yet not printable is below U+0080, or of two or three bytes. */
	len = 1;
	if (byte == 0xc2 && text.len >= 2 && (text.ptr[1] & 0xc0) == 0x80)
		code = (uint8_t)text.ptr[len++];
	else if (byte == 0xe2 && text.len >= 3 && (text.ptr[1] & 0xfe) == 0x80 &&
		 (text.ptr[2] & 0xc0) == 0x80)
		code = 0x2000U | (text.ptr[1] & 1U) << 6 | (text.ptr[2] & 0x3fU), len = 3;
	else if (byte >= 0x80)
		code = 0xfffd;
	buf_put(out, (str) { (char[]) { '\\', 'u', hex_digit(code >> 12), hex_digit(code >> 8),
					hex_digit(code >> 4), hex_digit(code) },
			     6 });
	return len;
}

/* Byte by byte, whatever it belongs to: whoever reads it can have the bytes back. */
static size_t put_text_character(struct buf *out, str text)
{
	uint8_t byte = (uint8_t)text.ptr[0];

	if (byte == '"' || byte == '\\')
		buf_put(out, (str) { (char[]) { '\\', (char)byte }, 2 });
	else
		buf_put(out, (str) { (char[]) { '\\', 'x', hex_digit(byte >> 4), hex_digit(byte) }, 4 });
	return 1;
}

void log_put_text(struct buf *out, enum log_escape escape, str text)
{
	if (put_short(out, text, escape == LOG_ESCAPE_WORD ? ' ' : '"'))
		return;
	while (text.len) {
		size_t len = (size_t)(plain_end(text.ptr, text.ptr + text.len, escape) - text.ptr);

		buf_put(out, (str) { text.ptr, len });
		text = str_skip(text, len);
		if (text.len == 0)
			return;
		len = escape == LOG_ESCAPE_JSON ? put_json_character(out, text)
						: put_text_character(out, text);
		text = str_skip(text, len);
	}
}

/* Two digits at a time: a line has eight numbers. */
void log_put_number(struct buf *out, uint64_t value)
{
	static const char pairs[] =
		"0001020304050607080910111213141516171819202122232425262728293031323334353637383940"
		"4142434445464748495051525354555657585960616263646566676869707172737475767778798081"
		"828384858687888990919293949596979899";
	char digits[DIGITS_MAX];
	size_t at = sizeof digits;

	for (; value >= 10; value /= 100) {
		at -= 2;
		memcpy(digits + at, pairs + 2 * (value % 100), 2);
	}
	if (value || at == sizeof digits)
		digits[--at] = (char)('0' + value);
	buf_put(out, (str) { digits + at, sizeof digits - at });
}

void log_put_milliseconds(struct buf *out, duration time)
{
	uint64_t microseconds = time > 0 ? (uint64_t)(time / MICROSECOND) : 0;
	unsigned rest = (unsigned)(microseconds % 1000);

	log_put_number(out, microseconds / 1000);
	buf_put(out, (str) { (char[]) { '.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
					(char)('0' + rest % 10) },
			     4 });
}

str log_cut_long(str text, size_t cap)
{
	size_t len = cap;

	for (size_t back = 0; back < 3 && len > 0 && ((uint8_t)text.ptr[len] & 0xc0) == 0x80; back++)
		len--;
	return str_slice(text, 0, len);
}

static bool is_among(str name, const str *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq_nocase(name, names[i]))
			return true;
	return false;
}

/* By the one list of such names, and by that of the configuration; and where the name itself was masked. */
static bool is_redacted(str encoded, str_list redact)
{
	char bytes[NAME_MAX_ENCODED];
	struct buf room = buf_over(bytes, sizeof bytes);

	if (secret_name_judge_encoded(encoded) != SECRET_NAME_NONE || str_contains(encoded, STR("***")))
		return true;
	return redact.len && is_among(uri_decode(encoded, true, &room), redact.at, redact.len);
}

void log_put_query(struct buf *out, enum log_escape escape, str query, str_list redact)
{
	while (query.len) {
		size_t len = 0, equals;
		str pair;

		/* Some readers take ';' for '&'. */
		while (len < query.len && query.ptr[len] != '&' && query.ptr[len] != ';')
			len++;
		pair = str_slice(query, 0, len);
		if (str_find(pair, '=', &equals) && is_redacted(str_slice(pair, 0, equals), redact)) {
			log_put_text(out, escape, str_slice(pair, 0, equals + 1));
			buf_put(out, STR("***"));
		} else {
			log_put_text(out, escape, pair);
		}
		if (len < query.len)
			buf_put_char(out, query.ptr[len++]);
		query = str_skip(query, len);
	}
}

/* "https://user:word@host/" names a credential. What is left of the URL. */
static str skip_userinfo(struct buf *out, enum log_escape escape, str url)
{
	size_t start = 0, at = 0;

	while (start + 1 < url.len && url.ptr[start] != '?' &&
	       !(url.ptr[start] == '/' && url.ptr[start + 1] == '/'))
		start++;
	if (start + 1 >= url.len || url.ptr[start] == '?')
		return url;
	start += 2;
	for (size_t i = start; i < url.len && !memchr("/\\?", url.ptr[i], 3); i++)
		at = url.ptr[i] == '@' ? i : at;
	if (at == 0)
		return url;
	log_put_text(out, escape, str_slice(url, 0, start));
	buf_put(out, STR("***"));
	return str_skip(url, at);
}

void log_put_url(struct buf *out, enum log_escape escape, str url, bool with_query, str_list redact)
{
	str base, query;
	size_t hash;

	if (str_find(url, '#', &hash))
		url = str_slice(url, 0, hash);
	url = skip_userinfo(out, escape, url);
	if (!str_cut(url, '?', &base, &query)) {
		log_put_text(out, escape, url);
		return;
	}
	log_put_text(out, escape, base);
	if (with_query) {
		buf_put_char(out, '?');
		log_put_query(out, escape, query, redact);
	}
}

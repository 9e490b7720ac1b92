/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/base64.h"

#include "base/assert.h"

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

static size_t room_of(const struct buf *out)
{
	return out->max - out->len;
}

/* One character more of the group. Padding stands for the third and fourth only, and nothing but padding
 * follows it. */
static bool take(struct base64_decoder *decoder, char c)
{
	int value = c == '=' ? 0 : value_of(c);

	if (value < 0 || (c == '=' && decoder->count < 2) || (c != '=' && decoder->padding))
		return false;
	decoder->padding += c == '=';
	decoder->bits = decoder->bits << 6 | (uint32_t)value;
	decoder->count++;
	return true;
}

/* RFC 4648 section 3.5: bits that the padding leaves over are 0, so that there is one text for each content.
 */
static bool put_group(struct base64_decoder *decoder, struct buf *out)
{
	uint32_t bits = decoder->bits;
	char bytes[] = { (char)(bits >> 16), (char)(bits >> 8), (char)bits };
	size_t len = sizeof bytes - decoder->padding;

	if (bits & ((1u << 8 * decoder->padding) - 1))
		return false;
	buf_put(out, (str) { bytes, len });
	*decoder = (struct base64_decoder) { 0 };
	return true;
}

result base64_decode(struct base64_decoder *decoder, str *in, struct buf *out)
{
	while (in->len && (decoder->count + 1 < BASE64_GROUP || room_of(out) >= BASE64_GROUP_BYTES)) {
		if (!take(decoder, in->ptr[0]))
			return error_make(ERROR_MALFORMED, "malformed base64");
		*in = str_skip(*in, 1);
		if (decoder->count == BASE64_GROUP && !put_group(decoder, out))
			return error_make(ERROR_MALFORMED, "malformed base64");
	}
	return OK;
}

/* The group's bits from the top, `len` characters of it; "=" for the others. */
static void put_characters(uint32_t bits, size_t len, struct buf *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char group[BASE64_GROUP];

	for (size_t i = 0; i < BASE64_GROUP; i++)
		group[i] = i < len ? alphabet[bits >> (18 - 6 * i) & 63] : '=';
	buf_put(out, (str) { group, sizeof group });
}

void base64_encode(struct base64_encoder *encoder, str *in, struct buf *out)
{
	while (in->len && (encoder->count + 1 < BASE64_GROUP_BYTES || room_of(out) >= BASE64_GROUP)) {
		encoder->bits = encoder->bits << 8 | (unsigned char)in->ptr[0];
		encoder->count++;
		*in = str_skip(*in, 1);
		if (encoder->count < BASE64_GROUP_BYTES)
			continue;
		put_characters(encoder->bits, BASE64_GROUP, out);
		*encoder = (struct base64_encoder) { 0 };
	}
}

void base64_encode_end(struct base64_encoder *encoder, struct buf *out)
{
	unsigned missing = BASE64_GROUP_BYTES - encoder->count;

	if (!encoder->count)
		return;
	put_characters(encoder->bits << 8 * missing, encoder->count + 1, out);
	ASSERT(!buf_overflowed(out));
	*encoder = (struct base64_encoder) { 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A head is 2 to 14 bytes long, and its first two say how long. A trail keeps those few bytes until the head
 * is complete, since it may come in pieces, and then counts down what the frame carries.
 */
#include "codec/websocket.h"

#include <openssl/evp.h>

#include "base/assert.h"

enum {
	FINAL = 0x80,
	MASKED = 0x80,
	LENGTH_IN_TWO = 126,
	LENGTH_IN_EIGHT = 127,
	SHA1_LEN = 20,
	KEY_BYTES = 16,
};

static const str guid = STR_INIT("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");

static bool is_base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
	       c == '/';
}

/* The last digit before the padding has two bits that mean something. */
bool websocket_is_key(str text)
{
	if (text.len != WEBSOCKET_KEY_LEN || !str_ends(text, STR("==")))
		return false;
	for (size_t i = 0; i < WEBSOCKET_KEY_LEN - 2; i++)
		if (!is_base64(text.ptr[i]))
			return false;
	return memchr("AQgw", text.ptr[WEBSOCKET_KEY_LEN - 3], 4);
}

/* The library ends its texts with a byte that nobody wants. */
static void base64_print(const unsigned char *bytes, size_t len, char *out, size_t out_len)
{
	unsigned char text[WEBSOCKET_ACCEPT_LEN + 1];
	int printed = EVP_EncodeBlock(text, bytes, (int)len);

	ASSERT((size_t)printed == out_len);
	memcpy(out, text, out_len);
}

void websocket_key_print(const unsigned char bytes[KEY_BYTES], char out[WEBSOCKET_KEY_LEN])
{
	base64_print(bytes, KEY_BYTES, out, WEBSOCKET_KEY_LEN);
}

void websocket_accept(str key, char out[WEBSOCKET_ACCEPT_LEN])
{
	char text[WEBSOCKET_KEY_LEN + 64];
	struct buf both = buf_over(text, sizeof text);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	buf_put(&both, str_slice(key, 0, WEBSOCKET_KEY_LEN));
	buf_put(&both, guid);
	ASSERT(EVP_Digest(text, both.len, digest, &len, EVP_sha1(), NULL) == 1 && len == SHA1_LEN);
	base64_print(digest, SHA1_LEN, out, WEBSOCKET_ACCEPT_LEN);
}

static uint64_t big_endian(str bytes)
{
	uint64_t number = 0;

	for (size_t i = 0; i < bytes.len; i++)
		number = number << 8 | (unsigned char)bytes.ptr[i];
	return number;
}

static size_t length_bytes(unsigned code)
{
	if (code == LENGTH_IN_EIGHT)
		return 8;
	return code == LENGTH_IN_TWO ? 2 : 0;
}

/* The shortest way is the only one (RFC 6455 section 5.2), and no length has its highest bit set. */
static bool is_length_sound(unsigned code, uint64_t length)
{
	if (code == LENGTH_IN_EIGHT)
		return length > UINT16_MAX && length <= INT64_MAX;
	return code != LENGTH_IN_TWO || length >= LENGTH_IN_TWO;
}

enum websocket_state websocket_head_parse(str input, struct websocket_head *ret_head, size_t *ret_len)
{
	struct websocket_head head = { 0 };
	unsigned first, second, code;
	size_t extended, len;

	if (input.len < 2)
		return WEBSOCKET_MORE;
	first = (unsigned char)input.ptr[0];
	second = (unsigned char)input.ptr[1];
	code = second & ~(unsigned)MASKED;
	extended = length_bytes(code);
	head.opcode = first & 0x0f;
	head.reserved = first >> 4 & 7;
	head.is_final = first & FINAL;
	head.is_masked = second & MASKED;
	len = 2 + extended + (head.is_masked ? sizeof head.mask : 0);
	if (input.len < len)
		return WEBSOCKET_MORE;
	head.length = extended ? big_endian(str_slice(input, 2, 2 + extended)) : code;
	if (!is_length_sound(code, head.length))
		return WEBSOCKET_FAILED;
	if (head.is_masked)
		memcpy(head.mask, input.ptr + 2 + extended, sizeof head.mask);
	*ret_head = head;
	*ret_len = len;
	return WEBSOCKET_DONE;
}

bool websocket_head_is_sound(const struct websocket_head *head, bool is_within_message)
{
	if (head->reserved)
		return false;
	switch (head->opcode) {
	case WEBSOCKET_CONTINUATION:
		return is_within_message;
	case WEBSOCKET_TEXT:
	case WEBSOCKET_BINARY:
		return !is_within_message;
	case WEBSOCKET_CLOSE:
	case WEBSOCKET_PING:
	case WEBSOCKET_PONG:
		return head->is_final && head->length <= WEBSOCKET_CONTROL_MAX;
	default:
		return false;
	}
}

static unsigned length_code(uint64_t length)
{
	if (length > UINT16_MAX)
		return LENGTH_IN_EIGHT;
	return length >= LENGTH_IN_TWO ? LENGTH_IN_TWO : (unsigned)length;
}

size_t websocket_head_print(const struct websocket_head *head, char out[WEBSOCKET_HEAD_MAX])
{
	struct buf text = buf_over(out, WEBSOCKET_HEAD_MAX);
	unsigned code = length_code(head->length);

	buf_put_char(&text, (char)((head->is_final ? FINAL : 0) | head->reserved << 4 | head->opcode));
	buf_put_char(&text, (char)((head->is_masked ? MASKED : 0) | code));
	for (size_t left = length_bytes(code); left; left--)
		buf_put_char(&text, (char)(head->length >> 8 * (left - 1) & 0xff));
	if (head->is_masked)
		buf_put(&text, (str) { (const char *)head->mask, sizeof head->mask });
	return text.len;
}

void websocket_mask(char *bytes, size_t len, const unsigned char mask[4], uint64_t offset)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(bytes[i] ^ mask[(offset + i) % 4]);
}

size_t websocket_close_print(unsigned code, const unsigned char *mask, char out[WEBSOCKET_CLOSE_MAX])
{
	struct websocket_head head = {
		.opcode = WEBSOCKET_CLOSE, .is_final = true, .is_masked = mask, .length = 2
	};
	size_t len;

	if (mask)
		memcpy(head.mask, mask, sizeof head.mask);
	len = websocket_head_print(&head, out);
	out[len] = (char)(code >> 8);
	out[len + 1] = (char)(code & 0xff);
	if (mask)
		websocket_mask(out + len, 2, mask, 0);
	return len + 2;
}

/* How long the head under way is, as far as its first bytes say. */
static size_t head_wanted(const struct websocket_trail *trail)
{
	unsigned second;

	if (trail->head_len < 2)
		return 2;
	second = (unsigned char)trail->head[1];
	return 2 + length_bytes(second & ~(unsigned)MASKED) + (second & MASKED ? 4 : 0);
}

/* Its head is complete. */
static void frame_begin(struct websocket_trail *trail)
{
	struct websocket_head head;
	size_t len;

	trail->is_lost =
		websocket_head_parse((str) { trail->head, trail->head_len }, &head, &len) != WEBSOCKET_DONE;
	trail->head_len = 0;
	if (trail->is_lost)
		return;
	trail->left = head.length;
	trail->has_close |= head.opcode == WEBSOCKET_CLOSE;
}

static size_t follow_head(struct websocket_trail *trail, str bytes)
{
	size_t taken = 0;

	while (taken < bytes.len && trail->head_len < head_wanted(trail))
		trail->head[trail->head_len++] = bytes.ptr[taken++];
	if (trail->head_len == head_wanted(trail))
		frame_begin(trail);
	return taken;
}

size_t websocket_follow(struct websocket_trail *trail, str bytes)
{
	size_t taken = 0, carried;

	if (trail->is_lost)
		return bytes.len;
	if (!trail->left)
		taken = follow_head(trail, bytes);
	if (trail->is_lost)
		return bytes.len;
	carried = bytes.len - taken < trail->left ? bytes.len - taken : (size_t)trail->left;
	trail->left -= carried;
	return taken + carried;
}

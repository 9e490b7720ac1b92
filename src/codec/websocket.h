/* SPDX-License-Identifier: Apache-2.0 */
/*
 * websocket: the handshake's proof and the heads of frames (RFC 6455).
 *
 * A gateway passes frames on and reads none of them. It must know one thing of each: where it ends, for only
 * there may it say something itself, such as that it is going away. A trail follows the heads as they pass,
 * in whatever pieces, and costs nothing for what lies between them. Who serves WebSockets (the echo) parses
 * the same heads and refuses what the RFC forbids.
 */
#pragma once

#include "base/buf.h"

enum websocket_opcode {
	WEBSOCKET_CONTINUATION = 0,
	WEBSOCKET_TEXT = 1,
	WEBSOCKET_BINARY = 2,
	WEBSOCKET_CLOSE = 8, /* from here on control frames: short, whole, between the parts of a message */
	WEBSOCKET_PING = 9,
	WEBSOCKET_PONG = 10,
};

/* Codes of close frames (RFC 6455 section 7.4.1). */
enum websocket_code {
	WEBSOCKET_NORMAL = 1000,
	WEBSOCKET_GOING_AWAY = 1001,
	WEBSOCKET_PROTOCOL_ERROR = 1002,
};

enum {
	WEBSOCKET_VERSION = 13,
	WEBSOCKET_KEY_LEN = 24,
	WEBSOCKET_ACCEPT_LEN = 28,
	WEBSOCKET_HEAD_MAX = 14,
	WEBSOCKET_CONTROL_MAX = 125,                  /* bytes that a control frame may carry */
	WEBSOCKET_CLOSE_MAX = WEBSOCKET_HEAD_MAX + 2, /* a close frame with a code and no words */
};

bool websocket_is_key(str text);
/* A Sec-WebSocket-Key: 16 bytes in base64 (RFC 6455 section 4.1). */

void websocket_key_print(const unsigned char bytes[16], char out[WEBSOCKET_KEY_LEN]);
/* For who is a client itself; the bytes are random. */

void websocket_accept(str key, char out[WEBSOCKET_ACCEPT_LEN]);
/* The Sec-WebSocket-Accept that proves that the key was read (RFC 6455 section 4.2.2). */

/* The head of a frame (RFC 6455 section 5.2). */
struct websocket_head {
	unsigned opcode;   /* enum websocket_opcode, or one that is not defined */
	unsigned reserved; /* the three bits that extensions may use */
	bool is_final;
	bool is_masked;
	unsigned char mask[4];
	uint64_t length;
};

enum websocket_state {
	WEBSOCKET_MORE, /* call again with more behind the same bytes */
	WEBSOCKET_DONE,
	WEBSOCKET_FAILED, /* for good: a length that is not written in the shortest way, or too large */
};

enum websocket_state websocket_head_parse(str input, struct websocket_head *ret_head, size_t *ret_len);
/* ret_len is the head's length. Only what decides where the frame ends is checked; what it may be, see
 * websocket_head_is_sound(). */

bool websocket_head_is_sound(const struct websocket_head *head, bool is_within_message);
/* Without extensions: an opcode that is defined, no reserved bits, control frames whole and short, and parts
 * of messages in their order (RFC 6455 sections 5.2, 5.4, 5.5). is_within_message: data frames came, and the
 * last of them was not final. */

size_t websocket_head_print(const struct websocket_head *head, char out[WEBSOCKET_HEAD_MAX]);
/* Returns its length, the shortest there is. */

void websocket_mask(char *bytes, size_t len, const unsigned char mask[4], uint64_t offset);
/* Puts the mask on, or takes it off, in place. offset: how many bytes of the frame stand before them. */

size_t websocket_close_print(unsigned code, const unsigned char *mask, char out[WEBSOCKET_CLOSE_MAX]);
/* A whole close frame. mask: 4 random bytes, from clients; NULL from servers. */

/* Where in its frames a stream of bytes is. Zero is the start. */
struct websocket_trail {
	uint64_t left; /* bytes of the frame under way that are still to come, behind its head */
	unsigned char head_len;
	bool is_lost;   /* no WebSocket: there are no boundaries */
	bool has_close; /* a close frame has begun */
	char head[WEBSOCKET_HEAD_MAX];
};

size_t websocket_follow(struct websocket_trail *trail, str bytes);
/* Takes bytes up to the end of the first frame that ends in them, or all of them, and says how many. Again
 * for the rest. */

static inline bool websocket_is_between(const struct websocket_trail *trail)
/* The last frame has ended, and of another not a byte has come. */
{
	return !trail->left && !trail->head_len && !trail->is_lost;
}

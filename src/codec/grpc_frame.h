/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc_frame: where a body of gRPC stands: within a message, or between two (PROTOCOL-HTTP2.md, "Length-
 * Prefixed-Message").
 *
 * Bytes pass as they are; this only follows them, in any split. It is what tells that a frame of ours may
 * be put behind them, and that they hold none that looks like ours.
 */
#pragma once

#include "base/buf.h"

enum {
	GRPC_FRAME_HEAD = 5,
	GRPC_FRAME_TRAILERS = 0x80, /* the flag of gRPC-Web's last frame */
};

/* Zero is the start of a body. */
struct grpc_frame {
	uint32_t left;                       /* bytes of the message under way */
	size_t head_len;                     /* bytes of the next one's head that were there */
	unsigned char head[GRPC_FRAME_HEAD]; /* those */
};

bool grpc_frame_follow(struct grpc_frame *frame, str bytes);
/* These bytes have gone by. False when a message bears a flag that is not 0 or 1: what follows is not to be
 * understood. */

static inline bool grpc_frame_is_between(const struct grpc_frame *frame)
/* No message is under way. */
{
	return frame->left == 0 && frame->head_len == 0;
}

void grpc_frame_print_head(uint8_t flags, uint32_t length, struct buf *out);
/* GRPC_FRAME_HEAD bytes. */

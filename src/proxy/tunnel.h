/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tunnel: a WebSocket between a client and an upstream: two streams joined in the loop, without a fiber.
 *
 * What is read goes on at once, from the worker's scratch; only what the other side does not take is kept, in
 * a block of the worker's pool, and nothing more is read from that side until it is gone. So a tunnel at rest
 * is this struct and nothing else. It reads nothing of what passes but the heads of frames: between two of
 * them, and only there, it can say itself that it is going away.
 *
 * It owns neither stream: whoever opened it is told when it is over, and closes them.
 */
#pragma once

#include "codec/websocket.h"
#include "io/stream.h"
#include "observe/reason.h"

struct tunnel;

/* From one side to the other. */
struct tunnel_way {
	struct stream *from, *to;
	enum reason when_from_ends; /* without a word: whose fault it is */
	struct intake in;           /* read, and not sent yet */
	size_t may_go;              /* of it: all, but when leaving not beyond the end of a frame */
	uint64_t carried;           /* bytes that went */
	struct websocket_trail trail;
	char close[WEBSOCKET_CLOSE_MAX]; /* what the tunnel says itself */
	unsigned char close_len, close_sent;
	bool must_mask; /* what goes to a server (RFC 6455 section 5.3) */
	bool is_ended;  /* nothing more comes */
	bool is_done;   /* and nothing more goes */
};

struct tunnel_options {
	struct loop *loop;
	struct scratch *scratch;
	struct stream *client, *upstream;
	duration idle;                         /* without a byte, either way */
	duration half_idle;                    /* the same when one side has ended */
	void (*on_end)(struct tunnel *tunnel); /* once; the tunnel's memory may be let go in it */
};

struct tunnel {
	struct loop *loop;
	struct tunnel_way up, down; /* to the upstream, to the client */
	struct timer timer;
	duration idle, half_idle;
	deadline due; /* to end; the timer may be set to go on before */
	void (*on_end)(struct tunnel *tunnel);
	enum reason reason; /* why it ended; REASON_NONE: the peers have closed it */
	bool is_leaving, is_over;
	bool is_turning;
	bool has_moved; /* bytes, in this turn */
	bool has_more;  /* it has had its share of this turn */
};

void tunnel_open(struct tunnel *tunnel, const struct tunnel_options *options, struct intake *client_in,
		 struct intake *upstream_in);
/* Both streams are at the first byte of their frames, but for what was read already: it is taken over, and
 * the intakes (NULL: none) are empty afterwards. Nothing moves before tunnel_turn(), which must be called
 * then. */

void tunnel_turn(struct tunnel *tunnel);
/* From the loop, whenever something may be read from or written to either stream. Never yields; may end it.
 */

void tunnel_leave(struct tunnel *tunnel, enum reason reason);
/* From the loop: tells both sides that it is going away (a close frame with 1001), each between two frames,
 * and ends; at the latest five seconds later. Never yields; may end it at once. */

void tunnel_cut(struct tunnel *tunnel, enum reason reason);
/* From the loop: the same, and ends it before it returns, whoever was told. */

void tunnel_fini(struct tunnel *tunnel);
/* What was not sent is dropped; on_end is not called any more. */

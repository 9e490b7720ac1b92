/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_testing: an HTTP/2 server with exchanges of a few lines, and frames made by hand, for unit tests and
 * fuzzers.
 *
 * The bytes that a client would send are a text of frames; what comes back is taken apart to one line for
 * each frame ("HEADERS 1 :status=200 end"), so that a test says what it expects as a text too. Field sections
 * are made without compression and read with nghttp2's inflater.
 */
#pragma once

#include "fiber/condition.h"
#include "fiber/testing.h"
#include "http/h2_server.h"

enum { FRAMES_MAX = 4 * 1024 * 1024 };

/* Bytes of frames under way. */
struct frames {
	char *bytes;
	struct buf buf;
};

void frames_open(struct frames *frames);
void frames_close(struct frames *frames);

enum frame_type {
	FRAME_DATA,
	FRAME_HEADERS,
	FRAME_PRIORITY,
	FRAME_RST_STREAM,
	FRAME_SETTINGS,
	FRAME_PUSH_PROMISE,
	FRAME_PING,
	FRAME_GOAWAY,
	FRAME_WINDOW_UPDATE,
	FRAME_CONTINUATION,
};

enum frame_flag {
	FRAME_END = 1,
	FRAME_ACK = 1,
	FRAME_END_HEADERS = 4,
	FRAME_PADDED = 8,
	FRAME_PRIORITISED = 32
};

void put_preface(struct frames *frames);
/* The client's, with empty settings. */

void put_frame(struct frames *frames, enum frame_type type, unsigned flags, uint32_t stream, str payload);

void put_field(struct buf *out, str name, str value);
/* As a literal that is not indexed (RFC 7541 section 6.2.2); at most 126 bytes of name, 16 KiB of value. */

void put_head(struct frames *frames, uint32_t stream, unsigned flags, const char *fields);
/* "name: value" lines with LF; END_HEADERS is added. */

void put_get(struct frames *frames, uint32_t stream, const char *path);
/* With END_STREAM. */

void put_number(struct frames *frames, enum frame_type type, uint32_t stream, uint32_t number);
/* A frame whose payload is one number: RST_STREAM, WINDOW_UPDATE. */

/* A connection and what serves it. */
struct h2_bench {
	struct h2_server h2; /* first */
	struct world world;
	struct frames out; /* all that was sent */
	struct buf served; /* a line for each request, as it was read; then what became of it */
	size_t takes;      /* bytes of output that go in a turn; 0: none */
	unsigned parked;   /* exchanges that wait for bench_release() */
	struct condition gate;
	bool must_refuse;
	char served_bytes[64 * 1024];
};

/*
 * What a request's path asks of its exchange, which reads the body unless said otherwise:
 *
 *     /echo        the body, without a length, and the trailers
 *     /length      the body, with its length
 *     /bytes/N     N bytes of content with a length
 *     /early       an answer before the body is read
 *     /cut         half of what it announces
 *     /short       less than it announces, said to be all
 *     /interim     103 before the answer
 *     /trailers    content and a trailer
 *     /wait        waits for bench_release()
 *     /never       no answer at all
 *     others       200 and "ok"
 */
void bench_open(struct h2_bench *bench, const struct h2_options *options);
/* NULL: usual ones. blocks and fibers are set. */

void bench_close(struct h2_bench *bench);
/* Whatever is still held is a leak, which it asserts. */

void bench_feed(struct h2_bench *bench, str bytes, size_t step);
/* In pieces of step bytes, each in memory of its own; after each the loop turns. 0: all at once. */

void bench_turn(struct h2_bench *bench);
/* Until nothing moves any more. */

void bench_release(struct h2_bench *bench);

void bench_answers(const struct h2_bench *bench, struct buf *ret_text);
/* What was sent so far, a line for each frame. Settings, their acknowledgements and the
 * connection's window are left out; of content, its length. */

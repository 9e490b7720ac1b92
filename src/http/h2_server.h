/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_server: one connection of HTTP/2 as clients speak it to us (RFC 9113): bytes in, requests; answers,
 * bytes out.
 *
 * nghttp2 does frames, HPACK, windows and the states of streams. What a request may be is decided here (the
 * library's own rules for messages are off: it could only reset what deserves an answer and a line in the
 * log), and so is what a connection may cost (h2_calm.h).
 *
 * No I/O: whoever owns the connection feeds what was read and sends what is put out, once for all streams
 * (h2_out.h). Nothing here yields but the calls of a stream's source and sink, in their own fibers. While the
 * library is at work nobody may call it, so what its callbacks learn is only noted, and told when it has
 * returned: requests to be served, fibers to be woken, clients that have given up.
 */
#pragma once

#include "codec/h1.h"
#include "http/h2_calm.h"
#include "http/h2_out.h"

struct nghttp2_session;
struct h2_server;
struct h2_stream;

/* What the owner does. Any of it may be called from the loop and from a stream's fiber. */
struct h2_server_ops {
	void (*on_request)(struct h2_server *h2, struct h2_stream *stream);
	/* A head is complete, or was refused: to be served by h2_stream_begin() in a fiber, and then let go
	 * by h2_stream_end(). May do so at once. */

	void (*on_output)(struct h2_server *h2);
	/* There are bytes to be sent, in this turn of the loop. */

	void (*send_now)(struct h2_server *h2);
	/* There is no room for more: sends what goes without waiting. */
};

struct h2_options {
	struct block_pool *blocks;
	struct fibers *fibers;
	struct h1_limits limits;   /* of a head */
	uint32_t streams;          /* at a time */
	bool has_connect_protocol; /* RFC 8441 */
};

enum {
	H2_STREAM_WINDOW = 64 * 1024,       /* of a body that nobody takes, so much is held */
	H2_CONNECTION_WINDOW = 1024 * 1024, /* on its way; what has come counts for the stream alone */
	H2_SERVER_BYTES = 12 * 1024,        /* what a connection is charged: nghttp2's structs */
	H2_OUT_MAX = 64 * 1024,             /* nothing more is put out beyond it, but the rest of a frame */
};

struct h2_server {
	const struct h2_server_ops *ops;
	struct nghttp2_session *session;
	struct h2_options options;
	struct h2_out out;
	uint64_t sent;                             /* bytes of it that have gone */
	struct h2_stream *waiting, **waiting_last; /* for room in it, in the order that they came */
	struct h2_calm calm;
	struct h2_stream
		*streams;       /* whose fiber has not let go of them yet, and the one whose head comes in */
	struct h2_stream *head; /* whose header section comes in: no other frame can come before its end */
	struct h2_stream *due, **due_last; /* to be told something */
	size_t stream_count;
	uint64_t requests, heads;                /* heads: also trailers */
	int32_t last_id, passed_from, passed_to; /* numbers: of the last request, and those it left out */
	const char *trouble;                     /* why the connection ends; NULL: in order, or not yet */
	bool is_over;      /* nothing more is read; what is put out is sent, and that is all */
	bool is_abandoned; /* nobody is at the other end */
	bool is_shutting;  /* no more requests are wanted */
	bool is_asked;     /* the client was told so, and has not confirmed it yet */
	bool is_at_work;   /* the library: it may not be called */
	bool is_telling;
};

result h2_server_open(struct h2_server *h2, const struct h2_server_ops *ops,
		      const struct h2_options *options);
/* Puts out the settings. ERROR_LIMIT: no memory. */

void h2_server_close(struct h2_server *h2);
/* No stream may be left. */

void h2_server_feed(struct h2_server *h2, str bytes);
/* Takes all of them, and only notes what comes of it: the bytes need not outlive this. */

void h2_server_turn(struct h2_server *h2);
/* After h2_server_feed(): puts out what there is to say, has requests served, wakes who waited. Afterwards
 * is_over may be true, and trouble says why. */

static inline str h2_server_output(const struct h2_server *h2)
/* Valid until any other call. */
{
	return h2_out_bytes(&h2->out);
}

void h2_server_sent(struct h2_server *h2, size_t n);
/* The first n bytes of the output have gone. Those that waited for room are told, one after the other. */

static inline bool h2_server_is_idle(const struct h2_server *h2)
/* No request is under way. */
{
	return h2->stream_count == 0;
}

static inline bool h2_server_is_in_head(const struct h2_server *h2)
/* A header section has begun and has not ended. */
{
	return h2->head;
}

bool h2_server_is_finished(const struct h2_server *h2);
/* Nothing can come or go any more, once the output is sent. */

void h2_server_shut(struct h2_server *h2);
/* No more requests: says so first without a bound, because some may be on their way, and asks for a sign that
 * the client has read it; on that, or when this is called again, says which was the last. Requests under way
 * go on. */

void h2_server_end(struct h2_server *h2, const char *trouble);
/* Ends it at once, for this reason. What was put out is still to be sent. */

void h2_server_cancel(struct h2_server *h2);
/* Cancels the fibers of all streams. */

void h2_server_abandon(struct h2_server *h2);
/* Nobody is at the other end: the clients of all streams are gone. */

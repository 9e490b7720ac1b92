/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_client_private: what the session, its streams and the callbacks of the library share.
 *
 * The library calls back in the middle of its work, where neither a fiber may run nor the session be touched
 * but by marking. So a callback only stores, and rouses: who waits is woken when the library has returned.
 */
#pragma once

#include <nghttp2/nghttp2.h>

#include "http/h2_client.h"
#include "http/h2_content.h"
#include "http/h2_out.h"

enum {
	H2_FIELDS_FIRST = 16,
	H2_INTERIMS_MAX = 32,       /* 1xx heads of one answer */
	H2_HEAD_NEEDS = 256 * 1024, /* of the arena, before a head is taken in */
	/* What a sensible peer may say to a frame of ours without bearing anything. */
	H2_FRAMES_A_REQUEST = 32,
	H2_FRAMES_A_DATA = 4,
	H2_FRAMES_A_RESET = 64,
	H2_SETTINGS_COST = 10, /* each has an answer, and may touch every stream */
};

/* A place where one fiber waits. */
struct h2_client_waiter {
	struct fiber *fiber;
	bool is_due;
	struct h2_client_waiter *next; /* while due */
};

/* A head of an answer that nobody has read yet. */
struct h2_client_head {
	struct http_response response;
	size_t size; /* as HTTP/1 would write it */
	struct h2_client_head *next;
};

struct h2_client_stream {
	struct client client; /* first */
	struct h2_client *h2;
	struct h2_client_stream *next, **link; /* of the session's */
	int32_t id;                            /* 0: nothing was sent yet */
	deadline opened;

	/* The request. */
	struct body_sink sink;
	struct arena *arena; /* the exchange's */
	str head;
	enum http_framing framing;
	uint64_t left;     /* HTTP_LENGTH: content bytes that are still to come */
	struct piece lent; /* during a send only */
	bool is_request_ended;
	uint64_t begins_at; /* of all that the session made; UINT64_MAX: not made yet */
	struct h2_client_waiter writer;

	/* The answer. */
	struct h2_client_head *heads, **heads_end; /* complete ones, oldest first */
	struct h2_client_head *taking;             /* the one under way */
	struct http_fields *fields; /* those under way: of the head, or the trailers; NULL: none */
	size_t fields_size;
	unsigned interims;
	bool has_begun, has_final, is_ended;
	struct body_source body;
	struct h2_content content;
	struct h2_client_waiter reader;

	bool is_closed; /* the library knows it no more */

	bool was_reset;     /* by the peer */
	result_value error; /* why there is no more of the answer */
};

struct h2_client {
	struct h2_client_options options;
	nghttp2_session *session;
	struct fibers *fibers;
	struct loop *loop;
	struct intake in;
	struct h2_client_stream *streams, **streams_end; /* who has sent last stands last */
	size_t count;
	struct h2_client_waiter *due;
	struct h2_client_waiter starter;

	struct h2_out out;   /* unsent */
	uint64_t made, sent; /* bytes, since the beginning */
	result_value out_error;
	struct turn_end turn_end;

	struct timer watchdog, again;
	deadline heard; /* when bytes came */
	deadline asked; /* when, with is_asked */
	bool is_asked;  /* by a PING that must show whether the peer is still there */
	int64_t ration; /* of frames that carry nothing */
	deadline rationed;
	int64_t unknown; /* bytes that came, less those of frames that have begun */

	bool is_standing; /* the peer's SETTINGS came */
	bool is_leaving;  /* either side wants no more streams */
	bool is_broken;   /* see error */
	bool is_told;     /* the owner knows */
	bool is_freed;
	bool is_out_awaited; /* a writer waits for room in the block */
	result_value error;
};

static inline struct h2_client_stream *h2_client_stream_of(const struct client *client)
{
	return (struct h2_client_stream *)(uintptr_t)client;
}

/* ---- waiting ---- */

result h2_client_wait(struct h2_client *h2, struct h2_client_waiter *waiter, deadline until);
/* Yields. A wake-up is only a hint. */

void h2_client_rouse(struct h2_client *h2, struct h2_client_waiter *waiter);
/* It is woken when the library has returned; nothing if nobody waits. */

void h2_client_rouse_writers(struct h2_client *h2);

/* ---- the session ---- */

void h2_client_callbacks_set(nghttp2_session_callbacks *callbacks);
/* All that the session wants to hear (h2_client_events.c). */

void h2_client_pump(struct h2_client *h2);
/* Frames out of the library behind what is unsent, as long as there is room; they leave at the end
 * of the turn. Not from a callback. */

void h2_client_flush(struct h2_client *h2);
/* What the stream below takes now. */

size_t h2_client_out_room(const struct h2_client *h2);
/* Bytes that may still be put there. */

void h2_client_put(struct h2_client *h2, str bytes);
/* Behind what is unsent. */

void h2_client_watch(struct h2_client *h2);
/* Somebody waits for the peer from now on. */

void h2_client_doubt(struct h2_client *h2);
/* Asks the peer for a sign of life, and opens no more streams before it comes. */

bool h2_client_spend(struct h2_client *h2, int64_t frames);
/* Frames that carry nothing came. False: more than a peer in its senses would send; the session ends. */

void h2_client_earn(struct h2_client *h2, int64_t frames);
/* Something was sent that a sensible peer answers by so many. */

/* ---- streams ---- */

void h2_client_stream_stand_back(struct h2_client_stream *stream);
/* It has sent something: the others go first when more goes. */

void h2_client_stream_fail(struct h2_client_stream *stream, result_value error);
/* Its first failure is kept; who waits is roused. */

struct body_sink *h2_client_sink_begin(struct client *client, struct arena *arena, str head,
				       enum http_framing framing, uint64_t length);
/* client_ops.request (h2_client_request.c). */

int h2_client_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
			nghttp2_data_source *source, void *user);
/* The library's callback for the payload of a DATA frame. */

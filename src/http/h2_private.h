/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_private: what the files of the HTTP/2 server share.
 *
 *     h2_server.c     the connection: feeding, putting out, telling, ending
 *     h2_callbacks.c  what nghttp2 tells
 *     h2_stream.c     a stream as a server: its head, its source, its end
 *     h2_sink.c       its answer
 *     h2_bytes.c      a stream without fiber and framing, after another protocol was switched to
 */
#pragma once

#include <nghttp2/nghttp2.h>

#include "codec/h2_request.h"
#include "http/h2_stream.h"

/* What a stream is to be told when the library has returned. */
enum h2_event {
	H2_EVENT_REQUEST = 1, /* its head is complete */
	H2_EVENT_BODY = 2,    /* a piece has come, or the end */
	H2_EVENT_ROOM = 4,    /* the client takes more, or the output does */
	H2_EVENT_GONE = 8,    /* the client has given it up */
	H2_EVENT_CANCEL = 16, /* the gateway has */
};

struct h2_stream {
	struct server server; /* first */
	struct body_source source;
	struct body_sink sink;
	struct h2_server *h2;
	struct h2_stream *next, **link; /* among the connection's */
	struct h2_stream *due_next;
	unsigned events;
	struct fiber *fiber; /* that serves it; NULL: none yet */
	int32_t id;
	bool is_due, is_held; /* in the list; being told */

	/* The request. */
	struct arena arena; /* the head's until it is read, then the trailers' */
	struct h2_head head;
	struct http_request request;
	enum h1_error error;
	size_t head_len;
	bool is_requested; /* its head was complete: somebody serves it */
	bool has_ended;    /* the client's half is closed */
	bool is_closed;    /* both are, or it was reset: the library does not know it any more */
	bool is_malformed; /* also what followed the head */

	/* Its body: what has come and was not taken. */
	struct block *block;
	size_t at, len;
	uint64_t left;    /* with a length: that have not come */
	uint64_t arrived; /* content bytes */
	result_value failure;
	struct fiber *reader; /* parked until there is some */

	/* The answer. */
	nghttp2_nv *fields; /* of a head that was not sent yet; NULL: none, or sent */
	size_t field_count;
	struct arena *answer_arena;
	enum http_framing framing;
	uint64_t unsent;      /* with a length: of the body */
	bool is_headed;       /* the head was sent */
	bool is_answered;     /* all of it was sent */
	bool is_offering;     /* pending may be taken */
	bool is_last_pending; /* nothing comes behind it */
	str pending;          /* content that the sink was given, until it returns */
	str lent;             /* of it, what the frame being made takes */
	struct fiber *writer; /* parked until it may go on */
	struct h2_stream *waiting_next;
	bool is_waiting; /* for room in the output */
	bool has_turn;   /* it has waited: it does not queue up again before it has put something out */

	/* As bytes. */
	struct stream bytes;
	void (*on_bytes)(void *owner); /* NULL: it is none, or its fiber has it still */
	void *bytes_owner;
	bool is_ending; /* its end is to be put out */
};

static inline deadline h2_now(const struct h2_server *h2)
{
	return loop_now(fibers_loop(h2->options.fibers));
}

static inline bool h2_has_room(const struct h2_server *h2)
/* More may be put out. */
{
	return h2->out.len < H2_OUT_MAX;
}

/* h2_server.c */

void h2_drain(struct h2_server *h2);
/* Puts out what the library has, as far as there is room, and tells what came of it. Never yields; fibers may
 * run if it is called from the loop. */

void h2_note(struct h2_stream *stream, enum h2_event event);
/* For h2_tell(). */

bool h2_may_put_out(struct h2_stream *stream);
/* There is room, and no other has waited for it. Otherwise H2_EVENT_ROOM tells when it is this one's turn.
 * Streams may be gone afterwards, but for those of whoever is calling. */

void h2_waiting_leave(struct h2_stream *stream);
/* It does not wait for room any more, if it did. */

void h2_tell(struct h2_server *h2);
/* Outside the library. Streams may be gone afterwards, but for those of whoever is calling. */

void h2_calm_down(struct h2_server *h2, const char *trouble);
/* The client costs too much: ENHANCE_YOUR_CALM. Also while the library is at work. */

void h2_break_off(struct h2_server *h2, uint32_t code, const char *trouble);
/* The client errs, and the connection with it. Also while the library is at work. */

struct h2_stream *h2_stream_of(struct h2_server *h2, int32_t id);
/* NULL: nobody serves it any more. */

/* h2_callbacks.c */

result h2_session_new(struct h2_server *h2, nghttp2_session **ret_session);

/* h2_stream.c */

struct h2_stream *h2_stream_new(struct h2_server *h2, int32_t id);

void h2_stream_free(struct h2_stream *stream);

void h2_stream_take(struct h2_stream *stream, str bytes);
/* A piece of its body has come. */

void h2_stream_exceeded(struct h2_server *h2, int32_t id, size_t n);
/* More of a body has come than was announced, when that was complete; its stream may be let go of already. */

void h2_stream_finish(struct h2_stream *stream);
/* The client's half is closed. */

void h2_stream_head(struct h2_stream *stream, bool has_ended);
/* Its header section is complete, or its trailers are. */

/* h2_sink.c */

struct body_sink *h2_respond(struct server *server, struct arena *arena, const struct http_request *request,
			     struct http_response *response);
result h2_interim(struct server *server, struct arena *arena, struct http_response *response, deadline until);

result h2_put_out(struct h2_stream *stream, str content, bool is_last, size_t *ret_used);
/* What goes of the content, and the head before it if that has not gone. There must be room. */

ssize_t h2_sink_give(struct h2_stream *stream, size_t max, uint32_t *flags);
/* For nghttp2_data_source_read_callback: how much the next frame takes, noted in stream->lent. */

/* h2_bytes.c */

struct stream *h2_take_over(struct server *server, struct intake **ret_in);

void h2_bytes_tell(struct h2_stream *stream);
/* Something has happened to a stream that is carried. */

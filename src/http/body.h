/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body: the content of a message on its way, a piece at a time, never whole.
 *
 * A source gives pieces that lie in somebody's intake; a sink takes what goes now. relay_run() joins them:
 * back-pressure is that the next piece is not asked for before the last one went. Every wire has a source
 * and a sink of its own; filters (compression, recording) are sources above sources.
 *
 * peek and consume are two calls because a piece is only lent: the sink says how much of it went, and what
 * did not go is asked for again, from wherever it lies after the wait. So nobody copies a body to hold it.
 */
#pragma once

#include "codec/http_head.h"
#include "io/stream.h"

struct piece {
	str bytes;
	bool is_last;    /* nothing comes after these bytes */
	size_t headroom; /* bytes before them that may be written over, so that a head leaves with them in one
			    piece */
};

struct body_source;

/* What a kind of source implements; callers use the functions below. */
struct body_source_ops {
	bool (*is_ready)(const struct body_source *source);
	result (*peek)(struct body_source *source, deadline until, struct piece *ret_piece);
	void (*consume)(struct body_source *source, size_t n);
};

struct body_source {
	const struct body_source_ops *ops;
	struct http_fields
		trailers; /* once the last piece was given; valid until the next call that yields */
	/* Of a source that reads from a wire: content bytes that came, and how many may. */
	uint64_t received, max;
	bool is_too_large; /* its ERROR_LIMIT is that bound's; otherwise there was no memory to read into */
};

static inline bool body_is_ready(const struct body_source *source)
/* body_peek() will not wait. Never yields, so that it can be asked before the scratch is given away. */
{
	return source->ops->is_ready(source);
}

static inline result body_peek(struct body_source *source, deadline until, struct piece *ret_piece)
/* Yields. A piece with at least one byte, or the last one, which may be empty. It is valid until the next
 * call that yields. ERROR_MALFORMED, ERROR_LIMIT (larger than allowed), ERROR_CLOSED (ended too early), and
 * what stream_fill() says. */
{
	return source->ops->peek(source, until, ret_piece);
}

static inline void body_consume(struct body_source *source, size_t n)
/* The first n bytes of the last piece are used; n may be less than the piece, and 0 after a wait. */
{
	source->ops->consume(source, n);
}

struct body_sink;

/* What a kind of sink implements. */
struct body_sink_ops {
	result (*send)(struct body_sink *sink, struct piece piece, deadline until, size_t *ret_used);
	result (*flush)(struct body_sink *sink, deadline until);
};

struct body_sink {
	const struct body_sink_ops *ops;
	const struct http_fields
		*trailers; /* to be sent after the last piece, by sinks that can; NULL: none */
	uint64_t sent;     /* bytes on the wire, framing included */
	bool is_bodiless;  /* content is cut off: whoever would have to make it need not */
	bool is_done;      /* the last byte was handed to the system */
};

static inline result sink_send(struct body_sink *sink, struct piece piece, deadline until, size_t *ret_used)
/* Sends what goes now; when nothing goes it waits (yields) and returns OK with 0 used: peek again then. Sets
 * is_done with the last piece's last byte. ERROR_INVALID when the body breaks the framing that its head
 * announced, and what stream_send() says. */
{
	return sink->ops->send(sink, piece, until, ret_used);
}

static inline result sink_flush(struct body_sink *sink, deadline until)
/* Yields. Sends the head, or whatever else is held back to go with the next piece. Errors of stream_send().
 */
{
	return sink->ops->flush(sink, until);
}

enum relay_end {
	RELAY_DONE,
	RELAY_SOURCE_FAILED,
	RELAY_SINK_FAILED,
};

struct relay {
	struct loop *loop;
	struct body_source *from;
	struct body_sink *to;
	duration from_idle, to_idle; /* the longest wait for one piece, and for one write */
	deadline until;              /* for all of it */
};

enum relay_end relay_run(struct relay *relay, result_value *ret_error);
/* Yields. Until the last piece is sent, or either side fails: *ret_error is that side's error then, and OK
 * after RELAY_DONE. A cancellation comes back as the failure of the side that was waited for. */

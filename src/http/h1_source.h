/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_source: the body of an HTTP/1 message, read from its connection (RFC 9112 sections 6 and 7).
 *
 * The chunked coding is taken off in place, so that many small chunks that came in one read leave in one
 * write. It consumes nothing past the end of its message: a request that was pipelined behind it stays in the
 * intake.
 */
#pragma once

#include "codec/h1.h"
#include "http/body.h"

struct h1_source {
	struct body_source source;
	struct stream *stream;
	struct intake *in;
	enum http_framing framing;
	uint64_t left;  /* HTTP_LENGTH: bytes not consumed yet */
	size_t content; /* HTTP_CHUNKED: decoded bytes at the front of the intake */
	bool is_ended;  /* the end was seen on the wire */
	struct h1_chunked chunked;
	const struct h1_chunked_limits *limits;
	struct arena *arena; /* trailers are copied there */
	struct http_fields trailer_space;
};

void h1_source_init(struct h1_source *source, struct stream *stream, struct intake *in,
		    enum http_framing framing, uint64_t length);
/* The intake stands behind the head. */

extern const struct h1_chunked_limits h1_chunked_limits_usual;
/* For bodies whose chunks nobody has another measure for. */

void h1_source_allow(struct h1_source *source, uint64_t max, const struct h1_chunked_limits *limits,
		     struct arena *arena);
/* Bounds. Needed before a chunked body; without it any other body may be of any size. */

static inline bool h1_source_is_whole(const struct h1_source *source)
/* Everything was read and consumed: the connection can carry another message. */
{
	return source->is_ended && source->content == 0 && source->left == 0;
}

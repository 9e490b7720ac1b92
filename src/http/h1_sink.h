/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_sink: the body of an HTTP/1 message, written to its connection, together with its head.
 *
 * The head waits for the first piece and leaves with it in one call: most answers are one system call. With
 * the chunked coding each piece is a chunk, and the end of the body goes along with the last piece. The sink
 * sees to it that what it announced is what it sends: never more than the length, and less is an error.
 */
#pragma once

#include "codec/h1.h"
#include "http/body.h"

struct h1_sink {
	struct body_sink sink;
	struct stream *stream;
	struct arena *arena; /* for trailers, and a head that a chunk's line is put behind */
	enum http_framing framing;
	str held; /* to be sent before any content: the head, or what frames a chunk */
	uint64_t
		left; /* content bytes that the framing still wants: of the body, or of the chunk under way */
	bool is_last; /* the last piece is under way */
	char frame[2 * H1_CHUNK_HEAD_MAX];
};

void h1_sink_init(struct h1_sink *sink, struct stream *stream, struct arena *arena, str head,
		  enum http_framing framing, uint64_t length);
/* head lives in the arena. With HTTP_LENGTH the pieces must add up to length: more is cut off, less is
 * ERROR_INVALID at the last piece. With HTTP_NO_BODY all content is cut off. */

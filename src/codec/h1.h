/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1: heads of HTTP/1 messages, parsed once into slices (RFC 9112).
 *
 * Incremental: any split of the bytes gives the same result, and an error is told as soon as its byte is
 * there. Strict: what a recipient may refuse is refused, and every doubt about framing is an error (bare LF,
 * obs-fold, Content-Length beside Transfer-Encoding, whitespace before the colon, any transfer coding but
 * chunked). No I/O, no allocation.
 */
#pragma once

#include "codec/http_head.h"

/* Lines without their ends; the head's bytes are those of the field section with its last empty line. */
struct h1_limits {
	size_t request_line, field, name, head; /* bytes; request_line is also the status line's */
	size_t fields;                          /* at most the array's */
};

/* What is wrong, finer than a status: rows in h1_error.c give the words and the reason of the log. */
enum h1_error {
	H1_ERROR_NONE,
#define X(id, status, reason, text) H1_ERROR_##id,
#include "codec/h1_errors.h"
#undef X
	H1_ERRORS,
};

int h1_error_status(enum h1_error error);
/* What a client gets: 400, 414, 431, 501, 505, 417 ... */

str h1_error_reason(enum h1_error error);
/* The log's word: "header_malformed", "framing_ambiguous", ... */

str h1_error_text(enum h1_error error);
/* One sentence for the problem document; tells nothing of the content. */

enum h1_state {
	H1_MORE,   /* call again with more behind the same bytes */
	H1_DONE,   /* the head is complete */
	H1_FAILED, /* for good: see error */
};

/* One head under way. Zero is the start; when the bytes have moved (another base pointer), it begins again by
 * itself. */
struct h1_parser {
	const char *base;
	size_t line;    /* where the line under way begins */
	size_t scanned; /* where the search for the end of its long part goes on */
	size_t section; /* where the fields begin; 0 before */
	enum h1_error error;
};

enum h1_state h1_request_parse(struct h1_parser *parser, str input, const struct h1_limits *limits,
			       struct http_request *ret_request, size_t *ret_len);
/* input is everything from the head's first byte on. ret_request->fields.at/max are the caller's array, set
 * before the first call. On H1_DONE ret_len is the head's length, slices point into input, and framing,
 * keep_alive and expects_continue are decided. */

enum h1_state h1_response_parse(struct h1_parser *parser, str input, const struct h1_limits *limits,
				enum http_method request_method, struct http_response *ret_response,
				size_t *ret_len);
/* The same for an answer to request_method (its framing depends on it). 1xx heads are returned like any
 * other, without body. */

void h1_request_move(struct http_request *request, const char *from, const char *to);
void h1_response_move(struct http_response *response, const char *from, const char *to);
/* The head's bytes were copied: every slice follows. */

enum { H1_CHUNK_HEAD_MAX = 18 }; /* "FFFFFFFFFFFFFFFF\r\n" */

/*
 * Takes the chunked coding off (RFC 9112 section 7.1), also incremental. Extensions are checked and dropped.
 * Whoever wants to know a chunk's size before its content looks at `left` after each call: it is there as
 * soon as the size's line is complete.
 */
struct h1_chunked {
	uint64_t left;    /* content bytes left in this chunk; known before the first of them is there */
	unsigned digits;  /* of this chunk's size */
	size_t extension; /* bytes of extensions seen, all chunks together; bounded */
	int state;
	enum h1_error error;
	struct h1_parser trailers;
};

struct h1_chunked_limits {
	size_t extension; /* bytes over the whole body */
	struct h1_limits trailers;
};

enum h1_chunked_state {
	H1_CHUNKED_MORE,    /* input is used up */
	H1_CHUNKED_CONTENT, /* a piece of content */
	H1_CHUNKED_END,     /* the body is complete; so said again when asked again */
	H1_CHUNKED_FAILED,  /* for good: see error */
};

enum h1_chunked_state h1_chunked_next(struct h1_chunked *chunked, str input,
				      const struct h1_chunked_limits *limits, struct http_fields *trailers,
				      size_t *ret_taken, str *ret_content);
/* Looks at input, everything not yet consumed. ret_taken: how many bytes of framing stand before ret_content,
 * or were used up (H1_CHUNKED_MORE, _END). On _CONTENT, ret_content is a piece of content (at least one
 * byte); after using n bytes of it call h1_chunked_used(n), consume ret_taken + n, and call again. On _END
 * trailers are slices into input, valid until it is consumed; ret_taken includes them. Trailer fields that
 * may not be one (HTTP_NAME_NO_TRAILER, hop-by-hop, managed) are dropped. */

void h1_chunked_used(struct h1_chunked *chunked, uint64_t n);

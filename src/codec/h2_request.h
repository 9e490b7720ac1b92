/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_request: the head of an HTTP/2 request, made from the fields that HPACK gave (RFC 9113 section 8).
 *
 * HTTP/2 can carry what HTTP/1 cannot: upper case in names, line ends in values, a path that is none. Such a
 * request is refused, not translated, and with the words and the bounds that HTTP/1 has for it. What is well
 * formed becomes the same struct http_request that the parser of HTTP/1 makes: Host stands among the fields,
 * cookies are one field, names that the gateway knows are in their usual case.
 *
 * The fields come one by one, while their bytes are lent; the first that is wrong decides, as in HTTP/1.
 * Nothing here knows frames or streams. Trailers are a head without pseudo-fields.
 */
#pragma once

#include "codec/h1.h"

/* One head under way. */
struct h2_head {
	struct arena *arena; /* what the fields are copied to */
	const struct h1_limits *limits;
	struct http_fields fields;
	str pseudo[5];   /* by enum h2_pseudo, in h2_request.c */
	unsigned seen;   /* bit by bit the same */
	unsigned crumbs; /* fields that are parts of one Cookie */
	size_t size;     /* decoded bytes of fields that have come, as HTTP/1 would have them on the wire */
	bool is_trailers;
	enum h1_error error; /* the first; nothing is kept after it */
};

void h2_head_init(struct h2_head *head, struct arena *arena, const struct h1_limits *limits,
		  bool is_trailers);
/* Both outlive it. Takes from the arena at most what limits->head and limits->fields say, and twice that for
 * cookies in parts. */

void h2_head_add(struct h2_head *head, str name, str value);
/* The next decoded field, copied. After an error it is only counted. */

struct h2_request_options {
	bool has_body;             /* the request goes on behind its head */
	bool has_connect_protocol; /* extended CONNECT was offered (RFC 8441 section 3) */
};

enum h1_error h2_request_make(struct h2_head *head, const struct h2_request_options *options,
			      struct http_request *ret_request);
/* The fields are complete. What was said of method and target is there also when something is wrong. A body
 * of unknown length is HTTP_CHUNKED, as HTTP/1 has it. The connection's life is no business of a request:
 * keep_alive is true. */

enum h1_error h2_trailers_make(struct h2_head *head, struct http_fields *ret_trailers);
/* Without those that may not be trailers. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_server: HTTP/1 as clients speak it to us: reads requests, answers them (RFC 9112).
 *
 * One for each connection that is at work; an idle connection has none. It decides how a message is framed
 * and whether the connection persists in words; what the words are to be is the exchange's decision.
 */
#pragma once

#include "codec/h1.h"
#include "http/h1_sink.h"
#include "http/h1_source.h"

struct h1_server {
	struct stream *stream;
	struct intake *in;
	const struct h1_limits *limits;
	struct http_field *shared_fields; /* limits->fields of them; the worker's, valid between yields */
};

/* A request read from the wire. */
struct h1_request {
	struct http_request head; /* in the arena, and its fields may grow there */
	size_t head_len;
	enum h1_error error; /* when reading failed with ERROR_MALFORMED */
};

result h1_server_read(struct h1_server *server, struct arena *arena, deadline until,
		      struct h1_request *ret_request);
/* Yields. Reads one head and copies it to the arena. ERROR_MALFORMED: see ret_request->error; of what could
 * be read, method and target are set. ERROR_CLOSED before or within a head, ERROR_TIMEOUT, ERROR_RESET,
 * ERROR_CANCELLED, ERROR_LIMIT: no memory. */

void h1_server_respond(struct h1_server *server, struct arena *arena, const struct http_request *request,
		       struct http_response *response, struct h1_sink *ret_sink);
/* Prints the head and makes the sink that sends it with the body. The response's fields go out as they are
 * (but removed ones); framing fields and Connection are added here: response->framing, length and keep_alive
 * say which. */

result h1_server_interim(struct h1_server *server, struct arena *arena, struct http_response *response,
			 deadline until);
/* Yields. Sends a 1xx head at once; not to HTTP/1.0 clients (RFC 9110 section 15.2). */

enum http_framing h1_server_framing(const struct http_request *request, const struct http_response *response);
/* How a body that the response bears is framed for this client: its own length, chunked, or until close for
 * HTTP/1.0. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_client: the answers of upstreams, read (RFC 9112). Requests to them are printed by h1_head and sent by
 * h1_sink.
 *
 * An answer is not trusted more than a request: the same bounds, the same strict parser. What it cannot do
 * is to say anything to the client: a head that breaks the rules is ERROR_MALFORMED, for the caller to make
 * a 502 of.
 */
#pragma once

#include "codec/h1.h"
#include "http/h1_sink.h"
#include "http/h1_source.h"

struct h1_client {
	struct stream *stream;
	struct intake *in;
	const struct h1_limits *limits;
	struct http_field *shared_fields; /* limits->fields of them; the worker's, valid between yields */
};

result h1_client_read(struct h1_client *client, struct arena *arena, enum http_method method, deadline until,
		      struct http_response *ret_response);
/* Yields. Reads one head (also of a 1xx answer) and copies it to the arena, with room for more fields.
 * ERROR_CLOSED: the connection ended before the first byte; ERROR_RESET: it broke, or ended within the head;
 * ERROR_MALFORMED, ERROR_TIMEOUT, ERROR_CANCELLED, ERROR_LIMIT. */

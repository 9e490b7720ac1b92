/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_head: what reading and printing heads has in common on both sides of HTTP/1.
 *
 * A head is printed anew from the parsed message, never copied through: what two parsers could read in two
 * ways does not survive that. The framing fields above all are the gateway's own (RFC 9112 section 6):
 * whatever the message bore is left out, and one that fits the body as it will be sent is put in its place.
 */
#pragma once

#include "codec/h1.h"
#include "io/stream.h"

/* The fields of a head under way: the worker's shared array first, the arena's when it must survive a wait.
 */
struct h1_fields_place {
	struct http_field *shared;
	size_t max;
};

void h1_fields_keep(struct http_fields *fields, const struct h1_fields_place *place, struct arena *arena);
/* Before a wait: moves what was parsed out of the shared array, which other heads will use meanwhile. Does
 * nothing the second time, or where nothing was parsed yet. */

void h1_fields_adopt(struct http_fields *fields, struct arena *arena);
/* The head is complete: its fields into the arena, where they may grow. Their bytes are not moved:
 * h1_request_move() does that. */

void h1_begin_request(struct buf *out, struct http_request *request, str target);
/* The request line and the fields that are not removed, without framing fields; h1_line_print() may add more,
 * h1_end_head() ends it. */

void h1_begin_response(struct buf *out, struct http_response *response);
/* The same for an answer. Content-Length stays where there is no body: it tells of one that HEAD would have
 * had. */

void h1_end_head(struct buf *out, enum http_framing framing, uint64_t length);
/* The framing field (RFC 9112 section 6) and the empty line. */

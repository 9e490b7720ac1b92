/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc_source: the body of an answer to a gRPC call, which never ends without a status.
 *
 * Messages pass as they are. Where the body below breaks off between two of them, or ends without a status,
 * the call is given one, so that its client learns in its own words what happened. One in the head is the end
 * only where neither a message nor trailers follow: else there would be two, and others could take another
 * one than we. For gRPC-Web the trailers become the body's last frame, because browsers do not show any to a
 * page (PROTOCOL-WEB.md).
 */
#pragma once

#include "codec/grpc.h"
#include "codec/grpc_frame.h"
#include "http/body.h"

struct grpc_source {
	struct body_source source;
	struct body_source *from; /* NULL: there is nothing but the end */
	struct arena *arena;
	struct grpc_frame frame;  /* where the consumed bytes end */
	struct http_fields early; /* the head's: they are the end where nothing follows it */
	bool is_web;
	bool has_begun;       /* some bytes have come */
	bool is_over;         /* what comes from below has come */
	str tail;             /* of gRPC-Web: what of the last frame has not been consumed */
	result_value failure; /* of what lies below, where the call was ended in its stead */
};

void grpc_source_init(struct grpc_source *grpc, struct body_source *from, bool is_web, struct arena *arena);
/* from must outlive it; the trailers are made in the arena. A body that breaks off within a message fails as
 * it did; one that bears a frame which is no message is ERROR_MALFORMED. */

void grpc_source_init_end(struct grpc_source *grpc, const struct http_fields *trailers, bool is_web,
			  struct arena *arena);
/* A body of no messages, with these trailers. */

result grpc_put_status(struct http_fields *fields, enum grpc_status status, str message, struct arena *arena);
/* grpc-status and grpc-message, in the place of whatever status there is. ERROR_LIMIT: there is no room. */

bool grpc_is_status(const struct http_field *field);
/* grpc-status, or what belongs to it: the message and the details. */

void grpc_remove_status(struct http_fields *fields);
/* All of these. */

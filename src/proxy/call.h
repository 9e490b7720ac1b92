/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call: an exchange that is a gRPC call, by the content type of its request: what it says of itself, what
 * changes on it as it passes, and how it is told of a failure.
 *
 * gRPC is HTTP/2 with a second status that comes last. What the gateway answers itself, and an answer of the
 * upstream's that is no gRPC, is told in that status (PROTOCOL-HTTP2.md). gRPC-Web (PROTOCOL-WEB.md) is what
 * pages can send; where the upstream speaks HTTP/2 it becomes gRPC on the way there, and its answer gRPC-Web
 * again. Everywhere else a call is an exchange like any other.
 */
#pragma once

#include "http/grpc_source.h"
#include "observe/reason.h"

struct base64_source;
struct exchange;

struct call {
	enum grpc_kind kind; /* GRPC_NONE: it is no call */
	str format;          /* of its messages: "+proto" */
	bool wants_text;     /* of gRPC-Web: the answer in base64 */
	bool is_translated;  /* gRPC-Web to an upstream that has gRPC */
	deadline until;      /* by grpc-timeout; 0: the client gave none */
	struct base64_source
		*text; /* the request's body, of which the base64 is taken; NULL: it is not text */
	struct grpc_source *answer; /* the upstream's, on its way; NULL: none that is looked after */
};

void call_begin(struct exchange *x);
/* The request's head has been read: is it a call? */

enum reason call_admit(struct exchange *x);
/* Takes grpc-timeout into the exchange's time, from its beginning. REASON_HEADER_MALFORMED. */

deadline call_until(const struct exchange *x, deadline until);
/* What bounds a body that is on its way: until, the exchange's; of a call only what its client gave, for it
 * may be a conversation without an end. */

duration call_patience(const struct exchange *x, duration patience);
/* How long the client may be silent within its request's body: as long as an upstream, where patience is
 * shorter, because both directions of a call are conversation. */

void call_prepare_request(struct exchange *x);
/* Once, when the upstream is chosen and before the head is printed: the content type that it gets. */

void call_tell_time(struct exchange *x);
/* Before the head is printed for a try: how much is left of the call's time, where the client gave one. */

struct body_source *call_request_body(struct exchange *x, struct body_source *body);
/* As the upstream gets it. */

bool call_text_is_malformed(const struct exchange *x);
/* The request's body failed by its base64, not by how it is framed. */

bool call_wants_trailers(const struct exchange *x);
/* "TE: trailers" goes to an upstream that may speak HTTP/2: for each call, and where the client said so. */

result call_take_answer(struct exchange *x, struct http_response *response, struct body_source **body);
/* Makes of the upstream's answer what the client gets: head and body, of which the one that came must outlive
 * the other. ERROR_LIMIT: no memory for it. */

bool call_is_answered_in_status(const struct exchange *x, enum reason reason, int status);
/* An answer of the gateway's own is an error, and this client reads a grpc-status. */

result call_print_end(struct exchange *x, struct http_response *response, str message, str *ret_body);
/* Makes an error of the response, with the fields that it has, the end of the call: 200, the status that
 * stands for its own, and the message. ERROR_LIMIT: no room for the fields. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo_answer: what the echo server says to a request.
 *
 * It knows messages and no wire: the server frames and sends what is given here, and asks for the next
 * piece when the last one has gone.
 */
#pragma once

#include "http/body.h"

struct echo_request {
	struct arena *arena;
	const struct http_request *head;
	str body; /* the beginning of it */
	uint64_t body_bytes;
};

enum echo_kind {
	ECHO_TEXT,   /* a description of the request; also no body at all */
	ECHO_BYTES,  /* as many as were asked for */
	ECHO_EVENTS, /* one a second */
};

struct echo_answer {
	struct http_response response;
	struct loop *loop;
	enum echo_kind kind;
	bool is_headless; /* no body is to be sent: HEAD and the like */
	str text;         /* what is left of it */
	uint64_t left;    /* of ECHO_BYTES; of ECHO_EVENTS how many there were */
	struct arena *arena;
};

result echo_answer_make(const struct echo_request *request, struct fiber *self, struct loop *loop,
			struct echo_answer *ret_answer);
/* Yields for /delay. ERROR_CANCELLED while it waits. *ret_answer lives in the request's arena; how the body
 * is framed for this client is the server's to say. */

result echo_answer_next(struct echo_answer *answer, struct fiber *self, size_t used, struct piece *ret_piece);
/* The next piece, after `used` bytes of the last one went. Yields between events. ERROR_CANCELLED. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client: one request to an upstream and its answer, whatever the wire: an HTTP/1 connection, or a stream of
 * HTTP/2.
 *
 * A request's head is printed once, as HTTP/1 says it, whatever the wire: the same bytes for each try.
 * Sending and reading are two halves that two fibers may use at the same time, for an answer may come before
 * the request is sent.
 */
#pragma once

#include "codec/h1.h"
#include "http/body.h"

struct client;

/* What a kind of wire implements; callers use the functions below. */
struct client_ops {
	struct body_sink *(*request)(struct client *client, struct arena *arena, str head,
				     enum http_framing framing, uint64_t length);
	result (*read)(struct client *client, struct arena *arena, enum http_method method, deadline until,
		       struct http_response *ret_response);
	bool (*is_untouched)(const struct client *client);
	bool (*is_answer_whole)(const struct client *client);
	struct stream *(*take_over)(struct client *client, struct intake **ret_in);
};

struct client {
	const struct client_ops *ops;
	struct body_source *body; /* of the final answer that was read last */
	const struct h1_limits *limits;
	struct http_field *shared_fields; /* limits->fields of them; the worker's, valid between yields */
	bool is_over; /* with ERROR_REFUSED: only because the wire has ended; another may take the request */
};

static inline struct body_sink *client_request(struct client *client, struct arena *arena, str head,
					       enum http_framing framing, uint64_t length)
/* The sink that sends the head with the body: the client's, until the next request. head is whole, with its
 * framing field and the empty line, and lives in the arena as long as the sink is used. Never yields. */
{
	return client->ops->request(client, arena, head, framing, length);
}

static inline result client_read(struct client *client, struct arena *arena, enum http_method method,
				 deadline until, struct http_response *ret_response)
/* Yields. Reads one head (also of a 1xx answer) and copies it to the arena, with room for more fields; limits
 * and shared_fields must be set. Behind a final one, client->body is its body. ERROR_CLOSED: the wire ended
 * before the first byte; ERROR_REFUSED: the peer has not looked at the request and will not, so it may be
 * sent again whatever it is; ERROR_RESET: it broke, or ended within the head; ERROR_LIMIT: the arena might
 * not hold the head; ERROR_MALFORMED, ERROR_TIMEOUT, ERROR_CANCELLED. */
{
	return client->ops->read(client, arena, method, until, ret_response);
}

static inline bool client_is_untouched(const struct client *client)
/* Not a byte of the answer under way has come. */
{
	return client->ops->is_untouched(client);
}

static inline bool client_answer_is_whole(const struct client *client)
/* Everything was read and consumed: the wire can carry another exchange. */
{
	return client->ops->is_answer_whole(client);
}

static inline bool client_may_switch(const struct client *client)
/* Another protocol can be switched to on it: HTTP/1 alone has 101. */
{
	return client->ops->take_over;
}

static inline struct stream *client_take_over(struct client *client, struct intake **ret_in)
/* After a 101: the bytes that follow it, both ways; *ret_in has those that were read already. Both live as
 * long as the client. Never yields. */
{
	return client->ops->take_over(client, ret_in);
}

result client_send_whole(struct client *client, struct arena *arena, str head, str body, deadline until);
/* Yields. client_request() and all of the body, which head frames by its length. Errors as sink_send(). */

result client_read_final(struct client *client, struct arena *arena, enum http_method method, deadline until,
			 struct http_response *ret_response);
/* Yields. client_read() up to a final answer: interim ones are passed over, but not for ever. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server: one client's requests and their answers, whatever the wire: an HTTP/1 connection, or a stream of
 * HTTP/2.
 *
 * The exchange knows this interface and nothing below it. A server has one request under way at a time: read,
 * then answered at most once, its body read or not. How a message is framed and whether the connection
 * persists is said in words of HTTP/1, the richest of them, and each wire says what of that it can say.
 */
#pragma once

#include "codec/h1.h"
#include "http/body.h"

struct server;

/* A request read from the wire. */
struct server_request {
	struct http_request head; /* in the arena, and its fields may grow there */
	size_t head_len;          /* bytes on the wire */
	enum h1_error error;      /* when reading failed with ERROR_MALFORMED */
};

/* What a kind of wire implements; callers use the functions below. */
struct server_ops {
	result (*read)(struct server *server, struct arena *arena, deadline until,
		       struct server_request *ret_request);
	bool (*has_input)(const struct server *server);
	bool (*is_body_here)(const struct server *server);
	bool (*is_body_whole)(const struct server *server);
	bool (*is_client_gone)(const struct server *server);
	enum http_framing (*framing)(const struct http_request *request,
				     const struct http_response *response);
	result (*interim)(struct server *server, struct arena *arena, struct http_response *response,
			  deadline until);
	struct body_sink *(*respond)(struct server *server, struct arena *arena,
				     const struct http_request *request, struct http_response *response);
	struct stream *(*take_over)(struct server *server, struct intake **ret_in);
};

struct server {
	const struct server_ops *ops;
	struct body_source *body; /* of the request that was read last */
	const struct h1_limits *limits;
	struct http_field *shared_fields; /* limits->fields of them; the worker's, valid between yields */
	/* Whose request is under way: told, from the loop or another fiber, when the client has given it up.
	 */
	void (*on_gone)(void *owner);
	void *owner;
};

static inline result server_read(struct server *server, struct arena *arena, deadline until,
				 struct server_request *ret_request)
/* Yields. Reads one head and copies it to the arena; server->body is its body from here on, of any size until
 * max is set there. ERROR_MALFORMED: see ret_request->error; of what could be read, method and target are
 * set. ERROR_CLOSED before or within a head, ERROR_TIMEOUT, ERROR_RESET, ERROR_CANCELLED, ERROR_LIMIT: no
 * memory. */
{
	return server->ops->read(server, arena, until, ret_request);
}

static inline bool server_has_input(const struct server *server)
/* Bytes have come that nobody has read: of a head that is not complete, or behind one. */
{
	return server->ops->has_input(server);
}

static inline bool server_body_is_here(const struct server *server)
/* All of the body can be read without waiting. May be false where that is not known yet. */
{
	return server->ops->is_body_here(server);
}

static inline bool server_body_is_whole(const struct server *server)
/* It was read and consumed to its end: the next request can be read. */
{
	return server->ops->is_body_whole(server);
}

static inline bool server_client_is_gone(const struct server *server)
/* It hung up, or gave this request up: also when that came together with the request. */
{
	return server->ops->is_client_gone(server);
}

static inline enum http_framing server_framing(const struct server *server,
					       const struct http_request *request,
					       const struct http_response *response)
/* How a body that the response bears is framed for this client. */
{
	return server->ops->framing(request, response);
}

static inline result server_interim(struct server *server, struct arena *arena,
				    struct http_response *response, deadline until)
/* Yields. Sends a 1xx head at once; not to HTTP/1.0 clients (RFC 9110 section 15.2). */
{
	return server->ops->interim(server, arena, response, until);
}

static inline struct body_sink *server_respond(struct server *server, struct arena *arena,
					       const struct http_request *request,
					       struct http_response *response)
/* Makes the head of the answer, and the sink that sends it with the body: the server's, until the next
 * request is read. The response's fields go out as they are (but removed ones); what frames and what tells of
 * the connection is added: response->framing, length and keep_alive say which. Never yields. */
{
	return server->ops->respond(server, arena, request, response);
}

static inline struct stream *server_take_over(struct server *server, struct intake **ret_in)
/* After an answer that switched protocols was sent: the bytes that follow it, both ways; *ret_in has those
 * that were read already, NULL: none. Both live as long as the server. Never yields. */
{
	return server->ops->take_over(server, ret_in);
}

static inline void server_gone(struct server *server)
/* By the wire: the client has given up. */
{
	if (server->on_gone)
		server->on_gone(server->owner);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small_server: a whole HTTP/1 server for what is not traffic: the admin address, the echo.
 *
 * The simplest way there is: a fiber holds its connection from accept to close, and calls one function for
 * each request. What it has of a server for everybody are the bounds, because a few slow or greedy clients
 * must not keep the others out: connections, heads, bodies, and time for each request as a whole. When all
 * connections are taken, the one that came first makes room, except for those that are being served and have
 * a claim to that: see small_exchange_keep().
 *
 * With TLS nobody is served without it: who begins in the clear is told so, and who has shaken hands under
 * other rules than those in force has to come again. A handshake has the time and the place of a head: who is
 * slow at it makes room for others.
 *
 * One thread: that of its fibers.
 */
#pragma once

#include "http/h1_server.h"
#include "io/listener.h"
#include "io/socket.h"

struct small_server;
struct small_connection;
struct tls_scratch;
struct tls_server_context;

/* One request while it is served. */
struct small_exchange {
	void *owner; /* of the options */
	struct fiber *fiber;
	struct arena *arena; /* 4 MiB, gone with the exchange */
	struct http_request *request;
	struct body_source *body; /* by small_exchange_read() */
	struct body_sink *sink;   /* after small_exchange_begin() */
	struct small_connection *connection;
	bool has_begun;  /* the answer's head was made */
	bool keep_alive; /* what the head says */
};

typedef result (*small_server_fn)(struct small_exchange *exchange);
/* Yields. Begins an answer and sends it to its end. A failure closes the connection. */

/* How clients come by TLS. */
struct small_tls {
	struct tls_scratch *scratch; /* the thread's; outlives the server */
	bool (*is_wanted)(void *owner, struct tls_server_context **ret_context);
	/* Whether they must at this moment, and by which, until the next call; NULL: none can be had, and
	 * nobody is let in. */

	void (*tell)(void *owner, const struct address *peer, result_value why);
	/* Of a handshake that failed. ERROR_CLOSED: nothing was said. */
};

struct small_server_options {
	struct fibers *fibers;
	struct block_pool *blocks;
	const struct h1_limits *limits;
	size_t connections; /* at a time */
	uint64_t body;      /* bytes */
	duration patience; /* for a head, from the end of the request before, and for each piece either way */
	duration whole;    /* for one request, from its head to the end of its answer */
	small_server_fn serve;
	void (*on_empty)(void *owner);
	/* It was told to finish, and the last connection has left: it may be freed here, but not where this
	 * comes from small_server_finish() or small_server_cut(). NULL: nobody wants to know. */

	const struct small_tls *tls; /* NULL: they come in the clear */
	void *owner;
};

result small_server_open(const struct small_server_options *options, int fd,
			 struct small_server **ret_server);
/* fd listens, and belongs to it unless this fails. The limits and tls stay the caller's. ERROR_SYSTEM. */

void small_server_finish(struct small_server *server);
/* Lets in nobody more; who waits for a further request is let go, what is under way finishes, and who was let
 * in a moment ago may ask. */

void small_server_cut(struct small_server *server);
/* The same, and cancels what is under way. It ends in further turns of the loop. */

size_t small_server_connections(const struct small_server *server);

void small_server_free(struct small_server **server);
/* When it was told to finish and has no connection left. Clears the address, accepts NULL. */

/* For the function that serves. */

result small_exchange_read(struct small_exchange *exchange, struct piece *ret_piece);
/* Yields. The next piece of the request's body, used up by the next call: body_peek() with the deadlines and
 * bounds of the server, after leave to send it was given to a client that waits for that. ERROR_LIMIT, before
 * anything else, for a body that is said to be too large. */

void small_exchange_begin(struct small_exchange *exchange, struct http_response *response);
/* The head of the answer; it leaves with the first piece. response->framing is settled for this client where
 * it is HTTP_CHUNKED. */

result small_exchange_send(struct small_exchange *exchange, str bytes, bool is_last);
/* Yields until they have gone. bytes must outlive it. */

result small_exchange_answer(struct small_exchange *exchange, struct http_response *response, str body);
/* Yields. Begins and sends the whole answer. */

struct stream *small_exchange_take_over(struct small_exchange *exchange, struct intake **ret_in);
/* After an answer of 101: see server_take_over(). When the function that serves returns OK the client is left
 * time to read what it was sent last. */

void small_exchange_keep(struct small_exchange *exchange);
/* Until its answer is sent it does not make room for others. Not for what anybody may ask: those who read
 * their answers slowly would keep everybody out. */

deadline small_exchange_patience(const struct small_exchange *exchange);
/* Until when the next piece must have gone. */

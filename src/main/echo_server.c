/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo_server: the gateway's own http room, used as a server in the simplest way there is.
 *
 * No pool, no idle connections without a fiber, no limits to set: one fiber holds its connection from
 * accept to close, and reads a body before it answers. It is for trying things out, and may be slow; it
 * must be strict, for tests believe what it says that it got.
 */
#include "main/echo_server.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "http/h1_server.h"
#include "io/listener.h"
#include "io/socket.h"
#include "main/echo_answer.h"

enum { FIELDS_MAX = 200, BODY_SHOWN_MAX = 64 * 1024 };

static const struct h1_limits limits = {
	.request_line = 64 * 1024, .field = 64 * 1024, .name = 1024, .head = 256 * 1024, .fields = FIELDS_MAX
};
static const struct h1_chunked_limits chunked_limits = {
	.extension = 4096, .trailers = { .field = 8192, .name = 256, .head = 16384, .fields = 32 }
};
static const duration patience = 60 * SECOND;

struct echo_server {
	struct loop *loop;
	struct fibers *fibers;
	struct block_pool blocks;
	struct scratch scratch;
	struct listener listener;
	struct http_field fields[FIELDS_MAX];
	struct echo_connection *connections;
};

struct echo_connection {
	struct socket socket; /* first */
	struct echo_server *server;
	struct fiber *fiber;
	struct echo_connection *next, **link;
};

static void connection_release(struct socket *socket)
{
	free(socket);
}

static deadline patience_of(const struct echo_server *server)
{
	return deadline_after(loop_now(server->loop), patience);
}

/* Reads the body to its end; its beginning is shown. */
static result read_body(struct echo_server *server, struct h1_source *body, struct arena *arena,
			struct echo_request *request)
{
	char *shown = arena_bytes(arena, BODY_SHOWN_MAX);
	struct buf copy = buf_over(shown, BODY_SHOWN_MAX);
	struct piece piece = { 0 };

	while (!piece.is_last) {
		TRY(body_peek(&body->source, patience_of(server), &piece));
		buf_put(&copy, str_slice(piece.bytes, 0, copy.max - copy.len));
		request->body_bytes += piece.bytes.len;
		body_consume(&body->source, piece.bytes.len);
	}
	request->body = buf_str(&copy);
	return OK;
}

/* The answer's body comes from the answer itself, a piece at a time. */
static result send_body(struct echo_connection *connection, struct h1_sink *sink, struct echo_answer *answer)
{
	struct echo_server *server = connection->server;
	size_t used = 0;

	while (!sink->sink.is_done) {
		struct piece piece;

		TRY(echo_answer_next(answer, connection->fiber, used, &piece));
		TRY(sink_send(&sink->sink, piece, patience_of(server), &used));
		TRY(sink_flush(&sink->sink, patience_of(server)));
	}
	return OK;
}

/* One request. *ret_keep: whether another may follow; of no meaning after a failure. */
static result serve_one(struct echo_connection *connection, struct h1_server *wire, struct arena *arena,
			bool *ret_keep)
{
	struct echo_server *server = connection->server;
	struct h1_request head;
	struct h1_source body;
	struct h1_sink sink;
	struct echo_answer answer;
	struct echo_request request = { .arena = arena };

	TRY(h1_server_read(wire, arena, patience_of(server), &head));
	if (head.head.expects_continue)
		TRY(h1_server_interim(wire, arena, &(struct http_response) { .status = 100 },
				      patience_of(server)));
	/* All of the body is read before the answer begins, so that the answer can show it. */
	h1_source_init(&body, wire->stream, wire->in, head.head.framing, head.head.length);
	h1_source_allow(&body, UINT64_MAX, &chunked_limits, arena);
	TRY(read_body(server, &body, arena, &request));
	request.head = &head.head;
	TRY(echo_answer_make(&request, connection->fiber, server->loop, &answer));
	answer.response.keep_alive = head.head.keep_alive;
	if (answer.response.framing == HTTP_CHUNKED)
		answer.response.framing = h1_server_framing(&head.head, &answer.response);
	*ret_keep = head.head.keep_alive && answer.response.framing != HTTP_UNTIL_CLOSE;
	h1_server_respond(wire, arena, &head.head, &answer.response, &sink);
	answer.is_headless = sink.framing == HTTP_NO_BODY;
	return send_body(connection, &sink, &answer);
}

static void connection_run(struct fiber *self, void *argument)
{
	struct echo_connection *connection = argument;
	struct echo_server *server = connection->server;
	struct intake in;
	struct h1_server wire = { .stream = &connection->socket.stream,
				  .in = &in,
				  .limits = &limits,
				  .shared_fields = server->fields };
	bool keep = true;

	connection->fiber = self;
	intake_init(&in, &server->scratch);
	while (keep) {
		struct arena arena;

		arena_init(&arena, &server->blocks, 4 << 20);
		if (failed(serve_one(connection, &wire, &arena, &keep)))
			keep = false;
		arena_fini(&arena);
	}
	intake_fini(&in);
	*connection->link = connection->next;
	if (connection->next)
		connection->next->link = connection->link;
	stream_close(&connection->socket.stream);
}

static void on_accept(struct listener *listener, int fd, const struct address *peer)
{
	struct echo_server *server = listener->owner;
	struct echo_connection *connection = calloc(1, sizeof *connection);

	(void)peer;
	ASSERT(connection);
	if (failed(socket_open(&connection->socket, server->fibers, fd))) {
		free(connection);
		close(fd);
		return;
	}
	connection->socket.release = connection_release;
	connection->server = server;
	connection->next = server->connections;
	if (connection->next)
		connection->next->link = &connection->next;
	connection->link = &server->connections;
	server->connections = connection;
	if (failed(fiber_start(server->fibers, connection_run, connection))) {
		server->connections = connection->next;
		stream_close(&connection->socket.stream);
	}
}

static void on_trouble(struct listener *listener, result_value why)
{
	(void)listener;
	(void)why; /* it has paused, and goes on by itself */
}

static result echo_server_open(struct echo_server *server, const struct address *at,
			       struct address *ret_bound)
{
	int fd;

	TRY(loop_new(&server->loop));
	TRY(fibers_new(server->loop, &server->scratch, &(struct fibers_options) { 0 }, &server->fibers));
	TRY(listener_probe(at));
	TRY(listener_bind(at, &fd, ret_bound));
	return listener_open(&server->listener, server->loop, fd, on_accept, on_trouble, server);
}

result echo_server_new(const struct address *at, struct echo_server **ret_server, struct address *ret_bound)
{
	struct echo_server *server = calloc(1, sizeof *server);
	result_value opened;

	ASSERT(server);
	block_pool_init(&server->blocks, 64, (size_t)1 << 30);
	scratch_init(&server->scratch, &server->blocks);
	server->listener.source.fd = -1;
	opened = echo_server_open(server, at, ret_bound);
	if (failed(opened))
		echo_server_free(&server);
	*ret_server = server;
	return opened;
}

/* When the loop has stopped the fibers are still parked: they are cancelled and unwind in further turns. */
void echo_server_run(struct echo_server *server)
{
	loop_run(server->loop);
	while (server->connections) {
		for (struct echo_connection *connection = server->connections; connection;
		     connection = connection->next)
			fiber_cancel(connection->fiber);
		loop_turn(server->loop, deadline_after(time_monotonic(), 10 * MILLISECOND));
	}
}

void echo_server_stop(struct echo_server *server)
{
	loop_stop(server->loop);
}

void echo_server_free(struct echo_server **address)
{
	struct echo_server *server = *address;

	if (!server)
		return;
	if (server->listener.source.fd >= 0)
		listener_close(&server->listener);
	fibers_free(&server->fibers);
	if (server->loop)
		loop_free(&server->loop);
	scratch_fini(&server->scratch);
	block_pool_fini(&server->blocks);
	free(server);
	*address = NULL;
}

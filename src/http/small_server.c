/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small_server: accept, shake hands, read, serve, again; and how connections end.
 *
 * An answer that the client must be able to read although it is still sending (a body that nobody wanted, a
 * head that was refused) is followed by a lingering close. Whatever else goes wrong just closes.
 */
#include "http/small_server.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "tls/server_context.h"

enum { ARENA_MAX = 4 * 1024 * 1024 };

static const duration linger = SECOND;

/* To who begins without TLS where it is wanted. */
static const char in_the_clear[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
				   "Content-Type: text/plain\r\nContent-Length: 27\r\n\r\n"
				   "This address speaks https.\n";

struct small_server {
	struct small_server_options options;
	struct loop *loop;
	struct scratch *scratch;
	struct listener listener;
	struct http_field *fields;            /* of the head that is being parsed */
	struct small_connection *connections; /* newest first */
	size_t count;
	bool is_finishing;
};

struct small_connection {
	struct socket socket; /* first */
	struct stream *stream;
	struct tls_stream tls; /* above the socket, from the beginning of a handshake on */
	tls_policy policy;     /* by which it was made */
	bool has_tls;          /* there is tls */
	bool is_secure;        /* it is the stream */
	struct address peer;
	struct small_server *server;
	struct fiber *fiber; /* NULL until it runs */
	struct small_connection *next, **link;
	struct intake in;
	struct h1_server wire;
	struct piece piece; /* that the last small_exchange_read() gave */
	deadline until;     /* for the request under way */
	bool is_waiting;    /* for a request, of which nothing has come, or for a handshake */
	bool is_kept;       /* it makes no room: what is served has a claim, or it leaves already */
	bool has_served;    /* one at least */
	bool must_linger;
};

static void connection_release(struct socket *socket)
{
	free(socket);
}

static deadline patience_of(const struct small_connection *connection)
{
	const struct small_server *server = connection->server;

	return deadline_min(connection->until,
			    deadline_after(loop_now(server->loop), server->options.patience));
}

deadline small_exchange_patience(const struct small_exchange *exchange)
{
	return patience_of(exchange->connection);
}

void small_exchange_keep(struct small_exchange *exchange)
{
	exchange->connection->is_kept = true;
}

result small_exchange_read(struct small_exchange *exchange, struct piece *ret_piece)
{
	struct small_connection *connection = exchange->connection;
	struct http_response leave = { .status = 100 };
	const struct http_request *request = exchange->request;

	if (request->framing == HTTP_LENGTH && request->length > connection->server->options.body)
		return error_make(ERROR_LIMIT, "the body is too large");
	if (request->expects_continue && !connection->in.len)
		TRY(server_interim(&connection->wire.server, exchange->arena, &leave,
				   patience_of(connection)));
	exchange->request->expects_continue = false;
	body_consume(&connection->wire.body.source, connection->piece.bytes.len);
	connection->piece = (struct piece) { 0 };
	TRY(body_peek(&connection->wire.body.source, patience_of(connection), ret_piece));
	connection->piece = *ret_piece;
	return OK;
}

/* Where the next request begins is known only when all of this one's body was read. */
void small_exchange_begin(struct small_exchange *exchange, struct http_response *response)
{
	struct small_connection *connection = exchange->connection;

	body_consume(&connection->wire.body.source, connection->piece.bytes.len);
	connection->piece = (struct piece) { 0 };
	if (response->framing == HTTP_CHUNKED)
		response->framing = server_framing(&connection->wire.server, exchange->request, response);
	connection->must_linger = !server_body_is_whole(&connection->wire.server);
	exchange->keep_alive = exchange->request->keep_alive && response->framing != HTTP_UNTIL_CLOSE &&
			       !connection->must_linger && !connection->server->is_finishing;
	exchange->has_begun = true;
	response->keep_alive = exchange->keep_alive;
	exchange->sink =
		server_respond(&connection->wire.server, exchange->arena, exchange->request, response);
}

result small_exchange_send(struct small_exchange *exchange, str bytes, bool is_last)
{
	struct body_sink *sink = exchange->sink;

	while (is_last ? !sink->is_done : bytes.len > 0) {
		struct piece piece = { .bytes = bytes, .is_last = is_last };
		size_t used;

		TRY(sink_send(sink, piece, small_exchange_patience(exchange), &used));
		bytes = str_skip(bytes, used);
	}
	return is_last ? OK : sink_flush(sink, small_exchange_patience(exchange));
}

result small_exchange_answer(struct small_exchange *exchange, struct http_response *response, str body)
{
	response->framing = http_status_has_no_body(response->status) ? HTTP_NO_BODY : HTTP_LENGTH;
	response->length = body.len;
	small_exchange_begin(exchange, response);
	return small_exchange_send(exchange, body, true);
}

struct stream *small_exchange_take_over(struct small_exchange *exchange, struct intake **ret_in)
{
	exchange->keep_alive = false;
	exchange->connection->must_linger = true;
	return server_take_over(&exchange->connection->wire.server, ret_in);
}

/* Nothing behind it is looked at. */
static result refuse(struct small_exchange *exchange, int status)
{
	struct http_response response = { .status = status };

	exchange->request->keep_alive = false;
	return small_exchange_answer(exchange, &response, (str) { 0 });
}

static bool wants_tls(const struct small_server *server, struct tls_server_context **ret_context)
{
	const struct small_tls *tls = server->options.tls;

	*ret_context = NULL;
	return tls && tls->is_wanted(server->options.owner, ret_context);
}

/* Whether it came as it would have to now. */
static bool is_of_today(const struct small_connection *connection)
{
	struct tls_server_context *context;

	if (!wants_tls(connection->server, &context))
		return true;
	return context && connection->is_secure &&
	       tls_server_context_policy(context, tls_stream_server_name(&connection->tls)) ==
		       connection->policy;
}

/* One request. *ret_keep: whether another may follow. */
static result serve_one(struct small_connection *connection, struct arena *arena, bool *ret_keep)
{
	struct small_server *server = connection->server;
	struct server_request head = { 0 };
	struct small_exchange exchange = {
		.owner = server->options.owner,
		.fiber = connection->fiber,
		.arena = arena,
		.request = &head.head,
		.body = &connection->wire.body.source,
		.connection = connection,
	};
	result_value read;

	*ret_keep = false;
	connection->is_waiting = !connection->in.len;
	connection->is_kept = false;
	connection->until = DEADLINE_NEVER;
	read = server_read(&connection->wire.server, arena, patience_of(connection), &head);
	connection->is_waiting = false;
	connection->until = deadline_after(loop_now(server->loop), server->options.whole);
	if (read.kind == ERROR_MALFORMED)
		return refuse(&exchange, h1_error_status(head.error));
	TRY(read);
	if (!is_of_today(connection))
		return refuse(&exchange, 421); /* RFC 9110 section 15.5.20 */
	exchange.body->max = server->options.body;
	connection->piece = (struct piece) { 0 };
	connection->has_served = true;
	TRY(server->options.serve(&exchange));
	ASSERT(exchange.has_begun);
	*ret_keep = exchange.keep_alive;
	return OK;
}

/* Says close_notify as far as it can be said: what was sent is known to be all. */
static void end_tls(struct small_connection *connection)
{
	result_value shut = OK;

	if (connection->is_secure)
		shut = stream_shut(&connection->tls.stream);
	(void)shut;
	if (connection->has_tls)
		tls_stream_fini(&connection->tls);
}

static void connection_leave(struct small_connection *connection, bool must_linger)
{
	struct small_server *server = connection->server;

	*connection->link = connection->next;
	if (connection->next)
		connection->next->link = connection->link;
	server->count--;
	end_tls(connection);
	if (must_linger)
		socket_linger_close(&connection->socket, deadline_after(loop_now(server->loop), linger));
	else
		stream_close(&connection->socket.stream);
	if (server->is_finishing && !server->count && server->options.on_empty)
		server->options.on_empty(server->options.owner);
}

static result tell_in_the_clear(struct small_connection *connection)
{
	struct iovec part = { (void *)(uintptr_t)in_the_clear, sizeof in_the_clear - 1 };
	size_t sent;

	connection->must_linger = true;
	TRY(stream_send(connection->stream, &part, 1, STREAM_AT_ONCE, &sent));
	return error_make(ERROR_MALFORMED, "the client speaks HTTP without TLS");
}

static result shake_hands(struct small_connection *connection, struct tls_server_context *context,
			  struct intake *first, deadline until)
{
	struct tls_stream *tls = &connection->tls;

	TRY(tls_server_context_accept(context, tls, &connection->socket.stream,
				      connection->server->options.tls->scratch));
	connection->has_tls = true;
	intake_hand_over(first, &tls->in);
	tls->is_touched = true;
	TRY(tls_server_context_handshake(context, tls, until, &connection->policy));
	connection->stream = &tls->stream;
	connection->is_secure = true;
	return OK;
}

static result meet(struct small_connection *connection, struct intake *first)
{
	deadline until = patience_of(connection);
	struct tls_server_context *context;

	TRY(stream_fill(connection->stream, first, until));
	if (tls_is_in_the_clear(intake_data(first)))
		return tell_in_the_clear(connection);
	if (!wants_tls(connection->server, &context) || !context)
		return error_make(ERROR_SYSTEM, "there is no certificate to show");
	return shake_hands(connection, context, first, until);
}

/* The first bytes are read where TLS reads all others. */
static result begin_tls(struct small_connection *connection)
{
	struct small_server *server = connection->server;
	const struct small_tls *tls = server->options.tls;
	struct intake first;
	result_value begun;

	intake_init(&first, &tls->scratch->in);
	begun = meet(connection, &first);
	intake_fini(&first);
	if (failed(begun))
		tls->tell(server->options.owner, &connection->peer, begun);
	return begun;
}

static result arrive(struct small_connection *connection)
{
	struct tls_server_context *context;
	result_value arrived;

	connection->until = DEADLINE_NEVER;
	connection->stream = &connection->socket.stream;
	if (!wants_tls(connection->server, &context))
		return OK;
	connection->is_waiting = true;
	arrived = begin_tls(connection);
	connection->is_waiting = false;
	return arrived;
}

static result serve_requests(struct small_connection *connection)
{
	struct small_server *server = connection->server;
	result_value served = OK;
	bool keep = true;

	h1_server_init(&connection->wire, connection->stream, &connection->in);
	connection->wire.server.limits = server->options.limits;
	connection->wire.server.shared_fields = server->fields;
	while (keep) {
		struct arena arena;

		arena_init(&arena, server->options.blocks, ARENA_MAX);
		served = serve_one(connection, &arena, &keep);
		arena_fini(&arena);
	}
	return served;
}

static void connection_run(struct fiber *self, void *argument)
{
	struct small_connection *connection = argument;
	bool must_linger;
	result_value served;

	connection->fiber = self;
	intake_init(&connection->in, connection->server->scratch);
	served = arrive(connection);
	must_linger = connection->must_linger || served.kind == ERROR_REFUSED; /* by an alert */
	if (!failed(served)) {
		served = serve_requests(connection);
		must_linger = !failed(served) && connection->must_linger;
	}
	intake_fini(&connection->in);
	connection_leave(connection, must_linger);
}

/* The one that came first makes room, of those that may be asked to. Who only waits and who reads slowly what
 * anybody may ask are alike: the latter could come 64 times. False when all are kept. */
static bool make_room(struct small_server *server)
{
	struct small_connection *oldest = NULL;

	for (struct small_connection *connection = server->connections; connection;
	     connection = connection->next)
		if (connection->fiber && !connection->is_kept)
			oldest = connection;
	if (!oldest)
		return false;
	oldest->is_kept = true;
	fiber_cancel(oldest->fiber);
	return true;
}

static void connection_enter(struct small_server *server, struct small_connection *connection)
{
	connection->socket.release = connection_release;
	connection->server = server;
	connection->next = server->connections;
	if (connection->next)
		connection->next->link = &connection->next;
	connection->link = &server->connections;
	server->connections = connection;
	server->count++;
}

static void on_accept(struct listener *listener, int fd, const struct address *peer)
{
	struct small_server *server = listener->owner;
	struct small_connection *connection = calloc(1, sizeof *connection);

	ASSERT(connection);
	connection->peer = *peer;
	if ((server->count >= server->options.connections && !make_room(server)) ||
	    failed(socket_open(&connection->socket, server->options.fibers, fd))) {
		free(connection);
		close(fd);
		return;
	}
	connection_enter(server, connection);
	if (failed(fiber_start(server->options.fibers, connection_run, connection)))
		connection_leave(connection, false);
}

static void on_trouble(struct listener *listener, result_value why)
{
	(void)listener;
	(void)why; /* it has paused, and goes on by itself */
}

result small_server_open(const struct small_server_options *options, int fd, struct small_server **ret_server)
{
	struct small_server *server = calloc(1, sizeof *server);
	result_value opened;

	ASSERT(server);
	server->options = *options;
	server->loop = fibers_loop(options->fibers);
	server->scratch = fibers_scratch(options->fibers);
	server->fields = calloc(options->limits->fields, sizeof *server->fields);
	ASSERT(server->fields);
	*ret_server = server;
	opened = listener_open(&server->listener, server->loop, fd, on_accept, on_trouble, server);
	if (failed(opened)) {
		server->is_finishing = true;
		small_server_free(ret_server);
	}
	return opened;
}

/* Who has just been let in is about to ask something. */
static void end_connections(struct small_server *server, bool all)
{
	struct small_connection *next;

	for (struct small_connection *connection = server->connections; connection; connection = next) {
		next = connection->next;
		if ((all || (connection->is_waiting && connection->has_served)) && connection->fiber)
			fiber_cancel(connection->fiber);
	}
}

void small_server_finish(struct small_server *server)
{
	if (!server->is_finishing)
		listener_close(&server->listener);
	server->is_finishing = true;
	end_connections(server, false);
}

void small_server_cut(struct small_server *server)
{
	small_server_finish(server);
	end_connections(server, true);
}

size_t small_server_connections(const struct small_server *server)
{
	return server->count;
}

/* The listener's memory must outlive the turn in which it was closed. */
void small_server_free(struct small_server **address)
{
	struct small_server *server = *address;

	if (!server)
		return;
	*address = NULL;
	ASSERT(server->is_finishing && !server->count);
	free(server->fields);
	loop_retire(server->loop, server, free);
}

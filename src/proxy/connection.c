/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection: who has it, the loop or a fiber, and how it ends.
 *
 * There are four ends, because a close can destroy what was sent just before it. Kept connections go back
 * to the loop; an answer that the client must be able to read is followed by a lingering close (RFC 9112
 * section 9.6); one that was cut short by a reset, where an orderly end would pass for the end of the body;
 * the rest just close. Counts go down when a connection leaves the worker, not when its memory is freed.
 */
#include "proxy/connection.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/container.h"
#include "http/h1_server.h"
#include "proxy/door.h"
#include "proxy/exchange.h"
#include "proxy/h2_connection.h"
#include "proxy/introduction.h"
#include "proxy/mirror.h"
#include "proxy/overload.h"
#include "proxy/passage.h"
#include "proxy/secure.h"

enum { IN_A_ROW = 64 }; /* pipelined requests that are served before others have their turn */

static const duration linger = 2 * SECOND;

static struct connection *connection_of(struct socket *socket)
{
	return (struct connection *)socket;
}

static deadline now_of(const struct worker *worker)
{
	return loop_now(worker->loop);
}

static void connection_release(struct socket *socket)
{
	struct connection *connection = connection_of(socket);

	h2_connection_free(connection);
	secure_fini(connection);
	allowance_give(connection->allowance, CONNECTION_BYTES);
	free(connection);
}

void connection_count_active(const struct connection *connection, int change)
{
	const struct door *door = connection->door;

	metrics_move_connection(door->worker->metrics, door->series, CONNECTION_ACTIVE, change);
	metrics_move_connection(door->worker->metrics, door->series, CONNECTION_IDLE, -change);
}

/* It is no longer the worker's: the last one to go ends a worker that drains. */
static void connection_leave(struct connection *connection)
{
	struct worker *worker = connection->door->worker;

	timer_clear(&connection->idle);
	*connection->link = connection->next;
	if (connection->next)
		connection->next->link = connection->link;
	worker->connection_count--;
	metrics_move_connection(worker->metrics, connection->door->series, CONNECTION_IDLE, -1);
	door_leave(connection->door);
	if (worker->is_draining && worker->connection_count == 0)
		loop_stop(worker->loop);
}

void connection_close(struct connection *connection)
{
	connection_leave(connection);
	secure_end(connection);
	stream_close(connection->stream);
}

void connection_linger(struct connection *connection)
{
	deadline until = deadline_after(now_of(connection->door->worker), linger);

	connection_leave(connection);
	secure_end(connection);
	socket_linger_close(&connection->socket, until);
}

/* Without the end of its TLS too. */
static void connection_reset(struct connection *connection)
{
	socket_reset_on_close(&connection->socket);
	connection_leave(connection);
	stream_close(connection->stream);
}

static void on_idle_too_long(struct timer *timer)
{
	connection_close(CONTAINER_OF(timer, struct connection, idle));
}

static void on_client_ready(struct socket *socket);

static void wait_for_request(struct connection *connection, duration patience)
{
	struct worker *worker = connection->door->worker;

	socket_set_watch(&connection->socket, on_client_ready);
	timer_set(worker->loop, &connection->idle, deadline_after(now_of(worker), patience));
}

/* While an exchange is under way and nobody reads from the client: it may be gone. */
static void on_client_busy(struct socket *socket)
{
	struct connection *connection = connection_of(socket);

	if (socket_is_hung_up(socket) && connection->server)
		server_gone(connection->server);
}

/* The fiber has it now: the idle timer is off, and the watch only listens for the client going. */
static void session_begin(struct session *session, struct fiber *fiber, struct connection *connection)
{
	struct worker *worker = connection->door->worker;

	*session = (struct session) {
		.connection = connection, .worker = worker, .fiber = fiber, .until = connection->idle.due
	};
	connection->fiber = fiber;
	connection_count_active(connection, 1);
	socket_set_watch(&connection->socket, on_client_busy);
	timer_set(worker->loop, &connection->idle, DEADLINE_NEVER);
}

static bool has_more(const struct session *session)
{
	return server_has_input(session->server) || stream_is_readable(session->connection->stream);
}

/* Answers that need no upstream may never park, and whoever sends requests faster than they are answered
 * would have the worker to itself. False when the wait was cancelled. */
static bool give_way(struct session *session)
{
	return !failed(fiber_sleep(session->fiber, now_of(session->worker)));
}

/* Serves while requests are there to be read. */
static enum exchange_end serve_requests(struct session *session)
{
	enum exchange_end end = exchange_run(session);

	session->goes_on = true;
	for (unsigned served = 1; end == EXCHANGE_KEEP && has_more(session); served++) {
		if (served % IN_A_ROW == 0 && !give_way(session))
			return EXCHANGE_CLOSE;
		end = exchange_run(session);
	}
	return end;
}

/* HTTP/2 with TLS is agreed on in the handshake (RFC 9113 section 3.2); in the clear it shows itself, but not
 * to a listener that wants TLS. False: the connection ended before it could be told. */
static bool find_h2(struct session *session, struct intake *in, bool *ret_is_h2)
{
	const struct connection *connection = session->connection;
	const struct listener_snapshot *listener = connection->door->snapshot;

	if (!connection->secure && !listener->tls)
		return h2_connection_is_asked(session, in, ret_is_h2);
	*ret_is_h2 = connection->secure && !connection->requests &&
		     (str_eq(tls_stream_alpn(&connection->secure->tls), STR("h2")) ||
		      !listener_speaks(listener->config, LISTENER_H1));
	return true;
}

/* Whether this is no connection of HTTP/1: the loop has it then, or it is to be closed. */
static bool begin_h2(struct session *session, struct intake *in)
{
	bool is_h2;

	if (!find_h2(session, in, &is_h2))
		return true;
	if (is_h2 && failed(h2_connection_begin(session->connection, in)))
		journal_warn(session->worker->journal, "a connection is closed: no memory for HTTP/2");
	return is_h2;
}

/* Whoever has shaken hands and says nothing yet waits in the loop. */
static result arrive(struct session *session, struct intake *in, bool *ret_has_more)
{
	struct connection *connection = session->connection;

	*ret_has_more = true;
	if (!connection->awaits_handshake)
		return introduction_read(session, in);
	TRY(secure_arrive(session, in));
	*ret_has_more = in->len || stream_is_readable(connection->stream);
	return OK;
}

/* The intake is let go before the loop has the connection again: idle costs no buffer. */
static enum exchange_end serve(struct session *session)
{
	struct connection *connection = session->connection;
	enum exchange_end end = EXCHANGE_KEEP;
	struct h1_server server;
	struct intake in;
	bool has_request;
	result_value arrived;

	if (connection->awaits_handshake && overload_turns_away(session))
		return EXCHANGE_CLOSE;
	intake_init(&in, &session->worker->scratch);
	arrived = arrive(session, &in, &has_request);
	if (failed(arrived)) {
		end = arrived.kind == ERROR_REFUSED ? EXCHANGE_LINGER : EXCHANGE_CLOSE;
	} else if (begin_h2(session, &in)) {
		end = EXCHANGE_CLOSE;
	} else if (has_request) {
		h1_server_init(&server, connection->stream, &in);
		session->server = connection->server = &server.server;
		end = serve_requests(session);
		connection->server = NULL;
	}
	intake_fini(&in);
	return end;
}

/* A WebSocket has ended. */
static void on_passage_end(void *owner)
{
	struct connection *connection = owner;

	connection->passage = NULL;
	connection_count_active(connection, -1);
	connection_linger(connection);
}

static void on_passage_ready(struct socket *socket)
{
	passage_turn(connection_of(socket)->passage);
}

/* It stays active without a fiber. */
static void connection_carry(struct connection *connection, struct passage *passage)
{
	bool is_leaving = connection->door->is_closing && !connection->door->is_patient;

	connection->passage = passage;
	socket_keep_alive(&connection->socket);
	socket_watch_all(&connection->socket, on_passage_ready);
	passage_begin(passage, on_passage_end, connection);
	if (is_leaving && connection->passage)
		passage_leave(connection->passage);
}

/* The body of the fiber. */
static void connection_run(struct fiber *self, void *argument)
{
	struct connection *connection = argument;
	struct session session;
	enum exchange_end end;

	session_begin(&session, self, connection);
	end = serve(&session);
	connection->fiber = NULL;
	if (end == EXCHANGE_TUNNEL) {
		connection_carry(connection, session.passage);
		return;
	}
	connection_count_active(connection, -1);
	if (connection->h2)
		return;
	if (end == EXCHANGE_KEEP && (!connection->door->is_closing || connection->door->is_patient))
		wait_for_request(connection, connection->requests
						     ? connection_limits(connection)->idle_timeout
						     : connection_limits(connection)->header_timeout);
	else if (end == EXCHANGE_LINGER)
		connection_linger(connection);
	else if (end == EXCHANGE_RESET)
		connection_reset(connection);
	else
		connection_close(connection);
}

static void on_client_ready(struct socket *socket)
{
	struct connection *connection = connection_of(socket);
	struct worker *worker = connection->door->worker;
	result_value started = fiber_start(worker->fibers, connection_run, connection);

	if (!failed(started))
		return;
	journal_warn(worker->journal, "a connection is closed: no fiber for it: %s", started.why);
	connection_close(connection);
}

/* Who is at the other end, as an address and as text. */
static void set_peer(struct connection *connection, const struct address *peer)
{
	struct buf ip = buf_over(connection->ip, sizeof connection->ip);

	connection->peer = *peer;
	address_print_ip(peer, &ip);
	connection->ip_len = (uint8_t)ip.len;
}

static void connection_enter(struct connection *connection, struct door *door, const struct address *peer)
{
	struct worker *worker = door->worker;

	connection->socket.release = connection_release;
	connection->stream = &connection->socket.stream;
	connection->door = door;
	connection->is_introduced = !door->snapshot->config->proxy_protocol;
	connection->awaits_handshake = door->snapshot->tls != NULL;
	set_peer(connection, peer);
	connection->idle.on_due = on_idle_too_long;
	connection->next = door->connections;
	if (connection->next)
		connection->next->link = &connection->next;
	connection->link = &door->connections;
	door->connections = connection;
	door->connection_count++;
	worker->connection_count++;
	metrics_move_connection(worker->metrics, door->series, CONNECTION_IDLE, 1);
}

static result connection_new(struct worker *worker, int fd, struct connection **ret_connection)
{
	struct connection *connection;
	result_value opened;

	if (!allowance_take(&worker->allowance, CONNECTION_BYTES))
		return error_make(ERROR_LIMIT, "memory is used up");
	connection = calloc(1, sizeof *connection);
	ASSERT(connection);
	connection->allowance = &worker->allowance;
	opened = socket_open(&connection->socket, worker->fibers, fd);
	if (failed(opened)) {
		allowance_give(&worker->allowance, CONNECTION_BYTES);
		free(connection);
		return opened;
	}
	*ret_connection = connection;
	return OK;
}

void connection_open(struct door *door, int fd, const struct address *peer)
{
	struct worker *worker = door->worker;
	struct connection *connection = NULL;
	result_value opened = error_make(ERROR_LIMIT, "the listener's bound on connections is reached");

	if (door->connection_count < door->max_connections)
		opened = connection_new(worker, fd, &connection);
	if (failed(opened)) {
		journal_warn(worker->journal, "listener %.*s: a connection is closed: %s",
			     STR_ARG(door->snapshot->name), opened.why);
		close(fd);
		listener_pause(&door->listener, deadline_after(now_of(worker), 100 * MILLISECOND));
		return;
	}
	connection_enter(connection, door, peer);
	overload_accepted(door);
	wait_for_request(connection, connection->awaits_handshake
					     ? connection_limits(connection)->handshake_timeout
					     : connection_limits(connection)->header_timeout);
}

static void send_away(struct connection *connection)
{
	if (connection->passage)
		passage_leave(connection->passage);
	else if (connection->h2)
		h2_connection_shut(connection);
	else if (socket_peek_stale(&connection->socket))
		on_client_ready(&connection->socket); /* a request has come that nobody has read yet */
	else if (connection->requests == 0)
		wait_for_request(connection, SECOND); /* it was let in a moment ago, to say something */
	else
		connection_close(connection);
}

/* The door goes with its last connection, so it is not looked at after that. */
void connections_send_away(struct door *door)
{
	struct connection *next;

	for (struct connection *connection = door->connections; connection; connection = next) {
		next = connection->next;
		if (!connection->fiber)
			send_away(connection);
	}
}

static void cancel_all(struct door *door)
{
	struct connection *next;

	for (struct connection *connection = door->connections; connection; connection = next) {
		next = connection->next;
		if (connection->fiber)
			fiber_cancel(connection->fiber);
		else if (connection->passage)
			passage_cut(connection->passage);
		else if (connection->h2)
			h2_connection_cut(connection);
		else
			connection_close(connection);
	}
}

static void cancel_everywhere(struct worker *worker)
{
	struct door *next;

	for (size_t i = 0; i < worker->door_count; i++)
		cancel_all(worker->doors[i]);
	for (struct door *door = worker->closing; door; door = next) {
		next = door->next;
		cancel_all(door);
	}
	mirrors_cancel(worker->mirrors);
}

/* Cancelled fibers unwind in the loop, and may take a connection or start an upload on their way: again until
 * none is left. */
void connections_cut(struct worker *worker)
{
	while (worker->connection_count || fibers_alive(worker->fibers)) {
		cancel_everywhere(worker);
		loop_turn(worker->loop, deadline_after(time_monotonic(), 10 * MILLISECOND));
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_connection: reading, sending, and what becomes of the connection.
 *
 * All that is decided about its life is decided in review(), at the end of a turn, when nobody further up is
 * still using it: closing, the timer, whether it counts as idle. Whatever may have changed something asks for
 * a turn's end.
 */
#include "proxy/h2_connection.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/container.h"
#include "http/h2_stream.h"
#include "proxy/exchange.h"
#include "proxy/passage.h"

enum {
	READS_IN_A_TURN = 8, /* scratches full; others have their turn then */
	SENDS_IN_A_TURN = 8,
};

static const duration farewell = SECOND; /* for a client to confirm that it was told to stop */

struct h2_connection {
	struct h2_server server; /* first */
	struct connection *connection;
	struct carried *carried; /* newest first */
	struct turn_end end;
	struct timer more;    /* what was not done in its turn */
	deadline idle_since;  /* or since when a head has been coming */
	uint64_t heads;       /* that had come to their end then */
	deadline stuck_since; /* when the client stopped taking what was put out; 0: it takes it */
	deadline shut_until;  /* by when it must have confirmed that it was told to stop; 0: it was not */
	bool is_active;       /* counted so */
	bool is_in_head;
	bool is_broken; /* nothing can be read or sent any more */
};

static struct h2_connection *h2_of(struct h2_server *server)
{
	return (struct h2_connection *)server;
}

static struct worker *worker_of(const struct h2_connection *h2)
{
	return h2->connection->door->worker;
}

static deadline now_of(const struct h2_connection *h2)
{
	return loop_now(worker_of(h2)->loop);
}

static void look_later(struct h2_connection *h2)
{
	loop_at_turn_end(worker_of(h2)->loop, &h2->end);
}

static void break_off(struct h2_connection *h2)
{
	h2->is_broken = true;
	h2_server_abandon(&h2->server);
	look_later(h2);
}

static bool has_output(const struct h2_connection *h2)
{
	return !h2->is_broken && h2_server_output(&h2->server).len;
}

/* False when nothing more goes now. */
static bool send_some(struct h2_connection *h2)
{
	str bytes = h2_server_output(&h2->server);
	struct iovec part = { (void *)(uintptr_t)bytes.ptr, bytes.len };
	result_value sent;
	size_t size = 0;

	sent = stream_send(h2->connection->stream, &part, 1, STREAM_AT_ONCE, &size);
	if (!failed(sent)) {
		h2->stuck_since = 0;
		h2_server_sent(&h2->server, size);
	} else if (sent.kind != ERROR_TIMEOUT) {
		break_off(h2);
	} else if (!h2->stuck_since) {
		h2->stuck_since = now_of(h2);
	}
	return !failed(sent);
}

/* Fibers that find room again put out more, and others shall have their turn. */
static void send_out(struct h2_connection *h2)
{
	for (unsigned i = 0; i < SENDS_IN_A_TURN; i++)
		if (!has_output(h2) || !send_some(h2))
			return;
	if (has_output(h2))
		timer_set(worker_of(h2)->loop, &h2->more, now_of(h2));
}

static void on_output(struct h2_server *server)
{
	look_later(h2_of(server));
}

static void send_now(struct h2_server *server)
{
	struct h2_connection *h2 = h2_of(server);

	if (has_output(h2))
		send_some(h2);
	look_later(h2);
}

/* A WebSocket on a stream (RFC 8441). */
struct carried {
	struct carried *next, **link;
	struct h2_connection *h2;
	struct h2_stream *stream;
	struct passage *passage; /* NULL: it has ended */
};

static void on_carried_end(void *owner)
{
	struct carried *carried = owner;
	struct h2_connection *h2 = carried->h2;

	carried->passage = NULL;
	*carried->link = carried->next;
	if (carried->next)
		carried->next->link = carried->link;
	h2_stream_end(carried->stream);
	look_later(h2);
	loop_retire(worker_of(h2)->loop, carried, free);
}

static void on_carried_ready(void *owner)
{
	struct carried *carried = owner;

	if (carried->passage)
		passage_turn(carried->passage);
}

/* Its fiber ends, and the loop has it. */
static void carry(struct h2_connection *h2, struct h2_stream *stream, struct passage *passage)
{
	const struct door *door = h2->connection->door;
	struct carried *carried = calloc(1, sizeof *carried);

	ASSERT(carried);
	*carried = (struct carried) { .next = h2->carried, .link = &h2->carried, .h2 = h2, .stream = stream };
	if (carried->next)
		carried->next->link = &carried->next;
	h2->carried = carried;
	carried->passage = passage;
	socket_keep_alive(&h2->connection->socket);
	h2_stream_carry(stream, on_carried_ready, carried);
	passage_begin(passage, on_carried_end, carried);
	if (door->is_closing && !door->is_patient && carried->passage)
		passage_leave(carried->passage);
}

/* One that ends takes none of the others with it. What it sends may tell others that they can go on, and one
 * of those may end by that: its memory stays until the turn does. */
static void each_carried(struct h2_connection *h2, void (*fn)(struct passage *passage))
{
	struct carried *next;

	for (struct carried *carried = h2->carried; carried; carried = next) {
		next = carried->next;
		if (carried->passage)
			fn(carried->passage);
	}
}

/* The body of a request's fiber. */
static void stream_run(struct fiber *self, void *argument)
{
	struct h2_stream *stream = argument;
	struct h2_connection *h2 = h2_of(h2_stream_connection(stream));
	struct session session = { .connection = h2->connection,
				   .worker = worker_of(h2),
				   .fiber = self,
				   .server = h2_stream_begin(stream, self) };

	if (exchange_run(&session) == EXCHANGE_TUNNEL)
		carry(h2, stream, session.passage);
	else
		h2_stream_end(stream);
	look_later(h2);
}

static bool is_last_request(const struct h2_connection *h2)
{
	int64_t most = connection_limits(h2->connection)->requests_per_connection;

	return h2->connection->door->is_closing || (most && h2->server.requests >= (uint64_t)most);
}

static void on_request(struct h2_server *server, struct h2_stream *stream)
{
	struct h2_connection *h2 = h2_of(server);

	look_later(h2);
	if (failed(fiber_start(worker_of(h2)->fibers, stream_run, stream)))
		h2_stream_refuse(stream);
}

static const struct h2_server_ops server_ops = { on_request, on_output, send_now };

/* Fed as long as there is something; the intake holds nothing when fibers run. */
static void read_some(struct h2_connection *h2, struct intake *in)
{
	result_value filled = OK;

	for (unsigned i = 0; i < READS_IN_A_TURN && !h2->server.is_over; i++) {
		filled = stream_fill(h2->connection->stream, in, STREAM_AT_ONCE);
		if (failed(filled))
			break;
		h2_server_feed(&h2->server, intake_data(in));
		intake_consume(in, in->len);
		h2_server_turn(&h2->server);
		if (!stream_is_readable(h2->connection->stream))
			return;
	}
	if (!failed(filled))
		timer_set(worker_of(h2)->loop, &h2->more, now_of(h2));
	else if (filled.kind != ERROR_TIMEOUT)
		break_off(h2);
}

static void go_on(struct h2_connection *h2)
{
	struct intake in;

	look_later(h2);
	if (h2->is_broken || h2->server.is_over)
		return;
	intake_init(&in, &worker_of(h2)->scratch);
	read_some(h2, &in);
	intake_fini(&in);
}

static void on_ready(struct socket *socket)
{
	go_on(((struct connection *)socket)->h2);
}

static void on_more(struct timer *timer)
{
	go_on(CONTAINER_OF(timer, struct h2_connection, more));
}

static void shut(struct h2_connection *h2)
{
	if (h2->shut_until)
		return;
	h2->shut_until = deadline_after(now_of(h2), farewell);
	h2_server_shut(&h2->server);
}

static bool awaits_confirmation(const struct h2_connection *h2)
{
	return h2->shut_until && h2->server.is_asked;
}

static void on_due(struct timer *timer)
{
	struct connection *connection = CONTAINER_OF(timer, struct connection, idle);
	struct h2_connection *h2 = connection->h2;

	if (awaits_confirmation(h2) && now_of(h2) >= h2->shut_until)
		h2_server_shut(&h2->server);
	else if (h2->stuck_since)
		break_off(h2);
	else if (h2->is_in_head)
		h2_server_end(&h2->server, "a header section did not come to its end in time");
	else
		shut(h2);
	look_later(h2);
}

/* Who waits for what: output for a client to take it, a head for its end, an idle connection for a request.
 */
static deadline wait_of(const struct h2_connection *h2)
{
	const struct listener_limits *limits = connection_limits(h2->connection);

	if (h2->stuck_since)
		return deadline_after(h2->stuck_since, limits->body_timeout);
	if (h2->is_in_head)
		return deadline_after(h2->idle_since, limits->header_timeout);
	if (h2->shut_until || h2->is_active)
		return DEADLINE_NEVER;
	return deadline_after(h2->idle_since,
			      h2->server.requests ? limits->idle_timeout : limits->header_timeout);
}

/* Whoever was told to stop is told so for good in its time, whatever it asks for meanwhile. */
static deadline due_of(const struct h2_connection *h2)
{
	return awaits_confirmation(h2) ? deadline_min(wait_of(h2), h2->shut_until) : wait_of(h2);
}

static void keep_time(struct h2_connection *h2)
{
	bool is_in_head = h2_server_is_in_head(&h2->server), is_active = !h2_server_is_idle(&h2->server);

	/* One head may have ended and the next have begun since the last look. */
	if (is_in_head != h2->is_in_head || h2->server.heads != h2->heads || (!is_active && h2->is_active))
		h2->idle_since = now_of(h2);
	h2->heads = h2->server.heads;
	if (is_active != h2->is_active)
		connection_count_active(h2->connection, is_active ? 1 : -1);
	h2->is_in_head = is_in_head;
	h2->is_active = is_active;
	timer_set(worker_of(h2)->loop, &h2->connection->idle, due_of(h2));
}

/* Floods must not become floods of lines: a worker says one in a second, and how many it did not say. */
static void tell_trouble(const struct h2_connection *h2)
{
	const struct connection *connection = h2->connection;
	struct worker *worker = worker_of(h2);
	uint64_t unsaid;

	if (!h2->server.trouble)
		return;
	metrics_count_violation(worker->metrics, connection->door->series);
	if (!line_limit_pass(&worker->violations, now_of(h2), &unsaid))
		return;
	journal_warn(worker->journal,
		     "listener %.*s: an HTTP/2 connection from %.*s is closed: %s (%llu more were not told)",
		     STR_ARG(connection->door->snapshot->name), connection->ip_len, connection->ip,
		     h2->server.trouble, (unsigned long long)unsaid);
}

/* The client must be able to read what it was told last. */
static void leave(struct h2_connection *h2)
{
	struct connection *connection = h2->connection;

	keep_time(h2);
	tell_trouble(h2);
	timer_clear(&h2->more);
	h2_server_close(&h2->server);
	(h2->is_broken ? connection_close : connection_linger)(connection);
}

static bool is_over(const struct h2_connection *h2)
{
	return h2->is_broken || (h2_server_is_finished(&h2->server) && !has_output(h2));
}

static void review(struct turn_end *end)
{
	struct h2_connection *h2 = CONTAINER_OF(end, struct h2_connection, end);

	send_out(h2);
	if (is_last_request(h2))
		shut(h2);
	if (h2->server.is_over && !h2->server.is_abandoned)
		h2_server_abandon(&h2->server);
	if (is_over(h2) && h2_server_is_idle(&h2->server) && !h2->end.is_set)
		leave(h2);
	else
		keep_time(h2);
}

static const str preface = STR_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

static bool begins_like_preface(str bytes)
{
	return str_starts(preface, str_slice(bytes, 0, preface.len));
}

bool h2_connection_is_asked(struct session *session, struct intake *in, bool *ret_is_h2)
{
	const struct connection *connection = session->connection;
	const struct listener_config *config = connection->door->snapshot->config;
	deadline until = deadline_after(loop_now(session->worker->loop), config->limits.header_timeout);

	*ret_is_h2 = !connection->requests && listener_speaks(config, LISTENER_H2);
	if (!*ret_is_h2 || !listener_speaks(config, LISTENER_H1))
		return true;
	while (in->len < preface.len && begins_like_preface(intake_data(in)))
		if (failed(stream_fill(connection->stream, in, until)))
			return false;
	*ret_is_h2 = begins_like_preface(intake_data(in));
	return true;
}

static struct h2_options options_of(const struct connection *connection)
{
	const struct door *door = connection->door;

	return (struct h2_options) { .blocks = &door->worker->blocks,
				     .fibers = door->worker->fibers,
				     .limits = door->snapshot->h1,
				     .streams = (uint32_t)connection_limits(connection)->streams,
				     .has_connect_protocol = true };
}

result h2_connection_begin(struct connection *connection, struct intake *in)
{
	struct h2_options options = options_of(connection);
	struct h2_connection *h2 = calloc(1, sizeof *h2);
	result_value opened;

	ASSERT(h2);
	h2->connection = connection;
	h2->end.on_end = review;
	h2->more.on_due = on_more;
	h2->idle_since = now_of(h2);
	connection->h2 = h2;
	opened = h2_server_open(&h2->server, &server_ops, &options);
	if (failed(opened)) {
		h2_connection_free(connection);
		return opened;
	}
	connection->idle.on_due = on_due;
	socket_watch_all(&connection->socket, on_ready);
	if (in->len) {
		h2_server_feed(&h2->server, intake_data(in));
		intake_consume(in, in->len);
		h2_server_turn(&h2->server);
	}
	timer_set(worker_of(h2)->loop, &h2->more, now_of(h2)); /* what has come meanwhile told nobody */
	look_later(h2);
	return OK;
}

void h2_connection_retire(struct connection *connection)
{
	shut(connection->h2);
	look_later(connection->h2);
}

void h2_connection_shut(struct connection *connection)
{
	shut(connection->h2);
	each_carried(connection->h2, passage_leave);
	look_later(connection->h2);
}

void h2_connection_cut(struct connection *connection)
{
	struct h2_connection *h2 = connection->h2;

	h2->is_broken = true;
	h2_server_cancel(&h2->server);
	each_carried(h2, passage_cut);
	look_later(h2);
}

void h2_connection_free(struct connection *connection)
{
	free(connection->h2);
	connection->h2 = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool: a list of idle connections for each endpoint, found by its number.
 *
 * Last in first out keeps few connections warm and lets the others run into their timeout, instead of
 * keeping all of them just alive. The loop owns what is idle: the watch and the timer each take a
 * connection out of its list before they close it, so a list never holds a closed one.
 */
#include "upstream/pool_private.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/container.h"
#include "upstream/shared.h"

enum { FIRST_ENDPOINTS = 16 };

#define CLOSING_REMEMBERED MINUTE

#define SWEEP_EVERY SECOND

struct pool *pool_new(struct fibers *fibers, struct dns *dns, struct tls_scratch *tls)
{
	struct pool *pool = calloc(1, sizeof *pool);

	ASSERT(pool);
	pool->fibers = fibers;
	pool->dns = dns;
	pool->tls = tls;
	pool->tls_clients = tls_clients_new();
	return pool;
}

void pool_set_connector(struct pool *pool, const struct pool_connector *connector)
{
	pool->connector = *connector;
}

/* A reload may bring higher numbers: the table grows with them. Moving it moves the heads of the lists, which
 * the first of each points back to. A number goes to another endpoint only when no connection has the old
 * one, so its list is empty then. */
struct idle_list *pool_list(struct pool *pool, const struct endpoint *endpoint)
{
	size_t wanted = pool->endpoints ? pool->endpoints : FIRST_ENDPOINTS;

	if (endpoint_number(endpoint) < pool->endpoints)
		return &pool->idle[endpoint_number(endpoint)];
	while (wanted <= endpoint_number(endpoint))
		wanted *= 2;
	pool->idle = realloc(pool->idle, wanted * sizeof *pool->idle);
	ASSERT(pool->idle);
	memset(pool->idle + pool->endpoints, 0, (wanted - pool->endpoints) * sizeof *pool->idle);
	for (size_t i = 0; i < pool->endpoints; i++)
		if (pool->idle[i].first)
			pool->idle[i].first->link = &pool->idle[i].first;
	pool->endpoints = wanted;
	return &pool->idle[endpoint_number(endpoint)];
}

static struct pool_connection *connection_of(struct socket *socket)
{
	return (struct pool_connection *)socket;
}

static void connection_release(struct socket *socket)
{
	allowance_give(connection_of(socket)->allowance, POOL_CONNECTION_BYTES);
	free(connection_of(socket));
}

/* Takes it out of the idle list. */
static void connection_unlink(struct pool_connection *connection)
{
	timer_set(fibers_loop(connection->pool->fibers), &connection->idle, DEADLINE_NEVER);
	*connection->link = connection->next;
	if (connection->next)
		connection->next->link = connection->link;
	connection->link = NULL;
	pool_list(connection->pool, connection->endpoint)->count--;
	if (connection->desk)
		atomic_fetch_sub(&connection->desk->desk.idle, 1);
}

/* The end is said if it can be said at once (RFC 8446 section 6.1). */
static void say_end(struct pool_connection *connection)
{
	result_value shut = OK;

	if (connection->peer.identity)
		shut = stream_shut(connection->stream);
	(void)shut;
}

/* But for its socket. */
static void connection_end(struct pool_connection *connection)
{
	say_end(connection);
	timer_clear(&connection->idle);
	intake_fini(&connection->in);
	tls_stream_fini(&connection->tls);
	tls_client_identity_unref(&connection->peer.identity);
	endpoint_unref(&connection->endpoint);
}

/* Behind its close, so that the upstream never sees one more. */
static void leave_desk(struct pool_desk *desk)
{
	if (desk)
		breaker_desk_leave(&desk->desk);
}

void pool_close(struct pool_connection *connection)
{
	struct pool_desk *desk = connection->desk;

	connection_end(connection);
	stream_close(&connection->socket.stream);
	leave_desk(desk);
}

void pool_close_idle(struct pool_connection *connection)
{
	connection_unlink(connection);
	pool_close(connection);
}

/* Nothing has come that the next request would take for its answer. What has come on a connection with TLS is
 * looked at: if it was no content and no end, there is nothing to see and nothing has changed. */
static bool is_quiet(struct pool_connection *connection)
{
	if (connection->in.len)
		return false;
	if (!stream_is_readable(connection->stream))
		return true;
	return connection->peer.identity &&
	       stream_fill(connection->stream, &connection->in, STREAM_AT_ONCE).kind == ERROR_TIMEOUT;
}

/* ---- how long peers keep connections ---- */

static deadline pool_now(const struct pool *pool)
{
	return loop_now(fibers_loop(pool->fibers));
}

static void saw_closed(const struct pool_connection *connection)
{
	struct idle_list *idle = pool_list(connection->pool, connection->endpoint);
	duration age = pool_now(connection->pool) - connection->idle_since;

	if (!idle->closes_after || age < idle->closes_after)
		idle->closes_after = age > 0 ? age : 1;
	idle->closed = pool_now(connection->pool);
}

static void saw_open(const struct pool_connection *connection)
{
	struct idle_list *idle = pool_list(connection->pool, connection->endpoint);
	duration age = pool_now(connection->pool) - connection->idle_since;

	if (idle->closes_after && age > idle->closes_after)
		idle->closes_after = age;
}

static bool may_be_closing(const struct idle_list *idle, const struct pool_connection *connection)
{
	deadline now = pool_now(connection->pool);

	return idle->closes_after && now - idle->closed < CLOSING_REMEMBERED &&
	       now - connection->idle_since >= idle->closes_after / 2;
}

/* The watch while idle. */
static void on_readable(struct socket *socket)
{
	struct pool_connection *connection = connection_of(socket);

	if (is_quiet(connection))
		return;
	saw_closed(connection);
	pool_close_idle(connection);
}

static void on_idle_too_long(struct timer *timer)
{
	struct pool_connection *connection = CONTAINER_OF(timer, struct pool_connection, idle);

	saw_open(connection);
	pool_close_idle(connection);
}

bool pool_is_listed(const struct endpoint *endpoint, const struct tls_client_identity *identity)
{
	return endpoint_is_listed(endpoint) && !endpoint_is_drained(endpoint) &&
	       (!identity || tls_client_identity_is_listed(identity));
}

/* Those that nobody may be given any more are of no use, and hold the endpoint. */
static size_t sweep_list(struct idle_list *idle)
{
	for (struct pool_connection *connection = idle->first, *next; connection; connection = next) {
		next = connection->next;
		if (!pool_is_listed(connection->endpoint, connection->peer.identity))
			pool_close_idle(connection);
	}
	return (size_t)idle->count + shared_sweep(idle);
}

static void on_sweep(struct timer *timer);

void pool_sweep_later(struct pool *pool)
{
	struct loop *loop = fibers_loop(pool->fibers);

	if (pool->is_sweeping)
		return;
	pool->is_sweeping = true;
	pool->sweep.on_due = on_sweep;
	timer_set(loop, &pool->sweep, deadline_after(loop_now(loop), SWEEP_EVERY));
}

static void on_sweep(struct timer *timer)
{
	struct pool *pool = CONTAINER_OF(timer, struct pool, sweep);
	size_t kept = 0;

	for (size_t i = 0; i < pool->endpoints; i++)
		kept += sweep_list(&pool->idle[i]);
	kept += pool_desks_sweep(pool);
	tls_clients_sweep(pool->tls_clients);
	pool->is_sweeping = false;
	if (kept)
		pool_sweep_later(pool);
}

void pool_free(struct pool **address)
{
	struct pool *pool = *address;

	if (!pool)
		return;
	for (size_t i = 0; i < pool->endpoints; i++) {
		while (pool->idle[i].first)
			pool_close_idle(pool->idle[i].first);
		shared_close(&pool->idle[i]);
	}
	pool_desks_free(pool);
	timer_clear(&pool->sweep);
	tls_clients_free(&pool->tls_clients);
	free(pool->idle);
	free(pool);
	*address = NULL;
}

/* The newest that speaks as the same identity, and counts at the same desk. Almost always the first: two
 * upstreams with one address are rare, and of an identity that is gone the sweep leaves nothing. */
static struct pool_connection *find_idle(const struct idle_list *idle, const struct pool_wish *wish)
{
	struct pool_connection *connection = idle->first;

	while (connection &&
	       (connection->peer.identity != wish->upstream->tls || connection->desk != wish->desk))
		connection = connection->next;
	return connection;
}

/* What the loop has already seen costs nothing to look at. What has arrived since, only the kernel knows:
 * asked where a wrong guess could not be mended by sending again; and again behind a ticket, for the end may
 * follow it. */
static bool is_alive(struct pool_connection *connection, bool is_repeatable)
{
	do {
		if (!is_quiet(connection))
			return false;
	} while (!is_repeatable && socket_peek_stale(&connection->socket));
	return true;
}

struct pool_connection *pool_take_idle(struct pool *pool, const struct pool_wish *wish)
{
	struct idle_list *idle = pool_list(pool, wish->endpoint);
	struct pool_connection *connection;

	while ((connection = find_idle(idle, wish))) {
		/* The others are older still: they are left to requests that can be repeated. */
		if (!wish->is_repeatable && may_be_closing(idle, connection))
			return NULL;
		connection_unlink(connection);
		socket_set_watch(&connection->socket, NULL);
		if (is_alive(connection, wish->is_repeatable)) {
			saw_open(connection);
			connection->is_reused = true;
			return connection;
		}
		pool_close(connection);
	}
	return NULL;
}

static result resolve(struct pool *pool, const struct endpoint *endpoint, deadline until,
		      struct dns_answer *ret_answer)
{
	if (endpoint->is_named)
		return dns_resolve(pool->dns, endpoint->host, endpoint->port, until, ret_answer);
	ret_answer->at[0] = endpoint->address;
	ret_answer->count = 1;
	return OK;
}

/* Every address of the endpoint in turn, until one answers. The time is shared out among those that are left.
 */
static result connect_any(struct pool *pool, struct pool_connection *connection,
			  const struct dns_answer *answer, deadline until)
{
	result_value connected = error_make(ERROR_MISSING, "the name has no address");

	for (size_t i = 0; i < answer->count; i++) {
		deadline now = loop_now(fibers_loop(pool->fibers));
		deadline share = deadline_after(now, (until - now) / (deadline)(answer->count - i));

		connected = socket_connect(&connection->socket, pool->fibers, &answer->at[i], share);
		if (!failed(connected) || connected.kind == ERROR_CANCELLED || connected.kind == ERROR_LIMIT)
			break;
	}
	return connected;
}

static result connect_by(const struct pool *pool, const struct endpoint *endpoint, struct socket *socket)
{
	result_value opened;
	int fd;

	TRY(pool->connector.connect(pool->connector.self, endpoint, &fd));
	opened = socket_open(socket, pool->fibers, fd);
	if (failed(opened))
		close(fd);
	return opened;
}

static result connect_new(struct pool *pool, struct endpoint *endpoint, deadline until,
			  struct pool_connection *connection)
{
	struct dns_answer answer;

	if (pool->connector.connect) {
		TRY(connect_by(pool, endpoint, &connection->socket));
	} else {
		TRY(resolve(pool, endpoint, until, &answer));
		TRY(connect_any(pool, connection, &answer, until));
	}
	connection->socket.release = connection_release;
	connection->pool = pool;
	connection->allowance = fibers_scratch(pool->fibers)->pool->allowance;
	allowance_need(connection->allowance, POOL_CONNECTION_BYTES);
	connection->endpoint = endpoint_ref(endpoint);
	connection->stream = &connection->socket.stream;
	intake_init(&connection->in, fibers_scratch(pool->fibers));
	return OK;
}

/* Within the same time. Until it is over nothing is sent and nothing that came is believed. */
static result secure(struct pool *pool, struct tls_client_identity *identity,
		     struct pool_connection *connection, bool wants_h1, deadline until)
{
	struct tls_client_peer *peer = &connection->peer;

	*peer = (struct tls_client_peer) { .identity = tls_client_identity_ref(identity),
					   .host = connection->endpoint->host,
					   .name = connection->endpoint->text,
					   .wants_h1 = wants_h1 };
	TRY(tls_clients_open(pool->tls_clients, peer, connection->stream, pool->tls, &connection->tls));
	connection->stream = &connection->tls.stream;
	return tls_clients_handshake(&connection->tls, until);
}

result pool_open(struct pool *pool, const struct pool_wish *wish, struct pool_connection **ret_connection)
{
	struct pool_connection *connection = calloc(1, sizeof *connection);
	const struct upstream *upstream = wish->upstream;
	result_value connected;

	ASSERT(connection);
	connection->desk = wish->desk;
	connected = connect_new(pool, wish->endpoint, wish->until, connection);
	if (failed(connected)) {
		leave_desk(wish->desk);
		/* Not freed at once: events of this turn may still point to its socket. */
		loop_retire(fibers_loop(pool->fibers), connection, free);
		return connected;
	}
	if (upstream->tls && !pool->connector.connect)
		connected = secure(pool, upstream->tls, connection, wish->wants_h1, wish->until);
	if (failed(connected)) {
		pool_close(connection);
		return connected;
	}
	*ret_connection = connection;
	return OK;
}

void pool_use_h1(struct pool_connection *connection)
{
	h1_client_init(&connection->h1, connection->stream, &connection->in);
	connection->client = &connection->h1.client;
}

/* Where there is a bound one may come free meanwhile that is kept. */
static result open_h1(struct pool *pool, const struct pool_wish *wish,
		      struct pool_connection **ret_connection)
{
	bool is_next = false, has_place = !wish->desk;

	while (!has_place) {
		TRY(pool_seek_place(wish, &is_next, &has_place));
		*ret_connection = has_place || wish->is_new ? NULL : pool_take_idle(pool, wish);
		if (*ret_connection)
			return OK;
	}
	TRY(pool_open(pool, wish, ret_connection));
	pool_use_h1(*ret_connection);
	return OK;
}

static struct pool_wish wish_for(struct pool *pool, const struct upstream *upstream,
				 struct endpoint *endpoint, deadline until)
{
	return (struct pool_wish) {
		.upstream = upstream, .endpoint = endpoint, .desk = pool_desk(pool, upstream), .until = until
	};
}

result pool_connect(struct pool *pool, const struct upstream *upstream, struct endpoint *endpoint,
		    deadline until, struct pool_connection **ret_connection)
{
	struct pool_wish wish = wish_for(pool, upstream, endpoint, until);

	wish.is_new = true;
	if (shared_may_be(pool, upstream))
		return shared_take(pool, &wish, ret_connection);
	return open_h1(pool, &wish, ret_connection);
}

result pool_connect_h1(struct pool *pool, const struct upstream *upstream, struct endpoint *endpoint,
		       deadline until, struct pool_connection **ret_connection)
{
	struct pool_wish wish = wish_for(pool, upstream, endpoint, until);

	wish.is_new = wish.wants_h1 = true;
	return open_h1(pool, &wish, ret_connection);
}

result pool_take(struct pool *pool, const struct upstream *upstream, struct endpoint *endpoint,
		 bool is_repeatable, deadline until, struct pool_connection **ret_connection)
{
	struct pool_wish wish = wish_for(pool, upstream, endpoint, until);

	wish.is_repeatable = is_repeatable;
	*ret_connection = NULL;
	if (!wish.desk || !breaker_desk_has_queue(&wish.desk->desk))
		*ret_connection = pool_take_idle(pool, &wish);
	if (*ret_connection)
		return OK;
	if (shared_may_be(pool, upstream))
		return shared_take(pool, &wish, ret_connection);
	return open_h1(pool, &wish, ret_connection);
}

void pool_give(struct pool_connection **address, const struct upstream_connections *options,
	       duration idle_timeout)
{
	struct pool_connection *connection = *address;
	struct idle_list *idle;
	struct loop *loop;

	*address = NULL;
	if (connection->session) {
		shared_give(connection);
		return;
	}
	idle = pool_list(connection->pool, connection->endpoint);
	loop = fibers_loop(connection->pool->fibers);
	/* Bytes that are left belong to no request: they would be taken for the next one's answer. */
	if (idle->count >= options->idle || !is_quiet(connection)) {
		pool_close(connection);
		return;
	}
	connection->next = idle->first;
	if (idle->first)
		idle->first->link = &connection->next;
	connection->link = &idle->first;
	idle->first = connection;
	idle->count++;
	pool_sweep_later(connection->pool);
	socket_set_watch(&connection->socket, on_readable);
	connection->idle.on_due = on_idle_too_long;
	connection->idle_since = loop_now(loop);
	timer_set(loop, &connection->idle, deadline_after(loop_now(loop), idle_timeout));
	if (connection->desk) {
		atomic_fetch_add(&connection->desk->desk.idle, 1);
		pool_offer(connection->desk, true);
	}
}

void pool_drop(struct pool_connection **address)
{
	if (!*address)
		return;
	if ((*address)->session)
		shared_give(*address);
	else
		pool_close(*address);
	*address = NULL;
}

void pool_linger(struct pool_connection **address, deadline until)
{
	struct pool_desk *desk = (*address)->desk;

	connection_end(*address);
	socket_linger_close(&(*address)->socket, until);
	leave_desk(desk);
	*address = NULL;
}

size_t pool_idle_count(const struct pool *pool, const struct endpoint *endpoint)
{
	return endpoint_number(endpoint) < pool->endpoints
		       ? (size_t)pool->idle[endpoint_number(endpoint)].count
		       : 0;
}

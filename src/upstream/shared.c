/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared: who gets a stream of which session, who connects, and when a session goes.
 *
 * A session is found by its endpoint and TLS identity, and the desk where it is counted. The connection below
 * it stays in here; what is handed out is a pool_connection without a socket, whose client is the stream.
 * What is known of an endpoint whose ALPN said HTTP/1 is kept as long as it is listed: there connections are
 * made side by side, for each serves one request.
 */
#include "upstream/shared.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/container.h"
#include "fiber/condition.h"
#include "http/h2_client.h"

struct shared_session {
	struct shared *shared;
	struct shared_session *next; /* a younger one */
	struct pool_connection *connection;
	struct h2_client *h2;
	struct timer idle;
	duration idle_timeout;
	bool is_started; /* the peer's SETTINGS are here; until then it is its starter's to close */
	bool has_served;
	bool is_idle; /* and counted as such at the desk */
	bool is_over; /* in no list; there as long as somebody has a stream of it */
};

struct shared {
	struct shared *next;
	struct pool *pool;
	struct endpoint *endpoint;
	struct tls_client_identity *identity; /* NULL: without TLS */
	struct pool_desk *desk;               /* where its sessions are counted; NULL: they are not */
	struct shared_session *oldest;
	bool is_connecting, is_h1;
	size_t users; /* who is in shared_take() */
	struct condition changed;
	uint64_t attempts;    /* that are over */
	result_value failure; /* of the last one */
};

bool shared_may_be(const struct pool *pool, const struct upstream *upstream)
{
	int protocol = upstream->config->protocol;

	/* Stand-ins speak HTTP/1. */
	if (pool->connector.connect)
		return false;
	return protocol == UPSTREAM_H2 || (protocol == UPSTREAM_AUTO && upstream->tls);
}

/* ---- finding ---- */

static struct shared *shared_of(struct pool *pool, const struct pool_wish *wish)
{
	struct idle_list *list = pool_list(pool, wish->endpoint);
	struct shared *shared = list->shared;

	while (shared && (shared->identity != wish->upstream->tls || shared->desk != wish->desk))
		shared = shared->next;
	if (shared)
		return shared;
	shared = calloc(1, sizeof *shared);
	ASSERT(shared);
	shared->pool = pool;
	shared->endpoint = endpoint_ref(wish->endpoint);
	if (wish->upstream->tls)
		shared->identity = tls_client_identity_ref(wish->upstream->tls);
	shared->desk = wish->desk;
	if (shared->desk)
		shared->desk->users++;
	shared->next = list->shared;
	list->shared = shared;
	pool_sweep_later(pool);
	return shared;
}

static void shared_free(struct shared *shared)
{
	ASSERT(!shared->oldest && !shared->users);
	endpoint_unref(&shared->endpoint);
	tls_client_identity_unref(&shared->identity);
	if (shared->desk)
		shared->desk->users--;
	free(shared);
}

/* ---- the end of a session ---- */

static void set_idle(struct shared_session *session, bool is_idle)
{
	struct pool_desk *desk = session->shared->desk;

	if (desk && session->is_idle != is_idle)
		atomic_fetch_add(&desk->desk.idle, is_idle ? 1 : UINT32_MAX);
	session->is_idle = is_idle;
}

static void unlink_session(struct shared_session *session)
{
	struct shared_session **at = &session->shared->oldest;

	while (*at != session)
		at = &(*at)->next;
	*at = session->next;
}

static void session_free(struct shared_session *session)
{
	h2_client_free(&session->h2);
	free(session);
}

/* The connection goes at once; what streams still hold of their answers stays until they are closed. */
static void session_close(struct shared_session *session)
{
	set_idle(session, false);
	unlink_session(session);
	session->is_over = true;
	timer_clear(&session->idle);
	if (!h2_client_count(session->h2))
		h2_client_free(&session->h2);
	pool_close(session->connection);
	session->connection = NULL;
	if (!session->h2)
		free(session);
}

static void on_over(void *owner)
{
	session_close(owner);
}

static void on_idle_too_long(struct timer *timer)
{
	struct shared_session *session = CONTAINER_OF(timer, struct shared_session, idle);

	if (!h2_client_count(session->h2))
		session_close(session);
}

static void idle_from_now(struct shared_session *session)
{
	struct loop *loop = fibers_loop(session->shared->pool->fibers);

	timer_set(loop, &session->idle, deadline_after(loop_now(loop), session->idle_timeout));
	set_idle(session, true);
}

/* ---- its beginning ---- */

static void on_ready(struct source *source)
{
	struct pool_connection *connection = CONTAINER_OF(source, struct pool_connection, socket.source);

	h2_client_on_ready(connection->session->h2);
}

static struct shared_session *session_new(struct shared *shared, struct pool_connection *connection)
{
	struct shared_session *session = calloc(1, sizeof *session), **at = &shared->oldest;
	struct h2_client_options options = { .stream = connection->stream,
					     .blocks = fibers_scratch(shared->pool->fibers)->pool,
					     .is_secure = shared->identity != NULL,
					     .on_over = on_over,
					     .owner = session };

	ASSERT(session);
	session->shared = shared;
	session->connection = connection;
	session->idle.on_due = on_idle_too_long;
	connection->session = session;
	session->h2 = h2_client_new(&options);
	connection->socket.source.on_ready = on_ready;
	while (*at)
		at = &(*at)->next;
	*at = session;
	return session;
}

/* With TLS 1.3 a certificate of ours that it does not accept shows itself only now. */
static result start_error(const struct pool_connection *connection, result_value error)
{
	if (connection->peer.has_refused)
		return error_make(ERROR_DENIED, error.why);
	if (error.kind == ERROR_MALFORMED)
		return error_make(ERROR_INVALID, "it does not speak HTTP/2");
	return error;
}

/* What came behind the handshake is there already. */
static result start(struct shared *shared, struct pool_connection *connection,
		    const struct upstream_connections *options, deadline until)
{
	struct shared_session *session = session_new(shared, connection);
	result_value started;

	session->idle_timeout = options->idle ? options->idle_timeout : 0;
	h2_client_on_ready(session->h2);
	started = h2_client_start(session->h2, until);
	if (!failed(started)) {
		session->is_started = true;
		idle_from_now(session);
		return OK;
	}
	started = start_error(connection, started);
	session_close(session);
	return started;
}

/* A session, or a connection for HTTP/1 where ALPN says so. */
static result connect_one(struct shared *shared, const struct pool_wish *wish,
			  struct pool_connection **ret_connection)
{
	struct pool_connection *connection;
	str agreed = { 0 };

	*ret_connection = NULL;
	TRY(pool_open(shared->pool, wish, &connection));
	if (shared->identity)
		agreed = tls_stream_alpn(&connection->tls);
	shared->is_h1 = wish->upstream->config->protocol == UPSTREAM_AUTO && !str_eq(agreed, STR("h2"));
	if (shared->is_h1) {
		pool_use_h1(connection);
		*ret_connection = connection;
		return OK;
	}
	if (shared->identity && !str_eq(agreed, STR("h2"))) {
		pool_close(connection);
		return error_make(ERROR_INVALID, "ALPN did not agree on HTTP/2");
	}
	return start(shared, connection, &wish->upstream->config->connections, wish->until);
}

/* ---- taking ---- */

/* One that is not kept has its end before it as soon as nobody uses it. */
static bool is_used_up(const struct shared_session *session)
{
	return session->has_served && !session->idle_timeout && !h2_client_count(session->h2);
}

static bool has_room(struct shared_session *session, bool is_repeatable)
{
	if (is_used_up(session) || !h2_client_room(session->h2))
		return false;
	if (is_repeatable || !socket_peek_stale(&session->connection->socket))
		return true;
	h2_client_on_ready(session->h2);
	return h2_client_room(session->h2);
}

static bool lease(struct shared *shared, bool is_repeatable, struct pool_connection **ret_connection)
{
	struct shared_session *session = shared->oldest;
	struct pool_connection *taken;

	while (session && !has_room(session, is_repeatable))
		session = session->next;
	if (!session)
		return false;
	timer_set(fibers_loop(shared->pool->fibers), &session->idle, DEADLINE_NEVER);
	set_idle(session, false);
	taken = calloc(1, sizeof *taken);
	ASSERT(taken);
	taken->session = session;
	taken->client = h2_client_open(session->h2);
	taken->is_reused = session->has_served;
	session->has_served = true;
	*ret_connection = taken;
	return true;
}

/* One connects for all that wait. That it could not is true for them, too; that it had no more time, or was
 * cancelled, is not. */
static result wait_for_other(struct shared *shared, deadline until)
{
	uint64_t attempts = shared->attempts;

	TRY(condition_wait(&shared->changed, fiber_current(shared->pool->fibers), until));
	if (shared->attempts == attempts || shared->failure.kind == ERROR_TIMEOUT ||
	    shared->failure.kind == ERROR_CANCELLED)
		return OK;
	return shared->failure;
}

static result connect_for_all(struct shared *shared, const struct pool_wish *wish,
			      struct pool_connection **ret_connection)
{
	result_value connected;

	shared->is_connecting = true;
	connected = connect_one(shared, wish, ret_connection);
	shared->is_connecting = false;
	shared->attempts++;
	shared->failure = connected;
	condition_broadcast(&shared->changed);
	return connected;
}

/* With a place for a connection, where there is a bound; it is used up. For HTTP/1 each connects for itself;
 * that it is HTTP/1 holds until ALPN says otherwise. */
static result connect_placed(struct shared *shared, const struct pool_wish *wish,
			     struct pool_connection **ret_connection)
{
	if (shared->is_h1)
		TRY(connect_one(shared, wish, ret_connection));
	else
		TRY(connect_for_all(shared, wish, ret_connection));
	/* Whoever has connected is the first to take. */
	if (*ret_connection || lease(shared, wish->is_repeatable, ret_connection))
		return OK;
	return error_make(ERROR_REFUSED, "it takes no requests");
}

/* What is there already: a stream, or where HTTP/1 is spoken what is kept. */
static bool find(struct shared *shared, const struct pool_wish *wish, struct pool_connection **ret_connection)
{
	if (lease(shared, wish->is_repeatable, ret_connection))
		return true;
	if (shared->is_h1 && wish->desk && !wish->is_new)
		*ret_connection = pool_take_idle(shared->pool, wish);
	return *ret_connection;
}

/* A service that asks for quiet from the start would get a handshake for each request otherwise. One that has
 * served may be one of several at that address, and another takes more. */
static bool takes_none(const struct shared *shared)
{
	for (const struct shared_session *session = shared->oldest; session; session = session->next)
		if (session->is_started && !session->has_served && h2_client_takes_none(session->h2))
			return true;
	return false;
}

/* A place that is not needed any more goes to who waits for one. */
static result take(struct shared *shared, const struct pool_wish *wish,
		   struct pool_connection **ret_connection)
{
	bool is_next = false, has_place = !wish->desk;
	result_value waited = OK;

	*ret_connection = NULL;
	while (!failed(waited) && !find(shared, wish, ret_connection)) {
		if (shared->is_connecting && !shared->is_h1)
			waited = wait_for_other(shared, wish->until);
		else if (!shared->is_h1 && takes_none(shared))
			waited = error_make(ERROR_REFUSED, "it takes no requests for now");
		else if (!has_place)
			waited = pool_seek_place(wish, &is_next, &has_place);
		else
			return connect_placed(shared, wish, ret_connection);
	}
	if (wish->desk && has_place)
		breaker_desk_leave(&wish->desk->desk);
	return waited;
}

result shared_take(struct pool *pool, const struct pool_wish *wish, struct pool_connection **ret_connection)
{
	struct shared *shared = shared_of(pool, wish);
	result_value taken;

	shared->users++;
	taken = take(shared, wish, ret_connection);
	shared->users--;
	return taken;
}

/* ---- giving back ---- */

void shared_give(struct pool_connection *taken)
{
	struct shared_session *session = taken->session;
	struct pool_desk *desk = session->is_over ? NULL : session->shared->desk;
	bool is_last;

	h2_client_close(&taken->client);
	free(taken);
	is_last = !h2_client_count(session->h2);
	if (is_last && session->is_over)
		session_free(session);
	else if (is_last)
		idle_from_now(session);
	if (desk)
		pool_offer(desk, is_last);
}

/* ---- all of them ---- */

static size_t sweep(struct shared *shared)
{
	size_t kept = 0;

	for (struct shared_session *session = shared->oldest, *next; session; session = next) {
		next = session->next;
		kept++;
		if (!session->is_started || pool_is_listed(shared->endpoint, shared->identity))
			continue;
		h2_client_leave(session->h2);
		if (!h2_client_count(session->h2))
			session_close(session);
	}
	return kept;
}

size_t shared_sweep(struct idle_list *list)
{
	size_t kept = 0;

	for (struct shared **at = &list->shared, *shared; (shared = *at);) {
		kept += sweep(shared);
		if (shared->oldest || shared->users || pool_is_listed(shared->endpoint, shared->identity)) {
			kept++;
			at = &shared->next;
			continue;
		}
		*at = shared->next;
		shared_free(shared);
	}
	return kept;
}

/* The youngest: the oldest has the most to do. */
static struct shared_session *find_parting(const struct shared *shared, bool may_be_busy)
{
	struct shared_session *found = NULL;

	for (struct shared_session *session = shared->oldest; session; session = session->next)
		if (session->is_idle ||
		    (may_be_busy && session->is_started && !h2_client_is_over(session->h2)))
			found = session;
	return found;
}

bool shared_part(struct idle_list *list, const struct pool_desk *desk, bool may_be_busy)
{
	for (struct shared *shared = list->shared; shared; shared = shared->next) {
		struct shared_session *session =
			shared->desk == desk ? find_parting(shared, may_be_busy) : NULL;

		if (!session)
			continue;
		if (session->is_idle)
			session_close(session);
		else
			h2_client_leave(session->h2);
		return true;
	}
	return false;
}

void shared_close(struct idle_list *list)
{
	while (list->shared) {
		struct shared *shared = list->shared;

		for (struct shared_session *session = shared->oldest, *next; session; session = next) {
			next = session->next;
			session_close(session);
		}
		list->shared = shared->next;
		shared_free(shared);
	}
}

size_t shared_sessions(struct pool *pool, const struct endpoint *endpoint)
{
	size_t count = 0;

	for (struct shared *shared = pool_list(pool, endpoint)->shared; shared; shared = shared->next)
		for (struct shared_session *session = shared->oldest; session; session = session->next)
			count += !h2_client_is_over(session->h2);
	return count;
}

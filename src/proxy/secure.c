/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/secure.h"

#include <stdlib.h>

#include "base/assert.h"
#include "proxy/exchange.h"
#include "proxy/h2_connection.h"
#include "proxy/introduction.h"
#include "tls/peer.h"

enum { CLIENT_MAX = 256 * 1024 }; /* bytes of what a certificate says */

/* As things are now; NULL: there is none, or none can be had. */
static struct tls_server_context *context_of(struct door *door)
{
	struct listener_tls *tls = door->snapshot->tls;

	if (!tls)
		return NULL;
	return listener_context_follow(&door->tls, tls, door->worker->tls->library, door->worker->journal);
}

/* Of a handshake that failed: whoever scans the network makes many. */
static void tell(struct connection *connection, result_value why)
{
	struct door *door = connection->door;
	struct journal *journal = door->worker->journal;
	uint64_t unsaid;

	if (why.kind == ERROR_CLOSED || why.kind == ERROR_CANCELLED)
		return; /* somebody wanted to know whether the port is open, or the worker stops */
	metrics_count_handshake(door->worker->metrics, door->handshakes, HANDSHAKE_FAILED);
	if (!line_limit_pass(&door->failed_handshakes, loop_now(door->worker->loop), &unsaid))
		return;
	if (unsaid)
		journal_info(journal, "listener %.*s: %llu more TLS handshakes failed",
			     STR_ARG(door->snapshot->name), (unsigned long long)unsaid);
	journal_info(journal, "listener %.*s: the TLS handshake with %.*s failed: %s",
		     STR_ARG(door->snapshot->name), connection->ip_len, connection->ip, why.why);
}

static result move(struct intake *from, struct intake *to)
{
	while (from->len) {
		char *at;
		size_t room;

		TRY(intake_room(to, &at, &room));
		room = room < from->len ? room : from->len;
		memcpy(at, intake_data(from).ptr, room);
		intake_add(to, room);
		intake_consume(from, room);
	}
	return OK;
}

const struct principal *secure_client(const X509 *certificate, struct arena *arena)
{
	struct principal *client;

	if (!certificate)
		return NULL;
	client = ARENA_NEW(arena, struct principal);
	client->certificate_subject = tls_peer_subject(certificate, arena);
	client->certificate_names = tls_peer_names(certificate, arena);
	client->certificate = tls_peer_der(certificate, arena);
	return client;
}

static result shake_hands(struct connection *connection, struct tls_server_context *context,
			  struct intake *first, deadline until)
{
	struct secure *secure = calloc(1, sizeof *secure);
	struct door *door = connection->door;
	result_value accepted;

	ASSERT(secure);
	accepted = tls_server_context_accept(context, &secure->tls, &connection->socket.stream,
					     door->worker->tls);
	if (failed(accepted)) {
		free(secure);
		return accepted;
	}
	arena_init(&secure->arena, NULL, CLIENT_MAX);
	connection->secure = secure;
	intake_hand_over(first, &secure->tls.in);
	secure->tls.is_touched = true;
	TRY(tls_server_context_handshake(context, &secure->tls, until, &secure->policy));
	connection->client = secure_client(tls_peer_certificate(&secure->tls), &secure->arena);
	connection->stream = &secure->tls.stream;
	connection->is_secure = true;
	metrics_count_handshake(door->worker->metrics, door->handshakes,
				tls_stream_is_resumed(&secure->tls) ? HANDSHAKE_RESUMED : HANDSHAKE_FULL);
	return OK;
}

/* The first bytes are read where TLS reads all others, so that they need not be copied. */
static result arrive(struct session *session, struct intake *first, struct intake *in)
{
	struct connection *connection = session->connection;
	struct tls_server_context *context = context_of(connection->door);

	if (!context)
		return error_make(ERROR_SYSTEM, "there is no certificate to show");
	if (!first->len)
		TRY(stream_fill(&connection->socket.stream, first, session->until));
	if (!tls_is_in_the_clear(intake_data(first)))
		return shake_hands(connection, context, first, session->until);
	return move(first, in);
}

result secure_arrive(struct session *session, struct intake *in)
{
	struct connection *connection = session->connection;
	struct intake first;
	result_value arrived;

	connection->awaits_handshake = false;
	intake_init(&first, &session->worker->tls->in);
	arrived = introduction_read(session, &first);
	if (!failed(arrived)) {
		arrived = arrive(session, &first, in);
		if (failed(arrived))
			tell(connection, arrived);
	}
	intake_fini(&first);
	return arrived;
}

bool secure_is_misdirected(struct exchange *x)
{
	struct connection *connection = x->session->connection;
	const struct secure *secure = connection->secure;
	const struct tls_server_context *context = context_of(connection->door);
	tls_policy wanted, made_for;

	if (!secure || !context)
		return false;
	wanted = tls_server_context_policy(context, x->view.host);
	if (wanted == secure->policy)
		return false;
	made_for = tls_server_context_policy(context, tls_stream_server_name(&secure->tls));
	if (wanted != made_for)
		return true;
	x->keep_alive = false;
	if (connection->h2)
		h2_connection_retire(connection);
	return !tls_server_context_believes(context, &secure->tls);
}

void secure_end(struct connection *connection)
{
	result_value shut;

	if (!connection->secure)
		return;
	shut = stream_shut(connection->stream);
	(void)shut;
	tls_stream_fini(&connection->secure->tls);
	connection->stream = &connection->socket.stream;
}

void secure_fini(struct connection *connection)
{
	struct secure *secure = connection->secure;

	if (!secure)
		return;
	tls_stream_fini(&secure->tls);
	arena_fini(&secure->arena);
	free(secure);
	connection->secure = NULL;
	connection->client = NULL;
}

void secure_door_fini(struct door *door)
{
	listener_context_fini(&door->tls);
	metric_series_unref(&door->handshakes);
}

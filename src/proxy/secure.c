/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secure: the contexts of a door follow what its listener's TLS is made of: compared before each handshake,
 * and made anew when it is something else. They are the worker's own, with a library of its own, so that
 * OpenSSL's locks and counts are nobody else's.
 */
#include "proxy/secure.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/assert.h"
#include "proxy/exchange.h"
#include "proxy/h2_connection.h"
#include "proxy/introduction.h"
#include "proxy/listener_tls.h"
#include "tls/peer.h"

enum { CLIENT_MAX = 256 * 1024 }; /* bytes of what a certificate says */

/* What the worker had stays when the new one cannot be had. That is told once. */
static void renew(struct door *door, struct listener_tls *tls, uint64_t digest)
{
	struct tls_material *material = listener_tls_take(tls);
	struct tls_server_context *context = NULL;
	size_t index;
	result_value opened =
		tls_material_open(material, &tls->surroundings, door->worker->tls->library, &context, &index);

	tls_material_unref(&material);
	door->tls_digest = digest;
	if (failed(opened)) {
		journal_error(door->worker->journal, "listener %.*s: a worker cannot use its TLS: %s",
			      STR_ARG(door->snapshot->name), opened.why);
		return;
	}
	tls_server_context_free(&door->tls);
	door->tls = context;
}

/* As things are now; NULL: there is none, or none can be had. */
static struct tls_server_context *context_of(struct door *door)
{
	struct listener_tls *tls = door->snapshot->tls;
	uint64_t digest;

	if (!tls)
		return NULL;
	digest = atomic_load_explicit(&tls->digest, memory_order_acquire);
	if (digest != door->tls_digest)
		renew(door, tls, digest);
	return door->tls;
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

/* A method's first letter; a record of TLS begins with a number below 32. */
static bool is_in_the_clear(str bytes)
{
	return bytes.ptr[0] >= 'A' && bytes.ptr[0] <= 'Z';
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
	if (!is_in_the_clear(intake_data(first)))
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
	tls_server_context_free(&door->tls);
	metric_series_unref(&door->handshakes);
}

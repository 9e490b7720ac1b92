/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_sessions: a list, newest first. It is walked once in a handshake, which costs a hundred times as
 * much as the longest walk.
 */
#include "tls/client_sessions.h"

#include <stdlib.h>
#include <time.h>

#include "base/assert.h"

struct client_session {
	struct client_session *newer, *older;
	SSL_SESSION *session;
	size_t peer_len;
	char peer[];
};

static void unlink_session(struct client_sessions *sessions, struct client_session *entry)
{
	*(entry->newer ? &entry->newer->older : &sessions->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &sessions->oldest) = entry->newer;
	sessions->count--;
}

static void drop(struct client_sessions *sessions, struct client_session *entry)
{
	unlink_session(sessions, entry);
	SSL_SESSION_free(entry->session);
	free(entry);
}

static bool is_of(const struct client_session *entry, str peer)
{
	return str_eq((str) { entry->peer, entry->peer_len }, peer);
}

/* So many of a peer stay, the newest. */
static void keep_of_peer(struct client_sessions *sessions, str peer, size_t max)
{
	size_t count = 0;

	for (struct client_session *entry = sessions->newest, *older; entry; entry = older) {
		older = entry->older;
		if (is_of(entry, peer) && ++count > max)
			drop(sessions, entry);
	}
}

void client_sessions_add(struct client_sessions *sessions, str peer, SSL_SESSION *session)
{
	struct client_session *entry = malloc(sizeof *entry + peer.len);

	ASSERT(entry);
	*entry = (struct client_session) { .session = session,
					   .peer_len = peer.len,
					   .older = sessions->newest };
	memcpy(entry->peer, peer.ptr, peer.len);
	*(sessions->newest ? &sessions->newest->newer : &sessions->oldest) = entry;
	sessions->newest = entry;
	sessions->count++;
	keep_of_peer(sessions, peer, CLIENT_SESSIONS_PEER_MAX);
	if (sessions->count > CLIENT_SESSIONS_MAX)
		drop(sessions, sessions->oldest);
}

/* A resumed handshake verifies nothing, so the certificate must still be good. */
static bool is_usable(const SSL_SESSION *session)
{
	const X509 *certificate = SSL_SESSION_get0_peer((SSL_SESSION *)(uintptr_t)session);
	time_t age = time(NULL) - (time_t)SSL_SESSION_get_time(session);

	if (!SSL_SESSION_is_resumable(session) || age < 0 || age >= (time_t)SSL_SESSION_get_timeout(session))
		return false;
	return !certificate || X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

static bool is_single_use(const SSL_SESSION *session)
{
	return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

SSL_SESSION *client_sessions_take(struct client_sessions *sessions, str peer)
{
	for (struct client_session *entry = sessions->newest, *older; entry; entry = older) {
		SSL_SESSION *session = entry->session;

		older = entry->older;
		if (!is_of(entry, peer))
			continue;
		if (is_usable(session)) {
			SSL_SESSION_up_ref(session);
			if (is_single_use(session))
				drop(sessions, entry);
			return session;
		}
		drop(sessions, entry);
	}
	return NULL;
}

void client_sessions_clear(struct client_sessions *sessions)
{
	for (struct client_session *entry = sessions->newest, *older; entry; entry = older) {
		older = entry->older;
		drop(sessions, entry);
	}
}

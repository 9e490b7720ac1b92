/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_sessions: what services gave to make the next handshake with them a short one.
 *
 * Of one identity and one worker, by peer. The newest two of a peer, since a handshake that is under way has
 * one of them; bounded in all, those longest unasked go first. A session of TLS 1.3 is taken out when it is
 * used, for who sees a ticket twice knows that it is the same client (RFC 8446 appendix C.4); one of TLS 1.2
 * serves until it is too old. None outlives the certificate that it was verified by.
 */
#pragma once

#include <openssl/ssl.h>

#include "base/str.h"

enum { CLIENT_SESSIONS_MAX = 256, CLIENT_SESSIONS_PEER_MAX = 2 };

struct client_session;

struct client_sessions {
	struct client_session *newest, *oldest;
	size_t count;
};

void client_sessions_add(struct client_sessions *sessions, str peer, SSL_SESSION *session);
/* Takes the session over. */

SSL_SESSION *client_sessions_take(struct client_sessions *sessions, str peer);
/* The newest that can be used, the caller's reference; NULL: none. */

void client_sessions_clear(struct client_sessions *sessions);
/* All zero is an empty one. */

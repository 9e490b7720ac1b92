/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secure: the TLS of a client's connection: its beginning, what is known by it, and its end.
 *
 * A listener with TLS serves nobody without it. Who begins with a request in the clear is answered in the
 * clear, by https_check(), that this is the wrong way; anything else is a handshake, or is closed.
 */
#pragma once

#include "policy/principal.h"
#include "proxy/connection.h"
#include "tls/server_context.h"

/* Made with the first bytes of a handshake, gone with its connection. */
struct secure {
	struct tls_stream tls;
	tls_policy policy;  /* by which the handshake was made */
	struct arena arena; /* of what is known of the client */
};

const struct principal *secure_client(const X509 *certificate, struct arena *arena);
/* What is known of who shows it; NULL for nobody. In the arena. */

result secure_arrive(struct session *session, struct intake *in);
/* Yields. The PROXY protocol's header where there is one, then the handshake; connection->stream is the TLS
 * stream from here on. Without a handshake what was read is in `in`, and the connection in the clear. A
 * failure has been told in the journal, and a handshake's counted, unless the client said nothing or the
 * worker stops; ERROR_REFUSED: the client was sent an alert. */

bool secure_is_misdirected(struct exchange *x);
/* The request's host has another TLS policy than the name for which the connection was made (RFC 9110 section
 * 15.5.20). Where that name has another policy now than in the handshake, the connection ends after the
 * answer, and one of HTTP/2 after those under way; what its client showed must be good by that one too. */

void secure_end(struct connection *connection);
/* Says close_notify as far as it can be said, so that what was sent is known to be all. The connection can
 * only be closed then. */

void secure_fini(struct connection *connection);
/* Frees it, when the connection's stream is closed or has been ended. */

void secure_door_fini(struct door *door);
/* What handshakes at the door had in common. */

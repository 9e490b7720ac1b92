/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_context: one worker's contexts of OpenSSL for connections to services, one for each identity, with
 * the sessions that services gave.
 *
 * Each worker has its own, so that no lock is shared. What is verified, and which name must be shown, is set
 * for each connection: one identity serves all endpoints of an upstream. TLS 1.2 at least, no renegotiation,
 * no early data.
 */
#pragma once

#include "tls/client_identity.h"
#include "tls/stream.h"

struct tls_clients;

struct tls_clients *tls_clients_new(void);
/* A worker's. Everything here is on its thread. */

void tls_clients_free(struct tls_clients **clients);
/* Connections that were made may go on. Clears the address, accepts NULL. */

/* The other end of a connection. Is there as long as the TLS stream is. */
struct tls_client_peer {
	struct tls_client_identity *identity; /* as whom it is spoken to */
	str host;      /* a name or an IP address; what must be shown where the identity has no server_name */
	str name;      /* by which its sessions are found */
	bool wants_h1; /* HTTP/1.1 alone is offered by ALPN, whatever the identity would offer */
	bool has_refused; /* out: it sent a fatal alert */
};

result tls_clients_open(struct tls_clients *clients, struct tls_client_peer *peer, struct stream *below,
			struct tls_scratch *scratch, struct tls_stream *ret_tls);
/* tls_stream_init() for a connection that verifies the peer's certificate by its alternative names (RFC
 * 9525), asks for its name and takes up a session that the peer gave. ERROR_INVALID: there is no name to
 * verify; ERROR_SYSTEM. Nothing is to be finished then. One scratch for all of a worker: a context is made
 * with its library. */

result tls_clients_handshake(struct tls_stream *tls, deadline until);
/* Yields. tls_stream_handshake(), but who the peer is matters: ERROR_UNTRUSTED when that could not be
 * verified, ERROR_DENIED when the peer said no (by an alert), ERROR_MALFORMED for whatever else the peer does
 * but be slow: it leaves, speaks no TLS, or none that is allowed. ERROR_TIMEOUT, ERROR_CANCELLED,
 * ERROR_LIMIT. */

void tls_clients_sweep(struct tls_clients *clients);
/* Lets go of identities that no upstream has any more. */

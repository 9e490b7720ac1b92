/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_context: what the TLS of a listener compiles to, for one worker.
 *
 * Each entry is a certificate and the TLS policy of its names: from which version on, and whether clients
 * show certificates, by which authorities. The name that a client asks for (SNI) picks the certificates: the
 * exact name, then the longest wildcard (which stands for one or more labels), then those of the first entry.
 * Entries with the same names, policy and different keys stand side by side, and the client's abilities
 * decide (ECDSA, RSA).
 *
 * Everything OpenSSL locks or counts in it belongs to its worker. Settings are those of RFC 9325; there is no
 * renegotiation, no compression, no early data (0-RTT) and no memory of sessions: those are in tickets. A
 * session is bound to listener, name and policy, and is not resumed anywhere else.
 */
#pragma once

#include "tls/stream.h"
#include "tls/ticket_keys.h"

enum tls_demand { TLS_DEMAND_NONE, TLS_DEMAND_OPTIONAL, TLS_DEMAND_REQUIRED };

/* All of it PEM but the staple. Borrowed while the context is made. */
struct tls_entry {
	str certificate, key;
	str_list names; /* in lower case; empty: the certificate's own */
	str staple;     /* an OCSP response, DER; empty: none */
	str client_ca;  /* whose certificates clients may show */
	enum tls_demand client_certificate;
	int minimum; /* TLS1_2_VERSION or TLS1_3_VERSION */
	int depth;   /* authorities between a client's certificate and the root; 0: the default of 4 */
};

struct tls_server_options {
	str listener; /* its name */
	const struct tls_entry *entries;
	size_t count;
	str_list protocols; /* for ALPN, the preferred first: "h2", "http/1.1"; empty: ALPN is not spoken */
	struct ticket_keys *tickets; /* outlive the context; NULL: no session is resumed */
	OSSL_LIB_CTX *library; /* of the worker, so that OpenSSL's tables are its own; NULL: shared by all */
};

/* What two names have in common whose TLS policy is the same, also over reloads. Not by what certificate. */
typedef uint64_t tls_policy;

struct tls_server_context;

result tls_server_context_new(const struct tls_server_options *options,
			      struct tls_server_context **ret_context, size_t *ret_entry);
/* On a failure ret_entry says which entry is to blame, with the words of certificate_init() and: no
 * certificates in client_ca, one name with two policies, client certificates without client_ca. */

void tls_server_context_free(struct tls_server_context **context);
/* Takes the address, clears it, accepts NULL. Connections made by it live on; their handshakes too. */

result tls_server_context_accept(struct tls_server_context *context, struct tls_stream *tls,
				 struct stream *below, struct tls_scratch *scratch);
/* tls_stream_init() for a connection to this listener. */

result tls_server_context_handshake(struct tls_server_context *context, struct tls_stream *tls,
				    deadline until, tls_policy *ret_policy);
/* Yields. tls_stream_handshake(), and by which policy it was made. The context may be freed meanwhile. */

bool tls_server_context_believes(const struct tls_server_context *context, const struct tls_stream *tls);
/* A handshake made now would take the certificate that the client showed in its own, or that it showed none;
 * for a connection whose policy has changed since. One that was resumed, or shows nothing of a chain that is
 * needed, is not believed. */

tls_policy tls_server_context_policy(const struct tls_server_context *context, str host);
/* That of a host's name, without a port, in any case: a request for a host over a connection of another
 * policy is misdirected (421). */

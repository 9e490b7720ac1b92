/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_testing: authorities and certificates made on the spot, and two ends of a TLS connection, for the unit
 * tests of this room and of those above.
 */
#pragma once

#include "base/arena.h"
#include "fiber/testing.h"
#include "io/socket.h"
#include "tls/server_context.h"

/* PEM both, in the arena. */
struct tls_pair {
	str certificate, key;
};

struct tls_issue {
	const char *subject; /* the common name; NULL: none */
	const char *names;   /* as in OpenSSL's configuration: "DNS:a.example,URI:spiffe://b"; NULL: none */
	const char *key;     /* "RSA", "ED25519" or else a curve; NULL: "P-256" */
	unsigned bits;       /* of RSA; 0: 2048 */
	bool is_authority;
	bool is_client;         /* for clients alone; otherwise for servers alone */
	int from_days, to_days; /* from now; both 0: from yesterday to tomorrow */
};

struct tls_pair tls_issue(struct arena *arena, const struct tls_pair *by, struct tls_issue what);
/* Signed by that authority; NULL: by itself. */

/* A stream between TLS and the socket, through which little goes at a time. */
struct narrow {
	struct stream stream;
	struct stream *below;
	struct intake in;
	size_t size; /* at most so much is given and taken by one call; 0: any */
	size_t received, sent;
	unsigned sends;
};

void narrow_init(struct narrow *narrow, struct stream *below, struct scratch *scratch, size_t size);

/* One end of a connection, from the socket upwards. */
struct tls_end {
	struct socket socket;
	struct narrow narrow;
	struct tls_stream tls;
	struct intake in;
};

/* A world with TLS. */
struct tls_world {
	struct world world;
	struct arena arena;
	struct tls_scratch scratch;
	struct tls_pair authority;
	SSL_CTX *client;        /* trusts the authority */
	struct tls_end ends[2]; /* client, server */
	deadline until;
};

void tls_world_open(struct tls_world *world);
void tls_world_close(struct tls_world *world);
/* What is still held is a leak, which it asserts. */

struct tls_server_context *tls_world_server(struct tls_world *world,
					    const struct tls_server_options *options);
/* A context that must come about. Entries without a minimum get TLS 1.2. */

void tls_world_connect(struct tls_world *world, struct tls_server_context *server, size_t narrow, int buffer);
/* Opens both ends over a pair of sockets with such buffers (0: the system's); no handshake yet. A client's
 * SSL has the name "localhost.test" for SNI and as what must stand in the certificate. */

void tls_world_disconnect(struct tls_world *world);
/* Closes whichever ends are open. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection: a client's connection, from accept to close.
 *
 * While it waits for a request it is this struct, with the libraries' for TLS and HTTP/2 where it speaks
 * them: no fiber, no buffer. The first bytes take a fiber, which serves requests until none is waiting, and
 * gives the connection back to the loop. HTTP/2 and WebSockets stay with the loop while they are at work.
 *
 * It belongs to its worker, is in its door's list from accept to close, and is freed by the loop after
 * its socket is closed. One of two has it at any time: the loop (watch and timer set, fiber NULL) or its
 * fiber.
 */
#pragma once

#include "http/server.h"
#include "io/socket.h"
#include "proxy/door.h"

enum { CLIENT_IP_MAX = 46 };

struct exchange;
struct h2_connection;
struct passage;
struct principal;
struct secure;

struct connection {
	struct socket socket;           /* first */
	struct stream *stream;          /* what is read and written: the socket's, or its TLS */
	struct secure *secure;          /* NULL: no TLS, or none yet */
	const struct principal *client; /* by the certificate that it showed; NULL: none */
	struct timer idle;
	struct connection *next, **link; /* among its door's */
	struct door *door;
	struct allowance *allowance; /* the worker's: when memory is freed the door may be gone */
	struct fiber *fiber;         /* at work on it; NULL: the loop has it */
	struct server *server;       /* what it serves by; told when the client goes */
	struct h2_connection *h2;    /* it speaks HTTP/2, in the loop; NULL: it does not, or not yet */
	struct passage *passage;     /* it carries a WebSocket, in the loop; NULL: it does not */
	uint64_t requests;
	struct address peer; /* who is at the other end, by PROXY protocol if the listener wants it */
	uint8_t ip_len;
	bool is_secure; /* what comes on it came encrypted: the scheme is https */
	bool awaits_handshake;
	bool is_introduced; /* the PROXY protocol's header was read, or none is wanted */
	char ip[CLIENT_IP_MAX];
};

/* A fiber at work for a client: what an exchange has from it. */
struct session {
	struct connection *connection;
	struct worker *worker;
	struct fiber *fiber;
	struct server *server;
	struct passage *passage; /* after EXCHANGE_TUNNEL: of the exchange that has ended */
	bool goes_on;            /* one request was served: the next may have waited for that */
	deadline until;          /* by which a new connection must have arrived: see secure_arrive() */
};

static inline const struct listener_limits *connection_limits(const struct connection *connection)
/* What its listener allows a client. */
{
	return &connection->door->snapshot->config->limits;
}

void connection_open(struct door *door, int fd, const struct address *peer);
/* Takes fd over. Closes it when the listener's bound on connections is reached. */

void connections_send_away(struct door *door);
/* The door is closing: closes what is idle, and not about to say something. The door may be gone afterwards.
 */

void connections_cut(struct worker *worker);
/* Ends every connection now: cancels what is under way, and turns the loop until all have unwound. */

/* For who has it instead of a fiber of its own. */

void connection_count_active(const struct connection *connection, int change);
/* From idle to active, or back: change is 1 or -1. */

void connection_close(struct connection *connection);

void connection_linger(struct connection *connection);
/* The same, for a client that must be able to read what it was told last although it is still sending. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy_testing: for the unit tests of this room, an exchange without a connection, and a worker whose client
 * and upstream are scripts, all on one thread.
 */
#pragma once

#include "base/testing.h"
#include "http/h1_server.h"
#include "proxy/admission.h"
#include "proxy/exchange.h"

enum { DESK_FIELDS_MAX = 64, DESK_TEXT_MAX = 8192 };

/* What admission, routing and printing see of a request, and nothing that could be waited for. */
struct desk {
	struct identities identities;
	struct snapshot *snapshot;
	struct worker worker;
	struct door door;
	struct connection connection;
	struct session session;
	struct h1_server server; /* of which nothing is read */
	struct intake in;
	struct exchange exchange;
	struct http_field fields[DESK_FIELDS_MAX];
	char text[DESK_TEXT_MAX];
};

void desk_open(struct desk *desk, const char *configuration);
void desk_close(struct desk *desk);

void desk_ask(struct desk *desk, const char *head, const char *peer);
/* A fresh exchange with this head, from this address (empty: a Unix socket) to the first listener, at port
 * 8080. Its id is id-1. */

const char *desk_fields(struct desk *desk);
/* "Name=value;" of every field that is not removed. Valid until it is called again. */

/* ---- a worker between two scripts ---- */

enum { HOUSE_CONNECTIONS_MAX = 8, HOUSE_LISTENERS_MAX = 4, HOUSE_TEXT_MAX = 1024 * 1024 };

/* What an upstream does on each connection. */
struct play {
	const char *hears;  /* it answers when this came; NULL: at once */
	const char *says;   /* then it says this; NULL: nothing */
	size_t repeats;     /* of what it says, after the first */
	bool hangs_up;      /* and then closes */
	size_t hears_bytes; /* and it answers only when so many came */
	bool hears_more;    /* it answers each time anew */
};

struct peer {
	int fd; /* -1: closed */
	size_t said;
	bool is_told;        /* heard what it answers to */
	size_t heard, total; /* in bytes, which hold the end of it; and in all */
	char *bytes;
};

struct house {
	struct identities identities;
	struct snapshot *snapshot;
	struct edition *edition;
	struct journal *journal;
	struct access_log *access;
	struct worker *worker;
	struct address bound[HOUSE_LISTENERS_MAX];
	size_t listener;   /* by which clients come; 0 unless said otherwise */
	unsigned editions; /* that somebody holds */
	unsigned upstream_port;
	char log_path[64];

	int upstream; /* it listens; -1: nobody does */
	struct play play;
	struct peer peers[HOUSE_CONNECTIONS_MAX];
	size_t peer_count;

	struct peer client;
	const char *asks;
	str asks_bytes;             /* instead, where there are NULs among them */
	size_t asks_repeats, asked; /* of the last byte, after all of it */
	bool asks_slowly;           /* a byte at a time */
	size_t reads_at_most;       /* bytes a step; 0: everything */
	char *log;
};

void house_open(struct house *house, const char *configuration, const struct play *play);
/* %u in the configuration is the upstream's port. The access log goes to a file. */

void house_reload(struct house *house, const char *configuration);
/* Has the worker told of another configuration, which it applies in its next turn. Listeners of the same name
 * go on, others are bound anew. */

void house_connect(struct house *house, const char *asks);
void house_step(struct house *house);
/* One turn of the loop, and of both scripts. */

bool house_run(struct house *house, const char *until);
/* Until the client has heard this (NULL: nothing in particular) or a problem document, or the connection is
 * closed. False when nothing of it happens for ten seconds. */

void house_hang_up(struct house *house);
/* The client goes. */

bool house_settle(struct house *house);
/* Until the worker has no connection and no fiber left. */

void house_close(struct house *house);
/* Stops the worker, which cuts what is left, and reads the log: house->log holds it until house_free(). */

void house_free(struct house *house);

size_t house_lines(const struct house *house);
str house_heard(const struct house *house);
/* What the client got. */
str house_upstream_heard(const struct house *house, size_t connection);

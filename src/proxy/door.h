/* SPDX-License-Identifier: Apache-2.0 */
/*
 * door: opening and closing a worker's listening sockets, and what goes on over a reload.
 *
 * A door is the listener's place in the worker, whatever snapshot names it: its socket, its connections and
 * their number go on while what is allowed at it changes. One that no snapshot names any more is closing: it
 * stays as it was until its last connection has gone.
 */
#pragma once

#include "base/line_limit.h"
#include "io/listener.h"
#include "proxy/listener_context.h"
#include "proxy/worker.h"

struct connection;

/* A listening socket of a worker, and what its connections have in common. */
struct door {
	struct listener listener;
	struct worker *worker;
	/* The worker's newest; of a door that is closing, the last one that had it. */
	struct generation *generation;
	const struct listener_snapshot *snapshot; /* of that generation */
	struct address bound; /* where it listens, with the port that the system chose if it did */
	char port[8];         /* of bound, printed once for X-Forwarded-Port */
	size_t port_len;
	struct connection *connections; /* all of them */
	size_t connection_count;
	struct metric_series *series; /* of the listener that it was opened for */
	struct metric_series *handshakes;
	struct listener_context tls; /* of which handshakes are made */
	struct line_limit failed_handshakes, failed_introductions;
	size_t max_connections; /* this worker's share of the listener's bound */
	bool is_closing;        /* no more accepts; each connection closes after the answer under way */
	bool is_patient;        /* and one that was not told so yet may ask once more */
	struct door *next;      /* among those that are closing */
};

result doors_open(struct worker *worker, const struct worker_options *options);
/* The worker's first. What was opened before an error stays open: doors_close(). */

void doors_change(struct worker *worker, const struct worker_change *change);
/* worker->generation is the new one already. Doors that go on have it; new ones are opened, the rest close.
 */

void doors_shut(struct worker *worker, bool is_patient);
/* All of them begin to close. Patiently: who waits in a queue is left to whoever else has the socket, and
 * nobody is sent away. */

void doors_close(struct worker *worker);
/* Nobody is let in, and no connection is left. */

void door_leave(struct door *door);
/* A connection has gone; the door too when it is closing and that was its last. */

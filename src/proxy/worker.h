/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker: one thread that serves: its loop, its listening sockets, its buffers and its pools.
 *
 * Nothing of it is touched by another thread but through loop_post(). Everything that a request needs hangs
 * here or on the snapshot, so that a request takes no lock and workers do not slow each other down. What
 * workers share (endpoints' load, the log's writer) is atomic or a ring of their own.
 */
#pragma once

#include "base/journal.h"
#include "base/random.h"
#include "fiber/guard.h"
#include "io/dns.h"
#include "io/listener.h"
#include "observe/access_log.h"
#include "proxy/snapshot.h"
#include "upstream/pool.h"

struct connection;
struct exchange;

/* Who hears of every exchange, instead of the access log: a rehearsal. */
struct exchange_observer {
	void (*admitted)(void *self, const struct exchange *x, enum reason reason);
	/* Routed, and before any policy; or why not. */

	void (*finished)(void *self, const struct exchange *x, const struct exchange_facts *facts);
	/* Answered, as far as anybody was there to read. Valid during the call only. */

	void *self;
};

enum { RESPONSE_FIELDS_MAX = 256 };

/* A listening socket of a worker, and what its connections have in common. */
struct door {
	struct listener listener;
	struct worker *worker;
	const struct listener_snapshot *snapshot;
	struct address bound; /* where it listens, with the port that the system chose if it did */
	char port[8];         /* of bound, printed once for X-Forwarded-Port */
	size_t port_len;
	size_t connections, max_connections; /* max: this worker's share of the listener's bound */
};

struct worker {
	struct loop *loop;
	struct fibers *fibers;
	struct block_pool blocks;
	struct scratch scratch;
	struct dns *dns;
	struct pool *pool;
	struct random random;
	struct effects effects; /* what policies may ask of the world */
	struct journal *journal;
	struct access_log_ring *access;           /* this worker's own */
	const struct exchange_observer *observer; /* NULL: live traffic, which goes to the access log */

	const struct snapshot *snapshot;
	struct arena arena;           /* lives as long as the worker */
	struct upstream_turns *turns; /* by the upstream's index */
	struct route_scratch *route_scratch;
	struct route_match match; /* of the request being routed; valid until the next yield */
	/* Shared by all heads that are being parsed, each until it waits: as many as any listener allows, and
	 * RESPONSE_FIELDS_MAX. */
	struct http_field *request_fields, *response_fields;

	struct door *doors;
	size_t door_count;
	struct connection *connections; /* all of them */
	size_t connection_count;
	bool is_draining;
};

struct worker_options {
	const struct snapshot *snapshot;
	const int *fds; /* one listening socket for each of the snapshot's listeners; NULL: none is opened */
	const struct address *bound;
	struct journal *journal;
	struct access_log_ring *access;
	size_t workers; /* how many there are, to share out the bounds */
	const struct fiber_guard *guard;
};

result worker_new(const struct worker_options *options, struct worker **ret_worker);
/* On the thread that will run it. The descriptors belong to it when it returns OK. */

void worker_run(struct worker *worker);
/* Serves until it has drained or was stopped. */

void worker_free(struct worker **worker);
/* Closes what is open. On the same thread. */

void worker_drain(struct worker *worker);
/* From any thread: no more accepts, idle connections close, requests in flight finish with Connection: close,
 * then worker_run() returns. */

void worker_stop(struct worker *worker);
/* From any thread: worker_run() returns at the end of this turn; connections are cut. */

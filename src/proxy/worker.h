/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker: one thread that serves: its loop, its listening sockets, its buffers and its pools.
 *
 * Nothing of it is touched by another thread but through loop_post(). Everything that a request needs hangs
 * here or on its generation, so that a request takes no lock and workers do not slow each other down. What
 * workers share (endpoints' load, the log's writer) is atomic or a ring of their own.
 *
 * What is in force changes by worker_apply(): requests under way keep the generation they began with, those
 * that begin have the new one, and connections notice nothing unless their listener is gone.
 */
#pragma once

#include "auth/auth_worker.h"
#include "base/journal.h"
#include "base/line_limit.h"
#include "base/random.h"
#include "fiber/guard.h"
#include "io/dns.h"
#include "observe/access_log.h"
#include "proxy/chore.h"
#include "proxy/generation.h"
#include "store/redis.h"
#include "store/slot_table.h"
#include "upstream/pool.h"

struct door;
struct exchange;
struct redis_leases;
struct fetch_flight;
struct tls_scratch;

/* Who hears of every exchange, instead of the access log: a rehearsal. */
struct exchange_observer {
	void (*admitted)(void *self, const struct exchange *x, enum reason reason);
	/* Routed, and before any policy; or why not. */

	void (*finished)(void *self, const struct exchange *x, const struct exchange_facts *facts);
	/* Answered, as far as anybody was there to read. Valid during the call only. */

	bool stops_at_upstream; /* what would be forwarded ends there, unanswered */
	void *self;
};

enum { RESPONSE_FIELDS_MAX = 256, WORKER_TROUBLES = 16 };

/* See proxy/overload.h. */
struct overload {
	struct timer rest;
	deadline late_since; /* 0: it is not late */
	deadline half_late;  /* when somebody had last waited for half of the bound or more */
	struct line_limit told[METRIC_SHEDS]; /* lines about who is refused, by why */
	uint64_t refused;                     /* since it was last told that nobody is any more */
	deadline refused_last;
};

struct worker {
	struct loop *loop;
	struct allowance allowance; /* of the process's memory */
	struct overload overload;
	struct fibers *fibers;
	struct block_pool blocks;
	struct scratch scratch;
	struct tls_scratch *tls; /* of all its TLS, to clients and to upstreams */
	struct dns *dns;
	struct pool *pool;
	struct redis_clients *stores;
	struct redis_leases *leases;     /* taken ahead there */
	struct redis_script gcra, quota; /* that limits are counted by there */
	struct encoders *encoders;
	struct mirrors *mirrors;
	struct fetch_memory *fetched; /* what policies were answered lately */
	struct fetch_flight *flights; /* what they are asking now, of that */
	unsigned fetches;             /* all questions of policies that are under way */
	struct auth_worker auth;
	struct chores chores;
	struct slot_inbox slots; /* where exchanges hear of slots that they wait for */
	struct random random;
	struct effects effects; /* what policies may ask of the world */
	struct journal *journal;
	struct access_log_ring *access;           /* this worker's own */
	struct metrics_shard *metrics;            /* likewise; NULL: nothing is counted */
	const struct exchange_observer *observer; /* NULL: live traffic, which goes to the access log */

	struct generation *generation; /* the newest; of an exchange, its own */
	struct arena arena;            /* lives as long as the worker */
	struct route_scratch *route_scratch;
	struct route_match match; /* of the request being routed; valid until the next yield */
	/* Shared by all heads of answers that are being parsed, each until it waits: RESPONSE_FIELDS_MAX. */
	struct http_field *response_fields;

	struct door **doors; /* by the listener's index in the newest snapshot */
	size_t door_count;
	struct door *closing;         /* doors without a listener */
	size_t connection_count;      /* of all doors */
	size_t workers;               /* how many share the listeners' bounds */
	struct line_limit violations; /* lines about connections that break the rules of HTTP/2 */
	struct line_limit troubles[WORKER_TROUBLES]; /* lines about whoever policies ask, by what they say */
	bool is_draining;
	struct worker_order *_Atomic orders; /* changes that are still to be applied, newest first */
};

/* What worker_apply() brings. */
struct worker_change {
	struct edition *edition;
	/* One of each for each listener of the edition's snapshot: a new listening socket, which is the
	 * worker's from here on, and where it is bound; or -1, and the listener's index in the edition
	 * before, whose socket goes on. */
	const int *fds;
	const struct address *bound;
	const size_t *from;
	void (*on_applied)(
		void *owner); /* on the worker's thread, when requests that begin have it; may be NULL */
	void *owner;
};

struct worker_options {
	struct edition *edition;
	/* One listening socket for each of the snapshot's listeners, and where it is bound; NULL: none is
	 * opened, and the doors are there all the same. */
	const int *fds;
	const struct address *bound;
	struct journal *journal;
	struct access_log_ring *access;
	struct metrics_shard *metrics;
	size_t workers; /* how many there are, to share out the bounds */
	const struct fiber_guard *guard;
};

result worker_new(const struct worker_options *options, struct worker **ret_worker);
/* On the thread that will run it. The descriptors belong to it when it returns OK. It holds the edition as
 * long as a request needs it. */

void worker_run(struct worker *worker);
/* Serves until it has drained or was stopped. */

void worker_free(struct worker **worker);
/* Closes what is open. On the same thread. */

void worker_apply(struct worker *worker, const struct worker_change *change);
/* From any thread; cannot fail, and does not wait. The change is copied, and the edition held. Changes are
 * applied in the order in which they were told. A listener that does not go on is closed: who waits in its
 * queue is let in, idle connections close, requests in flight finish with Connection: close. */

void worker_drain(struct worker *worker);
/* From any thread: no more accepts, idle connections close, requests in flight finish with Connection: close,
 * then worker_run() returns. */

void worker_retire(struct worker *worker);
/* From any thread: another process accepts at the same sockets. What waits in their queues is left to it, and
 * connections that are idle end after their next answer, or when they have been idle for too long; then
 * worker_run() returns. */

void worker_stop(struct worker *worker);
/* From any thread: worker_run() returns at the end of this turn; connections are cut. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics: what is counted, by identities that outlive a configuration.
 *
 * A series stands for something that the configuration names: a route, an upstream, an endpoint, a policy on
 * an API, a listener. Whoever refers to it holds a reference (a snapshot, a roster), so that its numbers go
 * on over a reload as long as the names stay, and its memory goes with the last configuration that had it. No
 * label ever comes from a client, but for a method and a status out of fixed sets.
 *
 * Each worker counts in cells of its own, by plain stores that no other thread makes: no lock, no shared
 * cache line, no allocation after a cell's first use. Whoever reads adds up what the workers have; a number
 * may be an instant old, and is never torn. metrics_text.h prints them.
 *
 * A NULL shard or series is a valid one in which nothing is counted: for commands, tests, and where metrics
 * are switched off.
 */
#pragma once

#include "observe/decision.h"
#include "observe/exchange_facts.h"

struct metrics;       /* of a process */
struct metrics_shard; /* one worker's part of it */
struct metric_series;

/* What a series stands for, and what its two names are. */
enum metric_kind {
	METRIC_ROUTE,       /* API, route (empty: the API's own rule) */
	METRIC_REASONS,     /* API (empty: of what was not routed) */
	METRIC_POLICY,      /* policy, API */
	METRIC_LISTENER,    /* listener */
	METRIC_HANDSHAKES,  /* listener */
	METRIC_CERTIFICATE, /* listener, file */
	METRIC_UPSTREAM,    /* upstream */
	METRIC_ENDPOINT,    /* upstream, endpoint */
	METRIC_HEALTH,      /* upstream, endpoint */
	METRIC_KINDS,
};

enum { METRIC_NAME_MAX = 512 }; /* bytes of a name; what is longer is cut */

/* How one try with an endpoint ended. */
enum metric_outcome {
	OUTCOME_SUCCESS,      /* an answer below 500 */
	OUTCOME_SERVER_ERROR, /* an answer of 500 or more */
	OUTCOME_CONNECT_FAILED,
	OUTCOME_TIMEOUT,
	OUTCOME_RESET,     /* closed without an answer, or within its head */
	OUTCOME_MALFORMED, /* an answer that breaks the rules */
	OUTCOME_CANCELLED, /* ended from this side: the client went, or no memory */
	OUTCOMES,
};

/* What became of a copy of a request that a mirror was to get. */
enum metric_copy {
	COPY_ANSWERED, /* whatever it said */
	COPY_FAILED,   /* no answer, or not in time */
	COPY_BUSY,     /* too many under way: not sent */
	COPY_LARGE,    /* a body larger than is kept, or than there is memory for: not sent */
	COPY_SAME,     /* answered, and compared: the same status and body */
	COPY_OTHER,    /* answered, and compared: another one */
	METRIC_COPIES,
};

/* What is counted of an upstream. */
enum metric_upstream {
	UPSTREAM_RETRIES,             /* tries after the first */
	UPSTREAM_REFUSED_REQUESTS,    /* not sent: there were as many requests as may be */
	UPSTREAM_REFUSED_CONNECTIONS, /* not sent: no connection was to be had */
	UPSTREAM_REFUSED_RETRIES,     /* not made: the budget was used up */
	UPSTREAM_REFUSED_HEDGES,      /* likewise */
	UPSTREAM_HEDGES,              /* second tries beside a slow one */
	UPSTREAM_HEDGES_WON,          /* whose answer came first */
	METRIC_UPSTREAM_VALUES,
};

/* Why something was not taken in while the gateway was overloaded. */
enum metric_shed {
	SHED_LAG,     /* a request: the worker is late */
	SHED_MEMORY,  /* a request: memory is short */
	SHED_ACCEPTS, /* accepts paused for a moment, for memory */
	METRIC_SHEDS,
};

/* How a TLS handshake with a client ended. */
enum metric_handshake { HANDSHAKE_FULL, HANDSHAKE_RESUMED, HANDSHAKE_FAILED, METRIC_HANDSHAKE_OUTCOMES };

/* What is found out of an endpoint's health. */
enum metric_health { METRIC_CHECK_PASSED, METRIC_CHECK_FAILED, METRIC_EJECTION, METRIC_HEALTH_VALUES };

enum metric_connection { CONNECTION_ACTIVE, CONNECTION_IDLE, CONNECTION_STATES };

/* What a listener's cells hold beside its connections. */
enum { LISTENER_VIOLATIONS = CONNECTION_STATES, LISTENER_VALUES };

struct metrics *metrics_new(size_t workers);
void metrics_free(struct metrics **metrics);
/* When every series was let go. Clears the address, accepts NULL. */

struct metrics_shard *metrics_shard(struct metrics *metrics, size_t worker);
/* Belongs to the metrics; only that worker counts in it. NULL of NULL. */

struct metrics_shard *metrics_control_shard(struct metrics *metrics);
/* The control thread's, which counts as a worker does. NULL of NULL. */

struct metric_series *metrics_series(struct metrics *metrics, enum metric_kind kind, str first, str second);
/* Finds or makes it; from any thread. A reference for the caller, NULL where metrics is. */

void metric_series_unref(struct metric_series **series);
/* From any thread, when no worker counts in it any more by this reference. Clears the address, accepts NULL.
 */

/* What workers count, each in its own shard. None of it waits. */

void metrics_begin_exchange(struct metrics_shard *shard);
void metrics_end_exchange(struct metrics_shard *shard);
/* It is under way in between. */

void metrics_expect(const struct metrics_shard *shard, const struct metric_series *series);
void metrics_expect_soon(const struct metrics_shard *shard, const struct metric_series *series);
/* An exchange of this route is under way, of which there may be many thousands: has what counts it fetched
 * into the cache, one step each, and the first some time before the second. Both accept NULL. */

void metrics_count_exchange(struct metrics_shard *shard, const struct exchange_facts *facts);
/* By facts->series, and by facts->reasons where it has a reason; those that were not routed have series of
 * their own, with empty names. */

void metrics_count_try(struct metrics_shard *shard, struct metric_series *endpoint,
		       enum metric_outcome outcome, duration time_taken);
/* time_taken: to the head of the answer; looked at when there was one. */

void metrics_count_upstream(struct metrics_shard *shard, struct metric_series *upstream,
			    enum metric_upstream what);

void metrics_count_decision(struct metrics_shard *shard, struct metric_series *policy,
			    enum decision decision);

void metrics_count_copy(struct metrics_shard *shard, enum metric_copy outcome);

void metrics_count_shed(struct metrics_shard *shard, enum metric_shed why);

void metrics_move_connection(struct metrics_shard *shard, struct metric_series *listener,
			     enum metric_connection state, int change);
/* change: 1 or -1. A connection is in one state at a time. */

void metrics_count_violation(struct metrics_shard *shard, struct metric_series *listener);
/* A connection is closed for what its client did. */

void metrics_count_handshake(struct metrics_shard *shard, struct metric_series *listener,
			     enum metric_handshake outcome);

void metrics_count_health(struct metrics_shard *shard, struct metric_series *health,
			  enum metric_health event);

/* What the control thread says. */

void metrics_forget_told(struct metrics *metrics);
void metric_series_set_up(struct metric_series *endpoint, bool is_up);
/* Whether an endpoint is chosen for requests. Those that are not set after metrics_forget_told() are not
 * printed: no configuration in force has them. */

void metric_series_set_open(struct metric_series *upstream, bool is_full_of_requests,
			    bool is_full_of_connections);
/* Whether a circuit breaker of an upstream that has one lets nothing more through. Likewise. */

void metric_series_set_panic(struct metric_series *upstream, bool is_panic);
/* Whether all endpoints of an upstream that looks after their health serve, because too few are well.
 * Likewise.
 */

void metric_series_set_limit(struct metric_series *policy, uint64_t limit);
/* What a policy has learnt to let through at once; of several the smallest. Likewise. */

void metric_series_set_expiry(struct metric_series *certificate, int64_t seconds);
/* Since 1970. Likewise. */

/* What the admin address tells of an endpoint, all workers together. */
struct metric_endpoint_sums {
	uint64_t outcomes[OUTCOMES];
	uint64_t answers;    /* with a head */
	duration time_taken; /* of all answers together, to their heads */
};

struct metric_endpoint_sums metric_endpoint_sums(const struct metric_series *endpoint);
/* From any thread that holds a reference. Zeros for NULL. */

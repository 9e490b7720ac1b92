/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/memory_plan.h"

#include "auth/replay_cache.h"
#include "auth/session_cookie.h"
#include "auth/session_refresh.h"
#include "auth/verified_tokens.h"
#include "base/assert.h"
#include "http/encoder.h"
#include "http/h2_client.h"
#include "http/h2_server.h"
#include "observe/log_config.h"
#include "observe/log_ring.h"
#include "policy/list.h"
#include "proxy/fetch_memory.h"
#include "proxy/snapshot.h"
#include "store/quota_table.h"
#include "store/rate_table.h"
#include "store/slot_table.h"
#include "tls/stream.h"
#include "upstream/health_probe.h"

#define MIB ((uint64_t)1024 * 1024)

enum {
	PROGRAM_MIB = 16, /* code, libraries, the control thread */
	WORKER_MIB = 4,   /* scratches, tables of OpenSSL, the heap's own */
	LEAST_MIB = 16,   /* for those who come, or nobody could be served */
	CELL_BYTES = 256, /* of metrics */
	CELLS_OF_ROUTE = 65,
	RATE_CELL = 16,
	QUOTA_CELL = 40,
	SLOT_KEY = 112,
	REDIS_WORKER_MIB = 3, /* what is asked and answered, and what was taken ahead */
	REPLAY_ENTRY = 16,
	REFRESH_WAYS = 4,
	PRINTED_PARTS = 4,
	CHECK_BYTES = 1024, /* of an endpoint that is checked, beside what its upstream says of it */
};

static void add(struct memory_plan *plan, bool is_fixed, const char *what, uint64_t count, uint64_t bytes)
{
	ASSERT(plan->count < MEMORY_PARTS_MAX);
	plan->parts[plan->count++] = (struct memory_part) { what, count, bytes, is_fixed };
	*(is_fixed ? &plan->fixed : &plan->shared) += bytes;
}

/* Of one that is idle, with all that it may speak. */
static uint64_t connection_bytes(const struct listener_config *config)
{
	uint64_t bytes = CONNECTION_BYTES;

	if (listener_is_secure(config))
		bytes += TLS_STREAM_BYTES;
	if (listener_speaks(config, LISTENER_H2))
		bytes += H2_SERVER_BYTES;
	return bytes;
}

static void add_connections(struct memory_plan *plan, const struct gateway_config *config)
{
	uint64_t count = 0, bytes = 0;

	for (size_t i = 0; i < config->listeners.len; i++) {
		uint64_t most = (uint64_t)config->listeners.at[i].limits.connections;

		count += most;
		bytes += most * connection_bytes(&config->listeners.at[i]);
	}
	add(plan, false, "connections of clients", count, bytes);
}

static bool has_tls(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->upstream_count; i++)
		if (snapshot->upstreams[i]->tls)
			return true;
	return false;
}

/* A fiber serves each, and each may have a connection to an upstream; bodies and heads lie in blocks. */
static void add_requests(struct memory_plan *plan, const struct snapshot *snapshot, uint64_t workers)
{
	uint64_t bytes = POOL_CONNECTION_BYTES + H2_CLIENT_BYTES;

	bytes += has_tls(snapshot) ? TLS_STREAM_BYTES : 0;
	add(plan, false, "requests in flight", workers * WORKER_FIBERS_MAX,
	    workers * WORKER_FIBERS_MAX * (WORKER_STACK + bytes));
	add(plan, false, "heads and bodies in flight", 0, workers * worker_blocks_max);
}

static void add_shared(struct memory_plan *plan, const struct snapshot *snapshot, uint64_t workers)
{
	add_connections(plan, &snapshot->config);
	add_requests(plan, snapshot, workers);
	add(plan, false, "verified tokens and answers remembered", 0,
	    workers * (WORKER_TOKENS_MAX * (uint64_t)VERIFIED_TOKEN_BYTES +
		       FETCH_MEMORY_PLACES * (uint64_t)FETCH_MEMORY_ANSWER_MAX));
	add(plan, false, "encoders", workers * WORKER_ENCODERS_MAX,
	    workers * WORKER_ENCODERS_MAX * (uint64_t)ENCODER_BYTES);
}

/* What one question to an endpoint takes while it is under way: its fiber, connection, head and body. */
static uint64_t probe_bytes(const struct upstream *upstream)
{
	struct health_question question = { .config = *upstream->check,
					    .protocol = upstream->config->protocol };

	return health_probe_room(&question) + BLOCK_LARGE + WORKER_STACK + POOL_CONNECTION_BYTES +
	       H2_CLIENT_BYTES + (upstream->tls ? (uint64_t)TLS_STREAM_BYTES : 0);
}

static uint64_t check_bytes(const struct health_check_config *check)
{
	return CHECK_BYTES + check->path.len + check->host.len + check->service.len;
}

/* As many questions at a time as there may be, all of the dearest kind. */
static void add_health_checks(struct memory_plan *plan, const struct snapshot *snapshot)
{
	uint64_t count = 0, bytes = 0, dearest = 0;

	for (size_t i = 0; i < snapshot->upstream_count; i++) {
		const struct upstream *upstream = snapshot->upstreams[i];
		uint64_t endpoints = upstream->roster ? upstream->roster->count : DNS_RECORDS_MAX;

		if (!upstream->check)
			continue;
		count += endpoints;
		bytes += endpoints * check_bytes(upstream->check);
		if (probe_bytes(upstream) > dearest)
			dearest = probe_bytes(upstream);
	}
	bytes += (count < HEALTH_PROBES_MAX ? count : HEALTH_PROBES_MAX) * dearest;
	add(plan, true, "health checks", count, bytes);
}

static bool has_policy(const struct snapshot *snapshot, const struct policy *policy)
{
	for (size_t i = 0; i < snapshot->rule_count; i++) {
		const struct target *target = snapshot->rules[i].target;

		for (size_t j = 0; j < target->chain.count; j++)
			if (target->chain.at[j].policy == policy)
				return true;
	}
	return false;
}

/* Their pages are the system's until somebody is counted in them. */
static void add_limits(struct memory_plan *plan, const struct snapshot *snapshot, uint64_t workers)
{
	add(plan, true, "rate limits", 0, (uint64_t)RATE_CELLS * RATE_CELL);
	if (has_policy(snapshot, policy_find(STR("quota"))))
		add(plan, true, "quotas", 0, (uint64_t)QUOTA_CELLS * QUOTA_CELL);
	if (has_policy(snapshot, policy_find(STR("concurrency"))))
		add(plan, true, "limits of concurrency", 0, (uint64_t)SLOT_KEYS * SLOT_KEY);
	if (snapshot->store.place)
		add(plan, true, "Redis", 0, workers * REDIS_WORKER_MIB * MIB);
}

/* Twice what a reload has twice. Series have a cell for each worker, those of routes many. */
static void add_fixed(struct memory_plan *plan, const struct snapshot *snapshot, uint64_t workers)
{
	const struct counting *counting = &snapshot->counting;
	uint64_t cells = counting->is_on ? snapshot->rule_count * CELLS_OF_ROUTE : 0;

	add(plan, true, "the program", 0, PROGRAM_MIB * MIB);
	add(plan, true, "workers", workers,
	    workers * (WORKER_MIB * MIB + LOG_RING_SIZE + (uint64_t)LOG_LINE_MAX));
	add(plan, true, "the configuration twice", 0, 2 * (uint64_t)snapshot->arena.used);
	add(plan, true, "consumers twice", 0,
	    snapshot->roll.consumers ? 2 * (uint64_t)consumers_bytes(snapshot->roll.consumers) : 0);
	add_limits(plan, snapshot, workers);
	add(plan, true, "proofs and sessions", 0,
	    (uint64_t)REPLAY_ENTRIES * REPLAY_ENTRY + (uint64_t)SESSION_REFRESH_SETS * REFRESH_WAYS *
							      (SESSION_PLAIN_MAX + SESSION_PLAIN_MAX / 2));
	add(plan, true, "metrics", cells * workers, cells * workers * CELL_BYTES);
	add_health_checks(plan, snapshot);
}

static uint64_t in_mib(uint64_t bytes)
{
	return (bytes + MIB - 1) / MIB;
}

static void check(const struct snapshot *snapshot, struct diagnostics *diagnostics)
{
	const struct memory_plan *plan = &snapshot->plan;
	const struct node *limits = node_find(snapshot->root, STR("limits"));

	if (plan->shared < LEAST_MIB * MIB)
		diagnostic_error(diagnostics, node_find(limits, STR("memory")),
				 "this configuration needs %lluMiB at least: %lluMiB before anybody has come",
				 (unsigned long long)in_mib(plan->fixed) + LEAST_MIB,
				 (unsigned long long)in_mib(plan->fixed));
}

void memory_plan_make(struct snapshot *snapshot, struct diagnostics *diagnostics)
{
	struct memory_plan *plan = &snapshot->plan;
	uint64_t limit = snapshot->config.limits.memory, workers = counting_workers(&snapshot->config);

	*plan = (struct memory_plan) { .is_limited = limit != 0 };
	add_fixed(plan, snapshot, workers);
	add_shared(plan, snapshot, workers);
	if (!limit)
		return;
	plan->shared = limit > plan->fixed ? limit - plan->fixed : 0;
	check(snapshot, diagnostics);
}

void memory_plan_apply(const struct snapshot *snapshot)
{
	atomic_store_explicit(&snapshot->memory->max, snapshot->plan.shared, memory_order_relaxed);
}

/* ---- for people ---- */

/* With a digit behind the point where that says more: "1.4 GiB", "512 MiB". */
static void put_size(struct buf *out, uint64_t bytes)
{
	uint64_t mib = in_mib(bytes);

	if (mib < 1024) {
		buf_put_u64(out, mib);
		buf_put(out, STR(" MiB"));
		return;
	}
	buf_put_u64(out, mib / 1024);
	if (mib % 1024 * 10 / 1024) {
		buf_put_char(out, '.');
		buf_put_u64(out, mib % 1024 * 10 / 1024);
	}
	buf_put(out, STR(" GiB"));
}

static void put_part(struct buf *out, const struct memory_part *part)
{
	if (part->count) {
		buf_put_u64(out, part->count);
		buf_put_char(out, ' ');
	}
	buf_put(out, str_of(part->what));
	buf_put_char(out, ' ');
	put_size(out, part->bytes);
}

/* The largest that is smaller than the last one that was printed, or stands behind it; NULL: none. */
static const struct memory_part *next_part(const struct memory_plan *plan, const struct memory_part *last,
					   bool is_fixed)
{
	const struct memory_part *best = NULL;

	for (size_t i = 0; i < plan->count; i++) {
		const struct memory_part *part = &plan->parts[i];
		bool is_left =
			!last || part->bytes < last->bytes || (part->bytes == last->bytes && part > last);

		if (part->is_fixed == is_fixed && part->bytes && is_left &&
		    (!best || part->bytes > best->bytes))
			best = part;
	}
	return best;
}

static void put_parts(struct buf *out, const struct memory_plan *plan, bool is_fixed)
{
	const struct memory_part *part = NULL;

	for (size_t i = 0; i < PRINTED_PARTS && (part = next_part(plan, part, is_fixed)); i++) {
		buf_put(out, i ? STR(", ") : STR(": "));
		put_part(out, part);
	}
}

void memory_plan_print(const struct memory_plan *plan, struct buf *out)
{
	buf_put(out, STR("memory: at most "));
	put_size(out, plan->fixed + plan->shared);
	if (plan->is_limited) {
		buf_put(out, STR(" (limits.memory): "));
		put_size(out, plan->shared);
		buf_put(out, STR(" for connections and requests, "));
	} else {
		put_parts(out, plan, false);
		buf_put(out, STR("; "));
	}
	put_size(out, plan->fixed);
	buf_put(out, STR(" before anybody has come"));
	put_parts(out, plan, true);
	buf_put_char(out, '\n');
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot: a configuration compiled: immutable, in one arena, ready to serve.
 *
 * Compiling may fail, reports everything that is wrong, and touches nothing; using it cannot fail. What
 * must outlive it (endpoints with their load, pools) hangs on identities and is only pointed at.
 */
#pragma once

#include "config/file_list.h"
#include "policy/chain.h"
#include "proxy/counting.h"
#include "proxy/gateway_config.h"
#include "proxy/identities.h"
#include "proxy/listener_snapshot.h"
#include "proxy/managed.h"
#include "proxy/memory_plan.h"
#include "proxy/roll.h"

/* What a matched request gets: an API's own rule, or one of its routes. */
struct target {
	/* What every exchange looks at, in one line of the cache, where a target begins (arena_lines()): of
	 * many, each is asked for seldom.
	 */
	const struct upstream *upstream;          /* NULL: there is a split, or a policy must answer */
	const struct split *split;                /* which of several it is, each exchange finds out */
	const struct upstream_timeouts *timeouts; /* the upstream's, under what API and route say; NULL
						   * without either; each share of a split has its own */
	struct policy_chain chain;                /* in the order in which they run */
	struct metric_series *series;             /* NULL: nothing is counted */
	struct metric_series **decisions;         /* by the policy's place in the chain; NULL too */
	bool keeps_encoded_slashes;

	/* Behind it, fetched meanwhile. */
	struct route_names names;
	struct metric_series *reasons; /* its API's; NULL too */
};

struct snapshot {
	struct arena arena;
	struct file_list files;      /* what it was made of */
	struct regex_table *regexes; /* of expressions in policies; the router has its own */
	struct gateway_config config;
	struct listener_snapshot *listeners;
	size_t listener_count;
	const struct route_rule *rules; /* of the router, in the order of the file */
	size_t rule_count;
	struct upstream **upstreams; /* by their index, which workers' turns share */
	size_t upstream_count;       /* also those that were made for URLs that policies ask */
	struct managed_names managed;
	str_list cookies;                 /* of the gateway's own sessions: no service gets them */
	struct roll roll;                 /* its consumers */
	struct revocations **revocations; /* lists of what is good no longer */
	size_t revocation_count;
	struct key_set **key_sets; /* that policies verify by */
	size_t key_set_count;
	struct router *router;
	struct replay_cache *replays;    /* of the process, for workers */
	struct endpoints *endpoints;     /* likewise, for what is asked at URLs found later */
	struct tls_client_identity *web; /* whom those believe; NULL: nothing is asked so */
	struct session_refreshes *refreshes;
	struct rate_table *rates;    /* of the process, for workers */
	struct quota_table *quotas;  /* likewise */
	struct slot_table *slots;    /* likewise */
	struct memory_bound *memory; /* likewise */
	struct memory_plan plan;     /* where memory goes */
	struct store store;
	str quota_file; /* where counts of quotas are kept; empty: nowhere */
	struct admin_place admin;
	struct counting counting;
	const struct node *root; /* the configuration as it was read */
	uint64_t generation;     /* from 1; each reload is one more */
	_Atomic uint32_t references;
};

result snapshot_load(str path, struct identities *identities, struct diagnostics **ret_diagnostics,
		     struct snapshot **ret_snapshot);
/* Reads, checks and compiles. The diagnostics live in the snapshot's arena and are there also when it failed
 * with ERROR_INVALID; let go of the snapshot in either case. */

result snapshot_parse(str name, str text, struct identities *identities, struct diagnostics **ret_diagnostics,
		      struct snapshot **ret_snapshot);
/* The same for a text, called name in diagnostics. */

struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot **snapshot);
/* From any thread. The last one frees it, and with it what only it referred to. Clears the address, accepts
 * NULL. */

size_t snapshot_tls_count(const struct snapshot *snapshot);
struct listener_tls *snapshot_tls(const struct snapshot *snapshot, size_t i);
/* Of each that may have one: all listeners, and then the admin address. NULL: it has none. */

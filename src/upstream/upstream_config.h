/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream_config: `upstreams` of the configuration as structs, one member for each key.
 *
 * Filled by the rows in upstream_config.c, immutable, in the snapshot's arena. Checked for type and range
 * there; upstream.c finds out whether the addresses make sense.
 */
#pragma once

#include "upstream/balance_config.h"
#include "upstream/breaker.h"
#include "upstream/discovery.h"
#include "upstream/health_config.h"

/* What its endpoints are spoken to in. */
enum upstream_protocol {
	UPSTREAM_H1,
	UPSTREAM_H2,
	UPSTREAM_AUTO,
	UPSTREAM_OTHER, /* no HTTP at all: a store */
};

/* Bits of upstream_retries.on: what may be tried again. */
enum retry_cause { RETRY_CONNECT, RETRY_RESET, RETRY_502, RETRY_503, RETRY_504, RETRY_TIMEOUT, RETRY_CAUSES };

extern const char *const retry_cause_words[]; /* as in the configuration; ended by NULL */

struct endpoint_config {
	struct entry entry;
	str address;
	int64_t weight;
	bool backup;
};

struct upstream_retries {
	int64_t attempts; /* in all, the first one counted */
	unsigned on;
	duration backoff;
	int64_t budget; /* percent of live requests */
};

/* A second try beside a first that is slow. */
struct upstream_hedging {
	duration after; /* 0: there is none */
	int64_t budget; /* percent of requests */
};

struct upstream_timeouts {
	duration connect, response, idle;
	duration total; /* 0: none */
	duration tunnel;
	str pass; /* the field that tells a service how much is left; empty: none */
};

struct upstream_connections {
	int64_t idle; /* kept by each worker for each endpoint */
	duration idle_timeout;
};

/* Of TLS to the endpoints. Paths are as they stand in the file. */
struct upstream_tls_config {
	str ca;               /* whose certificates are believed; empty: the system's */
	str server_name;      /* empty: the endpoint's host */
	str certificate, key; /* the gateway's own, for mutual TLS; empty: none */
	bool verify;
};

struct upstream_config {
	struct entry entry;
	struct {
		struct endpoint_config *at;
		size_t len;
	} endpoints;
	struct discovery_config discovery; /* instead */
	int protocol;                      /* enum upstream_protocol */
	struct upstream_tls_config tls;    /* spoken when the key is there */
	bool is_secure;                    /* or when this was set, for a URL that asks for it */
	struct balance_config balance;
	struct breaker_bounds circuit_breaker;
	struct health_check_config health_check; /* asked when the key is there */
	struct outlier_config outlier;           /* counted when the key is there */
	int64_t panic;                           /* percent */
	duration slow_start;                     /* 0: none */
	struct upstream_retries retries;
	struct upstream_hedging hedging;
	struct upstream_timeouts timeouts;
	struct upstream_connections connections;
};

extern const struct field upstream_fields[];
extern const struct field upstream_tls_fields[];
extern const struct field upstream_timeouts_fields[]; /* also of an API or a route */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange_facts: what is known of an exchange when it is finished; filled once by proxy, read by the log,
 * the metrics and the traces.
 *
 * Slices are valid during the call only. An exchange that becomes a tunnel is finished when that ends, hours
 * later: it keeps a copy.
 */
#pragma once

#include "base/time.h"
#include "codec/http_head.h"
#include "observe/reason.h"

struct metric_series;

struct exchange_facts {
	wall_time time; /* when the head's first byte was read */
	str request_id, trace_id;
	str client_ip;
	uint16_t client_port;
	str listener, protocol, tls_version;
	str method, host, path, query; /* path: the normalised one; empty when there was none */
	enum http_method method_id;
	int status; /* 499 when the client went away before the answer's head; 0 when nothing was answered */
	enum reason reason;
	str reported; /* who would have answered but for `report: true`, and why: "limit=rate_limited" */
	str api, route, consumer, upstream, endpoint;
	unsigned attempts;
	uint64_t request_bytes, response_bytes; /* on the client's connection, heads included */
	duration time_taken;
	duration upstream_time; /* from its first try to the first byte of its answer; -1: none came */
	str user_agent, referer;
	uint64_t generation;
	struct metric_series *series;  /* the route's; NULL: not routed, or not counted */
	struct metric_series *reasons; /* the API's; there with the other */
};

struct exchange_facts *exchange_facts_copy(const struct exchange_facts *facts);
/* With all of its texts, as far as a log shows them, in one piece: the caller's, by free(). The series is
 * borrowed. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream_config: the rows of `upstreams`, from which they are parsed, checked, printed and documented.
 *
 * The defaults stand here and nowhere else, but for the set of `on`, which rows cannot express: see
 * upstream_retries_on().
 */
#include "upstream/upstream_config.h"

#include "codec/http_field.h"

static const char *const protocol_words[] = { "h1", "h2", "auto", NULL };
const char *const retry_cause_words[] = { "connect", "reset", "502", "503", "504", "timeout", NULL };

static const struct field endpoint_fields[] = {
	FIELD_STR_REQUIRED(struct endpoint_config, address, "address",
			   "`host:port`, `[v6]:port` or `unix:/path`."),
	FIELD_INT(struct endpoint_config, weight, "weight", "1", 0, 1000,
		  "Share of the requests among the endpoints; 0 gets none."),
	FIELD_BOOL(
		struct endpoint_config, backup, "backup", "false",
		"Asked only when a request has no other endpoint left: each was tried (`retries.attempts` "
		"must allow for it), is not well (`health_check`, `outlier`), is drained, or has no weight."),
	FIELD_END
};

static const struct field breaker_fields[] = {
	FIELD_INT(struct breaker_bounds, requests, "requests", "0", 0, 1000000,
		  "Most requests under way; 0 sets no bound. One more is answered with 503 "
		  "`upstream_overloaded`."),
	FIELD_INT(struct breaker_bounds, connections, "connections", "0", 0, 1000000,
		  "Most connections, in use and idle; 0 sets no bound. A request that needs one more waits, "
		  "within `timeouts.connect`; then it is answered with 503 `upstream_connections_exceeded`."),
	FIELD_INT(struct breaker_bounds, pending, "pending", "256", 0, 1000000,
		  "Most requests that wait for a connection; one more is answered as if it had waited, and "
		  "with 0 nobody waits."),
	FIELD_END
};

static const struct field retries_fields[] = {
	FIELD_INT(struct upstream_retries, attempts, "attempts", "2", 1, 10,
		  "How often a request is tried in all; 1 never tries again."),
	FIELD_ENUMS(struct upstream_retries, on, "on", retry_cause_words,
		    "What is tried again: `connect` (no connection came about) and `reset` (closed without a "
		    "byte of an "
		    "answer, once) unless said otherwise. All but `connect` hold for GET, HEAD, OPTIONS, "
		    "TRACE, PUT and "
		    "DELETE only, and a body larger than `limits.replay` is not sent again."),
	FIELD_DURATION(struct upstream_retries, backoff, "backoff", "25ms", 0, MINUTE,
		       "Longest random wait before the second try; doubled for each further one."),
	FIELD_INT(struct upstream_retries, budget, "budget", "20", 0, 100,
		  "Most retries, in percent of the upstream's requests; a few are always allowed."),
	FIELD_END
};

static const struct field hedging_fields[] = {
	FIELD_DURATION(struct upstream_hedging, after, "after", "0s", 0, HOUR,
		       "How long the first try may be without the head of an answer; `0s` never asks twice."),
	FIELD_INT(struct upstream_hedging, budget, "budget", "5", 1, 100,
		  "Most second tries, in percent of the upstream's requests; ten are saved up."),
	FIELD_END
};

/* A name that means something already would change what is asked. */
static void pass_read(struct reader *reader, const struct node *node, void *ret_member)
{
	str *name = ret_member;

	if (!field_read_str(reader, node, name) ||
	    (http_is_token(*name) && http_name_find_alias(*name) == HTTP_NAME_OTHER))
		return;
	diagnostic_error(reader->diagnostics, node,
			 "want a header's name that has no meaning yet, such as X-Request-Timeout, read %.*s",
			 STR_ARG(diagnostic_read(reader->diagnostics, node)));
}

static const struct field_form pass_form = {
	.manual = "a header's name",
	.schema = "{\"type\": \"string\"}",
	.read = pass_read,
};

const struct field upstream_timeouts_fields[] = {
	FIELD_DURATION(struct upstream_timeouts, connect, "connect", "2s", MILLISECOND, HOUR,
		       "Until the connection stands."),
	FIELD_DURATION(struct upstream_timeouts, response, "response", "15s", MILLISECOND, DAY,
		       "From the request's last byte to the head of the answer."),
	FIELD_DURATION(struct upstream_timeouts, idle, "idle", "60s", MILLISECOND, DAY,
		       "Between two pieces of a body, either way."),
	FIELD_DURATION(struct upstream_timeouts, total, "total", "0s", 0, 7 * DAY,
		       "For the whole exchange; `0s` sets no bound. WebSockets and event streams "
		       "only count until they are open."),
	FIELD_DURATION(
		struct upstream_timeouts, tunnel, "tunnel", "1h", MILLISECOND, 7 * DAY,
		"Without a byte through a WebSocket, either way; once a side has ended, `idle` holds where "
		"it is shorter."),
	FIELD_CUSTOM(struct upstream_timeouts, pass, "pass", str, &pass_form,
		     "Tells the service by this header how many milliseconds are left until the gateway "
		     "gives up: `response`, or less where `total` leaves less, anew with each try. What a "
		     "client says in it shortens `total`, and never lengthens it."),
	FIELD_END
};

static const struct field connections_fields[] = {
	FIELD_INT(struct upstream_connections, idle, "idle", "128", 0, 100000,
		  "Idle connections that each worker keeps for each endpoint."),
	FIELD_DURATION(struct upstream_connections, idle_timeout, "idle_timeout", "4s", 0, HOUR,
		       "How long an idle connection is kept; shorter where the upstream's `Keep-Alive: "
		       "timeout` says so."),
	FIELD_END
};

const struct field upstream_tls_fields[] = {
	FIELD_STR(struct upstream_tls_config, ca, "ca", NULL,
		  "PEM file of the authorities that are believed; the system's unless said otherwise."),
	FIELD_STR(struct upstream_tls_config, server_name, "server_name", NULL,
		  "The name that is asked for and that the certificate must bear, or an IP address; the "
		  "endpoint's host unless said otherwise."),
	FIELD_STR(struct upstream_tls_config, certificate, "certificate", NULL,
		  "PEM file of the certificate, and its chain, that is shown to services that ask for one."),
	FIELD_STR(struct upstream_tls_config, key, "key", NULL, "PEM file of its private key."),
	FIELD_BOOL(struct upstream_tls_config, verify, "verify", "true",
		   "`false` believes whoever answers: anybody on the way can read and change everything, and "
		   "each load warns of it."),
	FIELD_END
};

const struct field upstream_fields[] = {
	FIELD_LIST(struct upstream_config, endpoints, "endpoints", struct endpoint_config, endpoint_fields,
		   "address", 1, 1000,
		   "Where the service listens: `host:port`, or an object with the keys below."),
	FIELD_OBJECT(struct upstream_config, discovery, "discovery", struct discovery_config,
		     discovery_fields,
		     "Instead of `endpoints`: addresses from DNS, asked for again whenever their time to "
		     "live ends "
		     "(1 s to 60 s); the last answer serves while DNS is down."),
	FIELD_ENUM(struct upstream_config, protocol, "protocol", protocol_words, "h1",
		   "What is spoken to it: HTTP/1.1; HTTP/2, by ALPN with `tls` and else by prior "
		   "knowledge; or `auto`: with `tls` what ALPN agrees on, without it HTTP/1.1."),
	FIELD_OBJECT(
		struct upstream_config, tls, "tls", struct upstream_tls_config, upstream_tls_fields,
		"Speaks TLS (1.2 or 1.3) to the endpoints, `{}` with every default; without it nothing is "
		"encrypted. The files belong to the configuration: it is reloaded when they change."),
	FIELD_CUSTOM_DEFAULT(struct upstream_config, balance, "balance", struct balance_config, &balance_form,
			     "round_robin", "How an endpoint is chosen: see [Balancing](#balancing)."),
	FIELD_OBJECT(struct upstream_config, circuit_breaker, "circuit_breaker", struct breaker_bounds,
		     breaker_fields,
		     "How much may be under way at a time, over all workers and reloads. What is beyond is "
		     "refused at once: nothing is sent, and nothing is tried again."),
	FIELD_OBJECT(
		struct upstream_config, health_check, "health_check", struct health_check_config,
		health_check_fields,
		"Asks each endpoint whether it is well, `{}` with every default, and sends requests to those "
		"that are: see [health](#health)."),
	FIELD_OBJECT(struct upstream_config, outlier, "outlier", struct outlier_config, outlier_fields,
		     "Ejects an endpoint for a while when requests to it fail, `{}` with every default: see "
		     "[health](#health)."),
	FIELD_INT(
		struct upstream_config, panic, "panic", "30", 0, 100,
		"When fewer endpoints than that, in percent, are well, all of them serve; 0: never, so that "
		"requests are "
		"answered with 503 when none is."),
	FIELD_DURATION(
		struct upstream_config, slow_start, "slow_start", "0s", 0, HOUR,
		"How long the share of an endpoint that is new or well again grows, from a tenth to all "
		"of it."),
	FIELD_OBJECT(struct upstream_config, retries, "retries", struct upstream_retries, retries_fields,
		     "When a failed request is tried again."),
	FIELD_OBJECT(
		struct upstream_config, hedging, "hedging", struct upstream_hedging, hedging_fields,
		"Asks another endpoint as well when one is slow, and takes the answer that comes first: GET "
		"and HEAD without a body, where the circuit breaker has room."),
	FIELD_OBJECT(struct upstream_config, timeouts, "timeouts", struct upstream_timeouts,
		     upstream_timeouts_fields, "How long the gateway waits for the service."),
	FIELD_OBJECT(struct upstream_config, connections, "connections", struct upstream_connections,
		     connections_fields, "The pool of kept connections."),
	FIELD_END
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of a line in their order: X(id, name, kind, member, cap). Included where X is defined.
 *
 * Member is one of struct exchange_facts; cap the bytes of it that are kept, of texts. Names are fixed:
 * dashboards depend on them.
 */
X(TIME, "time", TIME, time, 0)
X(REQUEST_ID, "request_id", TEXT, request_id, 128)
X(TRACE_ID, "trace_id", TEXT, trace_id, 64)
X(CLIENT_IP, "client_ip", TEXT, client_ip, 64)
X(CLIENT_PORT, "client_port", PORT, client_port, 0)
X(LISTENER, "listener", TEXT, listener, 128)
X(PROTOCOL, "protocol", TEXT, protocol, 16)
X(TLS_VERSION, "tls_version", TEXT, tls_version, 16)
X(METHOD, "method", TEXT, method, 64)
X(HOST, "host", TEXT, host, 256)
X(PATH, "path", PATH, path, 2048)
X(STATUS, "status", INT, status, 0)
X(REASON, "reason", REASON, reason, 64)
X(REPORTED, "reported", TEXT, reported, 512)
X(API, "api", TEXT, api, 128)
X(ROUTE, "route", TEXT, route, 128)
X(CONSUMER, "consumer", TEXT, consumer, 256)
X(UPSTREAM, "upstream", TEXT, upstream, 128)
X(ENDPOINT, "endpoint", TEXT, endpoint, 256)
X(ATTEMPTS, "attempts", UNSIGNED, attempts, 0)
X(REQUEST_BYTES, "request_bytes", U64, request_bytes, 0)
X(RESPONSE_BYTES, "response_bytes", U64, response_bytes, 0)
X(DURATION, "duration_ms", DURATION, time_taken, 0)
X(UPSTREAM_TIME, "upstream_ms", DURATION, upstream_time, 0)
X(USER_AGENT, "user_agent", TEXT, user_agent, 512)
X(REFERER, "referer", REFERER, referer, 512)
X(GENERATION, "generation", U64, generation, 0)

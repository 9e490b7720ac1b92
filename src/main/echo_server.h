/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo_server: a small upstream to try things out with: it answers with what it received, as JSON.
 *
 *     /delay/MS      the same, MS milliseconds later
 *     /status/CODE   the same, with that status
 *     /bytes/N       N bytes
 *     /sse           a server-sent event a second
 *     /ws            a WebSocket that sends every message back
 *
 * One thread, a fiber for each connection.
 */
#pragma once

#include "io/address.h"

struct echo_server;

result echo_server_new(const struct address *at, struct echo_server **ret_server, struct address *ret_bound);
/* Listens: *ret_bound says where, if the port was left open. It may be run by another thread, once. Errors of
 * listener_bind(), and ERROR_LIMIT. */

void echo_server_run(struct echo_server *server);
/* Until echo_server_stop(); cuts what is under way then. */

void echo_server_stop(struct echo_server *server);
/* From any thread, or a signal handler. */

void echo_server_free(struct echo_server **server);
/* After echo_server_run() has returned, or instead of it. Clears the address, accepts NULL. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo_server: a small upstream to try things out with: it answers with what it received, as JSON.
 *
 *     /delay/MS      the same, MS milliseconds later
 *     /status/CODE   the same, with that status
 *     /bytes/N       N bytes
 *     /sse           a server-sent event a second
 *
 * One thread, a fiber for each connection.
 */
#pragma once

#include "io/address.h"

struct echo_server;

result echo_server_new(const struct address *at, struct echo_server **ret_server, struct address *ret_bound);
/* On the thread that will run it. */

void echo_server_run(struct echo_server *server);
/* Until echo_server_stop(). */

void echo_server_stop(struct echo_server *server);
/* From any thread, or a signal handler. */

void echo_server_free(struct echo_server **server);

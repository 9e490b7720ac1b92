/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_connection: a client's connection that speaks HTTP/2: a fiber for each request, none for the connection.
 *
 * The loop has it. What can be read is read and fed there, without waiting, and what all streams have put out
 * in a turn is sent at the turn's end in one call. So a connection without a request is its structs and the
 * library's, and nothing else.
 */
#pragma once

#include "proxy/connection.h"

struct h2_connection;

bool h2_connection_is_asked(struct session *session, struct intake *in, bool *ret_is_h2);
/* Yields. On a listener without TLS, whether the client begins with the preface of HTTP/2 (RFC 9113
 * section 3.3), where that is to be found out. False when the connection ended, or the time for a head did,
 * before it could be told. */

result h2_connection_begin(struct connection *connection, struct intake *in);
/* In the connection's fiber, which must end then: the loop has it from here on. What was read is in `in`. */

void h2_connection_shut(struct connection *connection);
/* The door is closing: no more requests; closes when those under way are answered. */

void h2_connection_retire(struct connection *connection);
/* No more requests; those under way are answered, and WebSockets go on. */

void h2_connection_cut(struct connection *connection);
/* Cancels what is under way, and closes when it has unwound. */

void h2_connection_free(struct connection *connection);
/* With the connection's memory. */

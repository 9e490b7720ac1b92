/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo_socket: the echo's WebSocket: every message comes back as it was sent, in the same parts.
 *
 * Nothing of a message is kept: what has come of a frame is sent back while the rest is on its way. No
 * extension is agreed to, and what RFC 6455 forbids ends it with 1002. Whether text is UTF-8 is not looked
 * at.
 */
#pragma once

#include "http/small_server.h"

bool echo_socket_is_asked(const struct http_request *request);
/* A handshake that can be answered with 101. */

result echo_socket_serve(struct small_exchange *exchange);
/* Yields. Answers the handshake and serves until the close frame, the client's or that with 1002.
 * ERROR_TIMEOUT after an hour of silence, and what the stream says. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_stream: one request of an HTTP/2 connection and its answer: a struct server.
 *
 * The body comes in whenever the client sends it, and is held until it is taken: at most a window full. So a
 * slow upload holds up nobody else on the connection, and what it costs is bounded. The answer goes to the
 * connection's output as far as the client's windows and that output's bound allow.
 */
#pragma once

#include "http/h2_server.h"
#include "http/server.h"

struct h2_server *h2_stream_connection(const struct h2_stream *stream);

struct server *h2_stream_begin(struct h2_stream *stream, struct fiber *fiber);
/* What serves its one request, in this fiber. Its owner is told when the client resets the stream, or is gone
 * altogether. */

void h2_stream_refuse(struct h2_stream *stream);
/* Nobody will serve it: the client may try again (RFC 9113 section 8.7). The stream is freed. */

void h2_stream_carry(struct h2_stream *stream, void (*on_ready)(void *owner), void *owner);
/* After server_take_over(), when its fiber ends: on_ready is called whenever bytes have come, more may be
 * sent, or it is over. Ends with h2_stream_end(), also in that call. */

void h2_stream_end(struct h2_stream *stream);
/* The exchange is over, in whatever way: an answer that was not sent to its end becomes a reset, and a client
 * that still sends is told to stop (RFC 9113 section 8.1). The stream is freed. Never yields. */

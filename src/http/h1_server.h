/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_server: HTTP/1 as clients speak it to us: reads requests, answers them (RFC 9112).
 *
 * One for each connection that is at work; an idle connection has none. It decides how a message is framed
 * and whether the connection persists in words; what the words are to be is the exchange's decision.
 */
#pragma once

#include "http/h1_sink.h"
#include "http/h1_source.h"
#include "http/server.h"

struct h1_server {
	struct server server; /* first */
	struct stream *stream;
	struct intake *in;
	struct h1_source body;
	struct h1_sink sink;
};

void h1_server_init(struct h1_server *server, struct stream *stream, struct intake *in);
/* Both outlive it. limits and shared_fields are to be set before the first request is read. Told that the
 * client has gone by server_gone(), by whoever watches the stream. */

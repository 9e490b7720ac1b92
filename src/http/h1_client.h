/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_client: the answers of upstreams, read, and requests to them, sent (RFC 9112).
 *
 * An answer is not trusted more than a request: the same bounds, the same strict parser. What it cannot do
 * is to say anything to the client: a head that breaks the rules is ERROR_MALFORMED, for the caller to make
 * a 502 of.
 */
#pragma once

#include "http/client.h"
#include "http/h1_sink.h"
#include "http/h1_source.h"

struct h1_client {
	struct client client; /* first */
	struct stream *stream;
	struct intake *in;
	struct h1_sink sink;
	struct h1_source body;
};

void h1_client_init(struct h1_client *client, struct stream *stream, struct intake *in);
/* Both outlive it. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_probe: one question to one endpoint: a GET, a connection, or a call of gRPC's health protocol.
 *
 * On a connection of its own where it is HTTP/1, so that it also tells whether one can be had; spoken to as
 * the upstream speaks to it, with its TLS identity. One deadline for all of it, and an answer is read only as
 * far as it says something.
 */
#pragma once

#include "upstream/pool.h"

struct health_question {
	struct health_check_config config; /* its texts live as long as the question */
	int protocol;                      /* enum upstream_protocol */
	struct tls_client_identity *tls;   /* NULL: nothing is encrypted */
	str host;                          /* what goes into Host */
};

enum { HEALTH_PROBES_MAX = 128 }; /* under way at a time */

size_t health_probe_room(const struct health_question *question);
/* The most that it takes of an arena. */

result health_probe_run(struct pool *pool, const struct health_question *question, struct endpoint *endpoint,
			struct arena *arena, deadline until, struct buf *ret_words);
/* Yields. OK: it is well. Otherwise ret_words says how it is not ("GET /healthz: answered 503"), for the
 * journal, which escapes it; cut to what there is room for. ERROR_CANCELLED, and ERROR_LIMIT of this
 * process, say nothing of it. arena: health_probe_room(), over malloc. */

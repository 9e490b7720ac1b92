/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stand_in: what answers in an upstream's place in a rehearsal, and remembers what it was asked.
 *
 * A stand-in sits at the other end of a socket pair and is a server like any other, with the same strict
 * parser: what it remembers is what a service would have understood. Each connection carries one request.
 */
#pragma once

#include "http/h1_server.h"
#include "upstream/pool.h"

/* What is answered. */
struct stand_in {
	int status; /* 0: 200 */
	struct http_fields fields;
	str body;
};

/* What was asked. In the arena of the stand_ins. */
struct stand_in_request {
	const struct stand_in_request *earlier;
	str upstream; /* as stand_ins.find() called it */
	str method, path, query;
	struct http_fields fields;
	str body; /* its beginning, up to STAND_IN_BODY_MAX */
};

enum { STAND_IN_BODY_MAX = 1024 * 1024, STAND_IN_FIELDS_MAX = 512 };

/* All of a rehearsal. */
struct stand_ins {
	struct fibers *fibers;
	struct arena *arena;
	const struct stand_in *(*find)(void *owner, const struct endpoint *endpoint, str *ret_upstream);
	/* Who answers for the endpoint; NULL: 200 with nothing. */
	void *owner;
	const struct stand_in_request *last; /* the newest; NULL: nobody was asked */
	struct http_field fields[STAND_IN_FIELDS_MAX];
};

struct pool_connector stand_ins_connector(struct stand_ins *stand_ins);
/* For pool_set_connector(); stand_ins must outlive the pool's connections. */

result stand_in_read_body(struct body_source *source, struct arena *arena, deadline until, str *ret_body);
/* Yields. All of it, of which up to STAND_IN_BODY_MAX bytes are given. */

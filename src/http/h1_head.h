/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_head: what reading and printing heads has in common on both sides of HTTP/1.
 */
#pragma once

#include "codec/h1.h"
#include "io/stream.h"

/* The fields of a head under way: the worker's shared array first, the arena's when it must survive a wait.
 */
struct h1_fields_place {
	struct http_field *shared;
	size_t max;
};

void h1_fields_keep(struct http_fields *fields, const struct h1_fields_place *place, struct arena *arena);
/* Before a wait: moves what was parsed out of the shared array. */

void h1_fields_adopt(struct http_fields *fields, struct arena *arena);
/* The head is complete: fields into the arena, with H1_FIELDS_SPARE more. */

void h1_add_framing(struct http_fields *fields, struct arena *arena, enum http_framing framing,
		    uint64_t length);
/* Content-Length or Transfer-Encoding, in place of whatever stood there (RFC 9112 section 6). */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_out: what an HTTP/2 connection has to send, in one piece.
 *
 * All streams write here, and all that was written in a turn of the loop leaves in one call: where ten
 * answers come about at a time, nine of ten system calls are saved, and with TLS as many records. It holds a
 * block only while there is something to send.
 */
#pragma once

#include "base/block_pool.h"
#include "base/str.h"

enum { H2_FRAME_HEAD = 9 }; /* bytes before each frame's content (RFC 9113 section 4.1) */

struct h2_out {
	struct block_pool *pool;
	struct block *block; /* NULL: nothing is there */
	size_t at, len;
};

static inline void h2_out_init(struct h2_out *out, struct block_pool *pool)
{
	*out = (struct h2_out) { .pool = pool };
}

void h2_out_fini(struct h2_out *out);
/* What is there is dropped. */

static inline str h2_out_bytes(const struct h2_out *out)
/* Valid until the next put. */
{
	return out->block ? (str) { out->block->bytes + out->at, out->len } : (str) { 0 };
}

void h2_out_put(struct h2_out *out, str bytes);
/* Copied behind what is there. Whoever puts sees to it that there is an end to it. */

void h2_out_sent(struct h2_out *out, size_t n);
/* The first n bytes are gone. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_content: bytes of a body that came before they were asked for, in blocks, first in first out.
 *
 * The window of its stream bounds it, and the worker's memory. Each block leaves room in front of its bytes,
 * so that a head can leave with the first of them in one piece.
 */
#pragma once

#include "base/block_pool.h"
#include "base/str.h"

struct h2_content {
	struct block *first, *last;
	size_t at;  /* of the first block: what is consumed */
	size_t end; /* of the last block: what is filled */
	size_t len; /* bytes in all */
};

result h2_content_add(struct h2_content *content, struct block_pool *pool, str bytes);
/* ERROR_LIMIT: the pool is used up. */

str h2_content_peek(const struct h2_content *content, size_t *ret_headroom);
/* The first of its bytes that lie together, and how many before them may be written over; valid until they
 * are consumed, whatever is added. Empty when there is none. */

void h2_content_consume(struct h2_content *content, struct block_pool *pool, size_t n);
/* n is at most what was peeked. */

void h2_content_fini(struct h2_content *content, struct block_pool *pool);
/* Drops what is left. */

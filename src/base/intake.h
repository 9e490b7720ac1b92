/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake: the unread bytes of one connection, and the scratch that a worker's connections take turns with.
 *
 * A read goes into the worker's scratch, where most requests are parsed and most bodies relayed without
 * a copy. Only what must survive a wait moves to a pooled block: fiber_park() evacuates the scratch, so
 * nobody else has to think of it. Hence the one rule: a slice from intake_data() is valid until the next
 * call that yields or takes room. A debug build poisons the scratch at that point.
 */
#pragma once

#include "base/block_pool.h"
#include "base/str.h"

enum {
	SCRATCH_SIZE = 128 * 1024,
	SCRATCH_HEADROOM = 512, /* left free before what is read: see intake_headroom() */
};

struct intake;

struct scratch {
	struct block_pool *pool; /* where evacuated bytes go */
	struct intake *holder;   /* whose bytes are in it; NULL when they are read */
	char *bytes;             /* SCRATCH_SIZE of them */
};

struct intake {
	struct scratch *scratch;
	struct block *block; /* NULL: the bytes, if any, are in the scratch */
	char *at;            /* first unread byte */
	size_t len;          /* unread bytes */
};

void scratch_init(struct scratch *scratch, struct block_pool *pool);
void scratch_fini(struct scratch *scratch);

void scratch_evacuate(struct scratch *scratch);
/* Moves the holder's unread bytes to a block, beyond the pool's maximum if need be. */

void intake_init(struct intake *in, struct scratch *scratch);
void intake_fini(struct intake *in);
/* Unread bytes are dropped. */

void intake_hand_over(struct intake *from, struct intake *to);
/* `to` is empty, and has what `from` had; `from` is empty then. Nothing is copied. */

static inline str intake_data(const struct intake *in)
{
	return (str) { in->at, in->len };
}

size_t intake_headroom(const struct intake *in);
/* Bytes just before the unread ones that nobody needs any more: a head may be written there, to leave with
 * them in one piece. */

void intake_consume(struct intake *in, size_t n);
/* The first n bytes are read. When none is left, block and scratch are let go. */

result intake_room(struct intake *in, char **ret_at, size_t *ret_size);
/* Where the next bytes go: behind the unread ones in the block, or in the scratch. Moves bytes to a larger
 * block when there is little room, so a slice from before is stale. ERROR_LIMIT when the pool is used up. */

void intake_shrink(struct intake *in, size_t n);
/* The last n unread bytes are dropped: what was decoded in place has become shorter. */

void intake_add(struct intake *in, size_t n);
/* n bytes were put where intake_room() said. */

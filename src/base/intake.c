/* SPDX-License-Identifier: Apache-2.0 */
#include "base/intake.h"

#include <stdlib.h>

#include "base/assert.h"

enum { LITTLE_ROOM = 1024 };

void scratch_init(struct scratch *scratch, struct block_pool *pool)
{
	*scratch = (struct scratch) { .pool = pool, .bytes = malloc(SCRATCH_SIZE) };
	ASSERT(scratch->bytes);
}

void scratch_fini(struct scratch *scratch)
{
	ASSERT(!scratch->holder);
	free(scratch->bytes);
	scratch->bytes = NULL;
}

/* Moves the unread bytes to a new block. */
static void intake_move(struct intake *in, struct block *block)
{
	if (in->len)
		memcpy(block->bytes, in->at, in->len);
	block_give(in->scratch->pool, &in->block);
	in->block = block;
	in->at = block->bytes;
}

/* The same, to one with room for size. */
static result intake_grow(struct intake *in, size_t size)
{
	struct block *block;

	TRY(block_take(in->scratch->pool, size, &block));
	intake_move(in, block);
	return OK;
}

static void scratch_poison(struct scratch *scratch)
{
#ifdef GATEHOUSE_DEBUG
	memset(scratch->bytes, 0xdb, SCRATCH_SIZE);
#else
	(void)scratch;
#endif
}

/* Bytes that were read are not lost, also when memory is short: the room for them was the thing to refuse. */
void scratch_evacuate(struct scratch *scratch)
{
	struct intake *in = scratch->holder;

	scratch->holder = NULL;
	if (in && in->len)
		intake_move(in, block_need(scratch->pool, in->len));
	scratch_poison(scratch);
}

void intake_init(struct intake *in, struct scratch *scratch)
{
	*in = (struct intake) { .scratch = scratch };
}

static void intake_release(struct intake *in)
{
	if (in->scratch->holder == in)
		in->scratch->holder = NULL;
	block_give(in->scratch->pool, &in->block);
	in->at = NULL;
}

void intake_fini(struct intake *in)
{
	in->len = 0;
	intake_release(in);
}

void intake_hand_over(struct intake *from, struct intake *to)
{
	ASSERT(!to->len && !to->block && from->scratch == to->scratch);
	*to = *from;
	if (from->scratch->holder == from)
		from->scratch->holder = to;
	intake_init(from, to->scratch);
}

size_t intake_headroom(const struct intake *in)
{
	if (!in->len)
		return 0;
	return (size_t)(in->at - (in->block ? in->block->bytes : in->scratch->bytes));
}

void intake_consume(struct intake *in, size_t n)
{
	ASSERT(n <= in->len);
	if (n)
		in->at += n;
	in->len -= n;
	if (in->len == 0)
		intake_release(in);
}

static void room_in_scratch(struct intake *in, char **ret_at, size_t *ret_size)
{
	struct scratch *scratch = in->scratch;

	if (scratch->holder != in) {
		scratch_evacuate(scratch);
		scratch->holder = in;
		in->at = scratch->bytes + SCRATCH_HEADROOM;
	}
	*ret_at = in->at + in->len;
	*ret_size = (size_t)(scratch->bytes + SCRATCH_SIZE - *ret_at);
}

result intake_room(struct intake *in, char **ret_at, size_t *ret_size)
{
	if (!in->block) {
		if (block_pool_left(in->scratch->pool) == 0)
			return error_make(ERROR_LIMIT, "buffer memory is used up");
		room_in_scratch(in, ret_at, ret_size);
		if (*ret_size >= LITTLE_ROOM)
			return OK;
		TRY(intake_grow(in, in->len * 2));
		in->scratch->holder = NULL;
		scratch_poison(in->scratch);
	} else if ((size_t)(in->block->bytes + in->block->size - in->at) - in->len < LITTLE_ROOM) {
		TRY(intake_grow(in, in->len * 2 > LITTLE_ROOM * 2 ? in->len * 2 : LITTLE_ROOM * 2));
	}
	*ret_at = in->at + in->len;
	*ret_size = (size_t)(in->block->bytes + in->block->size - *ret_at);
	return OK;
}

void intake_add(struct intake *in, size_t n)
{
	in->len += n;
}

void intake_shrink(struct intake *in, size_t n)
{
	ASSERT(n <= in->len);
	in->len -= n;
	if (in->len == 0)
		intake_release(in);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h2_out.h"

#include "base/assert.h"

void h2_out_fini(struct h2_out *out)
{
	block_give(out->pool, &out->block);
	out->at = out->len = 0;
}

/* Twice as much as is needed now, as long as there are blocks of that size. */
static size_t next_size(size_t needed)
{
	if (needed * 2 <= BLOCK_LARGE)
		return needed * 2;
	return needed < BLOCK_LARGE ? BLOCK_LARGE : needed;
}

/* To a larger block, or to the front of this one: where half of it is free that costs less. */
static void make_room(struct h2_out *out, size_t more)
{
	struct block *block = out->block, *larger;

	if (block && out->len + more <= block->size && out->at >= block->size / 2) {
		memmove(block->bytes, block->bytes + out->at, out->len);
		out->at = 0;
		return;
	}
	larger = block_need(out->pool, next_size(out->len + more));
	if (out->len)
		memcpy(larger->bytes, block->bytes + out->at, out->len);
	block_give(out->pool, &out->block);
	out->block = larger;
	out->at = 0;
}

void h2_out_put(struct h2_out *out, str bytes)
{
	if (!bytes.len)
		return;
	if (!out->block || bytes.len > out->block->size - out->at - out->len)
		make_room(out, bytes.len);
	memcpy(out->block->bytes + out->at + out->len, bytes.ptr, bytes.len);
	out->len += bytes.len;
}

void h2_out_sent(struct h2_out *out, size_t n)
{
	ASSERT(n <= out->len);
	out->at += n;
	out->len -= n;
	if (out->len == 0)
		h2_out_fini(out);
}

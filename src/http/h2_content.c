/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_content: a list of blocks. A body of a few bytes takes a small one; where bytes wait already, what comes
 * goes into larger ones, so that it leaves in fewer pieces.
 */
#include "http/h2_content.h"

#include "base/assert.h"

enum { HEADROOM = 512 };

/* A class's size counts the block's own head. */
static size_t size_for(const struct h2_content *content, size_t wanted)
{
	size_t of_block = content->len >= BLOCK_MEDIUM          ? BLOCK_LARGE
			  : wanted + HEADROOM > BLOCK_SMALL / 2 ? BLOCK_MEDIUM
								: BLOCK_SMALL;

	return of_block - sizeof(struct block);
}

static result add_block(struct h2_content *content, struct block_pool *pool, size_t wanted)
{
	struct block *block;

	TRY(block_take(pool, size_for(content, wanted), &block));
	if (content->last)
		content->last->next = block;
	else
		content->first = block;
	if (content->first == block)
		content->at = HEADROOM;
	content->last = block;
	content->end = HEADROOM;
	return OK;
}

result h2_content_add(struct h2_content *content, struct block_pool *pool, str bytes)
{
	while (bytes.len) {
		size_t room = content->last ? content->last->size - content->end : 0;
		str part = str_slice(bytes, 0, room);

		if (!room) {
			TRY(add_block(content, pool, bytes.len));
			continue;
		}
		memcpy(content->last->bytes + content->end, part.ptr, part.len);
		content->end += part.len;
		content->len += part.len;
		bytes = str_skip(bytes, part.len);
	}
	return OK;
}

str h2_content_peek(const struct h2_content *content, size_t *ret_headroom)
{
	const struct block *first = content->first;
	size_t end;

	*ret_headroom = 0;
	if (!content->len)
		return (str) { 0 };
	end = first == content->last ? content->end : first->size;
	*ret_headroom = content->at;
	return (str) { first->bytes + content->at, end - content->at };
}

/* The last block is let go only when it is read to its end, so that it can be filled on. */
static void drop_first(struct h2_content *content, struct block_pool *pool)
{
	struct block *first = content->first;

	content->first = first->next;
	content->at = HEADROOM;
	if (!content->first)
		content->last = NULL;
	block_give(pool, &first);
}

void h2_content_consume(struct h2_content *content, struct block_pool *pool, size_t n)
{
	size_t headroom;

	if (!n)
		return;
	ASSERT(n <= h2_content_peek(content, &headroom).len);
	content->at += n;
	content->len -= n;
	if (content->at == (content->first == content->last ? content->end : content->first->size))
		drop_first(content, pool);
}

void h2_content_fini(struct h2_content *content, struct block_pool *pool)
{
	while (content->first)
		drop_first(content, pool);
	content->len = 0;
}

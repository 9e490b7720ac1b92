/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena: memory that is freed all at once, with the thing it belongs to.
 *
 * An exchange has one over its worker's blocks, a snapshot has one over malloc. Allocation never fails
 * to its caller: users check arena_left() wherever the size comes from outside. Running past the maximum
 * cannot happen to a snapshot. An exchange's arena gives more nevertheless, and has nothing left from then
 * on: one exchange must not be the end of all.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/block_pool.h"
#include "base/buf.h"
#include "base/str.h"

struct large_blocks;

struct arena {
	char *at, *end;
	struct block *blocks;       /* newest first */
	struct block_pool *pool;    /* NULL: malloc */
	size_t used, max;           /* bytes of blocks */
	size_t least;               /* of malloc: the least for a block; 0: a usual one */
	struct large_blocks *large; /* of malloc: whence large ones come; NULL: from there too */
};

void arena_init(struct arena *arena, struct block_pool *pool, size_t max);
void arena_init_small(struct arena *arena, size_t first, size_t max);
/* Over malloc, for what lives long and is one of many: its first block has so many bytes. */

void arena_init_over(struct arena *arena, struct large_blocks *large, size_t max);
/* Over malloc, for what takes the place of another: its large blocks are those that the other had. */

void arena_init_beside(struct arena *arena, const struct arena *other);
/* Over the same as the other. */

void arena_fini(struct arena *arena);
/* Gives every block back. The arena is empty then, and can be used again. */

void arena_adopt(struct arena *arena, struct arena *from);
/* Everything that was taken from `from` lives on in arena, and counts there, also beyond its maximum. Both
 * are over the same pool; `from` is empty then, and can be used again. */

void *arena_alloc(struct arena *arena, size_t size);
/* Zeroed, aligned to 16. */

void *arena_lines(struct arena *arena, size_t size);
/* Zeroed, aligned to a line of the cache: for what many of are looked at, each seldom. */

void *arena_raw(struct arena *arena, size_t size);
/* Aligned to 16, not zeroed: for what is written before it is read. */

char *arena_bytes(struct arena *arena, size_t size);
/* Not zeroed, not aligned. */

size_t arena_left(const struct arena *arena);
/* Bytes that can still be asked for in one piece. */

void arena_reserve(struct arena *arena, size_t size);
/* What is asked for next, up to size bytes with what aligning takes, lies in one block. */

void *arena_widen(struct arena *arena, const void *old, size_t count, size_t size, size_t *max);
/* An array with room for one more than count, of size bytes each: the old one while it has room, else one of
 * twice as many, *max, always a power of two; the old one stays until the arena goes. old may be NULL, where
 * *max is 0. For set-up: nothing else bounds it. */

str arena_str(struct arena *arena, str s);
/* A copy. */

str arena_join(struct arena *arena, const str *parts, size_t count);
/* The parts one after the other, as a new slice. */

str arena_join_list(struct arena *arena, const str_list *list, str between);
/* The same with a text between each two. */

str arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
str arena_vprintf(struct arena *arena, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));
/* For diagnostics and set-up; not for a request's path. The byte after the slice is NUL. */

struct buf arena_open(struct arena *arena, size_t size);
/* A writer over at least size bytes of the arena, all that its block has left. Nothing else may be taken
 * until arena_close(). */

str arena_close(struct arena *arena, const struct buf *b);
/* Keeps what was written and gives the rest back. */

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc_array((arena), sizeof(type), (count)))

void *arena_alloc_array(struct arena *arena, size_t size, size_t count);

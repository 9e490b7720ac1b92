/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf: a bounded writer over memory that somebody else owns.
 *
 * Writing past the end writes nothing and is remembered, so that a sequence of puts is checked once,
 * at its end, with buf_overflowed(). Never measure first and copy then.
 */
#pragma once

#include "base/str.h"

struct buf {
	char *bytes;
	size_t len, max;
	bool overflow;
};

static inline struct buf buf_over(char *bytes, size_t max)
{
	return (struct buf) { .bytes = bytes, .max = max };
}

static inline str buf_str(const struct buf *b)
{
	return (str) { b->bytes, b->len };
}

static inline bool buf_overflowed(const struct buf *b)
{
	return b->overflow;
}

static inline void buf_put(struct buf *b, str s)
{
	if (__builtin_expect(s.len > b->max - b->len, 0)) {
		b->overflow = true;
		return;
	}
	if (s.len)
		memcpy(b->bytes + b->len, s.ptr, s.len);
	b->len += s.len;
}

static inline void buf_put_char(struct buf *b, char c)
{
	buf_put(b, (str) { &c, 1 });
}

void buf_put_u64(struct buf *b, uint64_t value);
/* Decimal. */

void buf_put_hex(struct buf *b, uint64_t value);
/* Lower case, no leading zeros, at least one digit. */

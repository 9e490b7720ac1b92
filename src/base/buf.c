/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

static void put_in_base(struct buf *b, uint64_t value, unsigned base)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	buf_put(b, (str) { digits + at, sizeof digits - at });
}

void buf_put_u64(struct buf *b, uint64_t value)
{
	put_in_base(b, value, 10);
}

void buf_put_hex(struct buf *b, uint64_t value)
{
	put_in_base(b, value, 16);
}

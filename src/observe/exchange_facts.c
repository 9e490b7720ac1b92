/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts are those of the log's table, and the query, which the log shows as a part of the path. What it
 * would cut off anyway is not kept; a byte more is, so that it still sees that there was more.
 */
#include "observe/exchange_facts.h"

#include <stdlib.h>

#include "base/assert.h"

struct text_row {
	size_t offset, cap;
};

enum { QUERY_CAP = 2048 };

#define AS_TEXT(member, cap) { offsetof(struct exchange_facts, member), cap },
#define AS_PATH(member, cap) AS_TEXT(member, cap)
#define AS_REFERER(member, cap) AS_TEXT(member, cap)
#define AS_TIME(member, cap)
#define AS_PORT(member, cap)
#define AS_INT(member, cap)
#define AS_UNSIGNED(member, cap)
#define AS_U64(member, cap)
#define AS_DURATION(member, cap)
#define AS_REASON(member, cap)

static const struct text_row rows[] = {
#define X(id, name, kind, member, cap) AS_##kind(member, cap)
#include "observe/log_fields.h"
#undef X
	AS_TEXT(query, QUERY_CAP)
};

enum { ROWS = sizeof rows / sizeof *rows };

static str *text_of(struct exchange_facts *facts, const struct text_row *row)
{
	return (str *)(void *)((char *)facts + row->offset);
}

static size_t kept(str text, const struct text_row *row)
{
	return text.len > row->cap ? row->cap + 1 : text.len;
}

struct exchange_facts *exchange_facts_copy(const struct exchange_facts *facts)
{
	struct exchange_facts from = *facts, *copy;
	size_t size = 0;
	char *at;

	for (size_t i = 0; i < ROWS; i++)
		size += kept(*text_of(&from, &rows[i]), &rows[i]);
	copy = malloc(sizeof *copy + size);
	ASSERT(copy);
	*copy = from;
	at = (char *)(copy + 1);
	for (size_t i = 0; i < ROWS; i++) {
		str text = *text_of(&from, &rows[i]);

		text.len = kept(text, &rows[i]);
		if (text.len)
			memcpy(at, text.ptr, text.len);
		*text_of(copy, &rows[i]) = (str) { at, text.len };
		at += text.len;
	}
	return copy;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of reasons.h as an array. Looking a word up is for the rare case (an error of the parser, a tool),
 * so it walks the array.
 */
#include "observe/reason.h"

struct reason_row {
	int status;
	str word, proxy_error, title, detail, meaning;
};

static const struct reason_row reason_rows[REASONS] = {
#define X_MEANING(id, word, status, proxy_error, title, detail, meaning)            \
	[REASON_##id] = { status,          STR_INIT(word),   STR_INIT(proxy_error), \
			  STR_INIT(title), STR_INIT(detail), STR_INIT(meaning) },
#define X(id, word, status, proxy_error, title, detail) \
	X_MEANING(id, word, status, proxy_error, title, detail, detail)
	[REASON_NONE] = { 0, STR_INIT(""), STR_INIT(""), STR_INIT(""), STR_INIT(""), STR_INIT("") },
#include "observe/reasons.h"
#undef X
};

str reason_word(enum reason reason)
{
	return reason_rows[reason].word;
}

int reason_status(enum reason reason)
{
	return reason_rows[reason].status;
}

str reason_proxy_error(enum reason reason)
{
	return reason_rows[reason].proxy_error;
}

str reason_title(enum reason reason)
{
	return reason_rows[reason].title;
}

str reason_detail(enum reason reason)
{
	return reason_rows[reason].detail;
}

str reason_meaning(enum reason reason)
{
	return reason_rows[reason].meaning;
}

enum reason reason_find(str word)
{
	for (int reason = REASON_NONE + 1; reason < REASONS; reason++)
		if (str_eq(reason_rows[reason].word, word))
			return (enum reason)reason;
	return REASON_NONE;
}

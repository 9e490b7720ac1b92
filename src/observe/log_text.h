/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_text: values as they may stand in a line of the access log.
 *
 * No input can forge a line, a field or a colour on a terminal: what is not printable is escaped, and so is
 * what the format itself means something by.
 */
#pragma once

#include "base/buf.h"
#include "base/time.h"

enum log_escape {
	LOG_ESCAPE_JSON, /* RFC 8259; bytes that are no UTF-8 become U+FFFD */
	LOG_ESCAPE_TEXT, /* \", \\ and \xHH, also for everything that is not ASCII: as Apache does */
	LOG_ESCAPE_WORD, /* the same, and no space: for values without quotes around them */
};

void log_put_text(struct buf *out, enum log_escape escape, str text);
/* Without quotes around it. Six bytes for each of text's are always enough. */

void log_put_number(struct buf *out, uint64_t value);

void log_put_milliseconds(struct buf *out, duration time);
/* With three decimals; negative is zero. */

str log_cut_long(str text, size_t cap);

static inline str log_cut(str text, size_t cap)
/* At most cap bytes, and no character cut in two. */
{
	return text.len <= cap ? text : log_cut_long(text, cap);
}

void log_put_query(struct buf *out, enum log_escape escape, str query, str_list redact);
/* A query with the values masked whose name, decoded, may be that of a secret (config/secret_name.h) or, with
 * case folded, is in redact: the log of what came must not be a list of keys to come in with. */

void log_put_url(struct buf *out, enum log_escape escape, str url, bool with_query, str_list redact);
/* A Referer without userinfo and fragment, its query left out or masked as above. */

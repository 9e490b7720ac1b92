/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_line: one finished exchange as one line of text.
 *
 * The fields are rows (log_fields.h), shared by all formats. JSON leaves out what is not there; the others
 * put "-" for it. Nothing here allocates, and the length of a line is bounded whatever the values are.
 */
#pragma once

#include "observe/exchange_facts.h"
#include "observe/log_config.h"

/* The second that was printed last: a busy worker prints a thousand lines in it. */
struct log_clock {
	int64_t second; /* since 1970; zero-initialised is right */
	char rfc3339[TIME_RFC3339_LEN];
	char clf[26]; /* "02/Jan/2026:03:04:05 +0000" */
};

void log_line_put(struct log_clock *clock, const struct access_log_config *config,
		  const struct exchange_facts *facts, struct buf *out);
/* With its line end. LOG_LINE_MAX bytes are always enough; with less room out may overflow. */

str log_field_name(enum log_field field);
bool log_field_find(str name, enum log_field *ret_field);

size_t log_field_longest(enum log_field field);
/* Bytes that it can take in a line, in any format. */

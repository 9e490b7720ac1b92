/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value: texts of the configuration with ${...} in them, filled in for each request.
 *
 * Compiled once to pieces; a request only puts them together. What comes from outside is data: it is never
 * looked at for ${...} again, a control character in it refuses the request, and where it becomes part of a
 * path, a query or JSON it is encoded so that it stays the one value that it was. What is missing is empty.
 */
#pragma once

#include "policy/policy.h"

/* What the text becomes a part of. */
enum value_use {
	VALUE_FIELD, /* a field, a host: nothing is encoded */
	VALUE_TEXT,  /* the same, and the literals may have lines */
	VALUE_PATH,  /* a value stays within its segment; those of the path are there as they are */
	VALUE_QUERY, /* a value of a query; literals are encoded too */
	VALUE_JSON,
	VALUE_URL, /* a value stays within its part; host, paths and query are there as they are */
};

enum value_options {
	VALUE_OF_ANSWER = 1, /* what is known only when there is an answer can be used */
	VALUE_GROUPS = 2,    /* $0 to $9 are groups of a regular expression, $$ is '$' */
};

enum { VALUE_SEGMENTS_MAX = 64, VALUE_GROUPS_MAX = 10, VALUE_LENGTH_MAX = 64 * 1024 };

struct value_segment {
	str text;     /* the literal, or the NAME of ${request.header.NAME} */
	uint8_t what; /* 0: a literal; else a row of the values */
	uint8_t group;
	enum http_name id; /* of a field */
};

struct value {
	const struct value_segment *at;
	size_t count; /* 0: empty */
	enum value_use use;
};

result value_compile(struct reader *reader, const struct node *node, enum value_use use, unsigned options,
		     struct value *ret_value);
/* The scalar's text. ERROR_INVALID after a report, also of one that is no constant and longer than what comes
 * out may be. NULL is the empty value. */

result value_compile_json(struct reader *reader, const struct node *node, unsigned options,
			  struct value *ret_value);
/* A whole node as JSON; values can stand in its texts, not in its keys. */

bool value_is_constant(const struct value *value);

str value_constant(const struct value *value);
/* Of one that is constant. */

unsigned value_highest_group(const struct value *value);
/* 0 also when there is none. */

result value_expand(const struct value *value, const struct view *view, const str *groups, str *ret_text);
/* Lives in the snapshot, the request or the exchange's arena. groups: VALUE_GROUPS_MAX of them, or NULL when
 * the value was compiled without VALUE_GROUPS. ERROR_MALFORMED when something from outside must not be there;
 * ERROR_LIMIT when it becomes too long. */

void value_put_encoded(struct buf *out, str text);
/* Percent-encoded, but for what is unreserved (RFC 3986 section 2.3). */

enum verdict value_refuse(struct view *view, result_value why);
/* Answers for a value_expand() that failed. */

void value_page_print(FILE *to);
/* For the manual: what ${...} may be. */

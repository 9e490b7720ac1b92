/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resp: what Redis speaks, versions 2 and 3 of its protocol: replies are parsed, commands printed.
 *
 * A reply is a tree; here it lies flat, each value before those in it, in an array of the caller's. Parsing
 * is strict and looks at a whole reply at a time: one that is not all there yet is RESP_MORE, and is parsed
 * again from its beginning when more has come. How long a text, how deep and how many values it may be is
 * bounded before anything is waited for.
 */
#pragma once

#include "base/buf.h"

enum resp_kind {
	RESP_NULL,
	RESP_SIMPLE, /* +OK */
	RESP_ERROR,  /* -ERR words, also !21 of version 3 */
	RESP_INTEGER,
	RESP_BULK, /* also = of version 3, with its "txt:" */
	RESP_BOOLEAN,
	RESP_DOUBLE, /* its text */
	RESP_BIG,    /* a number of any size, its text */
	RESP_ARRAY,
	RESP_MAP, /* keys and values in turn, all of them counted */
	RESP_SET,
	RESP_PUSH, /* what nobody asked for */
};

enum { RESP_DEPTH_MAX = 8, RESP_LINE_MAX = 1024 };

struct resp_value {
	enum resp_kind kind;
	str text;        /* of SIMPLE, ERROR, BULK, DOUBLE and BIG: a slice of the reply */
	int64_t integer; /* of INTEGER and BOOLEAN */
	size_t count;    /* of ARRAY, MAP, SET and PUSH: how many values stand in it */
	size_t size;     /* with all that is in it: at[size] is the next one beside it */
};

enum resp_state {
	RESP_DONE,
	RESP_MORE,      /* it is not all there */
	RESP_MALFORMED, /* it never will be a reply */
	RESP_LARGE,     /* it would be larger than it may */
};

struct resp_limits {
	size_t bytes, values;
};

enum resp_state resp_parse(str bytes, const struct resp_limits *limits, struct resp_value *ret_values,
			   size_t *ret_len);
/* The first reply of bytes, *ret_len of them. ret_values: room for limits->values of them. */

void resp_put_command(struct buf *out, const str *words, size_t count);
/* As an array of bulk strings. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1: what the parsers of requests, answers and trailers share.
 *
 * All of them go strictly from left to right and say H1_MORE where the bytes end, so that the outcome depends
 * on the bytes alone and not on where they were split. A bound works by hiding what lies behind it: whoever
 * wants more than the window shows, and there is more, has met the bound.
 */
#pragma once

#include "codec/h1.h"

/* The bytes that a line may be looked for in. */
struct h1_window {
	const char *line, *end;
	enum h1_error error; /* when more than the window is wanted; NONE: more input may come */
};

enum { H1_LINE_END = 2 }; /* CR LF */

struct h1_window h1_window_make(str input, size_t line, size_t max, enum h1_error error);
/* max bytes from line on, with the line's end. */

static inline enum h1_state h1_fail(struct h1_parser *parser, enum h1_error error)
{
	parser->error = error;
	return H1_FAILED;
}

enum h1_state h1_more(struct h1_parser *parser, const struct h1_window *window);
/* The window's end was reached: H1_MORE or its error. */

enum h1_state h1_version_parse(struct h1_parser *parser, const struct h1_window *window, const char **at,
			       int *ret_major, int *ret_minor);
/* "HTTP/1.1", one digit each. H1_DONE moves *at behind it. Case matters (RFC 9112 section 2.3). */

enum h1_state h1_line_end(struct h1_parser *parser, const struct h1_window *window, const char *at,
			  enum h1_error error);
/* CR LF stands at `at`. On H1_DONE parser->line is behind it. error: what another byte than CR is. */

enum h1_state h1_fields_parse(struct h1_parser *parser, str input, const struct h1_limits *limits,
			      struct http_fields *fields, size_t *ret_len);
/* A field section from parser->section on, with the empty line that ends it. */

enum h1_error h1_request_decide(struct http_request *request);
/* What can be judged when all fields are known: the form of the target, host, framing, expectation; they are
 * set. method, version, target and fields are there. */

/* What the fields of a head say about its framing and its connection. */
struct h1_control {
	const struct http_field *host, *length, *coding, *expect;
	bool close, keep_alive; /* options of Connection */
	unsigned options;       /* how many there were */
};

enum h1_error h1_control_read(const struct http_fields *fields, bool is_request,
			      struct h1_control *ret_control);
/* Also refuses repeated singletons in requests. */

enum h1_error h1_body_read(const struct h1_control *control, enum http_version version,
			   enum http_framing *ret_framing, uint64_t *ret_length);
/* RFC 9112 section 6.3, items 3 to 6, without the rules that look at method or status. NO_BODY when there is
 * neither field. */

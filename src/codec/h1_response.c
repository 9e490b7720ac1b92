/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of answers (RFC 9112 section 4). An upstream is held to the same rules as a client: its answer is
 * printed anew, and what it left open must not be decided twice.
 */
#include "codec/h1_private.h"

#include "codec/scan.h"

/* Three digits, 100 to 599 (RFC 9110 section 15). */
static enum h1_state status_parse(struct h1_parser *parser, const struct h1_window *window, const char **at,
				  struct http_response *response)
{
	int status = 0;

	for (int i = 0; i < 3; i++) {
		const char *c = *at + i;

		if (c == window->end)
			return h1_more(parser, window);
		if (!scan_is(*c, SCAN_DIGIT) || (i == 0 && (*c < '1' || *c > '5')))
			return h1_fail(parser, H1_ERROR_STATUS);
		status = status * 10 + *c - '0';
	}
	response->status = status;
	*at += 3;
	return H1_DONE;
}

/* " reason", which may be missing with its space. */
static enum h1_state reason_parse(struct h1_parser *parser, const struct h1_window *window, const char **at,
				  struct http_response *response)
{
	const char *reason;

	response->reason = (str) { 0 };
	if (*at == window->end)
		return h1_more(parser, window);
	if (**at != ' ')
		return H1_DONE;
	reason = ++*at;
	if (parser->base + parser->scanned > reason)
		*at = parser->base + parser->scanned;
	*at = scan_value(*at, window->end);
	parser->scanned = (size_t)(*at - parser->base);
	response->reason = (str) { reason, (size_t)(*at - reason) };
	return H1_DONE;
}

/* Exactly one. */
static enum h1_state space_parse(struct h1_parser *parser, const struct h1_window *window, const char **at)
{
	if (*at == window->end)
		return h1_more(parser, window);
	if (**at != ' ')
		return h1_fail(parser, H1_ERROR_STATUS_LINE);
	++*at;
	return H1_DONE;
}

static enum h1_state status_line_parse(struct h1_parser *parser, str input, const struct h1_limits *limits,
				       struct http_response *response)
{
	struct h1_window window = h1_window_make(input, parser->line, limits->request_line + H1_LINE_END,
						 H1_ERROR_STATUS_LINE_LONG);
	const char *at = window.line;
	int major, minor;
	enum h1_state state = h1_version_parse(parser, &window, &at, &major, &minor);

	if (state == H1_DONE && major != 1)
		return h1_fail(parser, H1_ERROR_VERSION_UNSUPPORTED);
	if (state == H1_DONE)
		state = space_parse(parser, &window, &at);
	if (state == H1_DONE)
		state = status_parse(parser, &window, &at, response);
	if (state == H1_DONE)
		state = reason_parse(parser, &window, &at, response);
	if (state == H1_DONE)
		state = h1_line_end(parser, &window, at, H1_ERROR_STATUS_LINE);
	if (state != H1_DONE)
		return state;
	response->version = minor == 0 ? HTTP_1_0 : HTTP_1_1;
	parser->section = parser->scanned = parser->line;
	return H1_DONE;
}

/* Whatever the fields say (RFC 9112 section 6.3, items 1 and 2). */
static bool has_no_body(int status, enum http_method method)
{
	return http_status_has_no_body(status) || method == HTTP_HEAD ||
	       (method == HTTP_CONNECT && status < 300);
}

/* RFC 9112 section 6.3. The length stays known where there is no body: HEAD and 304 pass it on. */
static enum h1_error response_decide(struct http_response *response, enum http_method method)
{
	struct h1_control control;
	bool no_body = has_no_body(response->status, method);
	enum h1_error error = h1_control_read(&response->fields, false, &control);

	if (error == H1_ERROR_NONE)
		error = h1_body_read(&control, response->version, &response->framing, &response->length);
	if (no_body)
		response->framing = HTTP_NO_BODY;
	else if (!control.length && !control.coding)
		response->framing = HTTP_UNTIL_CLOSE;
	response->keep_alive = !control.close && (response->version != HTTP_1_0 || control.keep_alive) &&
			       response->framing != HTTP_UNTIL_CLOSE;
	return error;
}

enum h1_state h1_response_parse(struct h1_parser *parser, str input, const struct h1_limits *limits,
				enum http_method request_method, struct http_response *ret_response,
				size_t *ret_len)
{
	enum h1_state state = H1_DONE;
	enum h1_error error;

	if (parser->error != H1_ERROR_NONE)
		return H1_FAILED;
	if (parser->base != input.ptr)
		*parser = (struct h1_parser) { .base = input.ptr };
	if (!parser->section) {
		ret_response->fields.count = 0;
		state = status_line_parse(parser, input, limits, ret_response);
	}
	if (state == H1_DONE)
		state = h1_fields_parse(parser, input, limits, &ret_response->fields, ret_len);
	if (state != H1_DONE)
		return state;
	error = response_decide(ret_response, request_method);
	return error == H1_ERROR_NONE ? H1_DONE : h1_fail(parser, error);
}

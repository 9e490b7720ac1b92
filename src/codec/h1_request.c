/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of requests (RFC 9112 section 3). Bytes are judged from left to right; what needs the whole line (the
 * version, the form of the target) is judged at its end, and what needs the whole head at the head's end. So
 * the first wrong byte decides, and not how much had arrived.
 */
#include "codec/h1_private.h"

#include "codec/host.h"
#include "codec/scan.h"
#include "codec/uri.h"

enum { METHOD_MAX = 64 };

/* One empty line before the request is ignored (RFC 9112 section 2.2). */
static enum h1_state empty_line_skip(struct h1_parser *parser, const struct h1_window *window)
{
	enum h1_state state;

	if (parser->line > 0)
		return h1_fail(parser, H1_ERROR_EMPTY_LINES);
	state = h1_line_end(parser, window, window->line, H1_ERROR_LINE_END);
	parser->scanned = parser->line;
	return state;
}

/* A method that is longer than any is not implemented (RFC 9112 section 3). */
static enum h1_state method_parse(struct h1_parser *parser, const struct h1_window *window, const char **at,
				  struct http_request *request)
{
	const char *stop = window->end;

	if (stop - window->line > METHOD_MAX + 1)
		stop = window->line + METHOD_MAX + 1;
	*at = scan_token(window->line, stop);
	if (*at == window->line + METHOD_MAX + 1)
		return h1_fail(parser, H1_ERROR_METHOD_LONG);
	if (*at == window->end)
		return h1_more(parser, window);
	if (**at != ' ' || *at == window->line)
		return h1_fail(parser, **at == '\n' ? H1_ERROR_LINE_END : H1_ERROR_METHOD);
	request->method_text = (str) { window->line, (size_t)(*at - window->line) };
	++*at;
	return H1_DONE;
}

/* Visible ASCII without '#'; what else is wrong with it depends on its form. */
static enum h1_state target_parse(struct h1_parser *parser, const struct h1_window *window, const char **at,
				  struct http_request *request)
{
	const char *target = *at;

	if (parser->base + parser->scanned > target)
		*at = parser->base + parser->scanned;
	*at = scan_target(*at, window->end);
	parser->scanned = (size_t)(*at - parser->base);
	if (*at == window->end)
		return h1_more(parser, window);
	if (**at != ' ' || *at == target)
		return h1_fail(parser, **at == '\n' ? H1_ERROR_LINE_END : H1_ERROR_TARGET);
	request->target = (str) { target, (size_t)(*at - target) };
	++*at;
	return H1_DONE;
}

static enum h1_state request_line_parse(struct h1_parser *parser, str input, const struct h1_limits *limits,
					struct http_request *request)
{
	struct h1_window window = h1_window_make(input, parser->line, limits->request_line + H1_LINE_END,
						 H1_ERROR_REQUEST_LINE_LONG);
	const char *at;
	int major, minor;
	enum h1_state state;

	if (window.line < window.end && *window.line == '\r') {
		state = empty_line_skip(parser, &window);
		return state == H1_DONE ? request_line_parse(parser, input, limits, request) : state;
	}
	state = method_parse(parser, &window, &at, request);
	if (state == H1_DONE)
		state = target_parse(parser, &window, &at, request);
	if (state == H1_DONE)
		state = h1_version_parse(parser, &window, &at, &major, &minor);
	if (state == H1_DONE)
		state = h1_line_end(parser, &window, at, H1_ERROR_VERSION);
	if (state != H1_DONE)
		return state;
	/* A higher minor version is served as the one that is known (RFC 9110 section 2.5). */
	if (major != 1)
		return h1_fail(parser, H1_ERROR_VERSION_UNSUPPORTED);
	request->version = minor == 0 ? HTTP_1_0 : HTTP_1_1;
	request->method = http_method_find(request->method_text);
	parser->section = parser->scanned = parser->line;
	return H1_DONE;
}

/* "gw.test:80" and "gw.test" are the same authority for http (RFC 9110 section 4.2.3). */
static uint16_t port_of(const struct host *host, str scheme)
{
	if (host->has_port)
		return host->port;
	return str_eq_nocase(scheme, STR("https")) ? 443 : 80;
}

/* The target names a host, which must be that of the Host field where there is one: two opinions are a way to
 * be let in for one and served for the other. */
static enum h1_error authority_check(const struct uri *uri, bool is_connect, const struct host *field,
				     struct http_request *request)
{
	struct host host;

	if (!host_parse(uri->authority, &host) || (is_connect && !host.has_port))
		return H1_ERROR_TARGET;
	if (field && !is_connect &&
	    (!str_eq_nocase(host.name, field->name) ||
	     port_of(&host, uri->scheme) != port_of(field, uri->scheme)))
		return H1_ERROR_HOST_CONFLICT;
	request->host = host.name;
	return H1_ERROR_NONE;
}

/* RFC 9112 sections 3.2 and 3.3. */
static enum h1_error target_check(const struct h1_control *control, struct http_request *request)
{
	struct host host = { 0 };
	struct uri uri;

	request->host = (str) { 0 };
	if (!control->host && request->version != HTTP_1_0)
		return H1_ERROR_HOST_MISSING;
	if (control->host && !host_parse(control->host->value, &host))
		return H1_ERROR_HOST;
	request->host = host.name;
	if (request->target.ptr[0] == '/' && request->method != HTTP_CONNECT)
		return H1_ERROR_NONE;
	if (!uri_split(request->target, request->method, &uri))
		return H1_ERROR_TARGET_FORM;
	if (uri.authority.len == 0)
		return H1_ERROR_NONE;
	return authority_check(&uri, request->method == HTTP_CONNECT, control->host ? &host : NULL, request);
}

/* RFC 9110 section 10.1.1. An HTTP/1.0 client cannot expect anything. */
static enum h1_error expect_read(const struct h1_control *control, struct http_request *request)
{
	bool has_body =
		request->framing == HTTP_CHUNKED || (request->framing == HTTP_LENGTH && request->length > 0);

	request->expects_continue = false;
	if (!control->expect || request->version == HTTP_1_0)
		return H1_ERROR_NONE;
	if (!str_eq_nocase(control->expect->value, STR("100-continue")))
		return H1_ERROR_EXPECTATION;
	request->expects_continue = has_body;
	return H1_ERROR_NONE;
}

enum h1_error h1_request_decide(struct http_request *request)
{
	struct h1_control control;
	enum h1_error error = h1_control_read(&request->fields, true, &control);

	if (error == H1_ERROR_NONE)
		error = target_check(&control, request);
	if (error == H1_ERROR_NONE)
		error = h1_body_read(&control, request->version, &request->framing, &request->length);
	if (error == H1_ERROR_NONE)
		error = expect_read(&control, request);
	request->keep_alive = !control.close && (request->version != HTTP_1_0 || control.keep_alive);
	return error;
}

enum h1_state h1_request_parse(struct h1_parser *parser, str input, const struct h1_limits *limits,
			       struct http_request *ret_request, size_t *ret_len)
{
	enum h1_state state = H1_DONE;
	enum h1_error error;

	if (parser->error != H1_ERROR_NONE)
		return H1_FAILED;
	if (parser->base != input.ptr)
		*parser = (struct h1_parser) { .base = input.ptr };
	if (!parser->section) {
		ret_request->fields.count = 0;
		state = request_line_parse(parser, input, limits, ret_request);
	}
	if (state == H1_DONE)
		state = h1_fields_parse(parser, input, limits, &ret_request->fields, ret_len);
	if (state != H1_DONE)
		return state;
	error = h1_request_decide(ret_request);
	return error == H1_ERROR_NONE ? H1_DONE : h1_fail(parser, error);
}

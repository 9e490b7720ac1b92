/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field sections, line by line (RFC 9112 section 5). The name is short and looked at again when a line comes
 * in pieces; the search for the end of a value goes on where it stopped.
 */
#include "codec/h1_private.h"

#include "codec/scan.h"

struct h1_window h1_window_make(str input, size_t line, size_t max, enum h1_error error)
{
	if (input.len - line > max)
		return (struct h1_window) { input.ptr + line, input.ptr + line + max, error };
	return (struct h1_window) { input.ptr + line, input.ptr + input.len, H1_ERROR_NONE };
}

enum h1_state h1_more(struct h1_parser *parser, const struct h1_window *window)
{
	if (window->error == H1_ERROR_NONE)
		return H1_MORE;
	return h1_fail(parser, window->error);
}

enum h1_state h1_version_parse(struct h1_parser *parser, const struct h1_window *window, const char **at,
			       int *ret_major, int *ret_minor)
{
	static const char shape[] = "HTTP/0.0"; /* 0: a digit */
	static const str usual = STR_INIT("HTTP/1.1");

	if ((size_t)(window->end - *at) >= usual.len && memcmp(*at, usual.ptr, usual.len) == 0) {
		*ret_major = *ret_minor = 1;
		*at += usual.len;
		return H1_DONE;
	}
	for (size_t i = 0; i < sizeof shape - 1; i++) {
		const char *c = *at + i;

		if (c == window->end)
			return h1_more(parser, window);
		if (shape[i] == '0' ? !scan_is(*c, SCAN_DIGIT) : *c != shape[i])
			return h1_fail(parser, H1_ERROR_VERSION);
	}
	*ret_major = (*at)[5] - '0';
	*ret_minor = (*at)[7] - '0';
	*at += sizeof shape - 1;
	return H1_DONE;
}

enum h1_state h1_line_end(struct h1_parser *parser, const struct h1_window *window, const char *at,
			  enum h1_error error)
{
	if (at == window->end)
		return h1_more(parser, window);
	if (*at != '\r')
		return h1_fail(parser, *at == '\n' ? H1_ERROR_LINE_END : error);
	if (at + 1 == window->end)
		return h1_more(parser, window);
	if (at[1] != '\n')
		return h1_fail(parser, H1_ERROR_LINE_END);
	parser->line = (size_t)(at + 2 - parser->base);
	return H1_DONE;
}

/* `at` is no colon: whitespace before it, which some skip and some do not, or a byte that no name holds. */
static enum h1_state bad_name(struct h1_parser *parser, const struct h1_window *window, const char *at,
			      size_t max)
{
	if (at == window->line + max + 1)
		return h1_fail(parser, H1_ERROR_FIELD_NAME_LONG);
	if (at == window->end)
		return h1_more(parser, window);
	if (at == window->line && (*at == ' ' || *at == '\t'))
		return h1_fail(parser, H1_ERROR_FOLD);
	return h1_fail(parser, *at == '\n' ? H1_ERROR_LINE_END : H1_ERROR_FIELD_NAME);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* One line, with its end. Whitespace around the value is not part of it (RFC 9110 section 5.5). */
static inline enum h1_state field_parse(struct h1_parser *parser, const struct h1_window *window,
					size_t name_max, struct http_field *ret_field)
{
	const char *line = window->line, *end = window->end, *name_stop = end, *name_end, *value, *at;
	enum h1_state state;

	if ((size_t)(end - line) > name_max + 1)
		name_stop = line + name_max + 1;
	/* One byte more than the longest name, to see whether it ends there. */
	name_end = at = scan_token(line, name_stop);
	if (at == name_stop || *at != ':' || at == line)
		return bad_name(parser, window, at, name_max);
	for (at++; at < end && is_blank(*at); at++)
		;
	value = at;
	if (parser->base + parser->scanned > at)
		at = parser->base + parser->scanned;
	at = scan_value(at, end);
	parser->scanned = (size_t)(at - parser->base);
	state = h1_line_end(parser, window, at, H1_ERROR_FIELD_VALUE);
	if (state != H1_DONE)
		return state;
	while (at > value && is_blank(at[-1]))
		at--;
	ret_field->name = (str) { line, (size_t)(name_end - line) };
	ret_field->value = (str) { value, (size_t)(at - value) };
	ret_field->id = http_name_find(ret_field->name);
	ret_field->removed = false;
	return H1_DONE;
}

/* The window of the next line: bounded by the field's length and by what is left of the section's. */
static struct h1_window line_window(const struct h1_parser *parser, str input, const struct h1_limits *limits)
{
	size_t used = parser->line - parser->section;
	size_t left = limits->head > used ? limits->head - used : 0;

	if (left < limits->field + H1_LINE_END)
		return h1_window_make(input, parser->line, left, H1_ERROR_HEAD_LONG);
	return h1_window_make(input, parser->line, limits->field + H1_LINE_END, H1_ERROR_FIELD_LONG);
}

enum h1_state h1_fields_parse(struct h1_parser *parser, str input, const struct h1_limits *limits,
			      struct http_fields *fields, size_t *ret_len)
{
	size_t max = limits->fields < fields->max ? limits->fields : fields->max;

	for (;;) {
		struct h1_window window = line_window(parser, input, limits);
		enum h1_state state;

		if (window.line == window.end)
			return h1_more(parser, &window);
		if (*window.line == '\r') {
			state = h1_line_end(parser, &window, window.line, H1_ERROR_LINE_END);
			*ret_len = parser->line;
			return state;
		}
		/* Told at the first byte of the one too many. */
		if (fields->count == max)
			return h1_fail(parser, H1_ERROR_FIELDS_MANY);
		state = field_parse(parser, &window, limits->name, &fields->at[fields->count]);
		if (state != H1_DONE)
			return state;
		fields->count++;
	}
}

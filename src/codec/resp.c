/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resp: one value after the other; a stack of what is still to come of those that hold others.
 */
#include "codec/resp.h"

#include "base/assert.h"

enum { NUMBER_MAX = 20, DOUBLE_MAX = 64 };

static const size_t no_length = (size_t)-1; /* of "$-1": there is none, not even an empty one */

struct parsing {
	str bytes;
	size_t at;
	const struct resp_limits *limits;
	struct resp_value *values;
	size_t count; /* of values */
	struct {
		size_t index, left;
	} open[RESP_DEPTH_MAX];
	size_t depth;
};

/* ---- lines and numbers ---- */

/* Up to a line end, which is CR LF and nothing else. */
static enum resp_state take_line(struct parsing *p, size_t max, str *ret_line)
{
	str rest = str_skip(p->bytes, p->at);
	size_t end = 0;

	while (end < rest.len && end <= max && rest.ptr[end] != '\r' && rest.ptr[end] != '\n')
		end++;
	if (end > max)
		return RESP_MALFORMED;
	if (end == rest.len || (rest.ptr[end] == '\r' && end + 1 == rest.len))
		return RESP_MORE;
	if (rest.ptr[end] != '\r' || rest.ptr[end + 1] != '\n')
		return RESP_MALFORMED;
	*ret_line = str_slice(rest, 0, end);
	p->at += end + 2;
	return RESP_DONE;
}

static bool parse_integer(str text, int64_t *ret_integer)
{
	bool is_negative = str_starts(text, STR("-"));
	str digits = str_skip(text, is_negative || str_starts(text, STR("+")));
	uint64_t value;

	if (!str_to_u64(digits, (uint64_t)INT64_MAX + is_negative, &value))
		return false;
	*ret_integer = is_negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

/* may_lack: "-1" stands for nothing at all, as in version 2. */
static enum resp_state take_length(struct parsing *p, size_t max, bool may_lack, size_t *ret_length)
{
	uint64_t length;
	str line;
	enum resp_state state = take_line(p, NUMBER_MAX, &line);

	if (state != RESP_DONE)
		return state;
	*ret_length = no_length;
	if (may_lack && str_eq(line, STR("-1")))
		return RESP_DONE;
	if (!str_to_u64(line, UINT64_MAX, &length))
		return RESP_MALFORMED;
	*ret_length = (size_t)length;
	return length > max ? RESP_LARGE : RESP_DONE;
}

/* ---- values ---- */

static enum resp_state take_text(struct parsing *p, enum resp_kind kind, size_t max, struct resp_value *value)
{
	value->kind = kind;
	return take_line(p, max, &value->text);
}

static enum resp_state take_integer(struct parsing *p, struct resp_value *value)
{
	enum resp_state state = take_text(p, RESP_INTEGER, NUMBER_MAX, value);

	if (state == RESP_DONE && !parse_integer(value->text, &value->integer))
		return RESP_MALFORMED;
	return state;
}

static bool is_number_char(char c)
{
	return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E';
}

/* What it says is for who wants it: here only that it could be one. */
static enum resp_state take_number(struct parsing *p, enum resp_kind kind, size_t max,
				   struct resp_value *value)
{
	static const char *const words[] = { "inf", "-inf", "nan" };
	enum resp_state state = take_text(p, kind, max, value);
	bool is_number = value->text.len > 0;

	if (state != RESP_DONE)
		return state;
	for (size_t i = 0; i < value->text.len; i++)
		is_number &= is_number_char(value->text.ptr[i]);
	for (size_t i = 0; kind == RESP_DOUBLE && i < sizeof words / sizeof *words; i++)
		is_number |= str_eq(value->text, str_of(words[i]));
	return is_number ? RESP_DONE : RESP_MALFORMED;
}

static enum resp_state take_boolean(struct parsing *p, struct resp_value *value)
{
	enum resp_state state = take_text(p, RESP_BOOLEAN, 1, value);

	if (state != RESP_DONE)
		return state;
	value->integer = str_eq(value->text, STR("t"));
	return value->integer || str_eq(value->text, STR("f")) ? RESP_DONE : RESP_MALFORMED;
}

static enum resp_state take_null(struct parsing *p, struct resp_value *value)
{
	return take_text(p, RESP_NULL, 0, value);
}

static enum resp_state take_bulk(struct parsing *p, enum resp_kind kind, struct resp_value *value)
{
	size_t length = 0, left;
	enum resp_state state = take_length(p, p->limits->bytes, kind == RESP_BULK, &length);
	str end;

	value->kind = length == no_length ? RESP_NULL : kind;
	if (state != RESP_DONE || length == no_length)
		return state;
	left = p->bytes.len - p->at;
	end = str_slice(p->bytes, p->at + length, p->at + length + 2);
	if (left < length + 2)
		return str_starts(STR("\r\n"), end) ? RESP_MORE : RESP_MALFORMED;
	value->text = str_slice(p->bytes, p->at, p->at + length);
	p->at += length + 2;
	return str_eq(end, STR("\r\n")) ? RESP_DONE : RESP_MALFORMED;
}

/* each: how many values one that is counted takes. */
static enum resp_state take_holder(struct parsing *p, enum resp_kind kind, size_t each,
				   struct resp_value *value)
{
	size_t length = 0;
	enum resp_state state = take_length(p, p->limits->values / each, kind == RESP_ARRAY, &length);

	value->kind = length == no_length ? RESP_NULL : kind;
	if (state != RESP_DONE || length == no_length)
		return state;
	value->count = length * each;
	return value->count > p->limits->values - p->count ? RESP_LARGE : RESP_DONE;
}

static enum resp_state take_value(struct parsing *p, struct resp_value *value)
{
	switch (p->bytes.ptr[p->at++]) {
	case '+':
		return take_text(p, RESP_SIMPLE, RESP_LINE_MAX, value);
	case '-':
		return take_text(p, RESP_ERROR, RESP_LINE_MAX, value);
	case ':':
		return take_integer(p, value);
	case '$':
	case '=':
		return take_bulk(p, RESP_BULK, value);
	case '!':
		return take_bulk(p, RESP_ERROR, value);
	case '_':
		return take_null(p, value);
	case '#':
		return take_boolean(p, value);
	case ',':
		return take_number(p, RESP_DOUBLE, DOUBLE_MAX, value);
	case '(':
		return take_number(p, RESP_BIG, RESP_LINE_MAX, value);
	case '*':
		return take_holder(p, RESP_ARRAY, 1, value);
	case '%':
		return take_holder(p, RESP_MAP, 2, value);
	case '~':
		return take_holder(p, RESP_SET, 1, value);
	case '>':
		return take_holder(p, RESP_PUSH, 1, value);
	default:
		return RESP_MALFORMED;
	}
}

/* ---- the tree ---- */

static bool holds_others(const struct resp_value *value)
{
	return value->count > 0;
}

/* A value is there: so may be those that it was the last one of. */
static void close_values(struct parsing *p)
{
	while (p->depth && --p->open[p->depth - 1].left == 0) {
		struct resp_value *holder = &p->values[p->open[p->depth - 1].index];

		holder->size = p->count - p->open[p->depth - 1].index;
		p->depth--;
	}
}

static enum resp_state parse_next(struct parsing *p)
{
	struct resp_value *value;
	enum resp_state state;

	if (p->count == p->limits->values)
		return RESP_LARGE;
	if (p->at == p->bytes.len)
		return RESP_MORE;
	value = &p->values[p->count++];
	*value = (struct resp_value) { .size = 1 };
	state = take_value(p, value);
	if (state != RESP_DONE)
		return state;
	if (!holds_others(value)) {
		close_values(p);
		return RESP_DONE;
	}
	if (p->depth == RESP_DEPTH_MAX)
		return RESP_LARGE;
	p->open[p->depth].index = p->count - 1;
	p->open[p->depth++].left = value->count;
	return RESP_DONE;
}

enum resp_state resp_parse(str bytes, const struct resp_limits *limits, struct resp_value *ret_values,
			   size_t *ret_len)
{
	struct parsing p = { .bytes = bytes, .limits = limits, .values = ret_values };
	enum resp_state state;

	do
		state = parse_next(&p);
	while (state == RESP_DONE && p.depth);
	*ret_len = p.at;
	if (state == RESP_MORE && bytes.len > limits->bytes)
		return RESP_LARGE;
	return state;
}

/* ---- commands ---- */

static void put_length(struct buf *out, char kind, size_t length)
{
	buf_put_char(out, kind);
	buf_put_u64(out, length);
	buf_put(out, STR("\r\n"));
}

void resp_put_command(struct buf *out, const str *words, size_t count)
{
	ASSERT(count);
	put_length(out, '*', count);
	for (size_t i = 0; i < count; i++) {
		put_length(out, '$', words[i].len);
		buf_put(out, words[i]);
		buf_put(out, STR("\r\n"));
	}
}

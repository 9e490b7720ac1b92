/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two outcomes are compared as texts, so that a member that is forgotten in a comparison cannot be: what is
 * not in the text below is not a result of parsing.
 */
#include "codec/h1_testing.h"

#include <stdlib.h>

#include "base/assert.h"

const struct h1_limits h1_test_limits = {
	.request_line = 8192, .field = 8192, .name = 256, .head = 32768, .fields = H1_OUTCOME_FIELDS
};

struct message {
	enum h1_kind kind;
	struct h1_parser parser;
	struct http_field fields[H1_OUTCOME_FIELDS];
	struct http_request request;
	struct http_response response;
};

static void put_line(struct buf *out, const char *name, str value)
{
	buf_put(out, str_of(name));
	buf_put_char(out, '=');
	buf_put(out, value);
	buf_put_char(out, '\n');
}

static void put_number(struct buf *out, const char *name, uint64_t value)
{
	char digits[20];
	struct buf number = buf_over(digits, sizeof digits);

	buf_put_u64(&number, value);
	put_line(out, name, buf_str(&number));
}

static void describe(const struct message *m, struct buf *out)
{
	const struct http_fields *fields = &m->request.fields;

	if (m->kind == H1_KIND_REQUEST) {
		put_line(out, "method", m->request.method_text);
		put_number(out, "method", m->request.method);
		put_line(out, "target", m->request.target);
		put_line(out, "host", m->request.host);
		put_number(out, "version", m->request.version);
		put_number(out, "framing", m->request.framing);
		put_number(out, "length", m->request.length);
		put_number(out, "keep_alive", m->request.keep_alive);
		put_number(out, "expects_continue", m->request.expects_continue);
	} else {
		fields = &m->response.fields;
		put_number(out, "status", (uint64_t)m->response.status);
		put_line(out, "reason", m->response.reason);
		put_number(out, "version", m->response.version);
		put_number(out, "framing", m->response.framing);
		put_number(out, "length", m->response.length);
		put_number(out, "keep_alive", m->response.keep_alive);
	}
	for (size_t i = 0; i < fields->count; i++) {
		put_number(out, "id", fields->at[i].id);
		put_line(out, "name", fields->at[i].name);
		put_line(out, "value", fields->at[i].value);
	}
}

static enum h1_state parse(struct message *m, str input, const struct h1_limits *limits, size_t *ret_len)
{
	if (m->kind == H1_KIND_REQUEST)
		return h1_request_parse(&m->parser, input, limits, &m->request, ret_len);
	return h1_response_parse(&m->parser, input, limits, HTTP_GET, &m->response, ret_len);
}

static struct message *message_new(enum h1_kind kind)
{
	struct message *m = calloc(1, sizeof *m);

	ASSERT(m);
	m->kind = kind;
	m->request.fields = m->response.fields =
		(struct http_fields) { .at = m->fields, .max = H1_OUTCOME_FIELDS };
	return m;
}

static void parse_piece(struct message *m, str piece, const struct h1_limits *limits, struct h1_outcome *ret)
{
	ret->state = parse(m, piece, limits, &ret->len);
	ret->error = ret->state == H1_FAILED ? m->parser.error : H1_ERROR_NONE;
	ret->text = buf_over(ret->bytes, sizeof ret->bytes);
	if (ret->state == H1_DONE)
		describe(m, &ret->text);
	ASSERT(!ret->text.overflow);
}

void h1_outcome_find(enum h1_kind kind, enum h1_arrival arrival, str input, size_t first, size_t step,
		     const struct h1_limits *limits, struct h1_outcome *ret_outcome)
{
	struct message *m = message_new(kind);

	for (size_t len = first;; len += step) {
		size_t size = len < input.len ? len : input.len;
		char *copy = NULL;

		if (arrival == H1_MOVES) {
			copy = malloc(size + 1);
			ASSERT(copy);
			if (size)
				memcpy(copy + 1, input.ptr, size);
		}
		parse_piece(m, (str) { copy ? copy + 1 : input.ptr, size }, limits, ret_outcome);
		free(copy);
		if (ret_outcome->state != H1_MORE || size == input.len)
			break;
	}
	free(m);
}

bool h1_outcome_eq(const struct h1_outcome *a, const struct h1_outcome *b)
{
	if (a->state != b->state || a->error != b->error)
		return false;
	return a->state != H1_DONE || (a->len == b->len && str_eq(buf_str(&a->text), buf_str(&b->text)));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo_answer: the path decides what is answered; the body comes a piece at a time, as from any source.
 *
 * Bodies of any size are made without memory for them: one block of zeros again and again, or one event
 * after the other. What is shown of a request is its beginning, within a bound.
 */
#include "main/echo_answer.h"

#include "base/assert.h"
#include "codec/json_text.h"
#include "codec/uri.h"
#include "fiber/fiber.h"

enum { ANSWER_FIELDS_MAX = 16, BYTES_PIECE = 64 * 1024, DELAY_MS_MAX = 3600 * 1000, EVENTS_MAX = 10000 };

static const char filler_bytes[BYTES_PIECE];

static void add(struct http_response *response, enum http_name id, str value)
{
	result_value added = http_fields_add(&response->fields, id, http_name_text(id), value);

	ASSERT(!failed(added));
}

static void put_member(struct buf *out, const char *name, str value)
{
	json_put_string(out, str_of(name));
	buf_put(out, STR(": "));
	json_put_string(out, value);
	buf_put(out, STR(",\n  "));
}

static void put_fields(struct buf *out, const struct http_fields *fields)
{
	buf_put(out, STR("\"headers\": ["));
	for (size_t i = 0; i < fields->count; i++) {
		buf_put(out, i ? STR(",\n    [") : STR("\n    ["));
		json_put_string(out, fields->at[i].name);
		buf_put(out, STR(", "));
		json_put_string(out, fields->at[i].value);
		buf_put_char(out, ']');
	}
	buf_put(out, STR("\n  ],\n  "));
}

/* Escaping makes a byte six at the most. */
static size_t room_for(const struct echo_request *request)
{
	size_t bytes = request->body.len + request->head->target.len + 256;

	for (size_t i = 0; i < request->head->fields.count; i++)
		bytes += request->head->fields.at[i].name.len + request->head->fields.at[i].value.len + 16;
	return bytes * 6;
}

static str describe(const struct echo_request *request)
{
	struct buf out = arena_open(request->arena, room_for(request));
	str path = request->head->target, query = { 0 };

	str_cut(request->head->target, '?', &path, &query);
	buf_put(&out, STR("{\n  "));
	put_member(&out, "method", request->head->method_text);
	put_member(&out, "path", path);
	put_member(&out, "query", query);
	put_fields(&out, &request->head->fields);
	put_member(&out, "body", request->body);
	buf_put(&out, STR("\"body_bytes\": "));
	buf_put_u64(&out, request->body_bytes);
	buf_put(&out, STR("\n}\n"));
	return arena_close(request->arena, &out);
}

/* "/delay/250" under prefix "/delay/" is 250. */
static bool number_after(str path, str prefix, uint64_t max, uint64_t *ret_number)
{
	return str_starts(path, prefix) && str_to_u64(str_skip(path, prefix.len), max, ret_number);
}

static void be_text(struct echo_answer *answer, const struct echo_request *request)
{
	answer->kind = ECHO_TEXT;
	answer->text = describe(request);
	answer->response.framing = HTTP_LENGTH;
	answer->response.length = answer->text.len;
	add(&answer->response, HTTP_CONTENT_TYPE, STR("application/json"));
}

static void be_bytes(struct echo_answer *answer, uint64_t count)
{
	answer->kind = ECHO_BYTES;
	answer->left = count;
	answer->response.framing = HTTP_LENGTH;
	answer->response.length = count;
	add(&answer->response, HTTP_CONTENT_TYPE, STR("application/octet-stream"));
}

static void be_events(struct echo_answer *answer)
{
	answer->kind = ECHO_EVENTS;
	answer->response.framing = HTTP_CHUNKED;
	add(&answer->response, HTTP_CONTENT_TYPE, STR("text/event-stream"));
	add(&answer->response, HTTP_CACHE_CONTROL, STR("no-store"));
}

result echo_answer_make(const struct echo_request *request, struct fiber *self, struct loop *loop,
			struct echo_answer *ret_answer)
{
	str path = request->head->target, query;
	uint64_t number;

	*ret_answer =
		(struct echo_answer) { .response = { .status = 200 }, .loop = loop, .arena = request->arena };
	ret_answer->response.fields.at = ARENA_ARRAY(request->arena, struct http_field, ANSWER_FIELDS_MAX);
	ret_answer->response.fields.max = ANSWER_FIELDS_MAX;
	str_cut(request->head->target, '?', &path, &query);
	if (number_after(path, STR("/delay/"), DELAY_MS_MAX, &number))
		TRY(fiber_sleep(self, deadline_after(loop_now(loop), (duration)number * MILLISECOND)));
	if (number_after(path, STR("/status/"), 599, &number) && number >= 200)
		ret_answer->response.status = (int)number;
	if (number_after(path, STR("/bytes/"), INT64_MAX, &number))
		be_bytes(ret_answer, number);
	else if (str_eq(path, STR("/sse")))
		be_events(ret_answer);
	else if (!http_status_has_no_body(ret_answer->response.status))
		be_text(ret_answer, request);
	return OK;
}

static result next_event(struct echo_answer *answer, struct fiber *self)
{
	if (answer->text.len)
		return OK;
	if (answer->left)
		TRY(fiber_sleep(self, deadline_after(loop_now(answer->loop), SECOND)));
	answer->text = arena_printf(answer->arena, "data: {\"event\": %llu}\n\n",
				    (unsigned long long)++answer->left);
	return OK;
}

result echo_answer_next(struct echo_answer *answer, struct fiber *self, size_t used, struct piece *ret_piece)
{
	*ret_piece = (struct piece) { .is_last = true };
	if (answer->is_headless)
		return OK;
	if (answer->kind == ECHO_BYTES) {
		answer->left -= used;
		ret_piece->bytes = str_slice((str) { filler_bytes, BYTES_PIECE }, 0, answer->left);
		ret_piece->is_last = ret_piece->bytes.len == answer->left;
		return OK;
	}
	answer->text = str_skip(answer->text, used);
	if (answer->kind == ECHO_EVENTS) {
		TRY(next_event(answer, self));
		ret_piece->is_last = answer->left >= EVENTS_MAX;
	}
	ret_piece->bytes = answer->text;
	return OK;
}

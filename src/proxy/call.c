/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call: bodies are sources above sources here too; what is a call only by its name costs a look at one field.
 *
 * The time that a client gives is part of the exchange's own, which only ever becomes shorter; the upstream
 * is told what is left of all of it, so that it stops when nobody waits any more.
 */
#include "proxy/call.h"

#include "base/assert.h"
#include "http/base64_source.h"
#include "proxy/exchange.h"

/* PROTOCOL-WEB.md: what the client accepts decides; where it says nothing of gRPC-Web, what it sends. */
static bool wants_text(const struct exchange *x)
{
	str accepted = http_fields_value(&x->request.head.fields, HTTP_ACCEPT), item, format;

	while (str_next(&accepted, ',', &item)) {
		enum grpc_kind kind = grpc_kind_of(item, &format);

		if (kind == GRPC_WEB || kind == GRPC_WEB_TEXT)
			return kind == GRPC_WEB_TEXT;
	}
	return x->call.kind == GRPC_WEB_TEXT;
}

/* PROTOCOL-HTTP2.md: calls are POSTs. */
void call_begin(struct exchange *x)
{
	const struct http_request *head = &x->request.head;

	if (head->method != HTTP_POST)
		return;
	x->call.kind = grpc_kind_of(http_fields_value(&head->fields, HTTP_CONTENT_TYPE), &x->call.format);
	x->call.wants_text = x->call.kind != GRPC_NONE && wants_text(x);
}

enum reason call_admit(struct exchange *x)
{
	const struct http_field *field;
	duration timeout;

	if (x->call.kind == GRPC_NONE)
		return REASON_NONE;
	field = http_fields_get(&x->request.head.fields, HTTP_GRPC_TIMEOUT);
	if (!field)
		return REASON_NONE;
	if (!grpc_timeout_parse(field->value, &timeout))
		return REASON_HEADER_MALFORMED;
	x->call.until = deadline_after(x->began, timeout);
	x->clients_until = x->call.until;
	x->until = deadline_min(x->until, x->call.until);
	return REASON_NONE;
}

deadline call_until(const struct exchange *x, deadline until)
{
	if (x->call.kind == GRPC_NONE)
		return until;
	return x->call.until ? x->call.until : DEADLINE_NEVER;
}

duration call_patience(const struct exchange *x, duration patience)
{
	duration idle = x->timeouts->idle;

	return x->call.kind != GRPC_NONE && idle > patience ? idle : patience;
}

/* ---- the request ---- */

/* In the client's own field. */
static void replace(struct http_fields *fields, enum http_name id, str value)
{
	for (size_t i = 0; i < fields->count; i++)
		if (fields->at[i].id == id)
			fields->at[i].value = value;
}

static str time_left(struct exchange *x)
{
	struct buf out = arena_open(&x->arena, GRPC_TIMEOUT_MAX);

	grpc_timeout_print(x->until - exchange_now(x), &out);
	return arena_close(&x->arena, &out);
}

static str content_type(struct exchange *x, enum grpc_kind kind, str format)
{
	str parts[] = { grpc_content_type(kind), format };

	return arena_join(&x->arena, parts, 2);
}

/* What it accepts is the gateway's to make. The length of a body in base64 is not that of its content. */
static void translate(struct exchange *x)
{
	struct http_request *head = &x->request.head;

	x->call.is_translated = true;
	replace(&head->fields, HTTP_CONTENT_TYPE, content_type(x, GRPC_NATIVE, x->call.format));
	http_fields_remove(&head->fields, HTTP_ACCEPT);
	if (x->call.kind == GRPC_WEB_TEXT && head->framing == HTTP_LENGTH)
		head->framing = HTTP_CHUNKED;
}

void call_tell_time(struct exchange *x)
{
	if (x->call.until)
		replace(&x->request.head.fields, HTTP_GRPC_TIMEOUT, time_left(x));
}

void call_prepare_request(struct exchange *x)
{
	if (x->call.kind == GRPC_NONE)
		return;
	if (x->call.kind != GRPC_NATIVE && x->upstream->config->protocol == UPSTREAM_H2)
		translate(x);
}

static struct base64_source *in_base64(struct exchange *x, struct body_source *body, bool is_encoding)
{
	struct base64_source *base64 = ARENA_NEW(&x->arena, struct base64_source);

	base64_source_init(base64, body, is_encoding, &x->arena);
	return base64;
}

struct body_source *call_request_body(struct exchange *x, struct body_source *body)
{
	if (!x->call.is_translated || x->call.kind != GRPC_WEB_TEXT)
		return body;
	x->call.text = in_base64(x, body, false);
	return &x->call.text->source;
}

bool call_text_is_malformed(const struct exchange *x)
{
	return x->call.text && x->call.text->is_malformed;
}

/* Hop-by-hop fields have been removed, and so are looked for among what was (RFC 9113 section 8.2.2). */
bool call_wants_trailers(const struct exchange *x)
{
	const struct http_fields *fields = &x->request.head.fields;

	if (x->upstream->config->protocol == UPSTREAM_H1)
		return false;
	if (x->call.kind != GRPC_NONE)
		return true;
	for (size_t i = 0; i < fields->count; i++)
		if (fields->at[i].id == HTTP_TE && http_list_has(fields->at[i].value, STR("trailers")))
			return true;
	return false;
}

/* ---- the answer ---- */

static enum grpc_kind kind_of_answer(const struct exchange *x)
{
	if (x->call.kind == GRPC_NATIVE)
		return GRPC_NATIVE;
	return x->call.wants_text ? GRPC_WEB_TEXT : GRPC_WEB;
}

static struct body_source *in_format(struct exchange *x, struct grpc_source *grpc)
{
	return kind_of_answer(x) == GRPC_WEB_TEXT ? &in_base64(x, &grpc->source, true)->source
						  : &grpc->source;
}

/* The head of an answer whose body, and the status in it, is made here. */
static result make_head(struct exchange *x, struct http_response *response, str format)
{
	str type = content_type(x, kind_of_answer(x), format);

	http_fields_remove(&response->fields, HTTP_CONTENT_LENGTH);
	http_fields_remove(&response->fields, HTTP_CONTENT_ENCODING);
	grpc_remove_status(&response->fields);
	response->status = 200;
	response->reason = (str) { 0 };
	response->framing = HTTP_CHUNKED;
	return http_fields_set(&response->fields, HTTP_CONTENT_TYPE, STR("Content-Type"), type);
}

/* A body of nothing but the call's end. */
static struct body_source *end_with(struct exchange *x, const struct http_fields *trailers, bool is_web)
{
	struct grpc_source *grpc = ARENA_NEW(&x->arena, struct grpc_source);

	grpc_source_init_end(grpc, trailers, is_web, &x->arena);
	return in_format(x, grpc);
}

/* In gRPC the end stands in the head already; in gRPC-Web in the body, since a page sees fields of a head
 * only where it is let. */
static result refuse(struct exchange *x, struct http_response *response, str message,
		     struct body_source **ret_body)
{
	bool is_web = x->call.kind != GRPC_NATIVE;
	struct http_fields trailers = { .arena = &x->arena };
	enum grpc_status status = grpc_status_of(response->status);

	TRY(make_head(x, response, x->call.format));
	TRY(grpc_put_status(is_web ? &trailers : &response->fields, status, message, &x->arena));
	if (!is_web) {
		response->framing = HTTP_LENGTH;
		response->length = 0;
	}
	*ret_body = end_with(x, &trailers, is_web);
	return OK;
}

/* A status in the head, whose place is behind the body, if there is any. */
static result copy_status(const struct http_fields *from, struct http_fields *to)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct http_field *field = &from->at[i];

		if (!field->removed && grpc_is_status(field))
			TRY(http_fields_add(to, field->id, field->name, field->value));
	}
	return OK;
}

/* As far as can be seen without a wait. */
static bool is_empty(struct body_source *body)
{
	struct piece piece;

	return body_is_ready(body) && !failed(body_peek(body, 0, &piece)) && piece.is_last &&
	       !piece.bytes.len && !body->trailers.count;
}

/* In the words of the status that clients map by themselves where no gateway does. */
static result refuse_answer(struct exchange *x, struct http_response *response, struct body_source **ret_body)
{
	str message = arena_printf(&x->arena, "the service answered with HTTP status %d", response->status);

	return refuse(x, response, message, ret_body);
}

/* What is no call costs no more than to see that. */
result call_take_answer(struct exchange *x, struct http_response *response, struct body_source **body)
{
	bool is_web = x->call.is_translated;
	size_t ends; /* statuses in its head */
	str format, type;

	if (x->call.kind != GRPC_NATIVE && !is_web)
		return OK;
	ends = http_fields_count(&response->fields, HTTP_GRPC_STATUS);
	type = http_fields_value(&response->fields, HTTP_CONTENT_TYPE);
	if (grpc_kind_of(type, &format) != GRPC_NATIVE || (response->status != 200 && !ends))
		return refuse_answer(x, response, body);
	if (ends == 1 && !is_web && is_empty(*body))
		return OK;
	x->call.answer = ARENA_NEW(&x->arena, struct grpc_source);
	grpc_source_init(x->call.answer, *body, is_web, &x->arena);
	TRY(copy_status(&response->fields, &x->call.answer->early));
	TRY(make_head(x, response, format));
	*body = in_format(x, x->call.answer);
	return OK;
}

bool call_is_answered_in_status(const struct exchange *x, enum reason reason, int status)
{
	return x->call.kind != GRPC_NONE && status >= 400 && reason != REASON_RESPOND;
}

/* All of a body that needs no wait. */
static str read_whole(struct exchange *x, struct body_source *body)
{
	str parts[2] = { 0 };
	struct piece piece;

	do {
		result_value peeked = body_peek(body, 0, &piece);

		ASSERT(!failed(peeked));
		parts[1] = piece.bytes;
		parts[0] = arena_join(&x->arena, parts, 2);
		body_consume(body, piece.bytes.len);
	} while (!piece.is_last);
	return parts[0];
}

result call_print_end(struct exchange *x, struct http_response *response, str message, str *ret_body)
{
	struct body_source *body;

	TRY(refuse(x, response, message, &body));
	*ret_body = read_whole(x, body);
	return OK;
}

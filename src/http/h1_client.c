/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_client: reads one head into the exchange's arena.
 *
 * Parsing takes up where it left off after each read, with the fields in the worker's shared array; only a
 * head that comes in several reads has them copied twice. That the connection ended before the first byte
 * and that it ended after it are kept apart here, where both can be seen, for the first may be tried again
 * and the second may not.
 */
#include "http/h1_client.h"

#include "http/h1_head.h"

/* Heads that the arena must have room for before one is read: its fields are kept too, and trailers. */
enum { ARENA_HEADS = 4 };

/* An end before the first byte and one within the head are different things for whoever may try again. */
static result fill(struct h1_client *client, deadline until)
{
	bool has_begun = client->in->len > 0;
	result_value filled = stream_fill(client->stream, client->in, until);

	if (filled.kind == ERROR_CLOSED && has_begun)
		return error_make(ERROR_RESET,
				  "the upstream's connection ended inside the head of its answer");
	return filled;
}

/* The method is needed because it decides whether a body follows (RFC 9112 section 6.3). */
static result read_head(struct h1_client *client, struct arena *arena, enum http_method method,
			deadline until, struct http_response *response, size_t *ret_len)
{
	struct h1_fields_place place = { client->client.shared_fields, client->client.limits->fields };
	struct h1_parser parser = { 0 };
	enum h1_state state;

	response->fields = (struct http_fields) { .at = place.shared, .max = place.max };
	for (;;) {
		state = client->in->len ? h1_response_parse(&parser, intake_data(client->in),
							    client->client.limits, method, response, ret_len)
					: H1_MORE;
		if (state != H1_MORE)
			break;
		h1_fields_keep(&response->fields, &place, arena);
		TRY(fill(client, until));
	}
	return state == H1_DONE ? OK : error_make(ERROR_MALFORMED, "malformed head of an answer");
}

static struct h1_client *client_of(const struct client *client)
{
	return (struct h1_client *)(uintptr_t)client;
}

static void begin_body(struct h1_client *client, struct arena *arena, const struct http_response *response)
{
	static const struct h1_chunked_limits limits = {
		.extension = 16 * 1024,
		.trailers = { .field = 8 * 1024, .name = 256, .head = 32 * 1024, .fields = 32 },
	};

	h1_source_init(&client->body, client->stream, client->in, response->framing, response->length);
	h1_source_allow(&client->body, UINT64_MAX, &limits, arena);
}

static result read_answer(struct client *base, struct arena *arena, enum http_method method, deadline until,
			  struct http_response *ret_response)
{
	struct h1_client *client = client_of(base);
	size_t len;
	str bytes, kept;

	*ret_response = (struct http_response) { 0 };
	if (arena_left(arena) / ARENA_HEADS < base->limits->head)
		return error_make(ERROR_LIMIT, "no memory is left for an answer's head");
	TRY(read_head(client, arena, method, until, ret_response, &len));
	/* One copy of the whole head; slices into it move along with it. */
	bytes = str_slice(intake_data(client->in), 0, len);
	kept = arena_str(arena, bytes);
	h1_response_move(ret_response, bytes.ptr, kept.ptr);
	h1_fields_adopt(&ret_response->fields, arena);
	intake_consume(client->in, len);
	if (ret_response->status >= 200 || ret_response->status == 101)
		begin_body(client, arena, ret_response);
	return OK;
}

static struct body_sink *begin_request(struct client *base, struct arena *arena, str head,
				       enum http_framing framing, uint64_t length)
{
	struct h1_client *client = client_of(base);

	h1_sink_init(&client->sink, client->stream, arena, head, framing, length);
	return &client->sink.sink;
}

static bool is_untouched(const struct client *base)
{
	return client_of(base)->in->len == 0;
}

static bool is_answer_whole(const struct client *base)
{
	return h1_source_is_whole(&client_of(base)->body);
}

static struct stream *take_over(struct client *base, struct intake **ret_in)
{
	*ret_in = client_of(base)->in;
	return client_of(base)->stream;
}

static const struct client_ops h1_client_ops = {
	.request = begin_request,
	.read = read_answer,
	.is_untouched = is_untouched,
	.is_answer_whole = is_answer_whole,
	.take_over = take_over,
};

void h1_client_init(struct h1_client *client, struct stream *stream, struct intake *in)
{
	client->client = (struct client) { .ops = &h1_client_ops, .body = &client->body.source };
	client->stream = stream;
	client->in = in;
}

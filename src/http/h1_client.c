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
	struct h1_fields_place place = { client->shared_fields, client->limits->fields };
	struct h1_parser parser = { 0 };
	enum h1_state state;

	response->fields = (struct http_fields) { .at = place.shared, .max = place.max };
	for (;;) {
		state = client->in->len ? h1_response_parse(&parser, intake_data(client->in), client->limits,
							    method, response, ret_len)
					: H1_MORE;
		if (state != H1_MORE)
			break;
		h1_fields_keep(&response->fields, &place, arena);
		TRY(fill(client, until));
	}
	return state == H1_DONE ? OK : error_make(ERROR_MALFORMED, "malformed head of an answer");
}

result h1_client_read(struct h1_client *client, struct arena *arena, enum http_method method, deadline until,
		      struct http_response *ret_response)
{
	size_t len;
	str bytes, kept;

	*ret_response = (struct http_response) { 0 };
	TRY(read_head(client, arena, method, until, ret_response, &len));
	/* One copy of the whole head; slices into it move along with it. */
	bytes = str_slice(intake_data(client->in), 0, len);
	kept = arena_str(arena, bytes);
	h1_response_move(ret_response, bytes.ptr, kept.ptr);
	h1_fields_adopt(&ret_response->fields, arena);
	intake_consume(client->in, len);
	return OK;
}

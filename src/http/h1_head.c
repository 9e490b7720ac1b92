/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_head: where a head's fields live while it is parsed, and how its lines are printed.
 *
 * The printer of codec ends a head with its empty line. Here the head is opened again, because identity
 * lines and framing are printed straight into the buffer: fields made for them would be built, looked up and
 * freed for nothing on every request. A buffer that overflows stays so, and the caller starts over with a
 * larger one.
 */
#include "http/h1_head.h"

#include "codec/h1_print.h"

enum { FIELDS_SPARE = 12 }; /* so that most heads need not grow when the gateway adds its own */

static void move_fields(struct http_fields *fields, struct arena *arena, size_t max)
{
	struct http_field *at = arena_raw(arena, max * sizeof *at);

	if (fields->count)
		memcpy(at, fields->at, fields->count * sizeof *at);
	fields->at = at;
	fields->max = max;
}

void h1_fields_keep(struct http_fields *fields, const struct h1_fields_place *place, struct arena *arena)
{
	if (fields->at == place->shared && fields->count)
		move_fields(fields, arena, place->max);
}

void h1_fields_adopt(struct http_fields *fields, struct arena *arena)
{
	move_fields(fields, arena, fields->count + FIELDS_SPARE);
	fields->arena = arena;
}

/* Takes the empty line off again. */
static void reopen(struct buf *out)
{
	if (!buf_overflowed(out))
		out->len -= 2;
}

void h1_begin_request(struct buf *out, struct http_request *request, str target)
{
	/* What the client said of its framing has been read, and ends here (RFC 9112 section 6.1). */
	http_fields_remove(&request->fields, HTTP_CONTENT_LENGTH);
	http_fields_remove(&request->fields, HTTP_TRANSFER_ENCODING);
	h1_request_print(out, request, target);
	reopen(out);
}

void h1_begin_response(struct buf *out, struct http_response *response)
{
	http_fields_remove(&response->fields, HTTP_TRANSFER_ENCODING);
	if (response->framing != HTTP_NO_BODY)
		http_fields_remove(&response->fields, HTTP_CONTENT_LENGTH);
	h1_response_print(out, response);
	reopen(out);
}

void h1_end_head(struct buf *out, enum http_framing framing, uint64_t length)
{
	if (framing == HTTP_LENGTH) {
		buf_put(out, STR("Content-Length: "));
		buf_put_u64(out, length);
		buf_put(out, STR("\r\n"));
	} else if (framing == HTTP_CHUNKED) {
		buf_put(out, STR("Transfer-Encoding: chunked\r\n"));
	}
	buf_put(out, STR("\r\n"));
}

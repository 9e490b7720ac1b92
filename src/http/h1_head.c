/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h1_head.h"

#include "base/assert.h"
#include "http/h1_server.h"

enum { LENGTH_DIGITS = 20 };

static void move_fields(struct http_fields *fields, struct arena *arena, size_t max)
{
	struct http_field *at = ARENA_ARRAY(arena, struct http_field, max);

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
	move_fields(fields, arena, fields->count + H1_FIELDS_SPARE);
}

static str length_print(struct arena *arena, uint64_t length)
{
	struct buf digits = arena_open(arena, LENGTH_DIGITS);

	buf_put_u64(&digits, length);
	return arena_close(arena, &digits);
}

void h1_add_framing(struct http_fields *fields, struct arena *arena, enum http_framing framing,
		    uint64_t length)
{
	result_value added = OK;

	http_fields_remove(fields, HTTP_CONTENT_LENGTH);
	http_fields_remove(fields, HTTP_TRANSFER_ENCODING);
	if (framing == HTTP_LENGTH)
		added = http_fields_add(fields, HTTP_CONTENT_LENGTH, STR("Content-Length"),
					length_print(arena, length));
	else if (framing == HTTP_CHUNKED)
		added = http_fields_add(fields, HTTP_TRANSFER_ENCODING, STR("Transfer-Encoding"),
					STR("chunked"));
	ASSERT(!failed(added));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h1_head.h"

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

void h1_put_line(struct buf *out, str name, str value)
{
	buf_put(out, name);
	buf_put(out, STR(": "));
	buf_put(out, value);
	buf_put(out, STR("\r\n"));
}

void h1_end_head(struct buf *out, enum http_framing framing, uint64_t length, str lines)
{
	if (buf_overflowed(out))
		return;
	out->len -= 2;
	buf_put(out, lines);
	if (framing == HTTP_LENGTH) {
		buf_put(out, STR("Content-Length: "));
		buf_put_u64(out, length);
		buf_put(out, STR("\r\n"));
	} else if (framing == HTTP_CHUNKED) {
		buf_put(out, STR("Transfer-Encoding: chunked\r\n"));
	}
	buf_put(out, STR("\r\n"));
}

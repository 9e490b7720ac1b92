/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes are added up for one line at a time, and then the line is written without further checks. A head that
 * does not fit ends at the line before, so that nobody can take half of one for a whole.
 */
#include "codec/h1_print.h"

static char *copy(char *to, str s)
{
	if (s.len)
		memcpy(to, s.ptr, s.len);
	return to + s.len;
}

static char *copy_two(char *to, char a, char b)
{
	to[0] = a;
	to[1] = b;
	return to + 2;
}

/* Room for size bytes, or NULL. After an overflow there is none, however small the next piece. */
static char *room_for(struct buf *out, size_t size)
{
	if (out->overflow || size > out->max - out->len) {
		out->overflow = true;
		return NULL;
	}
	return out->bytes + out->len;
}

static inline void line_print(struct buf *out, str name, str value)
{
	char *at = room_for(out, name.len + value.len + 4);

	if (!at)
		return;
	at = copy(at, name);
	at = copy_two(at, ':', ' ');
	at = copy(at, value);
	at = copy_two(at, '\r', '\n');
	out->len = (size_t)(at - out->bytes);
}

void h1_line_print(struct buf *out, str name, str value)
{
	line_print(out, name, value);
}

/* Names as the senders spelt them; values without the whitespace around them. */
void h1_fields_print(struct buf *out, const struct http_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++)
		if (!fields->at[i].removed)
			line_print(out, fields->at[i].name, fields->at[i].value);
	if (room_for(out, 2)) {
		copy_two(out->bytes + out->len, '\r', '\n');
		out->len += 2;
	}
}

void h1_request_print(struct buf *out, const struct http_request *request, str target)
{
	static const str end = STR_INIT(" HTTP/1.1\r\n");
	char *at = room_for(out, request->method_text.len + 1 + target.len + end.len);

	if (!at)
		return;
	at = copy(at, request->method_text);
	*at++ = ' ';
	at = copy(at, target);
	at = copy(at, end);
	out->len = (size_t)(at - out->bytes);
	h1_fields_print(out, &request->fields);
}

void h1_response_print(struct buf *out, const struct http_response *response)
{
	static const str start = STR_INIT("HTTP/1.1 ");
	str reason = response->reason.len ? response->reason : http_status_text(response->status);
	char *at = room_for(out, start.len + 3 + 1 + reason.len + 2);

	if (!at)
		return;
	at = copy(at, start);
	*at++ = (char)('0' + response->status / 100 % 10);
	*at++ = (char)('0' + response->status / 10 % 10);
	*at++ = (char)('0' + response->status % 10);
	*at++ = ' ';
	at = copy(at, reason);
	at = copy_two(at, '\r', '\n');
	out->len = (size_t)(at - out->bytes);
	h1_fields_print(out, &response->fields);
}

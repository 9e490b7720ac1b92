/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/json_stream.h"

#include "observe/log_text.h"

enum {
	ROOM = 64 * 1024,
	LEAST = 32 * 1024, /* what any one thing takes: see json_text() */
	TEXT_PIECE = 4 * 1024,
};

void json_begin(struct json_stream *json, struct small_exchange *exchange)
{
	*json = (struct json_stream) { .exchange = exchange, .sent = OK };
	json->room = buf_over(arena_bytes(exchange->arena, ROOM), ROOM);
}

/* To HEAD nothing is made that nobody would get. Others have their turn after each piece. */
static void send_piece(struct json_stream *json)
{
	struct fiber *self = json->exchange->fiber;

	if (!failed(json->sent) && !json->exchange->sink->is_bodiless)
		json->sent = small_exchange_send(json->exchange, buf_str(&json->room), false);
	if (!failed(json->sent))
		json->sent = fiber_sleep(self, loop_now(fibers_loop(fiber_fibers(self))));
	json->room.len = 0;
	json->pieces++;
}

static void make_room(struct json_stream *json)
{
	if (json->room.max - json->room.len < LEAST)
		send_piece(json);
}

/* Before any value and any key. */
static void begin_item(struct json_stream *json)
{
	make_room(json);
	if (json->needs_comma)
		buf_put_char(&json->room, ',');
	json->needs_comma = true;
}

void json_open(struct json_stream *json, char bracket)
{
	begin_item(json);
	buf_put_char(&json->room, bracket);
	json->needs_comma = false;
}

void json_close(struct json_stream *json, char bracket)
{
	make_room(json);
	buf_put_char(&json->room, bracket);
	json->needs_comma = true;
}

/* Six bytes at most for each of a text's. */
void json_text(struct json_stream *json, str text)
{
	begin_item(json);
	buf_put_char(&json->room, '"');
	while (text.len) {
		str piece = log_cut(text, TEXT_PIECE);

		if (!piece.len)
			piece = str_slice(text, 0, TEXT_PIECE); /* no text at all */
		make_room(json);
		log_put_text(&json->room, LOG_ESCAPE_JSON, piece);
		text = str_skip(text, piece.len);
	}
	make_room(json);
	buf_put_char(&json->room, '"');
}

void json_key(struct json_stream *json, str name)
{
	json_text(json, name);
	buf_put_char(&json->room, ':');
	json->needs_comma = false;
}

void json_number(struct json_stream *json, uint64_t number)
{
	begin_item(json);
	buf_put_u64(&json->room, number);
}

void json_bool(struct json_stream *json, bool value)
{
	json_raw(json, value ? STR("true") : STR("false"));
}

void json_raw(struct json_stream *json, str text)
{
	begin_item(json);
	buf_put(&json->room, text);
}

result json_end(struct json_stream *json)
{
	buf_put_char(&json->room, '\n');
	if (failed(json->sent))
		return json->sent;
	return small_exchange_send(json->exchange, buf_str(&json->room), true);
}

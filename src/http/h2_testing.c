/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h2_testing.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "base/assert.h"
#include "http/h2_stream.h"

enum {
	FRAME_HEAD = 9,
	SECTION_MAX = 64 * 1024,
	PIECE = 16 * 1024,
	ARENA_MAX = 16 * 1024 * 1024,
	BODY_MAX = 512 * 1024
};

void frames_open(struct frames *frames)
{
	frames->bytes = malloc(FRAMES_MAX);
	ASSERT(frames->bytes);
	frames->buf = buf_over(frames->bytes, FRAMES_MAX);
}

void frames_close(struct frames *frames)
{
	ASSERT(!buf_overflowed(&frames->buf));
	free(frames->bytes);
}

static void put_big_endian(struct buf *out, uint64_t number, unsigned bytes)
{
	while (bytes--)
		buf_put_char(out, (char)(number >> bytes * 8));
}

void put_frame(struct frames *frames, enum frame_type type, unsigned flags, uint32_t stream, str payload)
{
	put_big_endian(&frames->buf, payload.len, 3);
	put_big_endian(&frames->buf, type, 1);
	put_big_endian(&frames->buf, flags, 1);
	put_big_endian(&frames->buf, stream, 4);
	buf_put(&frames->buf, payload);
}

void put_preface(struct frames *frames)
{
	buf_put(&frames->buf, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
	put_frame(frames, FRAME_SETTINGS, 0, 0, (str) { 0 });
}

static void put_text(struct buf *out, str text)
{
	if (text.len < 127) {
		put_big_endian(out, text.len, 1);
	} else {
		put_big_endian(out, 127, 1);
		put_big_endian(out, ((text.len - 127) & 127) | 128, 1);
		put_big_endian(out, (text.len - 127) >> 7, 1);
	}
	buf_put(out, text);
}

void put_field(struct buf *out, str name, str value)
{
	buf_put_char(out, 0);
	put_text(out, name);
	put_text(out, value);
}

static void put_lines(struct buf *out, const char *fields)
{
	str rest = str_of(fields), line;

	while (str_cut(rest, '\n', &line, &rest)) {
		size_t at = 0;

		ASSERT(str_find(str_skip(line, 1), ':', &at));
		put_field(out, str_slice(line, 0, at + 1), str_skip(line, at + 3));
	}
}

void put_head(struct frames *frames, uint32_t stream, unsigned flags, const char *fields)
{
	char section[SECTION_MAX];
	struct buf out = buf_over(section, sizeof section);

	put_lines(&out, fields);
	put_frame(frames, FRAME_HEADERS, flags | FRAME_END_HEADERS, stream, buf_str(&out));
}

void put_get(struct frames *frames, uint32_t stream, const char *path)
{
	char section[SECTION_MAX];
	struct buf out = buf_over(section, sizeof section);

	put_lines(&out, ":method: GET\n:scheme: http\n:authority: gw.test\n");
	put_field(&out, STR(":path"), str_of(path));
	put_frame(frames, FRAME_HEADERS, FRAME_END | FRAME_END_HEADERS, stream, buf_str(&out));
}

void put_number(struct frames *frames, enum frame_type type, uint32_t stream, uint32_t number)
{
	char payload[4];
	struct buf out = buf_over(payload, sizeof payload);

	put_big_endian(&out, number, 4);
	put_frame(frames, type, 0, stream, buf_str(&out));
}

/* One exchange under way, on its fiber's stack. */
struct small_exchange_of_h2 {
	struct h2_bench *bench;
	struct server *server;
	struct arena arena;
	struct server_request request;
	struct fiber *fiber;
	char *body;
	struct buf content;
};

static void on_gone(void *owner)
{
	fiber_cancel(((struct small_exchange_of_h2 *)owner)->fiber);
}

static void note_fields(struct buf *out, const struct http_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++) {
		buf_put_char(out, ' ');
		buf_put(out, fields->at[i].name);
		buf_put_char(out, '=');
		buf_put(out, fields->at[i].value);
	}
}

static void note_request(struct small_exchange_of_h2 *x)
{
	struct buf *out = &x->bench->served;
	const struct http_request *head = &x->request.head;

	buf_put(out, head->method_text);
	buf_put_char(out, ' ');
	buf_put(out, head->target);
	note_fields(out, &head->fields);
	buf_put(out, STR(" framing="));
	buf_put_u64(out, head->framing);
	if (x->request.error) {
		buf_put(out, STR(" error="));
		buf_put(out, h1_error_reason(x->request.error));
	}
	buf_put_char(out, '\n');
}

static void note_end(struct small_exchange_of_h2 *x, str what, result_value result_of)
{
	struct buf *out = &x->bench->served;

	buf_put(out, x->request.head.target);
	buf_put_char(out, ' ');
	buf_put(out, what);
	buf_put_char(out, ' ');
	buf_put(out, str_of(failed(result_of) ? error_name(result_of.kind) : "ok"));
	buf_put_char(out, '\n');
}

static result read_body(struct small_exchange_of_h2 *x)
{
	struct piece piece;

	do {
		TRY(body_peek(x->server->body, DEADLINE_NEVER, &piece));
		buf_put(&x->content, piece.bytes);
		body_consume(x->server->body, piece.bytes.len);
	} while (!piece.is_last);
	return OK;
}

/* Each piece in memory of its own. */
static result send_text(struct body_sink *sink, str text, bool is_last)
{
	size_t used = 1;

	while (text.len || (is_last && !sink->is_done)) {
		struct piece piece = { .bytes = str_slice(text, 0, PIECE),
				       .is_last = is_last && text.len <= PIECE };
		char *copy = malloc(piece.bytes.len + 1);
		result_value sent;

		ASSERT(copy);
		if (piece.bytes.len)
			memcpy(copy, piece.bytes.ptr, piece.bytes.len);
		piece.bytes.ptr = copy;
		sent = sink_send(sink, piece, DEADLINE_NEVER, &used);
		free(copy);
		TRY(sent);
		text = str_skip(text, used);
	}
	return OK;
}

static struct body_sink *respond(struct small_exchange_of_h2 *x, struct http_response *response)
{
	if (!response->status)
		response->status = 200;
	response->framing = server_framing(x->server, &x->request.head, response);
	return server_respond(x->server, &x->arena, &x->request.head, response);
}

static result answer_content(struct small_exchange_of_h2 *x, enum http_framing framing)
{
	struct http_field field = { STR("X-Own"), STR("a"), HTTP_NAME_OTHER, false };
	struct http_response response = { .framing = framing,
					  .length = x->content.len,
					  .fields = { .at = &field, .count = 1, .max = 1 } };
	struct body_sink *sink = respond(x, &response);

	if (x->server->body->trailers.count)
		sink->trailers = &x->server->body->trailers;
	return send_text(sink, buf_str(&x->content), true);
}

static result answer_bytes(struct small_exchange_of_h2 *x, uint64_t size)
{
	struct http_response response = { .framing = HTTP_LENGTH, .length = size };
	struct body_sink *sink = respond(x, &response);
	static const char zeros[PIECE];

	while (size > PIECE) {
		TRY(send_text(sink, (str) { zeros, PIECE }, false));
		size -= PIECE;
	}
	return send_text(sink, (str) { zeros, (size_t)size }, true);
}

static result answer_cut(struct small_exchange_of_h2 *x, bool is_last)
{
	struct http_response response = { .framing = HTTP_LENGTH, .length = 10 };

	return send_text(respond(x, &response), STR("12345"), is_last);
}

static result answer_interim(struct small_exchange_of_h2 *x)
{
	struct http_field field = { STR("Link"), STR("</a>"), HTTP_LINK, false };
	struct http_response interim = { .status = 103, .fields = { .at = &field, .count = 1, .max = 1 } };

	TRY(server_interim(x->server, &x->arena, &interim, DEADLINE_NEVER));
	buf_put(&x->content, STR("ok"));
	return answer_content(x, HTTP_LENGTH);
}

static result answer_trailers(struct small_exchange_of_h2 *x)
{
	struct http_field trailer = { STR("X-Sum"), STR("7"), HTTP_NAME_OTHER, false };
	struct http_fields trailers = { .at = &trailer, .count = 1, .max = 1 };
	struct http_response response = { .framing = HTTP_CHUNKED };
	struct body_sink *sink = respond(x, &response);

	sink->trailers = &trailers;
	return send_text(sink, STR("content"), true);
}

static result answer_after_wait(struct small_exchange_of_h2 *x)
{
	x->bench->parked++;
	TRY(condition_wait(&x->bench->gate, x->fiber, DEADLINE_NEVER));
	x->bench->parked--;
	buf_put(&x->content, STR("ok"));
	return answer_content(x, HTTP_LENGTH);
}

static result answer_refusal(struct small_exchange_of_h2 *x)
{
	struct http_response response = { .status = h1_error_status(x->request.error),
					  .framing = HTTP_LENGTH,
					  .length = 2 };

	return send_text(respond(x, &response), STR("no"), true);
}

static result answer(struct small_exchange_of_h2 *x)
{
	str path = x->request.head.target;
	uint64_t size = 0;

	if (str_starts(path, STR("/bytes/")) && str_to_u64(str_skip(path, 7), UINT32_MAX, &size))
		return answer_bytes(x, size);
	if (str_eq(path, STR("/echo")))
		return answer_content(x, HTTP_UNTIL_CLOSE);
	if (str_eq(path, STR("/length")))
		return answer_content(x, HTTP_LENGTH);
	if (str_eq(path, STR("/cut")) || str_eq(path, STR("/short")))
		return answer_cut(x, str_eq(path, STR("/short")));
	if (str_eq(path, STR("/interim")))
		return answer_interim(x);
	if (str_eq(path, STR("/trailers")))
		return answer_trailers(x);
	if (str_eq(path, STR("/wait")))
		return answer_after_wait(x);
	if (str_eq(path, STR("/never")))
		return OK;
	x->content.len = 0;
	buf_put(&x->content, STR("ok"));
	return answer_content(x, HTTP_LENGTH);
}

static void serve(struct small_exchange_of_h2 *x)
{
	result_value end = server_read(x->server, &x->arena, DEADLINE_NEVER, &x->request);

	note_request(x);
	if (end.kind == ERROR_MALFORMED) {
		note_end(x, STR("refused"), answer_refusal(x));
		return;
	}
	if (failed(end)) {
		note_end(x, STR("read"), end);
		return;
	}
	if (!str_eq(x->request.head.target, STR("/early")))
		end = read_body(x);
	if (failed(end))
		note_end(x, STR("body"), end);
	else
		note_end(x, STR("answer"), answer(x));
}

static void stream_run(struct fiber *self, void *argument)
{
	struct h2_stream *stream = argument;
	struct h2_bench *bench = (struct h2_bench *)h2_stream_connection(stream);
	struct small_exchange_of_h2 x = { .bench = bench,
					  .server = h2_stream_begin(stream, self),
					  .fiber = self,
					  .body = malloc(BODY_MAX) };

	ASSERT(x.body);
	x.content = buf_over(x.body, BODY_MAX);
	arena_init(&x.arena, &bench->world.pool, ARENA_MAX);
	x.server->owner = &x;
	x.server->on_gone = on_gone;
	serve(&x);
	x.server->on_gone = NULL;
	arena_fini(&x.arena);
	free(x.body);
	h2_stream_end(stream);
}

static void on_request(struct h2_server *h2, struct h2_stream *stream)
{
	struct h2_bench *bench = (struct h2_bench *)h2;

	if (bench->must_refuse)
		h2_stream_refuse(stream);
	else
		world_start(&bench->world, stream_run, stream);
}

static void on_output(struct h2_server *h2)
{
	(void)h2;
}

static bool send_some(struct h2_bench *bench)
{
	str bytes = str_slice(h2_server_output(&bench->h2), 0, bench->takes);

	if (!bytes.len)
		return false;
	buf_put(&bench->out.buf, bytes);
	h2_server_sent(&bench->h2, bytes.len);
	return true;
}

/* The client takes nothing in the middle of a turn. */
static void send_now(struct h2_server *h2)
{
	(void)h2;
}

static const struct h2_server_ops bench_ops = { on_request, on_output, send_now };

static const struct h1_limits usual_limits = {
	.request_line = 1024, .field = 1024, .name = 64, .head = 4096, .fields = 32
};

void bench_open(struct h2_bench *bench, const struct h2_options *options)
{
	struct h2_options all = options ? *options : (struct h2_options) { 0 };
	result_value opened;

	*bench = (struct h2_bench) { .takes = SIZE_MAX };
	world_open(&bench->world);
	frames_open(&bench->out);
	bench->served = buf_over(bench->served_bytes, sizeof bench->served_bytes);
	all.blocks = &bench->world.pool;
	all.fibers = bench->world.fibers;
	if (!all.limits.head)
		all.limits = usual_limits;
	if (!all.streams)
		all.streams = 10;
	opened = h2_server_open(&bench->h2, &bench_ops, &all);
	ASSERT(!failed(opened));
}

void bench_turn(struct h2_bench *bench)
{
	do
		world_turn(&bench->world);
	while (send_some(bench));
}

void bench_feed(struct h2_bench *bench, str bytes, size_t step)
{
	while (bytes.len) {
		str piece = str_slice(bytes, 0, step ? step : bytes.len);
		char *copy = malloc(piece.len);

		ASSERT(copy);
		memcpy(copy, piece.ptr, piece.len);
		h2_server_feed(&bench->h2, (str) { copy, piece.len });
		free(copy);
		h2_server_turn(&bench->h2);
		bench_turn(bench);
		bytes = str_skip(bytes, piece.len);
	}
}

void bench_release(struct h2_bench *bench)
{
	condition_broadcast(&bench->gate);
	bench_turn(bench);
}

void bench_close(struct h2_bench *bench)
{
	h2_server_abandon(&bench->h2);
	h2_server_cancel(&bench->h2);
	world_run(&bench->world);
	h2_server_close(&bench->h2);
	ASSERT(bench->world.pool.in_use == 0);
	frames_close(&bench->out);
	world_close(&bench->world);
}

static uint64_t big_endian(str bytes)
{
	uint64_t number = 0;

	for (size_t i = 0; i < bytes.len; i++)
		number = number << 8 | (uint8_t)bytes.ptr[i];
	return number;
}

static void tell_section(nghttp2_hd_inflater *inflater, str section, struct buf *out)
{
	int flags = 0;

	while (section.len || !(flags & NGHTTP2_HD_INFLATE_FINAL)) {
		nghttp2_nv field;
		ssize_t used = nghttp2_hd_inflate_hd2(inflater, &field, &flags, (const uint8_t *)section.ptr,
						      section.len, 1);

		ASSERT(used >= 0);
		section = str_skip(section, (size_t)used);
		if (!(flags & NGHTTP2_HD_INFLATE_EMIT))
			continue;
		buf_put_char(out, ' ');
		buf_put(out, (str) { (const char *)field.name, field.namelen });
		buf_put_char(out, '=');
		buf_put(out, (str) { (const char *)field.value, field.valuelen });
	}
	nghttp2_hd_inflate_end_headers(inflater);
}

/* Whether it is worth a line. */
static bool tell_frame(nghttp2_hd_inflater *inflater, enum frame_type type, unsigned flags, str payload,
		       struct buf *out)
{
	static const char *const names[] = { "DATA", "HEADERS", "PRIORITY", "RST_STREAM",    "SETTINGS",
					     "PUSH", "PING",    "GOAWAY",   "WINDOW_UPDATE", "CONTINUATION" };

	if (type == FRAME_SETTINGS)
		return false;
	buf_put(out, str_of(names[type]));
	if (type == FRAME_HEADERS)
		tell_section(inflater, payload, out);
	if (type == FRAME_DATA || type == FRAME_RST_STREAM || type == FRAME_WINDOW_UPDATE) {
		buf_put_char(out, ' ');
		buf_put_u64(out, type == FRAME_DATA ? payload.len : big_endian(payload));
	}
	if (type == FRAME_GOAWAY) {
		buf_put_char(out, ' ');
		buf_put_u64(out, big_endian(str_slice(payload, 0, 4)));
		buf_put_char(out, ' ');
		buf_put_u64(out, big_endian(str_slice(payload, 4, 8)));
	}
	if (flags & 1)
		buf_put(out, type == FRAME_PING ? STR(" ack") : STR(" end"));
	return true;
}

void bench_answers(const struct h2_bench *bench, struct buf *ret_text)
{
	str rest = buf_str(&bench->out.buf);
	nghttp2_hd_inflater *inflater;
	int error = nghttp2_hd_inflate_new(&inflater);

	ASSERT(!error);
	while (rest.len >= FRAME_HEAD) {
		size_t len = big_endian(str_slice(rest, 0, 3));
		uint64_t stream = big_endian(str_slice(rest, 5, 9));
		str payload = str_slice(rest, FRAME_HEAD, FRAME_HEAD + len);

		ASSERT(payload.len == len);
		if (stream) {
			buf_put_u64(ret_text, stream);
			buf_put_char(ret_text, ' ');
		}
		if (!(stream == 0 && rest.ptr[3] == FRAME_WINDOW_UPDATE) &&
		    tell_frame(inflater, (enum frame_type)rest.ptr[3], (unsigned)(uint8_t)rest.ptr[4],
			       payload, ret_text))
			buf_put_char(ret_text, '\n');
		rest = str_skip(rest, FRAME_HEAD + len);
	}
	nghttp2_hd_inflate_del(inflater);
}

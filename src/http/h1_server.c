/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_server: reads a head into the exchange's arena, and prints the answer's.
 *
 * Also a head that is refused is kept, as far as it could be read: the log tells its method and target. The
 * bytes that follow it are dropped with it, because after a head that was not understood nobody can say
 * where the next one begins.
 */
#include "http/h1_server.h"

#include "http/h1_head.h"

enum { HEAD_USUAL = 512 };

static enum h1_state parse(const struct h1_server *server, struct h1_parser *parser,
			   struct server_request *request)
{
	if (!server->in->len)
		return H1_MORE;
	return h1_request_parse(parser, intake_data(server->in), server->server.limits, &request->head,
				&request->head_len);
}

/* Parses what is there; more is read, and parsing goes on, until the head is complete or wrong. While it
 * waits, the bytes move, and what was parsed with them: also where nothing follows. */
static result read_head(struct h1_server *server, struct arena *arena, deadline until,
			struct server_request *request)
{
	const struct h1_limits *limits = server->server.limits;
	struct h1_fields_place place = { server->server.shared_fields, limits->fields };
	struct h1_parser parser = { 0 };
	enum h1_state state;
	result_value filled = OK;

	request->head.fields = (struct http_fields) { .at = place.shared, .max = place.max };
	while ((state = parse(server, &parser, request)) == H1_MORE && !failed(filled)) {
		h1_fields_keep(&request->head.fields, &place, arena);
		filled = stream_fill(server->stream, server->in, until);
	}
	if (state == H1_DONE || state == H1_MORE)
		return filled;
	request->error = parser.error;
	return error_make(ERROR_MALFORMED, "malformed request head");
}

/* What was parsed must not point into the intake any more. */
static void adopt(const struct h1_server *server, struct arena *arena, struct server_request *request,
		  size_t len)
{
	str bytes, kept;

	if (!len)
		return;
	bytes = str_slice(intake_data(server->in), 0, len);
	kept = arena_str(arena, bytes);
	h1_request_move(&request->head, bytes.ptr, kept.ptr);
	h1_fields_adopt(&request->head.fields, arena);
}

static struct h1_server *server_of(const struct server *server)
{
	return (struct h1_server *)(uintptr_t)server;
}

/* The body is not read here: whoever wants it reads it, and nothing has to where nobody does. */
static result read_request(struct server *base, struct arena *arena, deadline until,
			   struct server_request *ret_request)
{
	struct h1_server *server = server_of(base);
	const struct http_request *head = &ret_request->head;
	enum http_framing framing;
	result_value read;
	size_t len;

	*ret_request = (struct server_request) { 0 };
	read = read_head(server, arena, until, ret_request);
	len = failed(read) ? server->in->len : ret_request->head_len;
	adopt(server, arena, ret_request, len);
	if (!failed(read) || read.kind == ERROR_MALFORMED)
		intake_consume(server->in, len);
	/* Of a head that was not understood nobody can say where its body ends. */
	framing = failed(read) ? HTTP_UNTIL_CLOSE : head->framing;
	h1_source_init(&server->body, server->stream, server->in, framing, head->length);
	h1_source_allow(&server->body, UINT64_MAX, &h1_chunked_limits_usual, arena);
	return read;
}

static bool has_input(const struct server *base)
{
	return server_of(base)->in->len;
}

/* What is in the intake already needs no wait. A chunked body may end there too, but that is known only after
 * decoding. */
static bool is_body_here(const struct server *base)
{
	const struct h1_server *server = server_of(base);

	return server->body.framing != HTTP_CHUNKED && server->body.left <= server->in->len;
}

static bool is_body_whole(const struct server *base)
{
	return h1_source_is_whole(&server_of(base)->body);
}

static bool is_client_gone(const struct server *base)
{
	return stream_is_hung_up(server_of(base)->stream);
}

static enum http_framing framing_of(const struct http_request *request, const struct http_response *response)
{
	if (response->framing == HTTP_NO_BODY || response->framing == HTTP_LENGTH)
		return response->framing;
	return request->version == HTTP_1_0 ? HTTP_UNTIL_CLOSE : HTTP_CHUNKED;
}

/* RFC 9112 section 9.3: persistence is told where it is not the version's default. There is one protocol to
 * switch to. */
static str connection_line(const struct http_request *request, const struct http_response *response)
{
	if (response->status == 101)
		return STR("Connection: Upgrade\r\nUpgrade: websocket\r\n");
	if (!response->keep_alive)
		return STR("Connection: close\r\n");
	return request->version == HTTP_1_0 ? STR("Connection: keep-alive\r\n") : (str) { 0 };
}

/* Its size is not worth counting beforehand: nearly every head fits at once, and what did not fit is dropped.
 */
static str print_response(struct arena *arena, struct http_response *response, str lines)
{
	for (size_t size = HEAD_USUAL;; size *= 2) {
		struct buf out = arena_open(arena, size);

		h1_begin_response(&out, response);
		buf_put(&out, lines);
		h1_end_head(&out, response->framing, response->length);
		if (!buf_overflowed(&out))
			return arena_close(arena, &out);
	}
}

static struct body_sink *begin_answer(struct server *base, struct arena *arena,
				      const struct http_request *request, struct http_response *response)
{
	struct h1_server *server = server_of(base);
	str head = print_response(arena, response, connection_line(request, response));
	bool is_bodiless = request->method == HTTP_HEAD; /* its head tells of the body that GET would get */

	h1_sink_init(&server->sink, server->stream, arena, head,
		     is_bodiless ? HTTP_NO_BODY : response->framing, response->length);
	return &server->sink.sink;
}

static result send_interim(struct server *base, struct arena *arena, struct http_response *response,
			   deadline until)
{
	return stream_send_all(server_of(base)->stream, print_response(arena, response, (str) { 0 }), until);
}

static struct stream *take_over(struct server *base, struct intake **ret_in)
{
	*ret_in = server_of(base)->in;
	return server_of(base)->stream;
}

static const struct server_ops h1_server_ops = {
	.read = read_request,
	.has_input = has_input,
	.is_body_here = is_body_here,
	.is_body_whole = is_body_whole,
	.is_client_gone = is_client_gone,
	.framing = framing_of,
	.interim = send_interim,
	.respond = begin_answer,
	.take_over = take_over,
};

void h1_server_init(struct h1_server *server, struct stream *stream, struct intake *in)
{
	server->server = (struct server) { .ops = &h1_server_ops, .body = &server->body.source };
	server->stream = stream;
	server->in = in;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_stream: from its header section to its end.
 *
 * It is made with the first byte of its head and belongs to the connection until that is complete; then to
 * whoever serves it. The library may forget it earlier (the client reset it) or later (a reset of ours is
 * still to be sent), so each of the two is told of the other: is_closed here, the user data there.
 */
#include "http/h2_private.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/container.h"

enum {
	ARENA_MAX = 16 * 1024 * 1024, /* never reached: a head's bounds are */
	BODY_HEADROOM = 512,          /* for what is printed before the first piece */
	BODY_FIRST = 3 * 1024,
};

static const struct server_ops stream_ops;
static const struct body_source_ops source_ops;

static struct h2_stream *stream_of(const struct server *server)
{
	return (struct h2_stream *)(uintptr_t)server;
}

static struct h2_stream *stream_of_source(const struct body_source *source)
{
	return CONTAINER_OF(source, struct h2_stream, source);
}

static void link_in(struct h2_stream *stream, struct h2_server *h2)
{
	stream->h2 = h2;
	stream->next = h2->streams;
	if (stream->next)
		stream->next->link = &stream->next;
	stream->link = &h2->streams;
	h2->streams = stream;
}

struct h2_stream *h2_stream_new(struct h2_server *h2, int32_t id)
{
	struct h2_stream *stream = calloc(1, sizeof *stream);

	ASSERT(stream);
	stream->server = (struct server) { .ops = &stream_ops, .body = &stream->source };
	stream->source = (struct body_source) { .ops = &source_ops, .max = UINT64_MAX };
	stream->id = id;
	arena_init(&stream->arena, h2->options.blocks, ARENA_MAX);
	h2_head_init(&stream->head, &stream->arena, &h2->options.limits, false);
	link_in(stream, h2);
	return stream;
}

static void unlink_from(struct h2_stream *stream)
{
	*stream->link = stream->next;
	if (stream->next)
		stream->next->link = stream->link;
}

/* What it holds of the worker's memory. */
static void let_go(struct h2_stream *stream)
{
	block_give(stream->h2->options.blocks, &stream->block);
	arena_fini(&stream->arena);
	h2_waiting_leave(stream);
	unlink_from(stream);
}

void h2_stream_free(struct h2_stream *stream)
{
	if (stream->h2)
		let_go(stream);
	free(stream);
}

static void fail(struct h2_stream *stream, result_value why)
{
	stream->is_malformed |= why.kind == ERROR_MALFORMED;
	if (!failed(stream->failure))
		stream->failure = why;
	h2_note(stream, H2_EVENT_BODY);
}

static void request_complete(struct h2_stream *stream, bool has_ended)
{
	struct h2_server *h2 = stream->h2;
	struct h2_request_options options = { !has_ended, h2->options.has_connect_protocol };

	stream->error = h2_request_make(&stream->head, &options, &stream->request);
	stream->is_malformed = stream->error != H1_ERROR_NONE;
	stream->left = stream->request.length;
	stream->has_ended = has_ended;
	stream->is_requested = true;
	h2->stream_count++;
	h2->requests++;
	h2_note(stream, H2_EVENT_REQUEST);
}

/* RFC 9113 section 8.1: trailers end the request. */
static void trailers_complete(struct h2_stream *stream, bool has_ended)
{
	enum h1_error error = h2_trailers_make(&stream->head, &stream->source.trailers);

	if (error != H1_ERROR_NONE || !has_ended)
		fail(stream, error_make(ERROR_MALFORMED, "malformed trailers"));
	if (has_ended)
		h2_stream_finish(stream);
}

void h2_stream_head(struct h2_stream *stream, bool has_ended)
{
	if (stream->is_requested)
		trailers_complete(stream, has_ended);
	else
		request_complete(stream, has_ended);
}

void h2_stream_finish(struct h2_stream *stream)
{
	stream->has_ended = true;
	if (stream->request.framing == HTTP_LENGTH && stream->left)
		fail(stream, error_make(ERROR_MALFORMED, "the body is shorter than its announced length"));
	h2_note(stream, H2_EVENT_BODY);
}

/* Twice as much as is needed now, but not more than the window that the client was given. */
static struct block *body_block(const struct h2_stream *stream, size_t more, result_value *ret_failure)
{
	size_t needed = stream->len + more, size = needed * 2;
	struct block *block = NULL;

	if (size > H2_STREAM_WINDOW)
		size = needed > H2_STREAM_WINDOW ? needed : H2_STREAM_WINDOW;
	if (size < BODY_FIRST)
		size = BODY_FIRST;
	*ret_failure = block_take(stream->h2->options.blocks, size + BODY_HEADROOM, &block);
	return block;
}

/* Where n bytes can be put behind those that wait. */
static char *make_room(struct h2_stream *stream, size_t n, result_value *ret_failure)
{
	struct block *block = stream->block, *larger;

	*ret_failure = OK;
	if (block && n <= block->size - stream->at - stream->len)
		return block->bytes + stream->at + stream->len;
	larger = body_block(stream, n, ret_failure);
	if (failed(*ret_failure))
		return NULL;
	if (stream->len)
		memcpy(larger->bytes + BODY_HEADROOM, block->bytes + stream->at, stream->len);
	block_give(stream->h2->options.blocks, &stream->block);
	stream->block = larger;
	stream->at = BODY_HEADROOM;
	return larger->bytes + stream->at + stream->len;
}

/* What nobody will take is let pass, so that the client can come to its end. */
static void pass(struct h2_stream *stream, size_t n)
{
	if (!stream->is_closed)
		nghttp2_session_consume_stream(stream->h2->session, stream->id, n);
}

static bool has_length(const struct h2_stream *stream)
{
	return stream->request.framing == HTTP_LENGTH;
}

/* RFC 9113 section 8.1.1. Too late for a refusal: what was announced has been passed on. */
void h2_stream_exceeded(struct h2_server *h2, int32_t id, size_t n)
{
	nghttp2_session_consume_stream(h2->session, id, n);
	nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
}

void h2_stream_take(struct h2_stream *stream, str bytes)
{
	result_value failure = OK;
	char *at = NULL;

	if (stream->is_malformed) { /* it is refused, and once */
		pass(stream, bytes.len);
		return;
	}
	if (has_length(stream) && !stream->left && bytes.len) {
		h2_stream_exceeded(stream->h2, stream->id, bytes.len);
		return;
	}
	if (has_length(stream) && bytes.len > stream->left)
		failure = error_make(ERROR_MALFORMED, "the body is longer than its announced length");
	else if (!failed(stream->failure) && bytes.len)
		at = make_room(stream, bytes.len, &failure);
	if (failed(failure))
		fail(stream, failure);
	stream->left -= bytes.len < stream->left ? bytes.len : stream->left;
	stream->arrived += bytes.len;
	if (!at) {
		pass(stream, bytes.len);
		return;
	}
	memcpy(at, bytes.ptr, bytes.len);
	stream->len += bytes.len;
	h2_note(stream, H2_EVENT_BODY);
}

/* All of its content is here: with a length, also when the frame that ends the stream is still to come. */
static bool is_complete(const struct h2_stream *stream)
{
	return stream->has_ended || (has_length(stream) && stream->left == 0);
}

/* Its head was complete before anybody could ask for it, so this does not wait. */
static result read_request(struct server *server, struct arena *arena, deadline until,
			   struct server_request *ret_request)
{
	struct h2_stream *stream = stream_of(server);

	(void)until;
	arena_adopt(arena, &stream->arena);
	*ret_request = (struct server_request) { stream->request, stream->head_len, stream->error };
	if (stream->error != H1_ERROR_NONE)
		return error_make(ERROR_MALFORMED, "malformed request head");
	if (stream->is_closed)
		return error_make(ERROR_RESET, "the client has given the request up");
	return OK;
}

/* A request that was given up was one all the same. */
static bool has_input(const struct server *server)
{
	return stream_of(server)->len || stream_of(server)->is_closed;
}

static bool is_body_here(const struct server *server)
{
	return is_complete(stream_of(server));
}

/* Nothing comes behind it on this stream: however much of it is left stands in nobody's way. */
static bool is_body_whole(const struct server *server)
{
	(void)server;
	return true;
}

static bool is_client_gone(const struct server *server)
{
	return stream_of(server)->is_closed;
}

/* RFC 9113 section 8.1: a body ends with its stream. */
static enum http_framing framing_of(const struct http_request *request, const struct http_response *response)
{
	(void)request;
	return response->framing == HTTP_UNTIL_CLOSE ? HTTP_CHUNKED : response->framing;
}

static const struct server_ops stream_ops = {
	.read = read_request,
	.has_input = has_input,
	.is_body_here = is_body_here,
	.is_body_whole = is_body_whole,
	.is_client_gone = is_client_gone,
	.framing = framing_of,
	.interim = h2_interim,
	.respond = h2_respond,
	.take_over = h2_take_over,
};

static bool source_is_ready(const struct body_source *source)
{
	const struct h2_stream *stream = stream_of_source(source);

	return stream->len || is_complete(stream) || stream->is_closed || failed(stream->failure);
}

static result wait_for_body(struct h2_stream *stream, deadline until)
{
	result_value parked;

	stream->reader = fiber_current(stream->h2->options.fibers);
	parked = fiber_park(stream->reader, until);
	stream->reader = NULL;
	return parked;
}

/* What came before it went wrong is not given: as soon as it is known, there is no use in going on. */
static result source_peek(struct body_source *source, deadline until, struct piece *ret_piece)
{
	struct h2_stream *stream = stream_of_source(source);

	while (!source_is_ready(source))
		TRY(wait_for_body(stream, until));
	source->is_too_large = stream->arrived > source->max;
	if (source->is_too_large)
		return error_make(ERROR_LIMIT, "body larger than allowed");
	TRY(stream->failure);
	if (!stream->len && !is_complete(stream))
		return error_make(ERROR_RESET, "the client has given the request up");
	*ret_piece = (struct piece) { .is_last = is_complete(stream) };
	if (stream->len) {
		ret_piece->bytes = (str) { stream->block->bytes + stream->at, stream->len };
		ret_piece->headroom = stream->at;
	}
	return OK;
}

static void source_consume(struct body_source *source, size_t n)
{
	struct h2_stream *stream = stream_of_source(source);

	if (n == 0)
		return;
	ASSERT(n <= stream->len);
	stream->at += n;
	stream->len -= n;
	source->received += n;
	if (stream->len == 0)
		block_give(stream->h2->options.blocks, &stream->block);
	if (stream->is_closed || stream->has_ended)
		return;
	nghttp2_session_consume_stream(stream->h2->session, stream->id, n);
	if (nghttp2_session_want_write(stream->h2->session))
		h2_drain(stream->h2);
}

static const struct body_source_ops source_ops = {
	.is_ready = source_is_ready,
	.peek = source_peek,
	.consume = source_consume,
};

struct h2_server *h2_stream_connection(const struct h2_stream *stream)
{
	return stream->h2;
}

struct server *h2_stream_begin(struct h2_stream *stream, struct fiber *fiber)
{
	stream->fiber = fiber;
	return &stream->server;
}

/* Nothing is left to be told: both halves are closed, or the client's will be by a frame without content that
 * is on its way. */
static bool is_settled(const struct h2_stream *stream)
{
	return stream->is_closed || (stream->is_answered && is_complete(stream));
}

/* RFC 9113 sections 8.1 and 8.1.1. An answer that is whole stands also where the request was malformed. */
static uint32_t code_of(const struct h2_stream *stream)
{
	if (stream->is_malformed)
		return NGHTTP2_PROTOCOL_ERROR;
	return stream->is_answered ? NGHTTP2_NO_ERROR : NGHTTP2_INTERNAL_ERROR;
}

static void close_with(struct h2_stream *stream, uint32_t code)
{
	struct h2_server *h2 = stream->h2;

	if (!stream->is_closed)
		nghttp2_session_set_stream_user_data(h2->session, stream->id, NULL);
	if (stream->is_malformed || !is_settled(stream))
		nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, stream->id, code);
}

static void end(struct h2_stream *stream, uint32_t code)
{
	struct h2_server *h2 = stream->h2;

	if (!h2->is_over && !h2->is_abandoned)
		close_with(stream, code);
	if (h2->head == stream)
		h2->head = NULL;
	h2->stream_count--;
	let_go(stream);
	stream->h2 = NULL;
	if (!stream->is_due && !stream->is_held)
		free(stream);
	h2_drain(h2);
}

void h2_stream_refuse(struct h2_stream *stream)
{
	end(stream, NGHTTP2_REFUSED_STREAM);
}

void h2_stream_end(struct h2_stream *stream)
{
	end(stream, code_of(stream));
}

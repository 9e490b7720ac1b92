/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_client_stream: one exchange on a session: its answer, read; and its end.
 *
 * Heads are taken into the exchange's arena as they come, bodies into blocks, both by the callbacks; here the
 * exchange's fiber finds them or waits. A stream that failed still gives what came whole before: the answer
 * counts, not how the peer left.
 */
#include "http/h2_client_private.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/container.h"

static const struct client_ops h2_client_ops;
static const struct body_source_ops h2_source_ops;

void h2_client_stream_fail(struct h2_client_stream *stream, result_value error)
{
	if (!failed(stream->error) && !stream->is_ended)
		stream->error = error;
	h2_client_rouse(stream->h2, &stream->reader);
	h2_client_rouse(stream->h2, &stream->writer);
}

/* ---- its life ---- */

static void link_stream(struct h2_client *h2, struct h2_client_stream *stream)
{
	stream->next = NULL;
	stream->link = h2->streams_end;
	*h2->streams_end = stream;
	h2->streams_end = &stream->next;
}

static void unlink_stream(struct h2_client_stream *stream)
{
	*stream->link = stream->next;
	if (stream->next)
		stream->next->link = stream->link;
	else
		stream->h2->streams_end = stream->link;
}

void h2_client_stream_stand_back(struct h2_client_stream *stream)
{
	unlink_stream(stream);
	link_stream(stream->h2, stream);
}

/* The silence that the watchdog measures begins with the first who waits. */
struct client *h2_client_open(struct h2_client *h2)
{
	struct h2_client_stream *stream = calloc(1, sizeof *stream);

	ASSERT(stream && h2_client_room(h2));
	stream->client = (struct client) { .ops = &h2_client_ops, .body = &stream->body };
	stream->body = (struct body_source) { .ops = &h2_source_ops, .max = UINT64_MAX };
	stream->h2 = h2;
	stream->heads_end = &stream->heads;
	stream->begins_at = UINT64_MAX;
	stream->opened = loop_now(h2->loop);
	link_stream(h2, stream);
	if (h2->count++ == 0)
		h2_client_watch(h2);
	return &stream->client;
}

/* What was given up in vain may have been given up because nobody is there any more. */
static void doubt_silence(const struct h2_client_stream *stream)
{
	struct h2_client *h2 = stream->h2;

	if (!stream->has_begun && h2->heard <= stream->opened && loop_now(h2->loop) - stream->opened > SECOND)
		h2_client_doubt(h2);
}

/* RFC 9113 section 8.1: a whole answer makes what is left of the request unnecessary, which is no error. */
static void reset(const struct h2_client_stream *stream)
{
	struct h2_client *h2 = stream->h2;
	uint32_t code = stream->is_ended ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL;

	if (nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, stream->id, code) == 0)
		h2_client_earn(h2, H2_FRAMES_A_RESET);
	h2->unknown -= 2 * H2_CLIENT_WINDOW; /* what may be on its way, which the library passes over */
	nghttp2_session_set_stream_user_data(h2->session, stream->id, NULL);
	h2_client_pump(h2);
}

void h2_client_close(struct client **client)
{
	struct h2_client_stream *stream = h2_client_stream_of(*client);
	struct h2_client *h2 = stream->h2;

	ASSERT(!stream->reader.fiber && !stream->writer.fiber);
	if (stream->id && !stream->is_closed) {
		doubt_silence(stream);
		reset(stream);
	}
	unlink_stream(stream);
	if (--h2->count == 0)
		timer_set(h2->loop, &h2->watchdog, DEADLINE_NEVER);
	h2_content_fini(&stream->content, h2->options.blocks);
	free(stream);
	*client = NULL;
	if (!h2->is_broken)
		loop_at_turn_end(h2->loop, &h2->turn_end);
}

/* ---- the head of the answer ---- */

/* Whatever the fields say, some answers have no body (RFC 9110 section 6.4.1); and one that ended with its
 * head is known to be empty. */
static void frame_answer(const struct h2_client_stream *stream, enum http_method method,
			 struct http_response *response)
{
	str length = http_fields_value(&response->fields, HTTP_CONTENT_LENGTH);
	bool has_length = str_to_u64(length, INT64_MAX, &response->length);

	response->version = HTTP_2;
	response->keep_alive = true;
	if (method == HTTP_HEAD || http_status_has_no_body(response->status))
		response->framing = HTTP_NO_BODY;
	else if (has_length || (stream->is_ended && !stream->content.len && !stream->body.trailers.count))
		response->framing = HTTP_LENGTH;
	else
		response->framing = HTTP_CHUNKED;
}

static result read_head(struct client *client, struct arena *arena, enum http_method method, deadline until,
			struct http_response *ret_response)
{
	struct h2_client_stream *stream = h2_client_stream_of(client);
	struct h2_client_head *head;

	ASSERT(arena == stream->arena);
	*ret_response = (struct http_response) { 0 };
	while (!stream->heads) {
		if (failed(stream->error))
			return stream->error;
		TRY(h2_client_wait(stream->h2, &stream->reader, until));
	}
	head = stream->heads;
	stream->heads = head->next;
	if (!stream->heads)
		stream->heads_end = &stream->heads;
	*ret_response = head->response;
	if (ret_response->status >= 200)
		frame_answer(stream, method, ret_response);
	return OK;
}

static bool is_untouched(const struct client *client)
{
	return !h2_client_stream_of(client)->has_begun;
}

static bool is_answer_whole(const struct client *client)
{
	const struct h2_client_stream *stream = h2_client_stream_of(client);

	return stream->is_ended && !stream->content.len;
}

static const struct client_ops h2_client_ops = {
	.request = h2_client_sink_begin,
	.read = read_head,
	.is_untouched = is_untouched,
	.is_answer_whole = is_answer_whole,
};

/* ---- its body ---- */

static struct h2_client_stream *stream_of(const struct body_source *source)
{
	return CONTAINER_OF(source, struct h2_client_stream, body);
}

static bool source_is_ready(const struct body_source *source)
{
	const struct h2_client_stream *stream = stream_of(source);

	return stream->content.len || stream->is_ended || failed(stream->error);
}

/* That it was refused is of no use to who has a part of it. */
static result body_error(const struct h2_client_stream *stream)
{
	if (stream->error.kind == ERROR_REFUSED)
		return error_make(ERROR_RESET, stream->error.why);
	return stream->error;
}

static result source_peek(struct body_source *source, deadline until, struct piece *ret_piece)
{
	struct h2_client_stream *stream = stream_of(source);

	while (!source_is_ready(source))
		TRY(h2_client_wait(stream->h2, &stream->reader, until));
	if (!stream->content.len && !stream->is_ended)
		return body_error(stream);
	source->is_too_large = source->received + stream->content.len > source->max;
	if (source->is_too_large)
		return error_make(ERROR_LIMIT, "body larger than allowed");
	ret_piece->bytes = h2_content_peek(&stream->content, &ret_piece->headroom);
	ret_piece->is_last = stream->is_ended && ret_piece->bytes.len == stream->content.len;
	return OK;
}

/* Where the window is opened for more. */
static void source_consume(struct body_source *source, size_t n)
{
	struct h2_client_stream *stream = stream_of(source);
	struct h2_client *h2 = stream->h2;

	if (!n)
		return;
	source->received += n;
	h2_content_consume(&stream->content, h2->options.blocks, n);
	if (stream->is_closed || stream->is_ended)
		return;
	if (nghttp2_session_consume_stream(h2->session, stream->id, n) == 0 &&
	    nghttp2_session_want_write(h2->session))
		loop_at_turn_end(h2->loop, &h2->turn_end);
}

static const struct body_source_ops h2_source_ops = {
	.is_ready = source_is_ready,
	.peek = source_peek,
	.consume = source_consume,
};

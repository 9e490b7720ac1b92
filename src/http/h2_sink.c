/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_sink: the answer on a stream.
 *
 * The head waits for the first piece: with an empty body they are one frame. Content is offered to the
 * library while the sink has it and at no other time, because a piece is only lent: when the library asks for
 * more later, it is put off, and the fiber that waits is woken to bring it again.
 *
 * Fields are not copied for the library: they live in the exchange's arena, and it has packed them before
 * h2_drain() returns, or finds the stream reset. Trailers are, for they may have to wait for room.
 */
#include "base/assert.h"
#include "base/container.h"
#include "http/h2_private.h"

enum {
	STATUS_DIGITS = 3,
	OWN_FIELDS = 2,
	LENGTH_DIGITS = 20,
	STALL_COST = 5, /* resets: in 30 seconds, the usual time for it, time pays for 24 streams */
};

#define STALL_LEAST (250 * MILLISECOND) /* shorter waits hold nothing up */

static const struct body_sink_ops sink_ops;

static struct h2_stream *stream_of(struct body_sink *sink)
{
	return CONTAINER_OF(sink, struct h2_stream, sink);
}

static nghttp2_nv pair_of(str name, str value, uint8_t flags)
{
	return (nghttp2_nv) { (uint8_t *)(uintptr_t)name.ptr, (uint8_t *)(uintptr_t)value.ptr, name.len,
			      value.len, flags };
}

/* RFC 9113 section 8.2.1. What came over HTTP/2, and all that the gateway knows, needs no copy. */
static str lower(const struct http_field *field, struct arena *arena)
{
	str known = http_name_lower(field->id), name = field->name;
	char *copy;

	if (known.len)
		return known;
	for (size_t i = 0;; i++) {
		if (i == name.len)
			return name;
		if (ascii_lower(name.ptr[i]) != name.ptr[i])
			break;
	}
	copy = arena_bytes(arena, name.len);
	for (size_t i = 0; i < name.len; i++)
		copy[i] = ascii_lower(name.ptr[i]);
	return (str) { copy, name.len };
}

/* RFC 9113 section 8.2.2. The length is printed anew where there is a body. */
static bool is_sent(const struct http_field *field, bool has_body)
{
	if (field->removed || field->id == HTTP_TE || http_name_flags(field->id) & HTTP_NAME_WIRE)
		return false;
	return field->id != HTTP_CONTENT_LENGTH || !has_body;
}

/* Values that are another each time would only push others out of the table, and have the library look
 * through what is left of their like; what is secret shall not be guessed by what it packs to (RFC 7541
 * section 7.1.3). */
static uint8_t index_flag(const struct http_field *field)
{
	switch (field->id) {
	case HTTP_X_REQUEST_ID:
	case HTTP_X_CORRELATION_ID:
	case HTTP_TRACEPARENT:
	case HTTP_AUTHENTICATION_INFO:
	case HTTP_SET_COOKIE:
		return NGHTTP2_NV_FLAG_NO_INDEX;
	default:
		return NGHTTP2_NV_FLAG_NONE;
	}
}

static size_t pairs_make(const struct http_fields *fields, struct arena *arena, bool has_body, uint8_t flags,
			 nghttp2_nv *pairs)
{
	size_t count = 0;

	for (size_t i = 0; i < fields->count; i++)
		if (is_sent(&fields->at[i], has_body))
			pairs[count++] = pair_of(lower(&fields->at[i], arena), fields->at[i].value,
						 flags | index_flag(&fields->at[i]));
	return count;
}

static str digits_of(struct arena *arena, uint64_t number)
{
	struct buf out = arena_open(arena, LENGTH_DIGITS);

	buf_put_u64(&out, number);
	return arena_close(arena, &out);
}

/* Status first. All of it lies in the arena. */
static size_t head_make(struct arena *arena, const struct http_response *response, nghttp2_nv **ret_pairs)
{
	const uint8_t flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
	bool has_body = response->framing != HTTP_NO_BODY;
	nghttp2_nv *pairs = arena_raw(arena, (response->fields.count + OWN_FIELDS) * sizeof *pairs);
	size_t count = 1;

	pairs[0] = pair_of(STR(":status"), digits_of(arena, (uint64_t)response->status), flags);
	count += pairs_make(&response->fields, arena, has_body, flags, pairs + 1);
	if (response->framing == HTTP_LENGTH)
		pairs[count++] = pair_of(http_name_lower(HTTP_CONTENT_LENGTH),
					 digits_of(arena, response->length), flags);
	*ret_pairs = pairs;
	return count;
}

struct body_sink *h2_respond(struct server *server, struct arena *arena, const struct http_request *request,
			     struct http_response *response)
{
	struct h2_stream *stream = (struct h2_stream *)server;
	bool is_bodiless = request->method == HTTP_HEAD || response->framing == HTTP_NO_BODY;

	stream->sink = (struct body_sink) { .ops = &sink_ops, .is_bodiless = is_bodiless };
	stream->field_count = head_make(arena, response, &stream->fields);
	stream->answer_arena = arena;
	stream->framing = is_bodiless ? HTTP_NO_BODY : response->framing;
	stream->unsent = stream->framing == HTTP_LENGTH ? response->length : 0;
	return &stream->sink;
}

static result gone(void)
{
	return error_make(ERROR_RESET, "the client has given the request up");
}

/* Until it is told that it may go on, or that the client is gone. */
static result wait_as_writer(struct h2_stream *stream, deadline until)
{
	result_value parked;

	stream->writer = fiber_current(stream->h2->options.fibers);
	parked = fiber_park(stream->writer, until);
	stream->writer = NULL;
	return parked;
}

/* With many streams and a slow client that may be long. Nobody is late as long as something goes, of whatever
 * stream; the place in the queue is kept. */
static result wait_for_turn(struct h2_stream *stream, deadline until)
{
	const struct h2_server *h2 = stream->h2;
	bool is_late = until <= h2_now(h2);
	uint64_t sent = h2->sent;
	result_value waited = wait_as_writer(stream, until);

	return waited.kind == ERROR_TIMEOUT && !is_late && h2->sent != sent ? OK : waited;
}

/* Nothing may wait between this and what is put out. *ret_waited: what was lent before may be stale now. */
static result make_room(struct h2_stream *stream, deadline until, bool *ret_waited)
{
	*ret_waited = false;
	if (stream->is_closed)
		return gone();
	*ret_waited = !h2_may_put_out(stream);
	return *ret_waited ? wait_for_turn(stream, until) : OK;
}

result h2_interim(struct server *server, struct arena *arena, struct http_response *response, deadline until)
{
	struct h2_stream *stream = (struct h2_stream *)server;
	nghttp2_nv *pairs;
	size_t count;
	bool waited;

	do
		TRY(make_room(stream, until, &waited));
	while (waited);
	response->framing = HTTP_NO_BODY;
	count = head_make(arena, response, &pairs);
	if (nghttp2_submit_headers(stream->h2->session, NGHTTP2_FLAG_NONE, stream->id, NULL, pairs, count,
				   NULL))
		return gone();
	h2_drain(stream->h2);
	return OK;
}

static bool has_trailers(const struct h2_stream *stream)
{
	return stream->sink.trailers && stream->sink.trailers->count && stream->framing == HTTP_CHUNKED;
}

/* In the frame that ends the content (RFC 9113 section 8.1). */
static void put_trailers(struct h2_stream *stream)
{
	const struct http_fields *trailers = stream->sink.trailers;
	nghttp2_nv *pairs = arena_raw(stream->answer_arena, (trailers->count + 1) * sizeof *pairs);
	size_t count = pairs_make(trailers, stream->answer_arena, false, NGHTTP2_NV_FLAG_NONE, pairs);

	nghttp2_submit_trailer(stream->h2->session, stream->id, pairs, count);
}

ssize_t h2_sink_give(struct h2_stream *stream, size_t max, uint32_t *flags)
{
	bool is_last;

	if (!stream->is_offering || !h2_has_room(stream->h2)) {
		if (!stream->is_waiting && (stream->writer || stream->on_bytes))
			h2_note(stream, H2_EVENT_ROOM);
		return NGHTTP2_ERR_DEFERRED;
	}
	stream->lent = str_slice(stream->pending, 0, max);
	is_last = stream->is_last_pending && stream->lent.len == stream->pending.len;
	if (!stream->lent.len && !is_last)
		return NGHTTP2_ERR_DEFERRED;
	stream->pending = str_skip(stream->pending, stream->lent.len);
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (!is_last)
		return (ssize_t)stream->lent.len;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (has_trailers(stream)) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		put_trailers(stream);
	}
	return (ssize_t)stream->lent.len;
}

static ssize_t give(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t max, uint32_t *flags,
		    nghttp2_data_source *source, void *user)
{
	struct h2_stream *stream = h2_stream_of(user, id);

	(void)session;
	(void)bytes;
	(void)source;
	return stream ? h2_sink_give(stream, max, flags) : NGHTTP2_ERR_DEFERRED;
}

/* The head, or what comes behind it. Without content, and with nothing behind it, the head ends the stream.
 */
static result offer(struct h2_stream *stream, bool is_empty)
{
	nghttp2_session *session = stream->h2->session;
	nghttp2_data_provider content = { .read_callback = give };
	bool ends = is_empty && !has_trailers(stream);
	int error;

	if (stream->is_headed) {
		/* Refused where it was not put off: then it is asked for anyway. */
		(void)nghttp2_session_resume_data(session, stream->id);
		return OK;
	}
	error = nghttp2_submit_response(session, stream->id, stream->fields, stream->field_count,
					ends ? NULL : &content);
	if (error)
		return gone();
	stream->is_headed = true;
	stream->fields = NULL;
	return OK;
}

result h2_put_out(struct h2_stream *stream, str content, bool is_last, size_t *ret_used)
{
	stream->pending = content;
	stream->is_last_pending = is_last;
	stream->is_offering = true;
	TRY(offer(stream, is_last && !content.len));
	h2_drain(stream->h2);
	*ret_used = content.len - stream->pending.len;
	stream->is_offering = false;
	stream->pending = (str) { 0 };
	return OK;
}

/* Each stream that is not taken held a connection of an upstream for so long. */
static void pay_for_stall(struct h2_server *h2)
{
	for (unsigned i = 0; i < STALL_COST; i++)
		if (!h2_calm_spend(&h2->calm, H2_RESETS, h2_now(h2)))
			h2_calm_down(h2, "too many answers are not taken");
}

/* The client's is full. Where it was so for a moment only, it is the exchange's time that is up. */
static result wait_for_window(struct h2_stream *stream, deadline until)
{
	deadline began = h2_now(stream->h2);
	result_value waited = wait_as_writer(stream, until);

	if (waited.kind == ERROR_TIMEOUT && h2_now(stream->h2) - began >= STALL_LEAST)
		pay_for_stall(stream->h2);
	return waited;
}

/* What goes beyond the length is cut off: said to be used, and not sent. */
static result sink_send_piece(struct body_sink *sink, struct piece piece, deadline until, size_t *ret_used)
{
	struct h2_stream *stream = stream_of(sink);
	bool is_bounded = stream->framing != HTTP_CHUNKED, waited;
	str content = is_bounded ? str_slice(piece.bytes, 0, stream->unsent) : piece.bytes;
	size_t used;

	*ret_used = 0;
	if (piece.is_last && is_bounded && content.len < stream->unsent)
		return error_make(ERROR_INVALID, "the body is shorter than its announced length");
	TRY(make_room(stream, until, &waited));
	if (waited)
		return OK;
	TRY(h2_put_out(stream, content, piece.is_last, &used));
	stream->unsent -= is_bounded ? used : 0;
	*ret_used = used == content.len ? piece.bytes.len : used;
	sink->is_done = stream->is_answered;
	if (used || sink->is_done || (!content.len && !piece.is_last))
		return OK;
	return stream->is_closed ? gone() : wait_for_window(stream, until);
}

static result sink_flush_head(struct body_sink *sink, deadline until)
{
	struct h2_stream *stream = stream_of(sink);
	bool waited;
	size_t used;

	while (!stream->is_headed) {
		TRY(make_room(stream, until, &waited));
		if (!waited)
			TRY(h2_put_out(stream, (str) { 0 }, false, &used));
	}
	return OK;
}

static const struct body_sink_ops sink_ops = {
	.send = sink_send_piece,
	.flush = sink_flush_head,
};

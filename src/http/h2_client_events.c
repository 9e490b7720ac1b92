/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_client_events: what the library tells of the peer, kept for those whom it concerns.
 *
 * The library checks frames, states, windows, and the rules of RFC 9113 section 8 for an answer:
 * pseudo-fields and their order, lower case, fields of the connection, a body that agrees with its length.
 * What breaks them it resets by itself, which is seen here as the end of a stream that the peer has not
 * ended. The bounds on heads are ours, and so is the suspicion about frames that carry nothing.
 */
#include "http/h2_client_private.h"

#define CALLBACK_FAILED NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE /* resets the stream */

/* Of a client that did not say. */
static const struct h1_limits usual_limits = {
	.request_line = 8 * 1024, .field = 32 * 1024, .name = 256, .head = 64 * 1024, .fields = 256
};
static const struct h1_limits trailer_limits = {
	.field = 8 * 1024, .name = 256, .head = 32 * 1024, .fields = 32
};

enum { LINE_EXTRA = 4 }; /* ": " and the line's end, as HTTP/1 would count them */

static str str_of_library(nghttp2_rcbuf *text)
{
	nghttp2_vec bytes = nghttp2_rcbuf_get_buf(text);

	return (str) { (const char *)bytes.base, bytes.len };
}

/* NULL when nobody wants to hear of it any more. */
static struct h2_client_stream *find(nghttp2_session *session, int32_t id)
{
	return id ? nghttp2_session_get_stream_user_data(session, id) : NULL;
}

static int malformed(struct h2_client_stream *stream, const char *why)
{
	h2_client_stream_fail(stream, error_make(ERROR_MALFORMED, why));
	return CALLBACK_FAILED;
}

/* ---- heads and trailers ---- */

static void fields_begin(struct h2_client_stream *stream, struct http_fields *fields)
{
	*fields = (struct http_fields) { .max = H2_FIELDS_FIRST, .arena = stream->arena };
	fields->at = ARENA_ARRAY(stream->arena, struct http_field, fields->max);
	stream->fields = fields;
	stream->fields_size = 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_client_stream *stream = find(session, frame->hd.stream_id);

	(void)user;
	if (!stream || frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	stream->has_begun = true;
	if (arena_left(stream->arena) < H2_HEAD_NEEDS) {
		h2_client_stream_fail(stream,
				      error_make(ERROR_LIMIT, "no memory is left for an answer's head"));
		return CALLBACK_FAILED;
	}
	if (stream->has_final) {
		fields_begin(stream, &stream->body.trailers);
		return 0;
	}
	if (stream->interims++ > H2_INTERIMS_MAX)
		return malformed(stream, "too many interim answers");
	stream->taking = ARENA_NEW(stream->arena, struct h2_client_head);
	fields_begin(stream, &stream->taking->response.fields);
	return 0;
}

static const struct h1_limits *limits_of(const struct h2_client_stream *stream)
{
	if (stream->has_final)
		return &trailer_limits;
	return stream->client.limits ? stream->client.limits : &usual_limits;
}

static bool is_within(struct h2_client_stream *stream, str name, str value)
{
	const struct h1_limits *limits = limits_of(stream);
	size_t line = name.len + value.len + LINE_EXTRA;

	stream->fields_size += line;
	return name.len <= limits->name && line <= limits->field && stream->fields_size <= limits->head &&
	       stream->fields->count < limits->fields;
}

/* The library has seen to it that there are three digits. */
static int take_status(struct h2_client_stream *stream, str value)
{
	uint64_t status;

	if (!str_to_u64(value, 599, &status) || status < 100 || status == 101)
		return malformed(stream, "no status that an answer can have");
	stream->taking->response.status = (int)status;
	return 0;
}

/* Names that the gateway knows are not copied, and in their usual case. */
static str keep_name(struct arena *arena, enum http_name id, str name)
{
	if (id == HTTP_NAME_OTHER || http_name_flags(id) & HTTP_NAME_FAMILY)
		return arena_str(arena, name);
	return http_name_text(id);
}

/* Fields by which a recipient would act before the body is read may not come after it. */
static bool may_be_trailer(str name, enum http_name id)
{
	if (id == HTTP_NAME_OTHER)
		id = http_name_find_alias(name);
	return !(http_name_flags(id) & (HTTP_NAME_HOP | HTTP_NAME_MANAGED | HTTP_NAME_NO_TRAILER));
}

static int take_field(struct h2_client_stream *stream, str name, str value)
{
	enum http_name id = http_name_find(name);
	result_value added;

	if (!is_within(stream, name, value))
		return malformed(stream, "the head of an answer is too large");
	if (stream->has_final && !may_be_trailer(name, id))
		return 0;
	added = http_fields_add(stream->fields, id, keep_name(stream->arena, id, name),
				arena_str(stream->arena, value));
	return failed(added) ? malformed(stream, "too many fields") : 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
		     nghttp2_rcbuf *value, uint8_t flags, void *user)
{
	struct h2_client_stream *stream = find(session, frame->hd.stream_id);
	str text = str_of_library(name);

	(void)flags, (void)user;
	if (!stream || !stream->fields)
		return 0;
	if (str_eq(text, STR(":status")))
		return take_status(stream, str_of_library(value));
	return take_field(stream, text, str_of_library(value));
}

/* The library would drop such a field and go on. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
			     nghttp2_rcbuf *value, uint8_t flags, void *user)
{
	struct h2_client_stream *stream = find(session, frame->hd.stream_id);

	(void)name, (void)value, (void)flags, (void)user;
	return stream ? malformed(stream, "a field of the answer is malformed") : CALLBACK_FAILED;
}

static void end_head(struct h2_client_stream *stream)
{
	struct h2_client_head *head = stream->taking;

	stream->fields = NULL;
	if (!head)
		return;
	stream->taking = NULL;
	stream->has_final = head->response.status >= 200;
	*stream->heads_end = head;
	stream->heads_end = &head->next;
}

/* ---- the body ---- */

/* The window of the connection is given back at once, so that nobody who reads slowly holds up the others. */
static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes, size_t len,
		   void *user)
{
	struct h2_client_stream *stream = find(session, id);
	struct h2_client *h2 = user;
	result_value added;

	(void)flags;
	h2_client_earn(h2, 1 + (int64_t)len / 1024);
	if (nghttp2_session_consume_connection(session, len) != 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (!stream || failed(stream->error))
		return 0;
	added = h2_content_add(&stream->content, h2->options.blocks, (str) { (const char *)bytes, len });
	if (failed(added)) {
		h2_client_stream_fail(stream, added);
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
	}
	h2_client_rouse(h2, &stream->reader);
	return 0;
}

/* ---- frames ---- */

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *head, void *user)
{
	struct h2_client *h2 = user;
	bool bears_data = head->type == NGHTTP2_DATA && head->length;

	(void)session;
	h2->unknown -= H2_FRAME_HEAD + (int64_t)head->length;
	if (!bears_data && head->type != NGHTTP2_HEADERS)
		h2_client_spend(h2, head->type == NGHTTP2_SETTINGS ? H2_SETTINGS_COST : 1);
	return 0;
}

static void on_stream_frame(struct h2_client_stream *stream, const nghttp2_frame *frame)
{
	struct h2_client *h2 = stream->h2;

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		end_head(stream);
		break;
	case NGHTTP2_RST_STREAM:
		stream->was_reset = true;
		return;
	case NGHTTP2_WINDOW_UPDATE:
		h2_client_rouse(h2, &stream->writer);
		return;
	default:
		break;
	}
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM && stream->has_final && !failed(stream->error))
		stream->is_ended = true;
	h2_client_rouse(h2, &stream->reader);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_client_stream *stream = find(session, frame->hd.stream_id);
	struct h2_client *h2 = user;

	if (stream) {
		on_stream_frame(stream, frame);
		return 0;
	}
	switch (frame->hd.type) {
	case NGHTTP2_SETTINGS: /* may open windows, too */
		h2->is_standing = true;
		h2_client_rouse(h2, &h2->starter);
		h2_client_rouse_writers(h2);
		break;
	case NGHTTP2_WINDOW_UPDATE:
		h2_client_rouse_writers(h2);
		break;
	case NGHTTP2_GOAWAY:
		h2->is_leaving = true;
		break;
	default:
		break;
	}
	return 0;
}

/* ---- the end of a stream ---- */

/* RFC 9113 section 8.7: what was refused, or came after the last that the peer will look at, did not happen.
 */
static result close_error(const struct h2_client_stream *stream, uint32_t code)
{
	if (code == NGHTTP2_REFUSED_STREAM && !stream->has_begun)
		return error_make(ERROR_REFUSED, "the upstream refused the stream");
	if (stream->was_reset || code == NGHTTP2_REFUSED_STREAM)
		return error_make(ERROR_RESET, "the upstream reset the stream");
	return error_make(ERROR_MALFORMED, "the answer breaks the rules of HTTP/2");
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct h2_client_stream *stream = find(session, id);

	(void)user;
	if (!stream)
		return 0;
	stream->is_closed = true;
	stream->client.is_over = !stream->was_reset;
	h2_client_stream_fail(stream, close_error(stream, code));
	return 0;
}

/* From here on its bytes may reach the peer. */
static int on_before_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_client_stream *stream = find(session, frame->hd.stream_id);
	struct h2_client *h2 = user;

	if (stream && frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		stream->begins_at = h2->made;
	return 0;
}

void h2_client_callbacks_set(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nghttp2_session_callbacks_set_before_frame_send_callback(callbacks, on_before_send);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, h2_client_send_data);
}

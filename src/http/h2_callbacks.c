/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nghttp2 tells of a connection. Nothing is done here that could run a fiber or call the library for
 * bytes: what a stream should hear is noted.
 *
 * Every frame but those that carry a request is paid for when its header has come, and every reset when it
 * goes either way (h2_calm.h). When the account is used up, a callback fails, so that the rest of what was
 * read is not looked at.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "http/h2_private.h"

enum {
	CONTINUATIONS_MIN = 8,
	FRAME_USUAL = 16 * 1024,
	HEAD_SENT_MAX = 1024 * 1024,
	BOMB_FACTOR = 4,     /* what a head may decode to, in its bound; the rest is not even decoded */
	STREAMS_FACTOR = 2,  /* fibers that still unwind count; so many times what may be open at a time */
	EARNED_BY_HEAD = 10, /* controls */
	EARNED_BY_DATA = 3,  /* window updates for stream and connection, and a ping to measure by */
	DATA_WORTH = 128,    /* bytes from which a DATA frame is worth that */
};

static int spend(struct h2_server *h2, enum h2_account account, const char *trouble)
{
	if (h2_calm_spend(&h2->calm, account, h2_now(h2)))
		return 0;
	h2_calm_down(h2, trouble);
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* What the library would let pass; NULL: nothing. A number that was passed over closes its stream as any use
 * of it would (RFC 9113 sections 4.2, 5.1.1 and 6.3). */
static const char *frame_trouble(const struct h2_server *h2, const nghttp2_frame_hd *header,
				 uint32_t *ret_code)
{
	bool is_passed_over = header->stream_id >= h2->passed_from && header->stream_id <= h2->passed_to;

	*ret_code = NGHTTP2_PROTOCOL_ERROR;
	if (header->type == NGHTTP2_HEADERS && is_passed_over)
		return "a request has a number that was passed over";
	if (header->type == NGHTTP2_PRIORITY && header->stream_id == 0)
		return "a priority is nobody's";
	*ret_code = NGHTTP2_FRAME_SIZE_ERROR;
	if (header->type == NGHTTP2_CONTINUATION && header->length > FRAME_USUAL)
		return "a frame is larger than allowed";
	return NULL;
}

static void earn_by_data(struct h2_server *h2, size_t len)
{
	h2_calm_earn(&h2->calm, H2_CONTROLS, len >= DATA_WORTH ? EARNED_BY_DATA : 1);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *header, void *user)
{
	struct h2_server *h2 = user;
	uint32_t code;
	const char *trouble = frame_trouble(h2, header, &code);

	(void)session;
	if (trouble) {
		h2_break_off(h2, code, trouble);
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	switch (header->type) {
	case NGHTTP2_HEADERS:
		h2_calm_earn(&h2->calm, H2_CONTROLS, EARNED_BY_HEAD);
		return 0;
	case NGHTTP2_DATA:
		if (header->length == 0 && !(header->flags & NGHTTP2_FLAG_END_STREAM))
			return spend(h2, H2_CONTROLS, "too many frames of a body are empty");
		earn_by_data(h2, header->length);
		return 0;
	case NGHTTP2_RST_STREAM:
		return 0; /* when it is known whether it was a stream's */
	default:
		return spend(h2, H2_CONTROLS, "too many frames ask for nothing");
	}
}

/* Only the last numbers that were passed over are remembered: those who err err at once. */
static void count_up(struct h2_server *h2, int32_t id)
{
	if (id > h2->last_id + 2) {
		h2->passed_from = h2->last_id + 1;
		h2->passed_to = id - 1;
	}
	h2->last_id = id;
}

static int begin_request(struct h2_server *h2, int32_t id)
{
	count_up(h2, id);
	/* nghttp2 counts streams that are open, which those are not that were reset. */
	if (h2->stream_count >= (size_t)h2->options.streams * STREAMS_FACTOR) {
		nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
		return spend(h2, H2_RESETS, "too many requests are given up");
	}
	h2->head = h2_stream_new(h2, id);
	nghttp2_session_set_stream_user_data(h2->session, id, h2->head);
	return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_server *h2 = user;

	(void)session;
	ASSERT(!h2->head);
	if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		return begin_request(h2, frame->hd.stream_id);
	h2->head = h2_stream_of(h2, frame->hd.stream_id);
	if (h2->head)
		h2_head_init(&h2->head->head, &h2->head->arena, &h2->options.limits, true);
	return 0;
}

static str str_of_buffer(nghttp2_rcbuf *buffer)
{
	nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);

	return (str) { (const char *)bytes.base, bytes.len };
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
		     nghttp2_rcbuf *value, uint8_t flags, void *user)
{
	struct h2_server *h2 = user;
	struct h2_stream *stream = h2->head;

	(void)session;
	(void)frame;
	(void)flags;
	if (!stream)
		return 0;
	h2_head_add(&stream->head, str_of_buffer(name), str_of_buffer(value));
	if (stream->head.size <= h2->options.limits.head * BOMB_FACTOR)
		return 0;
	h2_calm_down(h2, "a header section unpacks to too much");
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void on_headers(struct h2_server *h2, const nghttp2_frame *frame)
{
	struct h2_stream *stream = h2->head;

	h2->head = NULL;
	h2->heads++;
	if (!stream)
		return;
	stream->head_len += frame->hd.length;
	h2_stream_head(stream, frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
}

static int on_reset(struct h2_server *h2, int32_t id)
{
	struct h2_stream *stream = h2_stream_of(h2, id);

	if (stream && !stream->is_answered)
		return spend(h2, H2_RESETS, "too many requests are given up");
	return spend(h2, H2_CONTROLS, "too many frames ask for nothing");
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_server *h2 = user;
	struct h2_stream *stream;

	(void)session;
	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		on_headers(h2, frame);
		break;
	case NGHTTP2_DATA:
		stream = h2_stream_of(h2, frame->hd.stream_id);
		if (stream && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
			h2_stream_finish(stream);
		break;
	case NGHTTP2_RST_STREAM:
		return on_reset(h2, frame->hd.stream_id);
	case NGHTTP2_PING:
		if (frame->hd.flags & NGHTTP2_FLAG_ACK && h2->is_asked)
			h2_server_shut(h2);
		break;
	default:
		break;
	}
	return 0;
}

/* What has come counts for the connection no longer, so that a body that nobody takes holds up its own stream
 * and no other. */
static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
		   void *user)
{
	struct h2_stream *stream = h2_stream_of(user, id);

	(void)flags;
	nghttp2_session_consume_connection(session, len);
	if (stream)
		h2_stream_take(stream, (str) { (const char *)data, len });
	else if (len) /* others that were let go of are reset, and the library drops their content */
		h2_stream_exceeded(user, id, len);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct h2_stream *stream = h2_stream_of(user, id);

	(void)session;
	(void)code;
	if (!stream)
		return 0;
	stream->is_closed = true;
	if (!stream->is_answered)
		h2_note(stream, H2_EVENT_GONE);
	return 0;
}

/* A stream that the client made the gateway reset cost as much as one that it reset itself (CVE-2025-8671).
 */
static int on_reset_sent(struct h2_server *h2, uint32_t code)
{
	switch (code) {
	case NGHTTP2_NO_ERROR:
	case NGHTTP2_INTERNAL_ERROR:
	case NGHTTP2_REFUSED_STREAM: /* paid for where it is the client's fault */
		return 0;
	case NGHTTP2_FLOW_CONTROL_ERROR: /* by SETTINGS it would be one of the connection: section 6.9.2 */
		h2_break_off(h2, code, "a window is exceeded or overflows");
		return 0;
	default:
		return spend(h2, H2_RESETS, "too many streams break the protocol");
	}
}

static void on_sent_of_stream(struct h2_server *h2, const nghttp2_frame *frame)
{
	struct h2_stream *stream = h2_stream_of(h2, frame->hd.stream_id);

	if (!stream)
		return;
	if (frame->hd.type == NGHTTP2_HEADERS)
		stream->sink.sent += frame->hd.length + H2_FRAME_HEAD;
	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return;
	stream->is_answered = true;
	if (!stream->is_malformed)
		h2_calm_earn(&h2->calm, H2_RESETS, 1);
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_server *h2 = user;

	(void)session;
	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
	case NGHTTP2_DATA:
		on_sent_of_stream(h2, frame);
		return 0;
	case NGHTTP2_RST_STREAM:
		(void)on_reset_sent(h2,
				    frame->rst_stream.error_code); /* the session is at its end if it fails */
		return 0;
	case NGHTTP2_GOAWAY:
		if (frame->goaway.error_code == NGHTTP2_NO_ERROR)
			return 0;
		h2->is_over = true;
		if (!h2->trouble)
			h2->trouble = nghttp2_http2_strerror(frame->goaway.error_code);
		return 0;
	default:
		return 0;
	}
}

/* A head that does not fit anywhere: the stream cannot go on without it. */
static int on_frame_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user)
{
	(void)user;
	if (frame->hd.type == NGHTTP2_HEADERS && error != NGHTTP2_ERR_STREAM_CLOSED &&
	    error != NGHTTP2_ERR_STREAM_CLOSING)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
					  NGHTTP2_INTERNAL_ERROR);
	return 0;
}

/* With NGHTTP2_DATA_FLAG_NO_COPY: content goes from where it lies to the output, and nowhere in between. */
static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header, size_t len,
			nghttp2_data_source *source, void *user)
{
	struct h2_server *h2 = user;
	struct h2_stream *stream = h2_stream_of(h2, frame->hd.stream_id);

	(void)session;
	(void)source;
	ASSERT(stream && stream->lent.len == len);
	h2_out_put(&h2->out, (str) { (const char *)header, H2_FRAME_HEAD });
	h2_out_put(&h2->out, stream->lent);
	stream->sink.sent += H2_FRAME_HEAD + len;
	earn_by_data(h2, len);
	return 0;
}

static nghttp2_session_callbacks *callbacks_new(void)
{
	nghttp2_session_callbacks *callbacks;

	if (nghttp2_session_callbacks_new(&callbacks))
		return NULL;
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
	return callbacks;
}

/* As many continuations as the largest head needs that is allowed. */
static nghttp2_option *option_new(const struct h2_server *h2)
{
	const struct h1_limits *limits = &h2->options.limits;
	nghttp2_option *option;

	if (nghttp2_option_new(&option))
		return NULL;
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_no_http_messaging(option, 1);
	nghttp2_option_set_no_closed_streams(option, 1);
	nghttp2_option_set_max_send_header_block_length(option, HEAD_SENT_MAX);
	nghttp2_option_set_max_continuations(option, CONTINUATIONS_MIN + limits->head / FRAME_USUAL);
	nghttp2_option_set_stream_reset_rate_limit(option, UINT32_MAX, UINT32_MAX); /* h2_calm.h counts */
	return option;
}

result h2_session_new(struct h2_server *h2, nghttp2_session **ret_session)
{
	nghttp2_session_callbacks *callbacks = callbacks_new();
	nghttp2_option *option = option_new(h2);
	int error = callbacks && option ? nghttp2_session_server_new2(ret_session, callbacks, h2, option)
					: NGHTTP2_ERR_NOMEM;

	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	return error ? error_make(ERROR_LIMIT, "no memory for an HTTP/2 connection") : OK;
}

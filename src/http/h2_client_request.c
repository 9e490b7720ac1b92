/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_client_request: a printed head as fields of HTTP/2, and the body behind it as the windows allow.
 *
 * The head is the gateway's own print, whole and well-formed: it is taken apart by lines, and what HTTP/2
 * says by other means is left out (RFC 9113 section 8.2.2). A piece of the body is only lent for the length
 * of a call, so frames are made of it at once; what the windows or the block of unsent bytes do not take
 * stays with whoever has it, and that is all the back-pressure there is.
 */
#include "http/h2_client_private.h"

#include "base/assert.h"
#include "base/container.h"

static const struct body_sink_ops h2_sink_ops;

/* ---- the head ---- */

struct lines {
	nghttp2_nv *at;
	size_t count, max;
};

static nghttp2_nv nv_make(str name, str value, uint8_t flags)
{
	return (nghttp2_nv) { (uint8_t *)(uintptr_t)name.ptr, (uint8_t *)(uintptr_t)value.ptr, name.len,
			      value.len, flags };
}

static void put(struct lines *lines, str name, str value, uint8_t flags)
{
	ASSERT(lines->count < lines->max);
	lines->at[lines->count++] = nv_make(name, value, flags);
}

/* How a field is to be packed. A connection carries the requests of many clients: what is secret must not
 * meet what another can guess in one table (RFC 7541 section 7.1.3), and what is new each time is not worth a
 * place. */
static uint8_t indexing_of(enum http_name id)
{
	switch (id) {
	case HTTP_AUTHORIZATION:
	case HTTP_PROXY_AUTHORIZATION:
	case HTTP_COOKIE:
	case HTTP_X_API_KEY:
	case HTTP_DPOP:
	case HTTP_IDEMPOTENCY_KEY:
	case HTTP_X_REQUEST_ID:
	case HTTP_TRACEPARENT:
	case HTTP_FORWARDED:
	case HTTP_X_FORWARDED_FOR:
		return NGHTTP2_NV_FLAG_NO_INDEX;
	default:
		return NGHTTP2_NV_FLAG_NONE;
	}
}

static bool is_left_out(enum http_name id, str value)
{
	if (id == HTTP_TE)
		return !str_eq(value, STR("trailers"));
	return id == HTTP_HOST /* it is :authority */ || http_name_flags(id) & HTTP_NAME_WIRE;
}

/* The library copies names and puts them into lower case. */
static void put_field(struct lines *lines, str name, str value)
{
	enum http_name id = http_name_find(name);

	if (!is_left_out(id, value))
		put(lines, name, value, indexing_of(id));
}

static str take_line(str *rest)
{
	str line, after;

	ASSERT(str_cut(*rest, '\n', &line, &after));
	*rest = after;
	return str_slice(line, 0, line.len - 1);
}

static size_t lines_of(str head)
{
	size_t count = 0;

	for (size_t i = 0; i < head.len; i++)
		count += head.ptr[i] == '\n';
	return count;
}

static str host_of(str head)
{
	str name, value;

	for (str rest = head, line; (line = take_line(&rest)).len;)
		if (str_cut(line, ':', &name, &value) && str_eq_nocase(name, STR("Host")))
			return str_trim(value);
	return (str) { 0 };
}

/* RFC 9113 section 8.3.1. */
static void put_target(struct lines *lines, const struct h2_client *h2, str line, str host)
{
	str method, target, version;

	ASSERT(str_cut(line, ' ', &method, &target) && str_cut(target, ' ', &target, &version));
	put(lines, STR(":method"), method, NGHTTP2_NV_FLAG_NONE);
	put(lines, STR(":scheme"), h2->options.is_secure ? STR("https") : STR("http"), NGHTTP2_NV_FLAG_NONE);
	if (host.len)
		put(lines, STR(":authority"), host, NGHTTP2_NV_FLAG_NONE);
	put(lines, STR(":path"), target, NGHTTP2_NV_FLAG_NONE);
}

static struct lines head_read(const struct h2_client_stream *stream)
{
	size_t max = lines_of(stream->head) + 4;
	struct lines lines = { ARENA_ARRAY(stream->arena, nghttp2_nv, max), 0, max };
	str rest = stream->head, line = take_line(&rest), name, value;

	put_target(&lines, stream->h2, line, host_of(rest));
	while ((line = take_line(&rest)).len)
		if (str_cut(line, ':', &name, &value))
			put_field(&lines, name, str_trim(value));
	return lines;
}

/* ---- the body ---- */

static bool has_trailers(const struct h2_client_stream *stream)
{
	return stream->sink.trailers && stream->sink.trailers->count;
}

static void submit_trailers(struct h2_client_stream *stream)
{
	const struct http_fields *trailers = stream->sink.trailers;
	struct lines lines = { ARENA_ARRAY(stream->arena, nghttp2_nv, trailers->count), 0, trailers->count };

	for (size_t i = 0; i < trailers->count; i++)
		if (!trailers->at[i].removed)
			put_field(&lines, trailers->at[i].name, trailers->at[i].value);
	if (nghttp2_submit_trailer(stream->h2->session, stream->id, lines.at, lines.count) != 0)
		h2_client_stream_fail(stream, error_make(ERROR_LIMIT, "the trailers cannot be sent"));
}

/* Asked by the library for the payload of a DATA frame: of what is lent as much as fits. */
static ssize_t give_data(nghttp2_session *session, int32_t id, uint8_t *room, size_t len, uint32_t *flags,
			 nghttp2_data_source *source, void *user)
{
	struct h2_client_stream *stream = source->ptr;
	struct h2_client *h2 = user;
	size_t n = stream->lent.bytes.len;

	(void)session, (void)id, (void)room;
	n = n < len ? n : len;
	n = n < h2_client_out_room(h2) ? n : h2_client_out_room(h2);
	if (!n && !(stream->lent.is_last && !stream->lent.bytes.len))
		return NGHTTP2_ERR_DEFERRED;
	*flags = NGHTTP2_DATA_FLAG_NO_COPY;
	if (stream->lent.is_last && n == stream->lent.bytes.len) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (has_trailers(stream)) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			submit_trailers(stream);
		}
		stream->is_request_ended = true;
	}
	h2_client_earn(h2, H2_FRAMES_A_DATA);
	return (ssize_t)n;
}

int h2_client_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
			nghttp2_data_source *source, void *user)
{
	struct h2_client_stream *stream = source->ptr;
	struct h2_client *h2 = user;

	(void)session, (void)frame;
	ASSERT(len <= stream->lent.bytes.len);
	h2_client_put(h2, (str) { (const char *)head, H2_FRAME_HEAD });
	h2_client_put(h2, str_slice(stream->lent.bytes, 0, len));
	stream->lent.bytes = str_skip(stream->lent.bytes, len);
	return 0;
}

/* ---- the sink ---- */

struct body_sink *h2_client_sink_begin(struct client *client, struct arena *arena, str head,
				       enum http_framing framing, uint64_t length)
{
	struct h2_client_stream *stream = h2_client_stream_of(client);

	ASSERT(!stream->id);
	stream->sink = (struct body_sink) { .ops = &h2_sink_ops };
	stream->arena = arena;
	stream->head = head;
	stream->framing = framing;
	stream->left = framing == HTTP_LENGTH ? length : 0;
	return &stream->sink;
}

static struct h2_client_stream *stream_of(struct body_sink *sink)
{
	return CONTAINER_OF(sink, struct h2_client_stream, sink);
}

/* Whether the request can go on. What failed may be answered all the same: the reader finds out. */
static result check(const struct h2_client_stream *stream)
{
	if (failed(stream->error))
		return stream->error;
	if (stream->is_closed)
		return error_make(ERROR_CLOSED, "the upstream takes no more of the request");
	return OK;
}

/* Once. */
static result submit(struct h2_client_stream *stream)
{
	struct h2_client *h2 = stream->h2;
	nghttp2_data_provider provider = { .source.ptr = stream, .read_callback = give_data };
	bool has_body = stream->framing != HTTP_NO_BODY;
	struct lines lines = head_read(stream);

	stream->id = nghttp2_submit_request(h2->session, NULL, lines.at, lines.count,
					    has_body ? &provider : NULL, stream);
	if (stream->id < 0) {
		stream->id = 0;
		stream->error = error_make(ERROR_REFUSED, "the session takes no more requests");
		return stream->error;
	}
	stream->is_request_ended = !has_body;
	stream->sink.sent += stream->head.len;
	h2_client_earn(h2, H2_FRAMES_A_REQUEST);
	return OK;
}

/* Of a body with a length what goes beyond it is cut off; with no body, everything. */
static struct piece cut(const struct h2_client_stream *stream, struct piece piece)
{
	if (stream->framing == HTTP_LENGTH && piece.bytes.len > stream->left)
		piece.bytes.len = (size_t)stream->left;
	if (stream->framing == HTTP_LENGTH && piece.bytes.len == stream->left)
		piece.is_last = true;
	if (stream->framing == HTTP_NO_BODY)
		piece.bytes.len = 0;
	return piece;
}

/* As much as goes without waiting. */
static size_t offer(struct h2_client_stream *stream, struct piece piece)
{
	struct h2_client *h2 = stream->h2;
	size_t used;

	stream->lent = piece;
	if (stream->framing != HTTP_NO_BODY && !stream->is_request_ended)
		nghttp2_session_resume_data(h2->session, stream->id);
	h2_client_pump(h2);
	if (stream->lent.bytes.len && !h2_client_out_room(h2)) {
		h2_client_flush(h2);
		h2_client_pump(h2);
	}
	used = piece.bytes.len - stream->lent.bytes.len;
	stream->lent = (struct piece) { 0 };
	if (stream->framing == HTTP_LENGTH)
		stream->left -= used;
	stream->sink.sent += used;
	if (used)
		h2_client_stream_stand_back(stream);
	return used;
}

static result wait_for_room(struct h2_client_stream *stream, deadline until)
{
	struct h2_client *h2 = stream->h2;

	if (!h2_client_out_room(h2))
		h2->is_out_awaited = true;
	return h2_client_wait(h2, &stream->writer, until);
}

/* The end is gone: what else comes is cut off, which is said to be used. */
static result skip(struct body_sink *sink, struct piece piece, size_t *ret_used)
{
	*ret_used = piece.bytes.len;
	sink->is_done = piece.is_last;
	return OK;
}

static result sink_send_piece(struct body_sink *sink, struct piece piece, deadline until, size_t *ret_used)
{
	struct h2_client_stream *stream = stream_of(sink);

	*ret_used = 0;
	if (stream->is_request_ended)
		return skip(sink, piece, ret_used);
	TRY(check(stream));
	if (piece.is_last && stream->framing == HTTP_LENGTH && piece.bytes.len < stream->left)
		return error_make(ERROR_INVALID, "the body is shorter than its announced length");
	if (!stream->id)
		TRY(submit(stream));
	*ret_used = offer(stream, cut(stream, piece));
	if (stream->is_request_ended)
		return skip(sink, piece, ret_used);
	TRY(check(stream));
	return *ret_used ? OK : wait_for_room(stream, until);
}

static result sink_flush_head(struct body_sink *sink, deadline until)
{
	struct h2_client_stream *stream = stream_of(sink);

	(void)until;
	TRY(check(stream));
	if (stream->id)
		return OK;
	TRY(submit(stream));
	h2_client_pump(stream->h2);
	return OK;
}

static const struct body_sink_ops h2_sink_ops = {
	.send = sink_send_piece,
	.flush = sink_flush_head,
};

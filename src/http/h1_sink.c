/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_sink: head, frame, content and tail as parts of one write.
 *
 * A write may take any number of bytes, so what is left of each part must be known afterwards. Content that
 * did not go stays the source's; everything else that did not go is `held` and is sent before anything more:
 * a head, or the few bytes that frame a chunk, which have a place of their own because an event stream would
 * fill any arena. `left` says how much content the framing still wants, so that a chunk is announced once,
 * however many writes it takes.
 */
#include "http/h1_sink.h"

#include "base/buf.h"

enum { PARTS_MAX = 3 };

static const struct body_sink_ops h1_sink_ops;

void h1_sink_init(struct h1_sink *sink, struct stream *stream, struct arena *arena, str head,
		  enum http_framing framing, uint64_t length)
{
	/* Member by member: the frame needs no clearing. */
	sink->sink = (struct body_sink) { .ops = &h1_sink_ops, .is_bodiless = framing == HTTP_NO_BODY };
	sink->stream = stream;
	sink->arena = arena;
	sink->framing = framing;
	sink->held = head;
	sink->left = framing == HTTP_LENGTH ? length : 0;
	sink->is_last = false;
}

static struct h1_sink *sink_of(struct body_sink *sink)
{
	return (struct h1_sink *)sink;
}

/* Takes up to n bytes off the front of s; returns how many of n are over. */
static size_t take_front(str *s, size_t n)
{
	size_t taken = n < s->len ? n : s->len;

	*s = str_skip(*s, taken);
	return n - taken;
}

static result sink_flush_held(struct body_sink *base, deadline until)
{
	struct h1_sink *sink = sink_of(base);

	while (sink->held.len) {
		struct iovec part = { (void *)(uintptr_t)sink->held.ptr, sink->held.len };
		size_t sent;

		TRY(stream_send(sink->stream, &part, 1, until, &sent));
		sink->sink.sent += sent;
		take_front(&sink->held, sent);
	}
	return OK;
}

/* Puts more behind what is held. */
static void hold(struct h1_sink *sink, str more)
{
	str parts[2] = { sink->held, more };

	if (!more.len)
		return;
	sink->held = sink->held.len ? arena_join(sink->arena, parts, 2) : more;
}

/*
 * The head of a chunk of n bytes goes behind what is held: nothing, the end of the chunk before, or once the
 * message's head. Only that one may go to the arena, which must not grow with the length of a stream.
 */
static void begin_chunk(struct h1_sink *sink, size_t n)
{
	char text[sizeof sink->frame];
	struct buf frame = buf_over(text, sizeof text);
	bool fits = sink->held.len <= H1_CHUNK_HEAD_MAX;

	if (fits)
		buf_put(&frame, sink->held);
	buf_put_hex(&frame, n);
	buf_put(&frame, STR("\r\n"));
	memcpy(sink->frame, text, frame.len);
	if (fits)
		sink->held = (str) { sink->frame, frame.len };
	else
		hold(sink, (str) { sink->frame, frame.len });
	sink->left = n;
}

/* RFC 9112 section 7.1.2. Once a message at most, and rare: joining piece by piece is good enough. */
static str trailers_print(struct h1_sink *sink, str before)
{
	const struct http_fields *trailers = sink->sink.trailers;
	str text = before;

	for (size_t i = 0; i < trailers->count; i++) {
		const struct http_field *field = &trailers->at[i];
		str parts[] = { text, field->name, STR(": "), field->value, STR("\r\n") };

		if (!field->removed)
			text = arena_join(sink->arena, parts, 5);
	}
	return arena_join(sink->arena, (str[]) { text, STR("\r\n") }, 2);
}

/* What follows a chunk's content, or an empty last piece. */
static str tail_of(struct h1_sink *sink, bool after_content)
{
	str plain = after_content ? STR("\r\n0\r\n\r\n") : STR("0\r\n\r\n");

	if (!sink->is_last)
		return after_content ? STR("\r\n") : (str) { 0 };
	if (sink->sink.trailers)
		return trailers_print(sink, str_slice(plain, 0, plain.len - 2));
	return plain;
}

static struct iovec part_of(str s)
{
	return (struct iovec) { (void *)(uintptr_t)s.ptr, s.len };
}

/* What is held is copied in front of the content, where there is room: one piece costs the kernel less than
 * two. */
static struct iovec joined(const struct h1_sink *sink, str content)
{
	char *at = (char *)(uintptr_t)content.ptr - sink->held.len;

	memcpy(at, sink->held.ptr, sink->held.len);
	return (struct iovec) { at, sink->held.len + content.len };
}

/* One call: what is held, the content, and the tail. What went is taken off each. */
static result send_parts(struct h1_sink *sink, struct piece piece, str tail, deadline until, size_t *ret_used)
{
	struct iovec parts[PARTS_MAX];
	size_t count = 0, sent;
	str content = piece.bytes;

	if (sink->held.len && content.len && sink->held.len <= piece.headroom) {
		parts[count++] = joined(sink, content);
	} else {
		if (sink->held.len)
			parts[count++] = part_of(sink->held);
		if (content.len)
			parts[count++] = part_of(content);
	}
	if (tail.len)
		parts[count++] = part_of(tail);
	if (count == 0) {
		*ret_used = 0;
		return OK;
	}
	TRY(stream_send(sink->stream, parts, count, until, &sent));
	sink->sink.sent += sent;
	sent = take_front(&sink->held, sent);
	*ret_used = sent < content.len ? sent : content.len;
	sent -= *ret_used;
	/* The tail is due once the content has gone: what is left of it is held from now on, for the source
	 * will not bring it again. */
	if (*ret_used == content.len)
		hold(sink, str_skip(tail, sent));
	return OK;
}

static result send_chunked(struct h1_sink *sink, struct piece piece, deadline until, size_t *ret_used)
{
	/* A chunk that was begun is finished first, even if the piece has grown since. */
	str content = str_slice(piece.bytes, 0, sink->left), tail = { 0 };
	bool is_whole;

	if (!sink->left && piece.bytes.len) {
		begin_chunk(sink, piece.bytes.len);
		content = piece.bytes;
	}
	is_whole = content.len == sink->left;
	sink->is_last = piece.is_last && content.len == piece.bytes.len;
	if (is_whole)
		tail = tail_of(sink, content.len > 0);
	piece.bytes = content;
	TRY(send_parts(sink, piece, tail, until, ret_used));
	sink->left -= *ret_used;
	return OK;
}

/* What goes beyond the length is cut off: said to be used, and not sent. */
static result send_plain(struct h1_sink *sink, struct piece piece, deadline until, size_t *ret_used)
{
	size_t whole = piece.bytes.len;
	bool is_bounded = sink->framing != HTTP_UNTIL_CLOSE;

	if (is_bounded)
		piece.bytes = str_slice(piece.bytes, 0, sink->left);
	sink->is_last = piece.is_last;
	TRY(send_parts(sink, piece, (str) { 0 }, until, ret_used));
	if (!is_bounded)
		return OK;
	sink->left -= *ret_used;
	if (sink->left == 0)
		*ret_used = whole;
	if (sink->is_last && *ret_used == whole && sink->left)
		return error_make(ERROR_INVALID, "the body is shorter than its announced length");
	return OK;
}

static result sink_send_piece(struct body_sink *base, struct piece piece, deadline until, size_t *ret_used)
{
	struct h1_sink *sink = sink_of(base);
	bool all_used;

	if (sink->framing == HTTP_CHUNKED)
		TRY(send_chunked(sink, piece, until, ret_used));
	else
		TRY(send_plain(sink, piece, until, ret_used));
	/* The end is the source's last byte: only then may what is held be waited for, since nothing follows
	 * that could carry it. */
	all_used = *ret_used == piece.bytes.len;
	if (!piece.is_last || !all_used)
		return OK;
	TRY(sink_flush_held(base, until));
	base->is_done = true;
	return OK;
}

static const struct body_sink_ops h1_sink_ops = {
	.send = sink_send_piece,
	.flush = sink_flush_held,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_bytes: a stream of HTTP/2 as a stream of bytes, for who has switched to another protocol on it
 * (RFC 8441): the content of DATA frames, both ways, with nothing to say how long it is.
 *
 * It never waits. Whoever has it is told when it may be worth trying again: bytes have come, the client takes
 * more, the connection has room for more, or all is over. The windows are what holds either side up.
 */
#include "base/assert.h"
#include "base/container.h"
#include "http/h2_private.h"

static struct h2_stream *stream_of(const struct stream *bytes)
{
	return CONTAINER_OF(bytes, struct h2_stream, bytes);
}

static result not_now(void)
{
	return error_make(ERROR_TIMEOUT, "it would have to wait");
}

static result gone(void)
{
	return error_make(ERROR_RESET, "the client has reset the stream");
}

static result bytes_fill(struct stream *bytes, struct intake *in, deadline until)
{
	struct h2_stream *stream = stream_of(bytes);
	size_t size;
	char *at;

	ASSERT(until == STREAM_AT_ONCE);
	TRY(stream->failure);
	if (!stream->len && stream->has_ended)
		return error_make(ERROR_CLOSED, "the client has ended the stream");
	if (!stream->len)
		return stream->is_closed ? gone() : not_now();
	TRY(intake_room(in, &at, &size));
	if (size > stream->len)
		size = stream->len;
	memcpy(at, stream->block->bytes + stream->at, size);
	intake_add(in, size);
	body_consume(&stream->source, size);
	return OK;
}

static result bytes_send(struct stream *bytes, const struct iovec *parts, size_t count, deadline until,
			 size_t *ret_sent)
{
	struct h2_stream *stream = stream_of(bytes);

	ASSERT(until == STREAM_AT_ONCE);
	*ret_sent = 0;
	for (size_t i = 0; i < count; i++) {
		size_t used = 0;

		if (stream->is_closed || stream->is_ending)
			return gone();
		if (!h2_may_put_out(stream))
			break;
		TRY(h2_put_out(stream, (str) { parts[i].iov_base, parts[i].iov_len }, false, &used));
		*ret_sent += used;
		if (used < parts[i].iov_len)
			break;
	}
	return *ret_sent ? OK : not_now();
}

/* The last frame takes nothing of a window, but room. */
static void end_if_there_is_room(struct h2_stream *stream)
{
	size_t used;

	if (stream->is_closed || stream->is_answered || !h2_may_put_out(stream))
		return;
	if (failed(h2_put_out(stream, (str) { 0 }, true, &used)))
		stream->is_ending = false;
}

static result bytes_shut(struct stream *bytes)
{
	struct h2_stream *stream = stream_of(bytes);

	if (stream->is_closed)
		return gone();
	stream->is_ending = true;
	end_if_there_is_room(stream);
	return OK;
}

static bool bytes_is_readable(const struct stream *bytes)
{
	return body_is_ready(&stream_of(bytes)->source);
}

static bool bytes_is_hung_up(const struct stream *bytes)
{
	return stream_of(bytes)->has_ended || stream_of(bytes)->is_closed;
}

static void bytes_close(struct stream *bytes)
{
	h2_stream_end(stream_of(bytes));
}

static const struct stream_ops bytes_ops = {
	.name = "h2",
	.fill = bytes_fill,
	.send = bytes_send,
	.is_readable = bytes_is_readable,
	.is_hung_up = bytes_is_hung_up,
	.shut = bytes_shut,
	.close = bytes_close,
};

struct stream *h2_take_over(struct server *server, struct intake **ret_in)
{
	struct h2_stream *stream = (struct h2_stream *)server;

	stream->bytes = (struct stream) { &bytes_ops, stream->h2->options.fibers };
	*ret_in = NULL;
	return &stream->bytes;
}

void h2_stream_carry(struct h2_stream *stream, void (*on_ready)(void *owner), void *owner)
{
	stream->fiber = NULL;
	stream->on_bytes = on_ready;
	stream->bytes_owner = owner;
}

void h2_bytes_tell(struct h2_stream *stream)
{
	if (stream->is_ending)
		end_if_there_is_room(stream);
	stream->on_bytes(stream->bytes_owner);
}

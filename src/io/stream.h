/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream: bytes both ways, read and written by a fiber that parks while there is nothing to do.
 *
 * A socket stream is the bottom one; TLS is a stream above a stream. Reading fills an intake (usually the
 * worker's scratch), writing takes what goes and says how much, so that the caller's slice is never held over
 * a park. With STREAM_AT_ONCE for a deadline neither parks: whoever has no fiber uses it so, from the loop.
 * One reader and one writer at a time. While no fiber is at work on it, a stream costs its struct and nothing
 * else.
 */
#pragma once

#include <sys/uio.h>

#include "base/intake.h"
#include "base/result.h"
#include "base/time.h"
#include "fiber/fiber.h"

struct stream;

/* The deadline of who cannot wait. What would have had to is ERROR_TIMEOUT, at once. */
enum { STREAM_AT_ONCE = 0 };

struct stream_ops {
	const char *name;
	result (*fill)(struct stream *stream, struct intake *in, deadline until);
	result (*send)(struct stream *stream, const struct iovec *parts, size_t count, deadline until,
		       size_t *ret_sent);
	bool (*is_readable)(const struct stream *stream);
	bool (*is_hung_up)(const struct stream *stream);
	result (*shut)(struct stream *stream);
	void (*close)(struct stream *stream);
};

struct stream {
	const struct stream_ops *ops;
	struct fibers *fibers;
};

static inline result stream_fill(struct stream *stream, struct intake *in, deadline until)
/* Yields. Adds at least one byte to in, or says ERROR_CLOSED at the end, ERROR_RESET, ERROR_TIMEOUT,
 * ERROR_CANCELLED, ERROR_LIMIT. */
{
	return stream->ops->fill(stream, in, until);
}

static inline result stream_send(struct stream *stream, const struct iovec *parts, size_t count,
				 deadline until, size_t *ret_sent)
/* Sends what goes now, without yielding, and says how much. When nothing goes, it parks until something may
 * and returns OK with 0 sent: get the slices again and call again. At most 8 parts. ERROR_RESET,
 * ERROR_CLOSED, ERROR_TIMEOUT, ERROR_CANCELLED. */
{
	return stream->ops->send(stream, parts, count, until, ret_sent);
}

static inline bool stream_is_readable(const struct stream *stream)
/* Bytes or the end can be had without waiting for the peer: those that have come, and those that the stream
 * holds itself. For a TLS stream they may turn out to be no content. Never yields. */
{
	return stream->ops->is_readable(stream);
}

static inline bool stream_is_hung_up(const struct stream *stream)
/* The peer sends no more, or has gone: what it sent before may still be unread. Never yields. */
{
	return stream->ops->is_hung_up(stream);
}

static inline result stream_shut(struct stream *stream)
/* Tells the peer that nothing more will be sent. Never yields for a socket. */
{
	return stream->ops->shut(stream);
}

static inline void stream_close(struct stream *stream)
/* Closes it. No fiber may be parked on it. Never yields. The memory is freed at the end of the loop's turn.
 */
{
	stream->ops->close(stream);
}

result stream_send_all(struct stream *stream, str bytes, deadline until);
/* Yields. bytes must outlive it: not from an intake. */

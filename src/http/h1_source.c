/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_source: three framings, one kind of piece.
 *
 * A length is counted down, and until close takes everything. With the chunked coding the intake has two
 * parts: content that is decoded already, at its front, and what follows as it came. Decoding moves content
 * down over the frames that stood between, and takes the bytes that were won off the end. The front belongs
 * to whoever peeked until it is consumed, so it is never decoded twice.
 */
#include "http/h1_source.h"

#include "base/assert.h"

static const struct body_source_ops h1_source_ops;

void h1_source_init(struct h1_source *source, struct stream *stream, struct intake *in,
		    enum http_framing framing, uint64_t length)
{
	*source = (struct h1_source) {
		.source = { .ops = &h1_source_ops, .max = UINT64_MAX },
		.stream = stream,
		.in = in,
		.framing = framing,
		.left = framing == HTTP_LENGTH ? length : 0,
		.is_ended = framing == HTTP_NO_BODY || (framing == HTTP_LENGTH && length == 0),
	};
}

const struct h1_chunked_limits h1_chunked_limits_usual = {
	.extension = 4 * 1024,
	.trailers = { .field = 8 * 1024, .name = 256, .head = 16 * 1024, .fields = 32 },
};

void h1_source_allow(struct h1_source *source, uint64_t max, const struct h1_chunked_limits *limits,
		     struct arena *arena)
{
	source->source.max = max;
	source->limits = limits;
	source->arena = arena;
	if (source->framing != HTTP_CHUNKED)
		return;
	/* Once for each message and not for each call: a trailer section may come in several reads. */
	source->trailer_space.max = limits->trailers.fields;
	source->trailer_space.at = ARENA_ARRAY(arena, struct http_field, limits->trailers.fields);
}

static struct h1_source *source_of(const struct body_source *source)
{
	return (struct h1_source *)(uintptr_t)source;
}

/* RFC 9112 section 8: a body that ends before its framing says so is incomplete. */
static result fill(struct h1_source *source, deadline until)
{
	result_value filled = stream_fill(source->stream, source->in, until);

	if (filled.kind == ERROR_CLOSED && source->framing != HTTP_UNTIL_CLOSE)
		return error_make(ERROR_CLOSED, "the connection ended inside the body");
	return filled;
}

static result peek_length(struct h1_source *source, deadline until, struct piece *ret_piece)
{
	if (source->left && !source->in->len)
		TRY(fill(source, until));
	ret_piece->bytes = str_slice(intake_data(source->in), 0, source->left);
	ret_piece->is_last = ret_piece->bytes.len == source->left;
	return OK;
}

/* RFC 9112 section 6.3: only an answer can be framed so. An orderly end is the end of the body; a connection
 * that breaks leaves it incomplete. */
static result peek_until_close(struct h1_source *source, deadline until, struct piece *ret_piece)
{
	if (!source->is_ended && !source->in->len) {
		result_value filled = fill(source, until);

		source->is_ended = filled.kind == ERROR_CLOSED;
		if (failed(filled) && !source->is_ended)
			return filled;
	}
	ret_piece->bytes = intake_data(source->in);
	ret_piece->is_last = source->is_ended;
	return OK;
}

/* They point into the intake, which moves on. */
static void keep_trailers(struct h1_source *source, const struct http_fields *trailers)
{
	struct http_fields *kept = &source->source.trailers;

	if (!trailers->count)
		return;
	kept->max = trailers->count;
	kept->at = ARENA_ARRAY(source->arena, struct http_field, kept->max);
	for (size_t i = 0; i < trailers->count; i++) {
		struct http_field field = trailers->at[i];

		field.name = arena_str(source->arena, field.name);
		field.value = arena_str(source->arena, field.value);
		kept->at[kept->count++] = field;
	}
}

/* A walk over undecoded bytes: content moves down to write, so that the pieces become one. */
struct decoding {
	char *write, *read, *end;
};

static enum h1_chunked_state decode_step(struct h1_source *source, struct decoding *at)
{
	str input = { at->read, (size_t)(at->end - at->read) }, content;
	struct http_fields *trailers = &source->trailer_space; /* also those of a section that goes on */
	size_t taken;
	enum h1_chunked_state state =
		h1_chunked_next(&source->chunked, input, source->limits, trailers, &taken, &content);

	at->read += taken;
	if (state == H1_CHUNKED_CONTENT) {
		memmove(at->write, content.ptr, content.len);
		at->write += content.len;
		at->read += content.len;
		h1_chunked_used(&source->chunked, content.len);
		source->source.received += content.len;
	} else if (state == H1_CHUNKED_END) {
		source->is_ended = true;
		keep_trailers(source, trailers);
	}
	return state;
}

/* A chunk counts as a whole as soon as the line that tells its size is read. */
static bool is_too_large(const struct h1_source *source)
{
	const struct h1_chunked *chunked = &source->chunked;

	if (source->source.received > source->source.max)
		return true;
	return chunked->error == H1_ERROR_NONE && chunked->digits == 0 &&
	       chunked->left > source->source.max - source->source.received;
}

/* Decodes what is there. Good content before a malformed chunk is given first; the next call meets that chunk
 * again. */
static result decode(struct h1_source *source)
{
	struct intake *in = source->in;
	struct decoding at = { in->at + source->content, in->at + source->content, in->at + in->len };
	enum h1_chunked_state state;

	do {
		state = decode_step(source, &at);
	} while (state == H1_CHUNKED_CONTENT && at.read < at.end);
	source->content = (size_t)(at.write - in->at);
	memmove(at.write, at.read, (size_t)(at.end - at.read));
	intake_shrink(in, (size_t)(at.read - at.write));
	if (state == H1_CHUNKED_FAILED && !source->content)
		return error_make(ERROR_MALFORMED, "malformed chunked coding");
	return OK;
}

/* What lies there may be half a chunk's head, so it is decoded to know. A failure is told by the peek that
 * follows. */
static bool source_is_ready(const struct body_source *base)
{
	struct h1_source *source = source_of(base);

	if (source->is_ended || source->content)
		return true;
	if (source->framing != HTTP_CHUNKED || !source->in->len)
		return source->in->len;
	return failed(decode(source)) || source->content || source->is_ended;
}

/* After the first piece was given, one that is decoded but not consumed yet is not decoded further: it is
 * given again. */
static result peek_chunked(struct h1_source *source, deadline until, struct piece *ret_piece)
{
	if (!source->content && !source->is_ended && source->in->len)
		TRY(decode(source));
	while (!source->content && !source->is_ended && !is_too_large(source)) {
		TRY(fill(source, until));
		TRY(decode(source));
	}
	source->source.is_too_large = is_too_large(source);
	if (source->source.is_too_large)
		return error_make(ERROR_LIMIT, "body larger than allowed");
	ret_piece->bytes = str_slice(intake_data(source->in), 0, source->content);
	ret_piece->is_last = source->is_ended;
	return OK;
}

static result peek(struct h1_source *source, deadline until, struct piece *ret_piece)
{
	switch (source->framing) {
	case HTTP_LENGTH:
		return peek_length(source, until, ret_piece);
	case HTTP_CHUNKED:
		return peek_chunked(source, until, ret_piece);
	case HTTP_UNTIL_CLOSE:
		return peek_until_close(source, until, ret_piece);
	case HTTP_NO_BODY:
		break;
	}
	*ret_piece = (struct piece) { .is_last = true };
	return OK;
}

static result source_peek(struct body_source *base, deadline until, struct piece *ret_piece)
{
	struct h1_source *source = source_of(base);

	TRY(peek(source, until, ret_piece));
	ret_piece->headroom = intake_headroom(source->in);
	return OK;
}

static void source_consume(struct body_source *base, size_t n)
{
	struct h1_source *source = source_of(base);

	if (n == 0)
		return;
	intake_consume(source->in, n);
	if (source->framing == HTTP_CHUNKED) {
		source->content -= n;
		return;
	}
	source->source.received += n;
	if (source->framing == HTTP_LENGTH) {
		source->left -= n;
		source->is_ended = source->left == 0;
	}
}

static const struct body_source_ops h1_source_ops = {
	.is_ready = source_is_ready,
	.peek = source_peek,
	.consume = source_consume,
};

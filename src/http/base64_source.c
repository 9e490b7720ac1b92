/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64_source: a room that is filled from below and emptied from above.
 *
 * Whether a piece can be had without a wait shows only when it is made, for the bytes that are there may be
 * less than a group of four; so it is made when that is asked, as far as it goes without waiting.
 */
#include "http/base64_source.h"

enum { ROOM = 4096 };

static const struct body_source_ops base64_source_ops;

void base64_source_init(struct base64_source *base64, struct body_source *from, bool is_encoding,
			struct arena *arena)
{
	*base64 = (struct base64_source) { .source.ops = &base64_source_ops,
					   .from = from,
					   .is_encoding = is_encoding };
	base64->room = arena_bytes(arena, ROOM + BASE64_GROUP);
}

static struct base64_source *base64_of(const struct body_source *source)
{
	return (struct base64_source *)(uintptr_t)source;
}

/* Through the coding: as much as has room. What is malformed is so for good: it is not consumed, and so met
 * again. */
static bool convert(struct base64_source *base64, str *in, struct buf *out)
{
	if (base64->is_encoding)
		base64_encode(&base64->encoder, in, out);
	else if (failed(base64_decode(&base64->decoder, in, out)))
		base64->is_malformed = true;
	return !base64->is_malformed;
}

/* Ends the encoding, for which the room has a group more than is filled. */
static void pad(struct base64_source *base64, struct buf *out)
{
	struct buf wider = buf_over(base64->room, ROOM + BASE64_GROUP);

	wider.len = out->len;
	base64_encode_end(&base64->encoder, &wider);
	out->len = wider.len;
}

/* The last piece was taken. */
static void finish(struct base64_source *base64, struct buf *out)
{
	if (base64->is_encoding)
		pad(base64, out);
	base64->is_malformed |= !base64_decode_is_whole(&base64->decoder);
	base64->source.trailers = base64->from->trailers;
	base64->is_over = !base64->is_malformed;
}

static result take_more(struct base64_source *base64, deadline until, struct buf *out)
{
	struct piece piece;
	str in;

	TRY(body_peek(base64->from, until, &piece));
	in = piece.bytes;
	if (convert(base64, &in, out) && piece.is_last && !in.len)
		finish(base64, out);
	if (base64->is_malformed)
		return error_make(ERROR_MALFORMED, "malformed base64");
	body_consume(base64->from, piece.bytes.len - in.len);
	return OK;
}

/* Until there is something to give: by waiting, or else as far as it goes. What was encoded is not kept back
 * when nothing more is there. */
static result fill(struct base64_source *base64, bool may_wait, deadline until)
{
	struct buf out = buf_over(base64->room, ROOM);

	if (base64->is_malformed)
		return error_make(ERROR_MALFORMED, "malformed base64");
	while (!out.len && !base64->is_over && (may_wait || body_is_ready(base64->from))) {
		TRY(take_more(base64, until, &out));
		if (base64->is_encoding && !base64->is_over && !body_is_ready(base64->from))
			pad(base64, &out);
	}
	base64->at = 0;
	base64->len = out.len;
	return OK;
}

static bool has_piece(const struct base64_source *base64)
{
	return base64->at < base64->len || base64->is_over;
}

/* A failure is told by the peek that follows. */
static bool base64_is_ready(const struct body_source *source)
{
	struct base64_source *base64 = base64_of(source);

	return has_piece(base64) || failed(fill(base64, false, 0)) || has_piece(base64);
}

static result base64_peek(struct body_source *source, deadline until, struct piece *ret_piece)
{
	struct base64_source *base64 = base64_of(source);

	if (!has_piece(base64))
		TRY(fill(base64, true, until));
	*ret_piece = (struct piece) { .bytes = { base64->room + base64->at, base64->len - base64->at },
				      .is_last = base64->is_over };
	return OK;
}

static void base64_consume(struct body_source *source, size_t n)
{
	base64_of(source)->at += n;
}

static const struct body_source_ops base64_source_ops = {
	.is_ready = base64_is_ready,
	.peek = base64_peek,
	.consume = base64_consume,
};

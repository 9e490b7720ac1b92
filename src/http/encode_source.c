/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode_source: what is ready below is taken, a stretch at a time; what is not yet waited for is flushed
 * first.
 *
 * The encoded bytes lie in the encoder's own room and not in the scratch, so they outlast every wait. What
 * was taken from below is consumed at once: the encoder has a copy. A body that comes faster than it can be
 * compressed would keep its worker for as long as it lasts, so it steps back in between.
 */
#include "http/encode_source.h"

enum {
	STRETCH = 16 * 1024,
	REST_AFTER = 128 * 1024, /* a millisecond or two of work */
};

static const struct body_source_ops encode_source_ops;

void encode_source_init(struct encode_source *encode, struct body_source *from, struct encoder *encoder,
			struct fibers *fibers)
{
	*encode = (struct encode_source) {
		.source.ops = &encode_source_ops, .from = from, .encoder = encoder, .fibers = fibers
	};
}

static struct encode_source *encode_of(const struct body_source *source)
{
	return (struct encode_source *)(uintptr_t)source;
}

/* What is held back can be given without a wait. */
static bool encode_is_ready(const struct body_source *source)
{
	const struct encode_source *encode = encode_of(source);

	return encode->at < encode->len || encode->is_input_over || encode->has_held_back ||
	       body_is_ready(encode->from);
}

static struct buf room_of(const struct encode_source *encode)
{
	return buf_over(encoder_room(encode->encoder), ENCODER_ROOM);
}

/* A timer that is due already: the loop goes round once. */
static result rest(struct encode_source *encode)
{
	result_value parked;

	if (!encode->fibers || encode->since_rest < REST_AFTER)
		return OK;
	encode->since_rest = 0;
	parked = fiber_park(fiber_current(encode->fibers), loop_now(fibers_loop(encode->fibers)));
	return parked.kind == ERROR_TIMEOUT ? OK : parked;
}

static result take_more(struct encode_source *encode, deadline until, struct buf *out)
{
	struct piece piece;
	bool is_done;
	str in;
	size_t taken;

	TRY(rest(encode));
	TRY(body_peek(encode->from, until, &piece));
	in = str_slice(piece.bytes, 0, STRETCH);
	taken = in.len;
	if (taken)
		TRY(encoder_run(encode->encoder, ENCODER_MORE, &in, out, &is_done));
	taken -= in.len;
	encode->has_held_back |= taken > 0;
	encode->since_rest += taken;
	encode->is_input_over = piece.is_last && taken == piece.bytes.len;
	if (encode->is_input_over)
		encode->source.trailers = encode->from->trailers;
	body_consume(encode->from, taken);
	return OK;
}

static result write_out(struct encode_source *encode, enum encoder_step step, struct buf *out)
{
	str nothing = { 0 };
	bool is_done = false;

	TRY(encoder_run(encode->encoder, step, &nothing, out, &is_done));
	encode->is_finished = is_done && step == ENCODER_FINISH;
	encode->is_flushing = !is_done && step == ENCODER_FLUSH;
	encode->has_held_back = !is_done;
	return OK;
}

/* What was begun is ended; and what is below goes before a flush, for flushing costs bytes. */
static bool is_flush_due(const struct encode_source *encode)
{
	return encode->is_flushing || (encode->has_held_back && !body_is_ready(encode->from));
}

/* Until there is something to give. */
static result fill(struct encode_source *encode, deadline until)
{
	struct buf out = room_of(encode);

	while (!out.len && !encode->is_finished) {
		if (encode->is_input_over)
			TRY(write_out(encode, ENCODER_FINISH, &out));
		else if (is_flush_due(encode))
			TRY(write_out(encode, ENCODER_FLUSH, &out));
		else
			TRY(take_more(encode, until, &out));
	}
	encode->at = 0;
	encode->len = out.len;
	return OK;
}

static result encode_peek(struct body_source *source, deadline until, struct piece *ret_piece)
{
	struct encode_source *encode = encode_of(source);
	const char *room = encoder_room(encode->encoder);

	if (encode->at == encode->len && !encode->is_finished)
		TRY(fill(encode, until));
	*ret_piece = (struct piece) { .bytes = { room + encode->at, encode->len - encode->at },
				      .is_last = encode->is_finished,
				      .headroom = ENCODER_HEADROOM + encode->at };
	return OK;
}

static void encode_consume(struct body_source *source, size_t n)
{
	encode_of(source)->at += n;
}

static const struct body_source_ops encode_source_ops = {
	.is_ready = encode_is_ready,
	.peek = encode_peek,
	.consume = encode_consume,
};

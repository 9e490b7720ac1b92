/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay_source: first what is kept, from `at` on, then what the source below has not given yet.
 *
 * Kept bytes and new ones are never mixed in one piece: kept ones lie in the arena, new ones in the intake
 * of the connection. A kept piece is therefore never the last one, even if nothing follows: the end comes
 * from below, with the trailers.
 */
#include "http/replay_source.h"

#include "base/assert.h"

static const struct body_source_ops replay_source_ops;

void replay_source_init(struct replay_source *replay, struct body_source *from, struct arena *arena,
			size_t max)
{
	*replay = (struct replay_source) {
		.source.ops = &replay_source_ops, .from = from, .arena = arena, .max = max
	};
}

bool replay_source_rewind(struct replay_source *replay)
{
	replay->at = 0;
	return !replay->is_lost;
}

static struct replay_source *replay_of(const struct body_source *source)
{
	return (struct replay_source *)(uintptr_t)source;
}

static bool replay_is_ready(const struct body_source *source)
{
	const struct replay_source *replay = replay_of(source);

	return replay->at < replay->kept_len || body_is_ready(replay->from);
}

static result replay_peek(struct body_source *source, deadline until, struct piece *ret_piece)
{
	struct replay_source *replay = replay_of(source);

	if (replay->at < replay->kept_len) {
		str kept = { replay->kept, replay->kept_len };

		*ret_piece = (struct piece) { .bytes = str_skip(kept, replay->at) };
		return OK;
	}
	TRY(body_peek(replay->from, until, ret_piece));
	source->trailers = replay->from->trailers;
	return OK;
}

/* The bytes are asked for again, for the piece may have moved while it was sent. */
static void keep(struct replay_source *replay, size_t n)
{
	struct piece piece;

	if (replay->is_lost || n > replay->max - replay->kept_len) {
		replay->is_lost = true;
		return;
	}
	if (!replay->kept)
		replay->kept = arena_bytes(replay->arena, replay->max);
	ASSERT(!failed(body_peek(replay->from, 0, &piece)) && piece.bytes.len >= n);
	memcpy(replay->kept + replay->kept_len, piece.bytes.ptr, n);
	replay->kept_len += n;
	replay->at = replay->kept_len;
}

static void replay_consume(struct body_source *source, size_t n)
{
	struct replay_source *replay = replay_of(source);

	if (n == 0)
		return;
	if (replay->at < replay->kept_len) {
		replay->at += n;
		return;
	}
	keep(replay, n);
	body_consume(replay->from, n);
}

static const struct body_source_ops replay_source_ops = {
	.is_ready = replay_is_ready,
	.peek = replay_peek,
	.consume = replay_consume,
};

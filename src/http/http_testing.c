/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_testing.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/random.h"

enum { SCRATCH_DISTURBED = 4096, OUTPUT_FIRST = 4096 };

static struct wire *wire_of(struct stream *stream)
{
	return (struct wire *)stream;
}

static size_t pace_next(struct pace pace, size_t *at)
{
	return pace.count ? pace.at[(*at)++ % pace.count] : SIZE_MAX;
}

/* How much is taken next. By a pace of nothing but waits nothing would ever be: it is 1 then. */
static size_t pace_take(struct pace pace, size_t *at)
{
	for (size_t i = 0; i < pace.count; i++)
		if (pace.at[i])
			return pace_next(pace, at);
	return pace.count ? 1 : SIZE_MAX;
}

void wire_disturb(struct wire *wire)
{
	scratch_evacuate(&wire->scratch);
	memset(wire->scratch.bytes, '!', SCRATCH_DISTURBED);
	wire->waits++;
}

/* A pace of nothing but waits would wait for ever. */
static size_t bytes_to_give(struct wire *wire)
{
	size_t size = 0;

	for (size_t i = 0; size == 0 && i <= wire->gives.count; i++) {
		size = pace_next(wire->gives, &wire->gives_at);
		if (size == 0)
			wire_disturb(wire);
	}
	return size ? size : 1;
}

static result wire_fill(struct stream *stream, struct intake *in, deadline until)
{
	struct wire *wire = wire_of(stream);
	size_t size, room;
	str bytes;
	char *at;

	wire->fills++;
	wire->fill_until = until;
	if (wire->given == wire->input.len) {
		wire_disturb(wire);
		return error_make(wire->end ? wire->end : ERROR_CLOSED, "the script is over");
	}
	size = bytes_to_give(wire);
	TRY(intake_room(in, &at, &room));
	size = size < room ? size : room;
	bytes = str_slice(wire->input, wire->given,
			  size < wire->input.len - wire->given ? wire->given + size : wire->input.len);
	memcpy(at, bytes.ptr, bytes.len);
	intake_add(in, bytes.len);
	wire->given += bytes.len;
	return OK;
}

static size_t part_take(struct wire *wire, const struct iovec *part, size_t max)
{
	size_t size = part->iov_len < max ? part->iov_len : max;

	while (size > wire->output_max - wire->output_len) {
		wire->output_max = wire->output_max ? wire->output_max * 2 : OUTPUT_FIRST;
		wire->output = realloc(wire->output, wire->output_max);
		ASSERT(wire->output);
	}
	if (size)
		memcpy(wire->output + wire->output_len, part->iov_base, size);
	wire->output_len += size;
	return size;
}

static result wire_send(struct stream *stream, const struct iovec *parts, size_t count, deadline until,
			size_t *ret_sent)
{
	struct wire *wire = wire_of(stream);
	size_t max = pace_take(wire->takes, &wire->takes_at), before = wire->output_len;

	wire->sends++;
	wire->send_until = until;
	wire->parts = count;
	*ret_sent = 0;
	if (wire->refusal && wire->output_len >= wire->refuses_at)
		return error_make(wire->refusal, "the script refuses");
	if (wire->refusal && max > wire->refuses_at - wire->output_len)
		max = wire->refuses_at - wire->output_len;
	for (size_t i = 0; i < count; i++)
		max -= part_take(wire, &parts[i], max);
	*ret_sent = wire->output_len - before;
	if (*ret_sent == 0)
		wire_disturb(wire);
	return OK;
}

static result wire_shut(struct stream *stream)
{
	(void)stream;
	return OK;
}

static bool wire_is_readable(const struct stream *stream)
{
	const struct wire *wire = (const struct wire *)stream;

	return wire->given < wire->input.len;
}

static bool wire_is_hung_up(const struct stream *stream)
{
	(void)stream;
	return false;
}

static const struct stream_ops wire_ops = { .is_readable = wire_is_readable,
					    .is_hung_up = wire_is_hung_up,
					    .name = "wire",
					    .fill = wire_fill,
					    .send = wire_send,
					    .shut = wire_shut };

void wire_open(struct wire *wire, str input, struct pace gives)
{
	*wire = (struct wire) { .stream.ops = &wire_ops, .input = input, .gives = gives };
	block_pool_init(&wire->pool, 4, 64 * 1024 * 1024);
	scratch_init(&wire->scratch, &wire->pool);
	intake_init(&wire->in, &wire->scratch);
	arena_init(&wire->arena, &wire->pool, 16 * 1024 * 1024);
}

void wire_close(struct wire *wire)
{
	intake_fini(&wire->in);
	arena_fini(&wire->arena);
	ASSERT(!wire->scratch.holder);
	ASSERT(wire->pool.in_use == 0);
	scratch_fini(&wire->scratch);
	block_pool_fini(&wire->pool);
	free(wire->output);
}

result body_read(struct body_source *source, struct pace bites, struct buf *out)
{
	size_t bites_at = 0, taken;
	struct piece piece;

	do {
		TRY(body_peek(source, DEADLINE_NEVER, &piece));
		ASSERT(piece.bytes.len || piece.is_last);
		piece.is_last &= (taken = pace_take(bites, &bites_at)) >= piece.bytes.len;
		taken = taken < piece.bytes.len ? taken : piece.bytes.len;
		buf_put(out, str_slice(piece.bytes, 0, taken));
		body_consume(source, taken);
	} while (!piece.is_last);
	return OK;
}

/* In a block of exactly its size, so that a read beside it is seen, and gone when it returns. */
static result write_piece(struct body_sink *sink, struct piece piece, size_t *ret_used)
{
	char *copy = malloc(piece.headroom + piece.bytes.len + 1);
	result_value sent;

	ASSERT(copy);
	memset(copy, '#', piece.headroom);
	if (piece.bytes.len)
		memcpy(copy + piece.headroom, piece.bytes.ptr, piece.bytes.len);
	piece.bytes.ptr = copy + piece.headroom;
	sent = sink_send(sink, piece, DEADLINE_NEVER, ret_used);
	free(copy);
	ASSERT(failed(sent) || *ret_used <= piece.bytes.len);
	return sent;
}

result body_write(struct body_sink *sink, str body, struct pace pieces)
{
	size_t pieces_at = 0, used;

	while (!sink->is_done) {
		size_t size = pace_next(pieces, &pieces_at);
		struct piece piece = { .bytes = str_slice(body, 0, size),
				       .headroom = pieces_at % 3 ? 0 : 512 };

		if (size == 0 && body.len) {
			TRY(sink_flush(sink, DEADLINE_NEVER));
			continue;
		}
		piece.is_last = piece.bytes.len == body.len;
		TRY(write_piece(sink, piece, &used));
		body = str_skip(body, used);
	}
	return OK;
}

struct pace pace_random(struct random *random, unsigned char *sizes, size_t count, unsigned max)
{
	for (size_t i = 0; i < count; i++)
		sizes[i] = (unsigned char)random_below(random, max + 1);
	if (!sizes[0])
		sizes[0] = (unsigned char)max;
	return (struct pace) { sizes, count };
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_testing: a stream that goes by a script, for unit tests and fuzzers of this room and of those above.
 *
 * It gives bytes in pieces of chosen sizes, takes them likewise, and ends as it is told. It waits without a
 * loop: what a park does to the scratch happens all the same, so that a slice held for too long is seen.
 */
#pragma once

#include "base/random.h"
#include "codec/h1.h"
#include "http/body.h"

/* Sizes that come round again. A 0 stands for a wait: before the next bytes come, or instead of taking any.
 * No sizes at all: everything at once. */
struct pace {
	const unsigned char *at;
	size_t count;
};

#define PACE(...) \
	((struct pace) { (const unsigned char[]) { __VA_ARGS__ }, sizeof((unsigned char[]) { __VA_ARGS__ }) })

/* One connection with everything that its memory needs. */
struct wire {
	struct stream stream; /* first */
	struct block_pool pool;
	struct scratch scratch;
	struct intake in;
	struct arena arena;

	str input;
	size_t given;
	struct pace gives;
	size_t gives_at;
	enum error_kind end; /* what filling says behind the input; ERROR_NONE: ERROR_CLOSED */

	char *output;
	size_t output_len, output_max;
	struct pace takes;
	size_t takes_at;
	size_t refuses_at; /* from so many bytes on, sending says... */
	enum error_kind refusal;

	unsigned fills, sends, waits;
	size_t parts; /* of the last send */
	deadline fill_until, send_until;
};

void wire_open(struct wire *wire, str input, struct pace gives);
/* Takes everything at once, and closes behind the input, unless told otherwise. */

void wire_close(struct wire *wire);
/* Whatever is still held is a leak, which it asserts. */

void wire_disturb(struct wire *wire);
/* As if this fiber had waited and another connection had used the scratch. */

static inline str wire_output(const struct wire *wire)
{
	return (str) { wire->output, wire->output_len };
}

static inline str wire_rest(const struct wire *wire, struct buf *room)
/* What nobody has consumed: behind the message. */
{
	buf_put(room, intake_data(&wire->in));
	buf_put(room, str_skip(wire->input, wire->given));
	return buf_str(room);
}

result body_read(struct body_source *source, struct pace bites, struct buf *out);
/* To its end; of each piece at most as many bytes are consumed as the pace says, a 0 being a peek in vain. */

result body_write(struct body_sink *sink, str body, struct pace pieces);
/* In pieces of these sizes, in memory of their own; a 0 is a flush. What does not go at once is given again
 * from elsewhere. The last piece is said to be the last. */

struct pace pace_random(struct random *random, unsigned char *sizes, size_t count, unsigned max);
/* Sizes of 0 to max, not all of them 0, into the array. */

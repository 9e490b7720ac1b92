/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode_source: a body source that gives the source below it in a content coding.
 *
 * It never waits for more while it holds something back: as soon as the source below has nothing ready, what
 * it has taken is flushed, so that an event stream arrives piece by piece. As long as there is more, it
 * compresses as well as it can.
 */
#pragma once

#include "fiber/fiber.h"
#include "http/body.h"
#include "http/encoder.h"

struct encode_source {
	struct body_source source;
	struct body_source *from;
	struct encoder *encoder;
	struct fibers *fibers;
	size_t at, len;     /* encoded bytes in the encoder's room: used, and all */
	size_t since_rest;  /* bytes taken since others had their turn */
	bool has_held_back; /* bytes were taken that are not flushed */
	bool is_flushing;   /* a flush was begun, and not all of what it brings is written */
	bool is_input_over; /* the last piece was taken */
	bool is_finished;   /* and its end is written */
};

void encode_source_init(struct encode_source *encode, struct body_source *from, struct encoder *encoder,
			struct fibers *fibers);
/* Both sources and the encoder must outlive their use; the encoder stays the caller's. fibers: whose others
 * get their turn between two pieces of a large body, which may yield then; NULL: there are no others. */

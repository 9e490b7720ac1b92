/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encoder: one content coding at work (RFC 9110 section 8.4.1): gzip, br or zstd, from zlib, libbrotli and
 * libzstd behind one call.
 *
 * An encoder costs from a quarter of a megabyte to a good one, so a worker has a bounded number of them, and
 * keeps a few warm for the next answer. When all are at work there is none: the answer goes out as it is.
 */
#pragma once

#include "base/allowance.h"
#include "base/buf.h"
#include "base/result.h"

enum coding {
	CODING_GZIP,
	CODING_BR,
	CODING_ZSTD,
	CODINGS,
};

enum {
	ENCODER_ROOM = 16 * 1024,    /* of the place that it writes to */
	ENCODER_ROOM_LEAST = 16,     /* with less, zlib may begin a flush again and again */
	ENCODER_HEADROOM = 512,      /* in front of that, for a head to leave with the first piece */
	ENCODER_BYTES = 1280 * 1024, /* what one is charged: the dearest takes that much */
};

enum encoder_step {
	ENCODER_MORE,   /* may hold back what it was given */
	ENCODER_FLUSH,  /* everything that it was given can be decoded from what it has written */
	ENCODER_FINISH, /* the end */
};

struct encoder;
struct encoders; /* of one worker */

str coding_name(enum coding coding);
/* As in Content-Encoding. */

struct encoders *encoders_new(size_t max, struct allowance *allowance);
/* At most max at work at a time, each charged to the allowance (NULL: none). */

void encoders_free(struct encoders **encoders);
/* When none is at work. Clears the address, accepts NULL. */

size_t encoders_at_work(const struct encoders *encoders);

struct encoder *encoder_take(struct encoders *encoders, enum coding coding);
/* At its beginning. NULL when as many as may be are at work, or there is no memory for one. */

void encoder_give(struct encoder **encoder);
/* Whatever it was at. Clears the address, accepts NULL. */

char *encoder_room(struct encoder *encoder);
/* ENCODER_ROOM bytes to write to, with ENCODER_HEADROOM before them; they live as long as it is taken. */

result encoder_run(struct encoder *encoder, enum encoder_step step, str *in, struct buf *out,
		   bool *ret_is_done);
/* Takes from the front of in what it can, and writes to out what there is room for, which is
 * ENCODER_ROOM_LEAST at least. Done when all of in was
 * taken, and for FLUSH and FINISH all that they bring was written; until then the same step must be called
 * again. FLUSH and FINISH take no further input. ERROR_SYSTEM when the library fails. */

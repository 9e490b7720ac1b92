/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64: the coding of RFC 4648 section 4 on its way, in any split.
 *
 * What is read may be several encodings in a row, each padded by itself, as those write them who cannot
 * wait for more (gRPC-Web's text format). All else is strict: no line ends, no bits that say nothing but
 * are set, no end within a group of four.
 */
#pragma once

#include "base/buf.h"
#include "base/result.h"

enum { BASE64_GROUP = 4, BASE64_GROUP_BYTES = 3 };

/* Zero is the start of either. */
struct base64_decoder {
	uint32_t bits;    /* of the group under way */
	unsigned count;   /* its characters */
	unsigned padding; /* those that are "=" */
};

result base64_decode(struct base64_decoder *decoder, str *in, struct buf *out);
/* Takes from the front of *in what has room in *out, which is all of it where out has room for three bytes in
 * four. ERROR_MALFORMED for good. */

static inline bool base64_decode_is_whole(const struct base64_decoder *decoder)
/* The end may be here. */
{
	return decoder->count == 0;
}

struct base64_encoder {
	uint32_t bits;  /* of the group under way */
	unsigned count; /* its bytes */
};

void base64_encode(struct base64_encoder *encoder, str *in, struct buf *out);
/* Takes from the front of *in what has room in *out: whole groups are written, what is left over is kept. */

void base64_encode_end(struct base64_encoder *encoder, struct buf *out);
/* Writes what is kept, with padding: at most BASE64_GROUP bytes, for which there must be room. More may
 * follow, as another encoding. */

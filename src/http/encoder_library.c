/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encoder_library: zlib, libbrotlienc and libzstd, each made to look like the others.
 *
 * The settings are those of a gateway and not of an archive: a megabyte of JSON costs a few milliseconds, and
 * the windows are small, for every stream under way has one. Windows also bound what a client needs to decode
 * (RFC 8878 section 3.1.1.1.2 lets a decoder refuse more than 8 MiB).
 */
#include "http/encoder_private.h"

#include <brotli/encode.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/assert.h"

enum {
	GZIP_LEVEL = 5,
	GZIP_WINDOW = 15 + 16, /* 32 KiB; the 16 asks for gzip's frame (RFC 1952) instead of zlib's */
	GZIP_MEMORY = 8,
	BROTLI_LEVEL = 4, /* the highest one without a much larger table */
	BROTLI_WINDOW = 18,
	ZSTD_LEVEL = 3,
	ZSTD_WINDOW = 18,
};

/* What was written since len, and what is left of in. */
static void advance(str *in, size_t taken, struct buf *out, size_t written)
{
	*in = str_skip(*in, taken);
	out->len += written;
}

/* ---- zlib ---- */

static void *gzip_open(void)
{
	z_stream *stream = calloc(1, sizeof *stream);

	ASSERT(stream);
	if (deflateInit2(stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) ==
	    Z_OK)
		return stream;
	free(stream);
	return NULL;
}

static bool gzip_reset(void *state)
{
	return deflateReset(state) == Z_OK;
}

/* It complains of an end before the stream's, which is no mistake here. */
static void gzip_close(void *state)
{
	(void)deflateEnd(state);
	free(state);
}

static uInt at_most_uint(size_t n)
{
	return n < (uInt)-1 ? (uInt)n : (uInt)-1;
}

static result gzip_run(void *state, enum encoder_step step, str *in, struct buf *out, bool *ret_is_done)
{
	static const int flushes[] = { Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH };
	z_stream *stream = state;
	uInt given = at_most_uint(in->len), room = at_most_uint(out->max - out->len);
	int said;

	stream->next_in = (Bytef *)(uintptr_t)in->ptr;
	stream->avail_in = given;
	stream->next_out = (Bytef *)(out->bytes + out->len);
	stream->avail_out = room;
	said = deflate(stream, flushes[step]);
	advance(in, given - stream->avail_in, out, room - stream->avail_out);
	/* Z_BUF_ERROR: there was nothing to do, as for a second flush. */
	if (said != Z_OK && said != Z_STREAM_END && said != Z_BUF_ERROR)
		return error_make(ERROR_SYSTEM, "zlib failed");
	*ret_is_done = step == ENCODER_FINISH ? said == Z_STREAM_END : !in->len && stream->avail_out;
	return OK;
}

/* ---- libbrotlienc ---- */

static void *brotli_open(void)
{
	BrotliEncoderState *state = BrotliEncoderCreateInstance(NULL, NULL, NULL);

	if (!state)
		return NULL;
	BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, BROTLI_LEVEL);
	BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, BROTLI_WINDOW);
	return state;
}

static void brotli_close(void *state)
{
	BrotliEncoderDestroyInstance(state);
}

static result brotli_run(void *state, enum encoder_step step, str *in, struct buf *out, bool *ret_is_done)
{
	static const BrotliEncoderOperation operations[] = { BROTLI_OPERATION_PROCESS, BROTLI_OPERATION_FLUSH,
							     BROTLI_OPERATION_FINISH };
	size_t given = in->len, left = in->len, room = out->max - out->len, free_room = room;
	const uint8_t *next_in = (const uint8_t *)in->ptr;
	uint8_t *next_out = (uint8_t *)(out->bytes + out->len);

	if (!BrotliEncoderCompressStream(state, operations[step], &left, &next_in, &free_room, &next_out,
					 NULL))
		return error_make(ERROR_SYSTEM, "libbrotlienc failed");
	advance(in, given - left, out, room - free_room);
	if (step == ENCODER_FINISH)
		*ret_is_done = BrotliEncoderIsFinished(state);
	else
		*ret_is_done = !left && !BrotliEncoderHasMoreOutput(state);
	return OK;
}

/* ---- libzstd ---- */

static void *zstd_open(void)
{
	ZSTD_CCtx *state = ZSTD_createCCtx();

	if (!state)
		return NULL;
	ZSTD_CCtx_setParameter(state, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	ZSTD_CCtx_setParameter(state, ZSTD_c_windowLog, ZSTD_WINDOW);
	return state;
}

/* The parameters stay. */
static bool zstd_reset(void *state)
{
	return !ZSTD_isError(ZSTD_CCtx_reset(state, ZSTD_reset_session_only));
}

static void zstd_close(void *state)
{
	ZSTD_freeCCtx(state);
}

static result zstd_run(void *state, enum encoder_step step, str *in, struct buf *out, bool *ret_is_done)
{
	static const ZSTD_EndDirective directives[] = { ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end };
	ZSTD_inBuffer input = { in->ptr, in->len, 0 };
	ZSTD_outBuffer output = { out->bytes + out->len, out->max - out->len, 0 };
	size_t left = ZSTD_compressStream2(state, &output, &input, directives[step]);

	if (ZSTD_isError(left))
		return error_make(ERROR_SYSTEM, "libzstd failed");
	advance(in, input.pos, out, output.pos);
	*ret_is_done = !in->len && (step == ENCODER_MORE || left == 0);
	return OK;
}

const struct encoder_library encoder_libraries[CODINGS] = {
	[CODING_GZIP] = { STR_INIT("gzip"), gzip_open, gzip_reset, gzip_close, gzip_run },
	[CODING_BR] = { STR_INIT("br"), brotli_open, NULL, brotli_close, brotli_run },
	[CODING_ZSTD] = { STR_INIT("zstd"), zstd_open, zstd_reset, zstd_close, zstd_run },
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's bytes behind the preface, to a server with exchanges of a few lines. Whatever they are, and
 * however they arrive: nothing is read or written beside what there is, no stream is left when the connection
 * is gone, and what is put out is bounded.
 *
 * The input: the size of the pieces, how much of the output goes in a turn, and then frames.
 */
#include "base/assert.h"
#include "http/h2_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct h2_bench bench;
	struct frames in;

	if (size < 2)
		return 0;
	bench_open(&bench, &(struct h2_options) { .has_connect_protocol = data[0] & 1 });
	frames_open(&in);
	put_preface(&in);
	buf_put(&in.buf, (str) { (const char *)data + 2, size - 2 });
	bench.takes = data[1] == 255 ? SIZE_MAX : (size_t)data[1] * 16;
	bench_feed(&bench, buf_str(&in.buf), data[0]);
	ASSERT(h2_server_output(&bench.h2).len <= H2_OUT_MAX + 64 * 1024);
	ASSERT(bench.h2.stream_count <= 20);
	bench_release(&bench);
	if (size % 2)
		h2_server_shut(&bench.h2);
	bench_close(&bench);
	frames_close(&in);
	return 0;
}

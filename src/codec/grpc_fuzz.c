/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a body of gRPC stands does not depend on how it arrives; and what is read as a timeout is printed as
 * one that is hardly shorter.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "codec/grpc.h"
#include "codec/grpc_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_timeout(str input)
{
	char bytes[GRPC_TIMEOUT_MAX];
	struct buf out = buf_over(bytes, sizeof bytes);
	duration timeout, again;

	if (!grpc_timeout_parse(input, &timeout))
		return;
	grpc_timeout_print(timeout, &out);
	ASSERT(grpc_timeout_parse(buf_str(&out), &again));
	ASSERT(again <= timeout && timeout - again <= timeout / 100000);
}

static void check_frames(str input)
{
	struct grpc_frame whole = { 0 }, split = { 0 };
	bool holds = grpc_frame_follow(&whole, input), splits = true;

	for (size_t i = 0; i < input.len && splits; i++)
		splits = grpc_frame_follow(&split, str_slice(input, i, i + 1));
	ASSERT(holds == splits);
	ASSERT(!holds || (whole.left == split.left && whole.head_len == split.head_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = { (const char *)data, size }, format;

	check_timeout(input);
	check_frames(input);
	if (grpc_kind_of(input, &format) == GRPC_NONE)
		ASSERT(format.len == 0);
	return 0;
}

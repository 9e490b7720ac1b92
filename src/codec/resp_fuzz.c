/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is a reply is the same one whatever stands behind it, and no shorter beginning of it is one. Sizes add
 * up, and texts are slices of the input.
 */
#include "base/assert.h"
#include "codec/resp.h"

enum { VALUES = 256, BYTES = 4096 };

static const struct resp_limits limits = { BYTES, VALUES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_value(str input, const struct resp_value *value, size_t left)
{
	ASSERT(value->size >= 1 && value->size <= left && value->count < value->size + (value->count == 0));
	if (value->text.len)
		ASSERT(value->text.ptr >= input.ptr &&
		       value->text.ptr + value->text.len <= input.ptr + input.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct resp_value values[VALUES], again[VALUES];
	str input = { (const char *)data, size };
	size_t len, shorter;

	if (resp_parse(input, &limits, values, &len) != RESP_DONE)
		return 0;
	ASSERT(len && len <= size);
	for (size_t i = 0; i < values->size; i++)
		check_value(input, &values[i], values->size - i);
	ASSERT(resp_parse(str_slice(input, 0, len), &limits, again, &shorter) == RESP_DONE && shorter == len);
	for (size_t cut = 0; cut < len; cut += 1 + len / 16)
		ASSERT(resp_parse(str_slice(input, 0, cut), &limits, again, &shorter) == RESP_MORE);
	return 0;
}

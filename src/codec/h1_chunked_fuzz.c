/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a chunked body comes to does not depend on how its bytes arrive, nor on how much of it is used at
 * once.
 */
#include "base/assert.h"
#include "codec/h1_chunked_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct chunked_outcome whole, split;
	str input = { (const char *)data, size };
	size_t steps[] = { 1, 2, size ? data[size - 1] + (size_t)1 : 1 };

	if (size > CHUNKED_OUTCOME_MAX / 2)
		return 0;
	chunked_outcome_find(input, size, SIZE_MAX, &whole);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		chunked_outcome_find(input, steps[i], i + 1, &split);
		ASSERT(split.state == whole.state && split.error == whole.error);
		ASSERT(str_eq(buf_str(&split.text), buf_str(&whole.text)));
		if (split.state == H1_CHUNKED_END)
			ASSERT(split.taken == whole.taken && split.trailer_count == whole.trailer_count);
	}
	return 0;
}

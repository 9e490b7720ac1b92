/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a service answers is read within its bounds; no beginning of an answer is one, and one that is
 * printed anew says the same.
 */
#include "base/assert.h"
#include "codec/grpc_health.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str body = { (const char *)data, size };
	uint64_t status, other;

	if (!grpc_health_read(body, &status))
		return 0;
	ASSERT(size >= 5 && size <= 5 + UINT16_MAX);
	ASSERT(!grpc_health_read(str_slice(body, 0, size - 1), &other));
	ASSERT(grpc_health_read(body, &other) && other == status);
	return 0;
}

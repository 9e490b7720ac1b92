/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever comes, the targets are host names of at most 253 bytes, and there are no more than have room in
 * it.
 */
#include "base/assert.h"
#include "codec/dns_srv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_srv_answer answer;
	struct arena arena;
	result_value parsed;

	arena_init(&arena, NULL, SIZE_MAX / 2);
	parsed = dns_srv_parse((str) { (const char *)data, size }, &arena, &answer);
	ASSERT(answer.count * 18 <= size);
	for (size_t i = 0; !failed(parsed) && i < answer.count; i++) {
		ASSERT(answer.at[i].target.len <= 253);
		for (size_t at = 0; at < answer.at[i].target.len; at++)
			ASSERT(answer.at[i].target.ptr[at] >= '-' && answer.at[i].target.ptr[at] <= 'z');
	}
	arena_fini(&arena);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever comes as a proof: it proves nothing, for the fuzzer has no key that fits; and it is looked at
 * within bounds.
 */
#include "auth/dpop.h"
#include "auth/replay_cache.h"
#include "base/assert.h"

enum { ARENA_MAX = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct replay_cache *seen = replay_cache_new(0);
	struct arena arena;
	const struct dpop_request request = {
		.proof = { (const char *)data, size },
		.token = STR("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"),
		.bound = STR("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4J"),
		.method = STR("GET"),
		.scheme = STR("https"),
		.authority = STR("resource.example.org"),
		.path = STR("/protectedresource"),
		.now = (wall_time)1562262618 * SECOND,
		.max_age = MINUTE,
	};

	arena_init(&arena, NULL, ARENA_MAX);
	ASSERT(dpop_check(&request, &arena, seen) == REASON_TOKEN_BINDING);
	arena_fini(&arena);
	replay_cache_free(&seen);
	return 0;
}

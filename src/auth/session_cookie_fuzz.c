/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever stands in Cookie: what is found is what stands there, nothing of it opens, and what is left for
 * the upstream has no part of it any more.
 */
#include "auth/session_cookie.h"
#include "base/assert.h"

enum { ARENA_MAX = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const str secret = STR_INIT("0123456789abcdef0123456789abcdef"), name = STR_INIT("gw");
	struct http_field at[1];
	struct http_fields fields = { .at = at, .max = 1 };
	struct session_keys keys;
	struct arena arena;
	str value, plain;
	result_value found;

	arena_init(&arena, NULL, ARENA_MAX);
	session_keys_init(&keys, &secret, 1);
	found = http_fields_add(&fields, HTTP_COOKIE, STR("Cookie"), (str) { (const char *)data, size });
	ASSERT(!failed(found));
	found = session_cookie_find(&fields, name, &arena, &value);
	if (!failed(found)) {
		ASSERT(value.len && session_cookie_parts(&fields, name) > 0);
		ASSERT(failed(session_open(&keys, STR("session"), value, &arena, &plain)));
	}
	found = session_cookie_strip(name, &arena, &fields);
	ASSERT(failed(found) || session_cookie_parts(&fields, name) == 0);
	arena_fini(&arena);
	return 0;
}

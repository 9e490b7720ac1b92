/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever comes as a token: its parts are within it, and no secret that was not used has signed it.
 */
#include "base/assert.h"
#include "codec/jws.h"

enum { ARENA_MAX = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str token = { (const char *)data, size };
	struct jwk_set *set = jwk_set_from_secret(
		STR(""), STR("a secret that is as long as the longest digest, which is of 64 bytes"));
	struct arena arena;
	struct jws jws;

	arena_init(&arena, NULL, ARENA_MAX);
	if (!failed(jws_split(token, &arena, &jws))) {
		ASSERT(jws.signed_text.ptr == token.ptr && jws.signed_text.len < token.len);
		ASSERT(jws.payload.len < token.len && jws.signature.len < token.len);
		ASSERT(jws.header.kind == OPERAND_MAP);
		ASSERT(!jws_verify(&jws, jwk_set_at(set, 0)));
	}
	arena_fini(&arena);
	jwk_set_unref(&set);
	return 0;
}

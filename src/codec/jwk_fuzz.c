/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever comes as a set of keys: those that are taken are public, and fit algorithms of public keys only.
 */
#include "base/assert.h"
#include "codec/json.h"
#include "codec/jwk.h"
#include "codec/sha256.h"

enum { ARENA_MAX = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(struct jwk_set *set)
{
	ASSERT(jwk_set_count(set) <= JWK_SET_MAX);
	for (size_t i = 0; i < jwk_set_count(set); i++) {
		const struct jwk *jwk = jwk_set_at(set, i);

		ASSERT(jwk->key && !jwk->secret.len);
		ASSERT(jwk->fits && !(jwk->fits & ~JOSE_ASYMMETRIC));
	}
	jwk_set_unref(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = { (const char *)data, size };
	struct jwk_set *set;
	struct arena arena;
	struct operand json;
	char bytes[SHA256_BASE64URL_LEN];
	struct buf thumbprint = buf_over(bytes, sizeof bytes);

	if (!failed(jwk_set_parse(text, &set)))
		look(set);
	if (!failed(jwk_set_from_pem(STR(""), text, &set)))
		look(set);
	arena_init(&arena, NULL, ARENA_MAX);
	if (!failed(json_parse(&arena, text, &json)) && !failed(jwk_thumbprint(&json, &thumbprint)))
		ASSERT(thumbprint.len == SHA256_BASE64URL_LEN && !buf_overflowed(&thumbprint));
	arena_fini(&arena);
	return 0;
}

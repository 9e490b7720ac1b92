/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/token.h"

#include <openssl/crypto.h>

bool token_matches(str token, const uint8_t digest[SHA256_LEN])
{
	uint8_t given[SHA256_LEN];

	sha256_digest(token, given);
	return CRYPTO_memcmp(given, digest, SHA256_LEN) == 0;
}

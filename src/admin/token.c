/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

bool token_matches(str token, const uint8_t digest[ADMIN_DIGEST_LEN])
{
	uint8_t given[EVP_MAX_MD_SIZE];

	return EVP_Digest(token.ptr, token.len, given, NULL, EVP_sha256(), NULL) &&
	       CRYPTO_memcmp(given, digest, ADMIN_DIGEST_LEN) == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/sha256.h"

#include <openssl/sha.h>

#include "base/assert.h"
#include "codec/base64url.h"
#include "codec/scan.h"

/* It fails for want of memory only. */
void sha256_digest(str bytes, unsigned char ret_digest[SHA256_LEN])
{
	ASSERT(SHA256((const unsigned char *)bytes.ptr, bytes.len, ret_digest));
}

void sha256_put_base64url(str bytes, struct buf *out)
{
	unsigned char digest[SHA256_LEN];

	sha256_digest(bytes, digest);
	base64url_encode((str) { (const char *)digest, sizeof digest }, out);
}

bool sha256_parse(str text, unsigned char ret_digest[SHA256_LEN])
{
	static const str prefix = STR_INIT("sha256:");
	str digits = str_skip(text, prefix.len);

	if (!str_starts(text, prefix) || digits.len != 2 * SHA256_LEN)
		return false;
	for (size_t i = 0; i < digits.len; i++)
		if (!scan_is(digits.ptr[i], SCAN_HEX))
			return false;
	for (size_t i = 0; i < SHA256_LEN; i++)
		ret_digest[i] = (unsigned char)(scan_hex_value(digits.ptr[2 * i]) << 4 |
						scan_hex_value(digits.ptr[2 * i + 1]));
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256: the digest of what lies in memory (FIPS 180-4), and the two texts that stand for one: base64url, as
 * JOSE has it, and "sha256:" with hexadecimal digits, as the configuration does.
 */
#pragma once

#include "base/buf.h"

enum {
	SHA256_LEN = 32,
	SHA256_BASE64URL_LEN = 43,
};

void sha256_digest(str bytes, unsigned char ret_digest[SHA256_LEN]);

void sha256_put_base64url(str bytes, struct buf *out);
/* The digest of the bytes, SHA256_BASE64URL_LEN characters. */

bool sha256_parse(str text, unsigned char ret_digest[SHA256_LEN]);
/* "sha256:" and 64 digits, small or capital: tools print both. False: it is none. */

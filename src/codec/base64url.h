/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64url: the coding of RFC 4648 section 5 without padding, as JOSE has it (RFC 7515 section 2), in one
 * piece.
 *
 * Each value has one encoding: bits that say nothing must be zero, so that no token can be written in
 * two ways.
 */
#pragma once

#include "base/buf.h"
#include "base/result.h"

static inline size_t base64url_decoded_len(size_t len)
{
	return len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0);
}

static inline size_t base64url_encoded_len(size_t len)
{
	return len / 3 * 4 + (len % 3 ? len % 3 + 1 : 0);
}

result base64url_decode(str in, struct buf *out);
/* All of it, for which out must have base64url_decoded_len(). ERROR_MALFORMED: another character, also '=' or
 * white space; a length that no bytes have; bits that are set and say nothing. ERROR_LIMIT: no room for it.
 * Nothing is written then. */

void base64url_encode(str in, struct buf *out);

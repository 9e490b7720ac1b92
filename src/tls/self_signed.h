/* SPDX-License-Identifier: Apache-2.0 */
/*
 * self_signed: a certificate for this machine alone, for who wants to try TLS before having one.
 *
 * Nobody vouches for it: a client must be told to trust it. It is no CA, so nothing else can be signed by it.
 */
#pragma once

#include "base/arena.h"
#include "base/result.h"

enum { SELF_SIGNED_DAYS = 397 }; /* more is refused by some clients, whoever has signed it */

result self_signed_make(struct arena *arena, str *ret_certificate, str *ret_key);
/* PEM both, in the arena: an ECDSA key, and a certificate of it for localhost, 127.0.0.1 and ::1, good from
 * an hour ago. ERROR_SYSTEM when OpenSSL cannot. */

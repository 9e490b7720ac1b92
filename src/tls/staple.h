/* SPDX-License-Identifier: Apache-2.0 */
/*
 * staple: an OCSP response that is handed to clients with the certificate that it speaks of: RFC 6066 section
 * 8, RFC 6960.
 *
 * Its signature is for clients to check, who know the CA's; what is looked at here is whether they could have
 * any use for it.
 */
#pragma once

#include "base/result.h"
#include "base/time.h"
#include "tls/certificate.h"

result staple_check(str bytes, const struct certificate *certificate, wall_time *ret_until);
/* DER. Until when it holds; without a word about it, for a week from its making. ERROR_MALFORMED and
 * ERROR_INVALID with words for an operator: it is none, speaks of another certificate, or says that this one
 * was revoked. */

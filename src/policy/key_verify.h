/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_verify: whether one of an issuer's keys has signed a token, for jwt and oidc alike.
 *
 * Which keys count is said by who asks, never by the token; its `kid` only picks among them.
 */
#pragma once

#include "auth/key_set.h"
#include "codec/jws.h"
#include "policy/policy.h"

enum reason key_verify(struct key_set *keys, struct view *view, const struct jws *jws, uint64_t *ret_version);
/* Yields when keys must be fetched, for some seconds at most. ret_version: of the keys that were tried, see
 * key_set_version(). REASON_NONE; REASON_TOKEN_SIGNATURE: none of those that fit made it;
 * REASON_TOKEN_KEY_UNKNOWN: none fits; REASON_AUTH_UNAVAILABLE: there are none; REASON_CLIENT_ABORTED:
 * the exchange is over. */

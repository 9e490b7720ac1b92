/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jws: a signed token in the compact form (RFC 7515 section 7.1): taken apart, and verified by a key.
 *
 * What the header says of keys (jku, jwk, x5u, x5c) is never looked at; what it says must be understood
 * (crit) is not understood. Which keys and which algorithms may be is for the caller to say; the algorithm is
 * used only with a key that fits it.
 */
#pragma once

#include "base/arena.h"
#include "base/result.h"
#include "codec/jwk.h"

enum { JWS_MAX = 16 * 1024 }; /* bytes of a token */

struct jws {
	enum jose_algorithm algorithm; /* JOSE_UNKNOWN: one that is not known, also "none" */
	str kid, type;                 /* empty: not said */
	struct operand header;
	str signed_text;        /* of the token: the first two parts with their dot */
	str payload, signature; /* decoded */
};

result jws_split(str token, struct arena *arena, struct jws *ret_jws);
/* Slices live as long as token and arena. ERROR_MALFORMED: not three parts of base64url, or a header that is
 * no object, or with members of a wrong type, or with `crit`; ERROR_LIMIT: larger than JWS_MAX, or no memory.
 */

bool jws_verify(const struct jws *jws, const struct jwk *jwk);
/* Whether the key has signed it, by the algorithm that it names, which must fit the key. Takes tens of
 * microseconds. From any thread. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dpop: whoever shows a token also shows that he has the key that it is bound to (RFC 9449): a proof, signed
 * by that key for this one request.
 *
 * Nonces of the server's (section 8) are not asked for: the time of the proof and its identifier, which is
 * taken once, bound what a stolen one is good for.
 */
#pragma once

#include "base/arena.h"
#include "base/time.h"
#include "observe/reason.h"

struct replay_cache;

enum { DPOP_PROOF_MAX = 8 * 1024 };

/* What is proven, and to whom. */
struct dpop_request {
	str proof;                   /* the one value of the field DPoP; empty: there is none */
	str token;                   /* as it was shown */
	str bound;                   /* cnf.jkt of the token: the thumbprint of the key (RFC 7638) */
	str method;                  /* as it came */
	str scheme, authority, path; /* https, api.example.com:8443, the normalised path */
	wall_time now;
	duration max_age, skew; /* how old a proof may be, and how far ahead its clock */
};

enum reason dpop_check(const struct dpop_request *request, struct arena *arena, struct replay_cache *seen);
/* RFC 9449 section 4.3. seen NULL: whether for the first time is not asked. REASON_NONE: it is proven, and
 * was proven for the first time. REASON_TOKEN_BINDING: it is not; REASON_TOKEN_REPLAYED;
 * REASON_AUTH_UNAVAILABLE: nothing more can be remembered now. Does not yield. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt, for its own files: what is configured, and what is found out of a token.
 */
#pragma once

#include "auth/key_set.h"
#include "auth/revocations.h"
#include "auth/verified_tokens.h"
#include "codec/jose_algorithm.h"
#include "policy/claim_rules.h"
#include "policy/credential.h"

/* Who makes tokens, for whom, and by which keys. */
struct jwt_issuer {
	struct entry entry;
	str issuer;
	str_list audiences;
	bool takes_any_audience;
	str jwks;
	str_list key_files;
	str secret;
	unsigned algorithms; /* bits of the words */
	/* Compiled. */
	struct key_set *keys;
	unsigned allowed; /* JOSE_BIT() */
};

enum { JWT_KEY_FILES_MAX = 16 };
enum { BOUND_NO, BOUND_CERTIFICATE, BOUND_DPOP, BOUND_IGNORE };

struct jwt {
	struct jwt_issuer one; /* where there is no list */
	struct {
		struct jwt_issuer *at;
		size_t len;
	} issuers;
	struct credential_place from;
	duration skew;
	bool requires_expiry;
	str_list require, types;
	struct claim_rules claims;
	struct pair_list forward;
	str consumer;
	str revoked;
	bool strip;
	int bound;
	str realm;
	/* Compiled. */
	struct revocations *revocations; /* NULL: none */
};

result jwt_issuers_compile(struct policy_compile *compile, struct jwt *jwt);
/* ERROR_INVALID after a report. */

/* A token, and which of the issuers has signed it. */
struct jwt_found {
	const struct jwt_issuer *issuer;
	struct verified_token *token; /* held until the exchange ends */
};

enum reason jwt_verify(const struct jwt *jwt, struct view *view, str token, struct jwt_found *ret_found);
/* Yields when keys must be fetched. REASON_NONE, or why not; with REASON_CLIENT_ABORTED the exchange is over.
 */

enum reason jwt_check(const struct jwt *jwt, const struct view *view, const struct jwt_found *found);
/* Whether what it says holds, here and now. */

void jwt_tell(const struct jwt *jwt, const struct view *view, const struct jwt_found *found, str kid,
	      enum reason reason);
/* Why it is refused, where somebody hears details. kid: what its header says; empty: nothing, or no matter.
 */

str jwt_make(const void *self, const struct credential_wish *wish);
/* A request's line with a token that the policy takes, unless the claims say otherwise. Empty: none can be
 * made, as where it must be bound to a key. */

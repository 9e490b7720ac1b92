/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verified_tokens: signed tokens that one worker has found good lately, with what they say.
 *
 * A signature costs tens of microseconds, and clients send the same token thousands of times; a token that is
 * known costs a hash of it. Only what does not change is remembered: that a key of a set, of this version,
 * has signed it. Times, audiences and all else are for the caller to check each time.
 *
 * Bounded: a fixed number of places, each with a bounded token; a new one takes the place of the one in its
 * set that was asked for longest ago. The whole token is compared, not its hash alone.
 */
#pragma once

#include "base/allowance.h"
#include "base/arena.h"
#include "codec/jws.h"

enum { VERIFIED_TOKEN_BYTES = 16 * 1024 }; /* with the claims, which parsed may take 25 times their text */

struct verified_tokens;

struct verified_token {
	str token;
	uint64_t version;        /* of the key set by which it was verified */
	uint64_t not_revoked_in; /* the version of a list that did not have it; 0: none was asked */
	enum jose_algorithm algorithm;
	str type;
	struct operand claims; /* a map */
	struct arena arena;    /* of all that */
	size_t references;
	uint64_t asked; /* when it was, by the number of the question */
};

struct verified_tokens *verified_tokens_new(size_t max, struct allowance *allowance);
/* What is remembered is charged to the allowance (NULL: none); at its bound nothing more is. */

void verified_tokens_free(struct verified_tokens **tokens);
/* Clears the address, accepts NULL. */

struct verified_token *verified_tokens_find(struct verified_tokens *tokens, str token);
/* NULL: it is not known. The caller has it until verified_token_release(). */

struct verified_token *verified_token_new(str token, const struct jws *jws);
/* What a token says, before anybody knows whether that is so. The caller has it likewise. NULL: its payload
 * is no object. */

void verified_tokens_add(struct verified_tokens *tokens, struct verified_token *token, uint64_t version);
/* It was found good, by the keys of that version: it takes the place of what was known of it. One that takes
 * more than VERIFIED_TOKEN_BYTES is not remembered, or a few thousand would take a gigabyte: all places
 * together hold no more than so much each. */

void verified_token_release(void *token);
/* For view_hold(). */

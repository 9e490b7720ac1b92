/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_mint: tokens for rehearsals: signed by a key that nobody else has, which the issuer's set is told of
 * in this process alone.
 *
 * For issuers that share a secret it is that which signs. Never used by live traffic.
 */
#pragma once

#include "auth/key_set.h"
#include "base/arena.h"

struct token_mint;

struct token_mint *token_mint_new(void);
void token_mint_free(struct token_mint **mint);
/* Clears the address, accepts NULL. */

result token_mint_sign(struct token_mint *mint, struct key_set *keys, unsigned allowed, str type, str payload,
		       struct arena *arena, str *ret_token);
/* By one of the algorithms allowed (JOSE_BIT()); type: its `typ`, without quotes. The set has the key
 * afterwards beside those that it had. ERROR_INVALID: none of the algorithms can be had. */

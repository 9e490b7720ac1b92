/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_parties: who has made a token, and for whom: the same question, whether its claims were read from the
 * token or are what the issuer answers.
 */
#pragma once

#include "policy/policy.h"

struct operand;

bool audience_is_any(const str_list *audiences);
/* The option says `any`: no matter for whom. */

bool token_is_from(const struct operand *claims, str issuer);
/* Its `iss` is there, and is the issuer to the letter. */

void token_tell_issuer(const struct view *view, const char *policy, const struct operand *claims,
		       const str_list *wanted);
void token_tell_audience(const struct view *view, const char *policy, const struct operand *claims,
			 const str_list *wanted);
/* What it says, and what is wanted, where somebody hears details. */

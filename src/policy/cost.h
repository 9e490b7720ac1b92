/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cost: what a request takes of a limit: a number, or an expression about the request.
 */
#pragma once

#include "policy/policy.h"

struct cost {
	uint64_t fixed;
	const struct expression *of; /* NULL: every request costs the same */
};

extern const struct field_form cost_form; /* of a const struct node *, which is what cost_compile() gets */

result cost_compile(const struct policy_compile *compile, const struct node *node, int64_t most,
		    const char *too_much, struct cost *ret_cost);
/* most: what the limit gives at once; a number beyond it is rejected at the key "cost", as too_much says.
 * ERROR_INVALID after a report. */

str cost_text(const struct node *node);
/* What limits that cost otherwise are told apart by; empty: it is no text, and in error. */

uint64_t cost_find(const struct cost *cost, const struct view *view);
/* Of this request: 1 where the expression has no number, or one below 0. */

bool cost_needs_principal(const struct cost *cost);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim_rules: claims that must have one of some values, as they stand in options: `{ tenant: [a, b] }`.
 */
#pragma once

#include "codec/operand.h"
#include "policy/policy.h"

struct claim_rule {
	str path; /* "a.b" is the member b of the claim a */
	str_list values;
};

struct claim_rules {
	const struct claim_rule *at;
	size_t len;
};

extern const struct field_form claim_rules_form; /* member: struct claim_rules */

bool claim_rules_hold(const struct claim_rules *rules, const struct operand *claims);

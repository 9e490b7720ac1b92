/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list: every policy there is, in one explicit array; and the same as rows for the manual and the schema.
 */
#pragma once

#include "policy/policy.h"

enum {
#define X(name, doc) POLICY_INDEX_##name,
#include "policy/policies.h"
#undef X
	POLICIES,
};

extern const struct policy *const policies[POLICIES];

extern const struct field policy_list_fields[];
/* `use`, each policy as an object, and what can stand beside them. */

const struct policy *policy_find(str name);
/* NULL when there is none of that name. */

str policy_suggest(struct arena *arena, str name);
/* As diagnostic_suggest(), among what can stand in an item. */

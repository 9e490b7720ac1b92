/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite_query: single parameters of a query set and removed; the others stay as they came.
 */
#pragma once

#include "policy/value.h"

struct rewrite_query {
	struct pair_list set;
	str_list remove;
	struct value *values; /* compiled, one for each of set */
};

extern const struct field rewrite_query_fields[];

result rewrite_query_compile(struct policy_compile *compile, struct rewrite_query *query);
/* ERROR_INVALID after a report. */

result rewrite_query_apply(const struct rewrite_query *query, const struct view *view, str *ret_query);
/* Removes by the decoded name, each one of it; sets at the end, in the order written, those whose value is
 * not empty. Errors as value_expand(). */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_pattern: which hosts a rule is for: one name, "*.example.com" (one or more labels in front), or any.
 */
#pragma once

#include "base/arena.h"

/* The least specific first. */
enum host_kind { HOST_ANY, HOST_WILDCARD, HOST_EXACT };

struct host_pattern {
	enum host_kind kind;
	str name; /* lower case; of a wildcard: what stands behind "*." */
};

bool host_pattern_parse(struct arena *arena, str text, struct host_pattern *ret_pattern, str *ret_why);
/* "*" is any. */

bool host_pattern_meet(const struct host_pattern *a, const struct host_pattern *b,
		       struct host_pattern *ret_both);
/* The pattern of the hosts that both take, which is one of the two; false when there are none. */

bool host_pattern_eq(const struct host_pattern *a, const struct host_pattern *b);

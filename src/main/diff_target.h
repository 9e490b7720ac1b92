/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff_target: what becomes of a request behind its route, before and after: who answers, by which policies,
 * within which limits.
 */
#pragma once

#include "config/field_compare.h"
#include "main/diff_lines.h"
#include "proxy/snapshot.h"

struct diff_target {
	struct diff_lines *lines;
	struct map seen; /* pairs of instances that were compared already */
};

void diff_target_init(struct diff_target *diff, struct diff_lines *lines);

void diff_targets(struct diff_target *diff, const struct route_rule *before, const struct route_rule *after);
/* What differs between their targets. A policy that many routes have in common is told of once, by the first
 * of them. */

void diff_move(struct diff_target *diff, const struct route_rule *before, const struct route_rule *after);
/* The same for requests that another rule answers now: which policies they lose, or find changed. */

str rule_print(struct arena *arena, const struct route_rule *rule);
/* "orders", or "orders/cancel". */

bool target_is_authenticated(const struct target *target);
/* Every request that gets through was authenticated. */

bool risk_is_of(const char *option, str path);
/* Whether a row of risks is about the option with that path: "from" about "from.header". */

enum risk risk_of_difference(const struct field_difference *difference, enum risk_direction weaker);
/* Where it cannot be told, it is RISK_OPEN. */

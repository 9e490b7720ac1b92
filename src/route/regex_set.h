/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex_set: the rules of one place whose path is a regular expression, in their order of precedence.
 *
 * Which of them are tried is decided by one pass for the texts that they require (literal_set): of ten
 * thousand, usually one or none. Those that require nothing are tried always.
 */
#pragma once

#include "route/literal_set.h"
#include "route/rule.h"

struct regex_set;

struct regex_set *regex_set_new(struct arena *arena, const struct rule *const *rules, size_t count);
/* At most MARKS_MAX rules. The array is copied. */

void regex_set_start(const struct regex_set *set, str subject, struct marks *marks);
/* Marks the rules whose expressions may match; marks must be empty. */

const struct rule *regex_set_next(const struct regex_set *set, str subject, struct marks *marks,
				  struct regex_scratch *scratch, bool *ret_is_limited);
/* The next rule whose expression does match, or NULL: at the end, and when a limit was reached, which is said
 * in ret_is_limited. */

size_t regex_set_always(const struct regex_set *set);
/* How many are tried whatever the subject. */

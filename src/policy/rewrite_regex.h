/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite_regex: what matches in a path, replaced.
 *
 * Everything that PCRE2 needs is taken from an arena, the snapshot's for the expression and the exchange's
 * for a match, so that nothing has to be freed; and its limits are such that no path can keep a worker busy.
 */
#pragma once

#include "policy/value.h"

struct rewrite_regex_config {
	str match, replace;
};

extern const struct field rewrite_regex_fields[];

struct rewrite_regex;

result rewrite_regex_compile(struct policy_compile *compile, const struct rewrite_regex_config *config,
			     struct rewrite_regex **ret_regex);
/* NULL when no expression is given. ERROR_INVALID after a report. */

result rewrite_regex_apply(const struct rewrite_regex *regex, const struct view *view, str path,
			   str *ret_path);
/* path itself when nothing matches. ERROR_LIMIT when the match or the result costs too much, ERROR_MALFORMED
 * as value_expand(). */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff_routes: which requests are answered by another rule than before, which by a rule that nobody had, and
 * which rules no request reaches any more: found by asking both routers.
 */
#pragma once

#include "main/diff_target.h"

void diff_routes(struct diff_lines *lines, const struct snapshot *before, const struct snapshot *after);
/* Also compares the targets of rules that are in both, by name. */

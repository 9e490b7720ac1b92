/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_run: the cases of a file, one after the other, each in a rehearsal of its own: what one case counts,
 * keeps or lets pass is nothing to the next, so that they may stand in any order.
 */
#pragma once

#include "main/cases_config.h"
#include "main/coverage.h"

struct case_outcome {
	const struct test_case *of;
	str why; /* lines that say how it failed, and what explain says; empty: it passed */
	duration took;
};

void cases_run(const struct cases *cases, struct snapshot *snapshot, struct coverage *coverage,
	       struct arena *arena, struct case_outcome *ret_outcomes);
/* One outcome for each case, in the arena. */

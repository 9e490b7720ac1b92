/* SPDX-License-Identifier: Apache-2.0 */
/*
 * junit: the outcome of cases in the XML that continuous integration reads.
 *
 * There is no standard but what Ant's JUnit task wrote: test suites with test cases, of which some hold a
 * failure. Nothing else is said, so that every reader understands it.
 */
#pragma once

#include "main/cases_run.h"

void junit_begin(FILE *to);
void junit_put(FILE *to, str file, const struct case_outcome *outcomes, size_t count);
/* One suite, called by the name of its file. */
void junit_end(FILE *to);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_compare: what came of a request beside what was expected of it, and in words where they differ.
 */
#pragma once

#include "main/cases_config.h"
#include "proxy/mask.h"

bool case_differs(const struct expectation *expected, const struct rehearsed *got,
		  struct regex_scratch *scratch);
/* Without a word. */

size_t case_compare(const struct expectation *expected, const struct rehearsed *got, const struct mask *mask,
		    struct regex_scratch *scratch, struct arena *arena, FILE *to);
/* One line to `to` for each difference: what, expected, got. How many there are. What is expected is shown as
 * the case says it, but for what came from ${...}; what was got is masked, and so are credentials in it. */

void case_print_shown(str text, FILE *to);
/* In quotes, escaped, and cut where it is long: what came from outside can be no more than text. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_compare: what came of a request beside what was expected of it, and in words where they differ.
 */
#pragma once

#include "main/cases_config.h"

size_t case_compare(const struct expectation *expected, const struct rehearsed *got,
		    struct regex_scratch *scratch, FILE *to);
/* One line to `to` for each difference: what, expected, got. How many there are. Credentials are masked, and
 * so is what an expected value had from ${...}. */

void case_print_shown(str text, FILE *to);
/* In quotes, escaped, and cut where it is long: what came from outside can be no more than text. */

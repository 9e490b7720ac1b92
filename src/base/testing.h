/* SPDX-License-Identifier: Apache-2.0 */
/*
 * testing: what unit tests of every room include: cmocka with what it needs, and claims about slices.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/str.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* "assert_text(got, "expected")": fails with both. */
#define assert_text(actual, expected)                                                               \
	do {                                                                                        \
		str actual_ = (actual), expected_ = str_of(expected);                               \
		if (!str_eq(actual_, expected_))                                                    \
			fail_msg("\"%.*s\" is not \"%.*s\"", STR_ARG(actual_), STR_ARG(expected_)); \
	} while (0)

/* A claim about row i of a table. */
#define assert_row(claim, i, text)                                              \
	do {                                                                    \
		if (!(claim))                                                   \
			fail_msg("row %zu (%s): " #claim, (size_t)(i), (text)); \
	} while (0)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * required: texts without which a regular expression cannot match.
 *
 * "^/svc1/item/[0-9]+$" holds "/svc1/item/": a path without it need not be tried. More than that, it begins
 * with it, so that comparing bytes and then matching "[0-9]+$" is the same, and thousands of expressions that
 * differ in their beginnings share one piece of compiled code. This is what makes ten thousand expressions as
 * cheap as ten. The reader knows the plain part of the syntax; before anything else it gives up and says that
 * nothing is required, which costs speed and never an answer.
 */
#pragma once

#include "base/str.h"

enum { REQUIRED_MAX = 8, REQUIRED_BYTES = 256, REQUIRED_PREFIX = 64 };

struct required {
	str texts[REQUIRED_MAX]; /* slices of bytes[], in lower case, each at least one byte and not just "/"
				  */
	size_t count;
	char bytes[REQUIRED_BYTES];
	size_t used;

	str prefix;         /* what a subject begins with, letters as they are; empty: nothing is known */
	size_t prefix_from; /* where the expression goes on behind it */
	char prefix_bytes[REQUIRED_PREFIX];
};

void required_find(str expression, struct required *ret_required);
/* Each of the texts is in every subject that the expression matches, letters of either case. The expression
 * has been compiled without complaint. ret_required must not be moved. */

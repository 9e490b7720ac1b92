/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void assert_fail(const char *claim, const char *file, int line)
{
	fprintf(stderr, "gatehouse: %s:%d: cannot happen, but it did: not (%s)\n", file, line, claim);
	abort();
}

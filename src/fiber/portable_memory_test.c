/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tests of its memory once more, over the portable switch, on every architecture.
 */
#define FIBER_SWITCH_PORTABLE 1

#undef _FORTIFY_SOURCE

/* NOLINTBEGIN(bugprone-suspicious-include) */
#include "fiber/context_portable.c"
#include "fiber/fiber.c"
#include "fiber/guard.c"
#include "fiber/stack.c"
#include "fiber/fiber_memory_test.c"
/* NOLINTEND(bugprone-suspicious-include) */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard: what happens when a fiber runs over its stack: the process says which, and aborts.
 *
 * The fault lands in a guard page, and no stack is left to handle it on. So each thread with fibers has an
 * alternate signal stack, at whose low end lies a pointer to them: the handler finds everything from
 * there, without a global. Any other fault goes to whoever handled it before.
 */
#pragma once

#include <signal.h>

#include "base/result.h"

struct fibers;
struct guard_stack;

struct fiber_guard {
	struct sigaction previous;
};

result fiber_guard_install(struct fiber_guard *guard);
/* Once a process, before fibers_new() is given it in its options. It lives as long as the fibers. */

struct guard_stack *guard_stack_new(const struct fiber_guard *guard, const struct fibers *fibers);
void guard_stack_free(struct guard_stack **stack);
/* This thread's alternate signal stack, for fibers_new() and fibers_free(): both on the same thread. */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context: where a flow of control stands, and the switch from one to another.
 *
 * In assembly for x86-64 and aarch64, where a context is the stack pointer and everything else lies on the
 * stack; by ucontext and setjmp elsewhere, or when the build asks for it (-Dfiber_switch=portable).
 */
#pragma once

#include <stddef.h>

#if !defined(FIBER_SWITCH_PORTABLE) && !defined(__x86_64__) && !defined(__aarch64__)
#define FIBER_SWITCH_PORTABLE 1
#endif

typedef void (*context_fn)(void *argument);

#ifdef FIBER_SWITCH_PORTABLE

#include <setjmp.h>

struct context {
	jmp_buf at;
	context_fn fn; /* not NULL: it has not begun */
	void *argument;
	char *stack;
	size_t size;
};

#else

struct context {
	void *at; /* the stack pointer; the callee-saved registers lie above it */
};

#endif

void context_prepare(struct context *context, char *stack, size_t size, context_fn fn, void *argument);
/* The first switch to it calls fn(argument) on the stack, whose end is aligned to 16. fn never returns. */

void context_switch(struct context *from, struct context *to);
/* Returns when somebody switches to `from`. */

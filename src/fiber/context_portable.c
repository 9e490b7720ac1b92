/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ucontext gives a context its stack; from then on _setjmp and _longjmp switch, which unlike swapcontext make
 * no system call. The checks of _FORTIFY_SOURCE take a jump to another stack for an error, so they are
 * off in this file.
 */
#undef _FORTIFY_SOURCE

#include "fiber/context.h"

#ifdef FIBER_SWITCH_PORTABLE

#include <stdint.h>
#include <ucontext.h>

#include "base/assert.h"

void context_prepare(struct context *context, char *stack, size_t size, context_fn fn, void *argument)
{
	context->fn = fn;
	context->argument = argument;
	context->stack = stack;
	context->size = size;
}

/* makecontext passes integers only, so the pointer comes in two halves. */
static void context_begin(unsigned high, unsigned low)
{
	struct context *context = (struct context *)(((uintptr_t)high << 16 << 16) | low);
	context_fn fn = context->fn;

	context->fn = NULL;
	fn(context->argument);
}

/* It never returns, so nothing would clear the marks that ASan puts around its frame. */
__attribute__((no_sanitize("address"))) static void context_enter(struct context *context)
{
	uintptr_t address = (uintptr_t)context;
	ucontext_t entry;

	ASSERT(getcontext(&entry) == 0);
	entry.uc_stack.ss_sp = context->stack;
	entry.uc_stack.ss_size = context->size;
	entry.uc_link = NULL;
	makecontext(&entry, (void (*)(void))context_begin, 2, (unsigned)(address >> 16 >> 16),
		    (unsigned)address);
	setcontext(&entry);
	ASSERT(!"a context was entered");
}

void context_switch(struct context *from, struct context *to)
{
	if (_setjmp(from->at) != 0)
		return;
	if (to->fn)
		context_enter(to);
	_longjmp(to->at, 1);
}

#endif

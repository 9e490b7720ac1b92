/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handler may use what is safe in one: it looks through the slabs, writes with write(2) and aborts. The
 * fiber's function is printed as its place in the binary, for addr2line, because names of static functions
 * are not to be had at run time.
 */
#include "fiber/guard.h"

#include <errno.h>
#include <execinfo.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "fiber/fiber_private.h"

enum { GUARD_STACK_SIZE = 128 * 1024 };

static const uint64_t guard_magic = 0x7261756720657461;

struct guard_stack {
	uint64_t magic;
	const struct fibers *fibers;
	const struct fiber_guard *guard;
	stack_t previous;
};

/* The handler runs on the alternate stack, and the system tells it where that is. */
static const struct guard_stack *guard_stack_of(const ucontext_t *context)
{
	const struct guard_stack *stack = context->uc_stack.ss_sp;

	if (!stack || context->uc_stack.ss_size != GUARD_STACK_SIZE || stack->magic != guard_magic)
		return NULL;
	return stack;
}

/* The struct of the fiber is at the other end of its stack, and so still whole. */
static void guard_report(const struct fibers *fibers, const struct fiber *fiber)
{
	void *fn = (void *)(uintptr_t)fiber->fn;
	char text[160];
	struct buf out = buf_over(text, sizeof text);
	ssize_t written;

	buf_put(&out, STR("gatehouse: fiber "));
	buf_put_u64(&out, fiber->serial);
	buf_put(&out, STR(" ran over its stack of "));
	buf_put_u64(&out, fibers->stacks.size);
	buf_put(&out, STR(" bytes; it began in "));
	written = write(STDERR_FILENO, out.bytes, out.len);
	(void)written;
	backtrace_symbols_fd(&fn, 1, STDERR_FILENO);
}

static void guard_caught(int number, siginfo_t *info, void *context)
{
	const struct guard_stack *stack = guard_stack_of(context);
	struct stack hit;

	if (stack && stacks_find_guard(&stack->fibers->stacks, info->si_addr, &hit)) {
		guard_report(stack->fibers, (const struct fiber *)(const void *)hit.high - 1);
		abort();
	}
	/* Not ours: the fault happens again, and this time it goes where it would have gone. */
	if (stack)
		sigaction(number, &stack->guard->previous, NULL);
	else
		signal(number, SIG_DFL);
}

result fiber_guard_install(struct fiber_guard *guard)
{
	struct sigaction action = { .sa_sigaction = guard_caught, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGSEGV, &action, &guard->previous) != 0)
		return error_system("no handler for SIGSEGV", errno);
	return OK;
}

struct guard_stack *guard_stack_new(const struct fiber_guard *guard, const struct fibers *fibers)
{
	stack_t alternate = { .ss_size = GUARD_STACK_SIZE };
	struct guard_stack *stack;

	stack = mmap(NULL, GUARD_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT(stack != MAP_FAILED);
	*stack = (struct guard_stack) { .magic = guard_magic, .fibers = fibers, .guard = guard };
	alternate.ss_sp = stack;
	ASSERT(sigaltstack(&alternate, &stack->previous) == 0);
	return stack;
}

void guard_stack_free(struct guard_stack **address)
{
	struct guard_stack *stack = *address;

	if (!stack)
		return;
	*address = NULL;
	ASSERT(sigaltstack(&stack->previous, NULL) == 0);
	munmap(stack, GUARD_STACK_SIZE);
}

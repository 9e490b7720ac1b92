/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch saves what the ABI asks a callee to save, and jumps. Floating-point modes are the same in all
 * fibers, so they are left alone. A return instruction would be predicted to go where this stack was
 * called from, which is wrong each time; an indirect jump is not.
 */
#include "fiber/context.h"

#ifndef FIBER_SWITCH_PORTABLE

#include <stdint.h>

void context_begin(void);

#ifdef __x86_64__

/* context_begin: where a new context starts, with fn in r12 and its argument in rbx. Its return address is
 * undefined, which ends every backtrace there. */
__asm__(".text\n"
	".p2align 4\n"
	".globl context_switch\n"
	".hidden context_switch\n"
	".type context_switch, @function\n"
	"context_switch:\n"
	"	.cfi_startproc\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	.cfi_adjust_cfa_offset 48\n"
	"	movq %rsp, (%rdi)\n"
	"	movq (%rsi), %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	.cfi_adjust_cfa_offset -48\n"
	"	popq %rcx\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_register %rip, %rcx\n"
	"	jmpq *%rcx\n"
	"	.cfi_endproc\n"
	".size context_switch, . - context_switch\n"
	".p2align 4\n"
	".globl context_begin\n"
	".hidden context_begin\n"
	".type context_begin, @function\n"
	"context_begin:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined %rip\n"
	"	movq %rbx, %rdi\n"
	"	callq *%r12\n"
	"	ud2\n"
	"	.cfi_endproc\n"
	".size context_begin, . - context_begin\n");

/* Words of the first frame, lowest first: r15 to rbp, then where to jump. Two more keep rsp aligned. */
enum { FUNCTION = 3, ARGUMENT = 4, BEGIN = 6, FRAME = 9 };

#else

/* context_begin: where a new context starts, with fn in x20 and its argument in x19. */
__asm__(".text\n"
	".p2align 4\n"
	".globl context_switch\n"
	".hidden context_switch\n"
	".type context_switch, %function\n"
	"context_switch:\n"
	"	.cfi_startproc\n"
	"	sub sp, sp, #160\n"
	"	.cfi_adjust_cfa_offset 160\n"
	"	stp x19, x20, [sp, #0]\n"
	"	stp x21, x22, [sp, #16]\n"
	"	stp x23, x24, [sp, #32]\n"
	"	stp x25, x26, [sp, #48]\n"
	"	stp x27, x28, [sp, #64]\n"
	"	stp x29, x30, [sp, #80]\n"
	"	stp d8, d9, [sp, #96]\n"
	"	stp d10, d11, [sp, #112]\n"
	"	stp d12, d13, [sp, #128]\n"
	"	stp d14, d15, [sp, #144]\n"
	"	mov x9, sp\n"
	"	str x9, [x0]\n"
	"	ldr x9, [x1]\n"
	"	mov sp, x9\n"
	"	ldp x19, x20, [sp, #0]\n"
	"	ldp x21, x22, [sp, #16]\n"
	"	ldp x23, x24, [sp, #32]\n"
	"	ldp x25, x26, [sp, #48]\n"
	"	ldp x27, x28, [sp, #64]\n"
	"	ldp x29, x30, [sp, #80]\n"
	"	ldp d8, d9, [sp, #96]\n"
	"	ldp d10, d11, [sp, #112]\n"
	"	ldp d12, d13, [sp, #128]\n"
	"	ldp d14, d15, [sp, #144]\n"
	"	add sp, sp, #160\n"
	"	.cfi_adjust_cfa_offset -160\n"
	"	br x30\n"
	"	.cfi_endproc\n"
	".size context_switch, . - context_switch\n"
	".p2align 4\n"
	".globl context_begin\n"
	".hidden context_begin\n"
	".type context_begin, %function\n"
	"context_begin:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined x30\n"
	"	mov x0, x19\n"
	"	blr x20\n"
	"	brk #1\n"
	"	.cfi_endproc\n"
	".size context_begin, . - context_begin\n");

/* Words of the first frame: x19 to x30, then d8 to d15. */
enum { ARGUMENT = 0, FUNCTION = 1, BEGIN = 11, FRAME = 20 };

#endif

void context_prepare(struct context *context, char *stack, size_t size, context_fn fn, void *argument)
{
	uintptr_t *frame = (uintptr_t *)(void *)(stack + size) - FRAME;

	for (unsigned i = 0; i < FRAME; i++)
		frame[i] = 0;
	frame[ARGUMENT] = (uintptr_t)argument;
	frame[FUNCTION] = (uintptr_t)fn;
	frame[BEGIN] = (uintptr_t)context_begin;
	context->at = frame;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sanitizer: what ASan and TSan must be told of switches between stacks. Nothing in a plain build.
 *
 * ASan: which stack is running, and that what lies poisoned on a reused one is no longer so. TSan: that the
 * fibers of one thread follow each other. Call flow_leave() just before a switch and flow_enter() first thing
 * after it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define FIBER_ASAN 1
#endif
#ifdef __SANITIZE_THREAD__
#define FIBER_TSAN 1
#endif

#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* A flow of control on a stack: a fiber's, or the loop's. */
struct flow {
#ifdef FIBER_ASAN
	void *fake_stack;
	const void *low;
	size_t size;
#endif
#ifdef FIBER_TSAN
	void *thread;
#endif
	char unused; /* no empty struct */
};

#if defined(FIBER_ASAN) || defined(FIBER_TSAN)
enum { FIBER_SANITIZED = 1 };
#else
enum { FIBER_SANITIZED = 0 };
#endif

static inline void flow_init_loop(struct flow *flow)
{
	(void)flow;
#ifdef FIBER_TSAN
	flow->thread = __tsan_get_current_fiber();
#endif
}

static inline void flow_begin(struct flow *flow, char *low, size_t size)
{
	(void)flow, (void)low, (void)size;
#ifdef FIBER_ASAN
	flow->fake_stack = NULL;
	flow->low = low;
	flow->size = size;
	__asan_unpoison_memory_region(low, size);
#endif
#ifdef FIBER_TSAN
	flow->thread = __tsan_create_fiber(0);
#endif
}

static inline void flow_end(struct flow *flow)
{
	(void)flow;
#ifdef FIBER_TSAN
	__tsan_destroy_fiber(flow->thread);
#endif
}

/* for_good: `from` is never switched to again. */
static inline void flow_leave(struct flow *from, struct flow *to, bool for_good)
{
	(void)from, (void)to, (void)for_good;
#ifdef FIBER_ASAN
	__sanitizer_start_switch_fiber(for_good ? NULL : &from->fake_stack, to->low, to->size);
#endif
#ifdef FIBER_TSAN
	__tsan_switch_to_fiber(to->thread, 0);
#endif
}

/* `from` is filled with the bounds of the stack that was left: so those of the loop become known. */
static inline void flow_enter(struct flow *self, struct flow *from)
{
	(void)self, (void)from;
#ifdef FIBER_ASAN
	__sanitizer_finish_switch_fiber(self->fake_stack, from ? &from->low : NULL,
					from ? &from->size : NULL);
#endif
}

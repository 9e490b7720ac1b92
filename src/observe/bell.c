/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state is the futex. A ringer that sees AWAKE is done: the thread will look for work before it rests,
 * and it says how it rests before it looks (bell_settle), so that one of the two always sees the other.
 */
#include "observe/bell.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void bell_ring(struct bell *bell, bool is_urgent)
{
	unsigned state = atomic_load(&bell->state);

	if (state == BELL_AWAKE || (state == BELL_DOZING && !is_urgent))
		return;
	/* Only one of those who ring at the same time makes the call. */
	if (atomic_exchange(&bell->state, BELL_AWAKE) != BELL_AWAKE)
		syscall(SYS_futex, &bell->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void bell_settle(struct bell *bell, enum bell_state state)
{
	atomic_store(&bell->state, (unsigned)state);
}

void bell_wait(struct bell *bell, enum bell_state state, duration longest)
{
	struct timespec timeout = { .tv_sec = longest / SECOND, .tv_nsec = longest % SECOND };

	syscall(SYS_futex, &bell->state, FUTEX_WAIT_PRIVATE, (unsigned)state, &timeout, NULL, 0);
	atomic_store(&bell->state, BELL_AWAKE);
}

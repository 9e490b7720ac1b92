/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tidy: what was let go of goes back to the system.
 *
 * The heap keeps what is freed, each thread's part for itself: after a crowd has come to one worker, what
 * another takes would come on top of it, and the process be larger than its bound. So the control thread
 * looks each second whether much less is held than was, and has the heap give it up then. What an old
 * configuration has left stays for a while, for the next one.
 */
#pragma once

#include "loop/loop.h"
#include "proxy/identities.h"

struct tidy {
	struct timer timer;
	struct loop *loop;
	const struct identities *identities;
	size_t most; /* that was held since it was done last */
	unsigned seconds;
};

void tidy_open(struct tidy *tidy, struct loop *loop, const struct identities *identities);
void tidy_close(struct tidy *tidy);
/* Also one that was never opened, where it is clear. */

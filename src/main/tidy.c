/* SPDX-License-Identifier: Apache-2.0 */
#include "main/tidy.h"

#include <malloc.h>

#include "base/container.h"
#include "base/large_blocks.h"

enum {
	MUCH = 16 * 1024 * 1024,
	AGE_SECONDS = 10, /* seconds in which a configuration may want the memory of the one before */
};

static void on_due(struct timer *timer)
{
	struct tidy *tidy = CONTAINER_OF(timer, struct tidy, timer);
	size_t held = atomic_load_explicit(&tidy->identities->memory->drawn, memory_order_relaxed);

	if (held > tidy->most)
		tidy->most = held;
	if (tidy->most - held >= MUCH) {
		malloc_trim(0);
		tidy->most = held;
	}
	if (++tidy->seconds % AGE_SECONDS == 0)
		large_blocks_age(tidy->identities->large_blocks);
	timer_set(tidy->loop, timer, deadline_after(loop_now(tidy->loop), SECOND));
}

void tidy_open(struct tidy *tidy, struct loop *loop, const struct identities *identities)
{
	*tidy = (struct tidy) { .timer.on_due = on_due, .loop = loop, .identities = identities };
	timer_set(loop, &tidy->timer, deadline_after(loop_now(loop), SECOND));
}

void tidy_close(struct tidy *tidy)
{
	timer_clear(&tidy->timer);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "fiber/errand.h"

#include <pthread.h>

#include "base/assert.h"

/* On the stack of the fiber that waits. */
struct errand {
	struct loop *loop;
	struct fiber *fiber;
	void (*work)(void *argument);
	void *argument;
	bool is_done;
};

static void on_done(void *argument)
{
	struct errand *errand = argument;

	errand->is_done = true;
	fiber_wake(errand->fiber);
}

static void *run(void *argument)
{
	struct errand *errand = argument;

	errand->work(errand->argument);
	ASSERT(!failed(loop_post(errand->loop, on_done, errand)));
	return NULL;
}

result errand_run(struct loop *loop, struct fiber *self, void (*work)(void *argument), void *argument)
{
	struct errand errand = { .loop = loop, .fiber = self, .work = work, .argument = argument };
	pthread_t thread;
	int error = pthread_create(&thread, NULL, run, &errand);

	if (error)
		return error_system("no thread for it", error);
	while (!errand.is_done) {
		result_value woken = fiber_park(self, DEADLINE_NEVER);

		(void)woken; /* cancelled or not */
	}
	pthread_join(thread, NULL);
	return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "main/loader.h"

#include <pthread.h>

#include "base/assert.h"

/* A job and its thread, on the stack of the fiber that waits. */
struct load {
	struct loader_job *job;
	struct loader *loader;
	struct fiber *fiber;
	bool is_done;
};

static void on_done(void *argument)
{
	struct load *load = argument;

	load->is_done = true;
	fiber_wake(load->fiber);
}

static void *load_run(void *argument)
{
	struct load *load = argument;
	struct loader_job *job = load->job;

	if (job->text.len)
		job->loaded = snapshot_parse(job->name, job->text, job->identities, &job->diagnostics,
					     &job->snapshot);
	else
		job->loaded = snapshot_load(job->name, job->identities, &job->diagnostics, &job->snapshot);
	ASSERT(!failed(loop_post(load->loader->loop, on_done, load)));
	return NULL;
}

static result wait_for_thread(struct load *load)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, load_run, load) != 0)
		return error_make(ERROR_LIMIT, "no thread to load the configuration");
	while (!load->is_done) {
		result_value woken = fiber_park(load->fiber, DEADLINE_NEVER);

		(void)woken; /* cancelled or not */
	}
	pthread_join(thread, NULL);
	return OK;
}

result loader_run(struct loader *loader, struct fiber *self, struct loader_job *job)
{
	struct load load = { .job = job, .loader = loader, .fiber = self };
	result_value run;

	while (loader->is_busy)
		TRY(condition_wait(&loader->is_idle, self, DEADLINE_NEVER));
	loader->is_busy = true;
	run = wait_for_thread(&load);
	loader->is_busy = false;
	condition_signal(&loader->is_idle);
	return run;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "main/loader.h"

#include "fiber/errand.h"

static void work(void *argument)
{
	struct loader_job *job = argument;

	if (job->text.len)
		job->loaded = snapshot_parse(job->name, job->text, job->identities, &job->diagnostics,
					     &job->snapshot);
	else
		job->loaded = snapshot_load(job->name, job->identities, &job->diagnostics, &job->snapshot);
}

result loader_run(struct loader *loader, struct fiber *self, struct loader_job *job)
{
	result_value run;

	while (loader->is_busy)
		TRY(condition_wait(&loader->is_idle, self, DEADLINE_NEVER));
	loader->is_busy = true;
	run = errand_run(loader->loop, self, work, job);
	loader->is_busy = false;
	condition_signal(&loader->is_idle);
	return run;
}

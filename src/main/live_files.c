/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live_files: two looks at which a file is the same, and another one than was read, are a change that has
 * come to its end: so within two looks and the time of reading it is in force. For what cannot be read
 * because the system is short of something, each further look tries again.
 */
#include "main/live_files.h"

#include <stdlib.h>

#include "auth/revocations.h"
#include "base/assert.h"
#include "fiber/errand.h"

static const duration every = 250 * MILLISECOND;

struct live_files {
	struct control *control;
	struct gateway *gateway;
	struct fiber *fiber; /* NULL: it has ended */
};

/* ---- what was revoked ---- */

/* What is read on a thread of its own, and what came of it; on the stack of the fiber that waits. */
struct rereading {
	struct revocations *revocations;
	struct file_mistake mistake;
	result_value read;
};

static void reread(void *argument)
{
	struct rereading *rereading = argument;

	rereading->read = revocations_read(rereading->revocations, &rereading->mistake);
}

static void tell_mistake(struct journal *journal, const struct revocations *revocations,
			 const struct file_mistake *mistake)
{
	char room[1024];
	str text = file_mistake_print(mistake, revocations_path(revocations), room, sizeof room);

	journal_warn(journal, "%.*s: what was revoked before stays so, and nothing else", STR_ARG(text));
}

/* What came of it. One that is wrong is looked at again when it has changed. */
static void tell_revocations(struct journal *journal, const struct rereading *rereading, result_value run)
{
	const struct revocations *revocations = rereading->revocations;

	if (failed(run))
		journal_warn(journal, "%s is not read again: %s", revocations_path(revocations), run.why);
	else if (failed(rereading->read))
		tell_mistake(journal, revocations, &rereading->mistake);
	else
		journal_info(journal, "%s was read again", revocations_path(revocations));
}

static void look_at_revocations(struct live_files *files, struct revocations *revocations)
{
	struct rereading rereading = { .revocations = revocations };
	result_value run;

	if (!revocations_look(revocations))
		return;
	run = errand_run(files->control->loop, files->fiber, reread, &rereading);
	if (revocations_settle(revocations, failed(run) ? run : rereading.read))
		tell_revocations(files->control->journal, &rereading, run);
}

/* ---- consumers ---- */

static void read_roll(void *argument)
{
	roll_read(argument);
}

/* A file that is empty may be meant, or cut off by who wrote it. */
static void tell_consumers(struct journal *journal, const struct roll_reading *reading, result_value run)
{
	const char *emptied;

	if (failed(run)) {
		journal_warn(journal, "consumers are not read again: %s", run.why);
		return;
	}
	if (!reading->consumers) {
		journal_warn(journal, "%.*s: the consumers from before stay", STR_ARG(reading->wrong));
		return;
	}
	emptied = roll_emptied(reading->roll, reading->consumers);
	journal_info(journal, "%zu consumers were read again", consumers_count(reading->consumers));
	if (emptied)
		journal_warn(journal, "%s: nobody is left in it", emptied);
}

/* The workers get the new consumers with the edition that gateway_refresh() publishes. */
static void look_at_roll(struct live_files *files, struct snapshot *snapshot)
{
	struct roll_reading reading = { .roll = &snapshot->roll };
	result_value run;

	if (!roll_look(&snapshot->roll))
		return;
	run = errand_run(files->control->loop, files->fiber, read_roll, &reading);
	if (roll_settle(&snapshot->roll, failed(run) ? run : reading.read))
		tell_consumers(files->control->journal, &reading, run);
	if (!reading.consumers)
		return;
	roll_replace(&snapshot->roll, &reading.consumers);
	gateway_refresh(files->gateway);
}

/* Of the configuration in force at this moment; it may be replaced meanwhile. */
static void look(struct live_files *files)
{
	struct snapshot *snapshot = snapshot_ref(gateway_edition(files->gateway)->snapshot);

	for (size_t i = 0; i < snapshot->revocation_count; i++)
		look_at_revocations(files, snapshot->revocations[i]);
	look_at_roll(files, snapshot);
	snapshot_unref(&snapshot);
}

/* Until it is cancelled. */
static void run(struct fiber *self, void *argument)
{
	struct live_files *files = argument;
	struct loop *loop = files->control->loop;

	files->fiber = self;
	while (!failed(fiber_sleep(self, deadline_after(loop_now(loop), every))))
		look(files);
	files->fiber = NULL;
}

/* Without a fiber the gateway works on with what it has read. */
struct live_files *live_files_open(struct control *control, struct gateway *gateway)
{
	struct live_files *files = calloc(1, sizeof *files);
	result_value started;

	ASSERT(files);
	*files = (struct live_files) { .control = control, .gateway = gateway };
	started = fiber_start(control->fibers, run, files);
	if (failed(started))
		journal_error(control->journal, "consumers and revocations will not be read again: %s",
			      started.why);
	return files;
}

/* An errand that is under way is waited for: it writes to the fiber's stack. */
void live_files_close(struct live_files **address)
{
	struct live_files *files = *address;

	if (!files)
		return;
	if (files->fiber)
		fiber_cancel(files->fiber);
	while (files->fiber)
		loop_turn(files->control->loop, deadline_after(time_monotonic(), 10 * MILLISECOND));
	free(files);
	*address = NULL;
}

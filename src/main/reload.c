/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that may fail comes before anything is changed: reading, compiling, binding. In between, the
 * files may change again; the watcher compares what it sees with what was read, so nothing is missed.
 */
#include "main/reload.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/container.h"
#include "config/watch.h"
#include "main/notify.h"

static const char further_try[] = "a further try";

struct reload {
	struct reload_options options;
	struct journal *journal;
	struct loader loader;
	struct watch *watch; /* NULL: nobody watches */
	bool is_busy;
	struct condition is_idle;
	struct fiber *requested; /* the fiber of reload_request(); NULL: none */
	bool is_waiting;         /* and it has not begun to read yet */
	const char *cause;       /* of that request */
	struct timer again;
	bool is_put_off;  /* the last one failed for a reason that passes: it is tried again */
	bool is_repeated; /* this one is that other try */
	uint64_t counts[RELOAD_OUTCOMES];
};

static uint64_t generation_of(const struct reload *reload)
{
	return gateway_edition(reload->options.gateway)->snapshot->generation;
}

/* Who hears of the diagnostics: the journal, and whoever asked. */
struct audience {
	struct journal *journal;
	diagnostics_fn tell;
	void *owner;
};

static void tell_diagnostic(void *owner, bool is_warning, str line)
{
	const struct audience *audience = owner;

	if (is_warning)
		journal_warn(audience->journal, "%.*s", STR_ARG(line));
	else
		journal_error(audience->journal, "%.*s", STR_ARG(line));
	if (audience->tell)
		audience->tell(audience->owner, is_warning, line);
}

/* A failure. One that passes is remembered, and told once and not at each further try. */
static bool is_worth_telling(struct reload *reload, bool is_passing)
{
	reload->is_put_off |= is_passing;
	return !(is_passing && reload->is_repeated);
}

/* A failure without a diagnostic is told like one. */
static void tell_all(struct audience *audience, const struct loader_job *job)
{
	diagnostics_tell(job->diagnostics, tell_diagnostic, audience);
	if (failed(job->loaded) && diagnostics_errors(job->diagnostics) == 0)
		tell_diagnostic(audience, false, str_of(job->loaded.why));
}

static void watch_what_was_read(struct reload *reload, const struct file_list *files, bool was_refused)
{
	result_value watched;

	if (!reload->watch)
		return;
	watched = watch_files(reload->watch, files, was_refused);
	if (failed(watched) && is_worth_telling(reload, reload->is_put_off))
		journal_warn(reload->journal, "%s: %s: changes there may go unnoticed", watched.why,
			     strerror(watched.sys));
}

static bool is_identical(const struct reload *reload, const struct snapshot *snapshot)
{
	return snapshot->files.digest == gateway_edition(reload->options.gateway)->snapshot->files.digest;
}

static enum reload_outcome refuse(struct reload *reload, struct audience *audience, const char *cause,
				  const struct loader_job *job)
{
	if (!is_worth_telling(reload, job->snapshot->files.is_cut_short))
		return RELOAD_REFUSED;
	tell_all(audience, job);
	journal_error(reload->journal, "reload by %s: refused with %zu errors; generation %" PRIu64 " stays",
		      cause, diagnostics_errors(job->diagnostics), generation_of(reload));
	return RELOAD_REFUSED;
}

/* What the configuration discovers anew is asked for first: without an endpoint its upstream could not be
 * reached. DNS that does not answer, also for what serves already, holds the rest up for so long and no
 * longer. */
static void wait_for_discovery(struct reload *reload, struct fiber *self)
{
	deadline until = deadline_after(time_monotonic(), DISCOVERY_PATIENCE);
	result_value waited = discoveries_wait(reload->options.identities->discoveries, self, until);

	(void)waited;
}

static enum reload_outcome apply(struct reload *reload, struct fiber *self, const char *cause,
				 struct snapshot *snapshot)
{
	deadline begin = time_monotonic();
	result_value applied;

	wait_for_discovery(reload, self);
	applied = gateway_apply(reload->options.gateway, self, snapshot);
	if (failed(applied)) {
		if (is_worth_telling(reload, error_is_passing(applied)))
			journal_error(reload->journal,
				      "reload by %s: failed: %s; generation %" PRIu64 " stays", cause,
				      applied.why, generation_of(reload));
		return RELOAD_FAILED;
	}
	journal_info(reload->journal, "reload by %s: generation %" PRIu64 " in force, %" PRId64 " ms", cause,
		     generation_of(reload), (time_monotonic() - begin) / MILLISECOND);
	if (reload->options.on_applied)
		reload->options.on_applied(reload->options.owner);
	return RELOAD_APPLIED;
}

static enum reload_outcome decide(struct reload *reload, struct fiber *self, const char *cause,
				  struct audience *audience, const struct loader_job *job)
{
	if (failed(job->loaded))
		return refuse(reload, audience, cause, job);
	if (!reload->is_repeated)
		tell_all(audience, job);
	if (is_identical(reload, job->snapshot)) {
		journal_info(reload->journal,
			     "reload by %s: the files are the same; generation %" PRIu64 " stays", cause,
			     generation_of(reload));
		return RELOAD_IDENTICAL;
	}
	return apply(reload, self, cause, job->snapshot);
}

/* Who drains has given up its addresses, perhaps to another process. */
static void settle(struct reload *reload, enum reload_outcome outcome, const struct audience *audience)
{
	const struct reload_options *options = &reload->options;

	if ((outcome == RELOAD_APPLIED || outcome == RELOAD_IDENTICAL) && options->on_settled &&
	    !gateway_is_draining(options->gateway))
		options->on_settled(options->owner, audience->tell, audience->owner);
}

static enum reload_outcome load_and_decide(struct reload *reload, struct fiber *self, const char *cause,
					   struct audience *audience)
{
	struct loader_job job = { .name = reload->options.file, .identities = reload->options.identities };
	enum reload_outcome outcome;
	result_value run;

	if (str_is_empty(reload->options.file)) {
		journal_warn(reload->journal, "reload by %s: no file to read", cause);
		return RELOAD_FAILED;
	}
	run = loader_run(&reload->loader, self, &job);
	if (failed(run)) {
		if (is_worth_telling(reload, error_is_passing(run)))
			journal_error(reload->journal, "reload by %s: %s", cause, run.why);
		return RELOAD_FAILED;
	}
	outcome = decide(reload, self, cause, audience, &job);
	settle(reload, outcome, audience);
	watch_what_was_read(reload, &job.snapshot->files, outcome == RELOAD_REFUSED);
	snapshot_unref(&job.snapshot);
	return outcome;
}

result reload_turn(struct reload *reload, struct fiber *self)
{
	while (reload->is_busy)
		TRY(condition_wait(&reload->is_idle, self, DEADLINE_NEVER));
	reload->is_busy = true;
	return OK;
}

void reload_turn_end(struct reload *reload)
{
	reload->is_busy = false;
	condition_signal(&reload->is_idle);
}

enum reload_outcome reload_now(struct reload *reload, struct fiber *self, const char *cause,
			       diagnostics_fn tell, void *owner)
{
	struct audience audience = { .journal = reload->journal, .tell = tell, .owner = owner };
	enum reload_outcome outcome = RELOAD_FAILED;

	if (failed(reload_turn(reload, self)))
		return RELOAD_FAILED;
	if (self == reload->requested)
		reload->is_waiting = false;
	notify_reloading();
	reload->is_repeated = reload->is_put_off && cause == further_try;
	reload->is_put_off = false;
	outcome = load_and_decide(reload, self, cause, &audience);
	notify_ready();
	reload->counts[outcome]++;
	if (reload->watch && reload->is_put_off)
		timer_set(reload->options.control->loop, &reload->again,
			  deadline_after(loop_now(reload->options.control->loop), SECOND));
	reload_turn_end(reload);
	return outcome;
}

static void run_request(struct fiber *self, void *argument)
{
	struct reload *reload = argument;

	reload->requested = self;
	do {
		enum reload_outcome outcome = reload_now(reload, self, reload->cause, NULL, NULL);

		(void)outcome; /* told in the journal */
	} while (reload->is_waiting);
	reload->requested = NULL;
}

/* While one is reading, the next one waits for it: it may have read the old content of a file. */
void reload_request(struct reload *reload, const char *cause)
{
	bool is_running = reload->requested != NULL;

	reload->cause = cause;
	reload->is_waiting = true;
	if (!is_running && failed(fiber_start(reload->options.control->fibers, run_request, reload)))
		journal_error(reload->journal, "reload by %s: no fiber for it", cause);
}

static void on_change(void *owner)
{
	struct reload *reload = owner;

	if (!gateway_is_draining(reload->options.gateway))
		reload_request(reload, "a changed file");
}

static void on_again(struct timer *timer)
{
	struct reload *reload = CONTAINER_OF(timer, struct reload, again);

	if (reload->is_put_off && !gateway_is_draining(reload->options.gateway))
		reload_request(reload, further_try);
}

static result watch(struct reload *reload)
{
	const struct snapshot *snapshot = gateway_edition(reload->options.gateway)->snapshot;
	result_value opened = watch_new(reload->options.control->loop, on_change, reload, &reload->watch);

	if (failed(opened)) {
		journal_error(reload->journal, "%s: %s", opened.why, strerror(opened.sys));
		return opened;
	}
	watch_what_was_read(reload, &snapshot->files, false);
	return OK;
}

result reload_open(const struct reload_options *options, struct reload **ret_reload)
{
	struct reload *reload = calloc(1, sizeof *reload);

	ASSERT(reload);
	reload->options = *options;
	reload->journal = options->control->journal;
	reload->loader.loop = options->control->loop;
	reload->again.on_due = on_again;
	*ret_reload = reload;
	if (options->watches && options->file.len)
		return watch(reload);
	return OK;
}

uint64_t reload_count(const struct reload *reload, enum reload_outcome outcome)
{
	return reload->counts[outcome];
}

struct loader *reload_loader(struct reload *reload)
{
	return &reload->loader;
}

void reload_close(struct reload **address)
{
	struct reload *reload = *address;

	if (!reload)
		return;
	watch_free(&reload->watch);
	timer_clear(&reload->again);
	reload->is_waiting = false;
	if (reload->requested)
		fiber_cancel(reload->requested);
	while (reload->requested)
		loop_turn(reload->options.control->loop, deadline_after(time_monotonic(), 10 * MILLISECOND));
	free(reload);
	*address = NULL;
}

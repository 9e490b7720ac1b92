/* SPDX-License-Identifier: Apache-2.0 */
#include "main/administration.h"

#include <stdlib.h>

#include "admin/admin.h"
#include "base/assert.h"
#include "config/file.h"
#include "store/quota_table.h"
#include "store/rate_table.h"
#include "store/slot_table.h"
#include "tls/scratch.h"

/* A name that no listener has, under which the socket goes to the next process. */
static const str socket_name = STR_INIT("/admin");

struct administration {
	struct administration_options options;
	struct identities candidates; /* what a candidate is compiled with: nothing is counted in it */
	struct tls_scratch tls;
	struct admin *admin;
};

static struct edition *edition_hook(void *owner)
{
	return gateway_edition(((struct administration *)owner)->options.gateway);
}

static bool draining_hook(void *owner)
{
	return gateway_is_draining(((struct administration *)owner)->options.gateway);
}

static uint64_t calls(const struct redis_place *place, enum redis_outcome outcome)
{
	return atomic_load_explicit(&place->outcomes[outcome], memory_order_relaxed);
}

static void read_store(const struct redis_place *place, struct metrics_reading *reading)
{
	reading->has_store = place != NULL;
	if (!place)
		return;
	reading->is_store_up = !atomic_load_explicit(&place->down, memory_order_relaxed);
	reading->store_gateways = atomic_load_explicit(&place->gateways, memory_order_relaxed);
	reading->store_answered = calls(place, REDIS_ANSWERED);
	reading->store_denied = calls(place, REDIS_DENIED);
	reading->store_late = calls(place, REDIS_LATE);
	reading->store_broken = calls(place, REDIS_BROKEN);
	reading->store_skipped = calls(place, REDIS_SKIPPED);
}

static void read_hook(void *owner, struct metrics_reading *ret_reading)
{
	const struct administration_options *options = &((struct administration *)owner)->options;
	struct slot_counts slots = slot_table_counts(options->identities->slots);

	*ret_reading = (struct metrics_reading) {
		.generation = gateway_edition(options->gateway)->snapshot->generation,
		.log_dropped = gateway_log_dropped(options->gateway),
		.memory = atomic_load(&options->identities->memory->drawn),
		.memory_max = atomic_load(&options->identities->memory->max),
		.rate_evictions = rate_table_evictions(options->identities->rates),
		.quota_evictions = quota_table_evictions(options->identities->quotas),
		.slots_taken = slots.taken,
		.slots_awaited = slots.waiting,
		.reloads = reload_count(options->reload, RELOAD_APPLIED),
		.refused_reloads = reload_count(options->reload, RELOAD_REFUSED) +
				   reload_count(options->reload, RELOAD_FAILED),
		.unchanged_reloads = reload_count(options->reload, RELOAD_IDENTICAL),
	};
	read_store(gateway_edition(options->gateway)->snapshot->store.place, ret_reading);
}

static enum admin_reload reload_hook(void *owner, struct fiber *self, diagnostics_fn tell, void *audience)
{
	const struct administration_options *options = &((struct administration *)owner)->options;

	switch (reload_now(options->reload, self, "the admin address", tell, audience)) {
	case RELOAD_APPLIED:
		return ADMIN_RELOAD_APPLIED;
	case RELOAD_IDENTICAL:
		return ADMIN_RELOAD_UNCHANGED;
	case RELOAD_REFUSED:
		return ADMIN_RELOAD_REFUSED;
	case RELOAD_FAILED:
	default:
		return ADMIN_RELOAD_FAILED;
	}
}

/* A candidate's diagnostics without the folder that it was only put into. */
struct nearby {
	str folder;
	diagnostics_fn tell;
	void *audience;
};

static void tell_nearby(void *owner, bool is_warning, str line)
{
	const struct nearby *nearby = owner;
	str rest = str_skip(line, nearby->folder.len);
	bool is_candidate = str_starts(line, nearby->folder) && str_starts(rest, STR(ADMIN_CANDIDATE ":"));

	nearby->tell(nearby->audience, is_warning, is_candidate ? rest : line);
}

static result check_hook(void *owner, struct fiber *self, str text, diagnostics_fn tell, void *audience)
{
	struct administration *administration = owner;
	struct nearby nearby = { file_folder(administration->options.file), tell, audience };
	struct arena arena;
	struct loader_job job = { .text = text, .identities = &administration->candidates };
	result_value run;

	arena_init(&arena, NULL, SIZE_MAX / 2);
	job.name = arena_join(&arena, (str[]) { nearby.folder, STR(ADMIN_CANDIDATE) }, 2);
	run = loader_run(reload_loader(administration->options.reload), self, &job);
	if (!failed(run)) {
		diagnostics_tell(job.diagnostics, tell_nearby, &nearby);
		run = failed(job.loaded) ? error_make(ERROR_INVALID, job.loaded.why) : OK;
		snapshot_unref(&job.snapshot);
	}
	arena_fini(&arena);
	return run;
}

static const struct admin_hooks hooks = {
	.edition = edition_hook,
	.is_draining = draining_hook,
	.read = read_hook,
	.reload = reload_hook,
	.check = check_hook,
};

static struct snapshot *snapshot_of(const struct administration *administration)
{
	return gateway_edition(administration->options.gateway)->snapshot;
}

result administration_open(const struct administration_options *options,
			   struct administration **ret_administration)
{
	struct administration *administration = calloc(1, sizeof *administration);
	struct snapshot *snapshot;
	bool is_foreign;
	int inherited = -1;

	ASSERT(administration);
	*ret_administration = administration;
	administration->options = *options;
	administration->candidates = *options->identities;
	administration->candidates.metrics = NULL;
	administration->candidates.is_counting = false;
	administration->admin = admin_new(&(struct admin_options) { .fibers = options->control->fibers,
								    .blocks = &options->control->blocks,
								    .journal = options->control->journal,
								    .metrics = options->identities->metrics,
								    .tls = &administration->tls,
								    .hooks = hooks,
								    .owner = administration });
	TRY(tls_scratch_init(&administration->tls, &options->control->blocks));
	snapshot = snapshot_of(administration);
	if (snapshot->admin.is_open)
		inherited = inheritance_take(options->inherited, socket_name, &snapshot->admin.address,
					     &is_foreign);
	return admin_listen(administration->admin, snapshot, inherited, NULL, NULL);
}

void administration_follow(struct administration *administration, diagnostics_fn tell, void *audience)
{
	result_value listened = OK;

	if (administration)
		listened =
			admin_listen(administration->admin, snapshot_of(administration), -1, tell, audience);
	(void)listened; /* it was told */
}

struct snapshot *administration_snapshot(const struct administration *administration)
{
	return administration ? admin_snapshot(administration->admin) : NULL;
}

void administration_bequeath(const struct administration *administration, struct bequest *bequest)
{
	if (administration && admin_socket(administration->admin) >= 0)
		bequest_add(bequest, admin_socket(administration->admin), socket_name, false);
}

void administration_retire(struct administration *administration)
{
	result_value listened = OK;

	if (administration)
		listened = admin_listen(administration->admin, NULL, -1, NULL, NULL);
	(void)listened; /* listening nowhere cannot fail */
}

void administration_close(struct administration **address)
{
	struct administration *administration = *address;
	deadline until;

	if (!administration)
		return;
	*address = NULL;
	administration_retire(administration);
	until = deadline_after(time_monotonic(), SECOND);
	while (admin_connections(administration->admin)) {
		if (time_monotonic() >= until)
			admin_cut(administration->admin);
		loop_turn(administration->options.control->loop,
			  deadline_after(time_monotonic(), 10 * MILLISECOND));
	}
	admin_free(&administration->admin);
	tls_scratch_fini(&administration->tls);
	free(administration);
}

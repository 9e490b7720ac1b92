/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health: every change of an endpoint's health goes through set_health(), which tells it once.
 *
 * Workers only count, and leave word when somebody has failed too often; then all are looked at, and the cap
 * of `max_ejected` is exact because only this thread ejects.
 */
#include "main/health.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/container.h"
#include "main/health_checks.h"
#include "observe/reason.h"

struct health {
	struct control *control;
	struct gateway *gateway;
	struct identities *identities;
	struct edition *edition; /* that is followed; a reference */
	struct health_checks *checks;
	struct timer timer; /* the next end of an ejection */
	atomic_bool is_posted;
	bool is_closing;
};

/* Each standing of the edition. */
typedef void (*standing_fn)(struct health *health, struct standing *standing);

static void for_each(struct health *health, standing_fn visit)
{
	const struct snapshot *snapshot = health->edition->snapshot;

	for (size_t i = 0; i < snapshot->upstream_count; i++) {
		const struct roster *roster = health->edition->rosters[i];

		for (size_t j = 0; snapshot->upstreams[i]->standings && j < roster->count; j++)
			visit(health, roster->members[j].standing);
	}
}

/* ---- who serves ---- */

/* That all serve, and that they need not any more, are news. */
static void settle(struct health *health, const struct standing_record *record)
{
	enum serving_level before = (enum serving_level)atomic_load(&record->roster->level),
			   level = serving_settle(record->roster);
	struct roster_counts counts = serving_count(record->roster);
	struct journal *journal = health->control->journal;

	if (level == SERVING_ALL && before != SERVING_ALL)
		journal_warn(journal, "upstream %.*s: %zu of %zu endpoints are well: all of them serve",
			     STR_ARG(record->upstream->name), counts.healthy, counts.members);
	else if (before == SERVING_ALL && level != SERVING_ALL)
		journal_info(journal, "upstream %.*s: enough endpoints are well: only they serve",
			     STR_ARG(record->upstream->name));
}

/* The rule of who has it: checks that fail, before requests that failed. */
static enum health_state health_of(const struct standing_record *record)
{
	if (record->checked == TALLY_UNHEALTHY)
		return HEALTH_UNHEALTHY;
	if (record->ejection.until)
		return HEALTH_EJECTED;
	return record->checked == TALLY_UNKNOWN ? HEALTH_UNKNOWN : HEALTH_HEALTHY;
}

/* Its share grows from the moment at which it is well. Whether it has changed. */
static bool set_health(struct health *health, struct standing *standing)
{
	struct loop *loop = health->control->loop;
	struct standing_record *record = &standing->record;
	enum health_state is = health_of(record);

	if (is == standing_health(standing))
		return false;
	if (is == HEALTH_HEALTHY) {
		atomic_store_explicit(&standing->failures, 0, memory_order_relaxed);
		atomic_store_explicit(&standing->rises_from, loop_now(loop), memory_order_relaxed);
	}
	record->since = loop_wall(loop);
	atomic_store_explicit(&standing->health, is, memory_order_relaxed);
	return true;
}

static void note_failure(struct health *health, struct standing_record *record, const char *words)
{
	snprintf(record->failure, sizeof record->failure, "%s", words);
	record->failed_at = loop_wall(health->control->loop);
}

/* ---- what checks say ---- */

static void tell_checked(struct health *health, const struct standing_record *record, enum health_state is)
{
	struct journal *journal = health->control->journal;
	str upstream = record->upstream->name, endpoint = record->endpoint->text;

	if (is == HEALTH_UNHEALTHY)
		journal_warn(journal, "upstream %.*s: endpoint %.*s is unhealthy: %s", STR_ARG(upstream),
			     STR_ARG(endpoint), record->failure);
	else
		journal_info(journal, "upstream %.*s: endpoint %.*s is %s", STR_ARG(upstream),
			     STR_ARG(endpoint), health_word(is));
}

static void take_verdict(struct health *health, struct standing *standing, const struct health_check *check)
{
	struct standing_record *record = &standing->record;

	record->checked = check->tally.word;
	if (record->checked == TALLY_UNHEALTHY)
		ejection_end(&record->ejection, loop_now(health->control->loop));
	if (!set_health(health, standing))
		return;
	tell_checked(health, record, standing_health(standing));
	settle(health, record);
}

static void on_checked(void *owner, struct health_check *check, bool has_passed, bool has_changed,
		       const char *words)
{
	struct health *health = owner;
	struct metrics_shard *shard = metrics_control_shard(health->identities->metrics);

	for (struct standing *standing = check->standings; standing; standing = standing->record.next) {
		struct standing_record *record = &standing->record;

		metrics_count_health(shard, record->series,
				     has_passed ? METRIC_CHECK_PASSED : METRIC_CHECK_FAILED);
		if (!has_passed)
			note_failure(health, record, words);
		if (has_changed)
			take_verdict(health, standing, check);
	}
}

/* ---- what requests have met ---- */

/* "upstream_timeout", "answered 503". */
static void put_cause(int cause, char *text, size_t size)
{
	if (cause < (int)REASONS)
		snprintf(text, size, "%.*s", STR_ARG(reason_word((enum reason)cause)));
	else
		snprintf(text, size, "answered %d", cause);
}

static void set_timer(struct health *health, deadline due)
{
	if (!health->is_closing && due < health->timer.due)
		timer_set(health->control->loop, &health->timer, due);
}

static void eject(struct health *health, struct standing *standing)
{
	struct loop *loop = health->control->loop;
	struct standing_record *record = &standing->record;
	const struct outlier_config *outlier = record->upstream->outlier;
	duration length = ejection_begin(&record->ejection, outlier->eject_for, loop_now(loop));
	char cause[64], words[STANDING_WORDS_MAX];

	put_cause(atomic_load(&standing->cause), cause, sizeof cause);
	snprintf(words, sizeof words, "%lld failures in a row, the last: %s",
		 (long long)outlier->consecutive_failures, cause);
	note_failure(health, record, words);
	set_health(health, standing);
	journal_warn(health->control->journal, "upstream %.*s: endpoint %.*s is ejected for %lld ms: %s",
		     STR_ARG(record->upstream->name), STR_ARG(record->endpoint->text),
		     (long long)(length / MILLISECOND), words);
	metrics_count_health(metrics_control_shard(health->identities->metrics), record->series,
			     METRIC_EJECTION);
	settle(health, record);
	set_timer(health, record->ejection.until);
}

/* Who is ejected or unhealthy already may still have failed requests that were under way. */
static void look_at(struct health *health, struct standing *standing)
{
	const struct standing_record *record = &standing->record;
	const struct outlier_config *outlier = record->upstream->outlier;
	enum health_state is = standing_health(standing);
	struct roster_counts counts;

	if (!outlier || is == HEALTH_EJECTED || is == HEALTH_UNHEALTHY ||
	    atomic_load_explicit(&standing->failures, memory_order_acquire) <
		    (uint64_t)outlier->consecutive_failures)
		return;
	counts = serving_count(record->roster);
	if (ejection_is_allowed(counts.ejected, counts.members, outlier->max_ejected))
		eject(health, standing);
}

static void on_post(void *argument)
{
	struct health *health = argument;

	atomic_store(&health->is_posted, false);
	if (!health->is_closing)
		for_each(health, look_at);
}

/* From any thread. One post is enough for all. Where the loop has no room, the next failures post again. */
static void on_failing(void *owner)
{
	struct health *health = owner;

	if (!atomic_exchange(&health->is_posted, true) &&
	    failed(loop_post(health->control->loop, on_post, health)))
		atomic_store(&health->is_posted, false);
}

static void end_ejection(struct health *health, struct standing *standing)
{
	deadline now = loop_now(health->control->loop);
	struct standing_record *record = &standing->record;

	if (!record->ejection.until)
		return;
	if (now < record->ejection.until) {
		set_timer(health, record->ejection.until);
		return;
	}
	ejection_end(&record->ejection, now);
	if (!set_health(health, standing))
		return;
	journal_info(health->control->journal, "upstream %.*s: endpoint %.*s is ejected no longer",
		     STR_ARG(record->upstream->name), STR_ARG(record->endpoint->text));
	settle(health, record);
}

static void on_due(struct timer *timer)
{
	struct health *health = CONTAINER_OF(timer, struct health, timer);

	timer_set(health->control->loop, timer, DEADLINE_NEVER);
	for_each(health, end_ejection);
}

/* ---- the configuration in force ---- */

/* Where nothing asks any more, nothing is held against it. */
static void join(struct health *health, const struct upstream *upstream, struct roster *roster,
		 const struct roster_member *member)
{
	struct standing_record *record = &member->standing->record;

	record->upstream = upstream;
	record->roster = roster;
	record->endpoint = member->endpoint;
	if (!record->series)
		record->series = metrics_series(health->identities->metrics, METRIC_HEALTH, upstream->name,
						member->endpoint->text);
	if (upstream->check)
		health_checks_want(health->checks, upstream, member->standing, member->endpoint);
	else
		record->checked = TALLY_HEALTHY;
	if (!upstream->outlier)
		record->ejection = (struct ejection) { 0 };
	set_health(health, member->standing);
}

static void join_roster(struct health *health, const struct upstream *upstream, struct roster *roster)
{
	for (size_t i = 0; i < roster->count; i++)
		join(health, upstream, roster, &roster->members[i]);
	serving_settle(roster);
}

void health_follow(struct health *health)
{
	struct edition *before;

	if (!health || health->is_closing)
		return;
	before = health->edition;
	health->edition = edition_ref(gateway_edition(health->gateway));
	health_checks_begin(health->checks);
	for (size_t i = 0; i < health->edition->snapshot->upstream_count; i++) {
		const struct upstream *upstream = health->edition->snapshot->upstreams[i];

		if (upstream->standings)
			join_roster(health, upstream, health->edition->rosters[i]);
	}
	health_checks_end(health->checks);
	if (before)
		edition_unref(&before);
	for_each(health, end_ejection);
}

result health_open(struct control *control, struct gateway *gateway, struct identities *identities,
		   struct health **ret_health)
{
	struct health *health = calloc(1, sizeof *health);

	ASSERT(health);
	*health = (struct health) { .control = control, .gateway = gateway, .identities = identities };
	health->timer.on_due = on_due;
	health->timer.due = DEADLINE_NEVER;
	*ret_health = health;
	TRY(health_checks_open(&(struct health_checks_options) { .control = control,
								 .endpoints = identities->endpoints,
								 .on_checked = on_checked,
								 .owner = health },
			       &health->checks));
	standings_tell(identities->standings, on_failing, health);
	health_follow(health);
	return OK;
}

/* on_failing() is taken away first, so that no worker posts to what is freed. */
void health_close(struct health **address)
{
	struct health *health = *address;

	if (!health)
		return;
	health->is_closing = true;
	standings_tell(health->identities->standings, NULL, NULL);
	timer_clear(&health->timer);
	health_checks_close(&health->checks);
	loop_turn(health->control->loop, time_monotonic()); /* what was posted before the end of it */
	edition_unref(&health->edition);
	free(health);
	*address = NULL;
}

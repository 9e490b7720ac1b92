/* SPDX-License-Identifier: Apache-2.0 */
/*
 * race: two fibers and a condition.
 *
 * The exchange's fiber sleeps until a head is there, and is never cancelled by its tries: it might have its
 * answer at that moment. A loser is cancelled and waited for before the winner goes on.
 */
#include "proxy/race.h"

#include "fiber/condition.h"

enum { RUNNERS = 2 };

struct race;

struct runner {
	struct race *race;
	struct attempt attempt;
	struct fiber *fiber; /* at work; NULL: not yet, or not any more */
	enum reason reason;
	bool is_started, is_over;
};

struct race {
	struct forward *forward;
	struct runner runners[RUNNERS];
	struct condition changed;
	bool is_decided;
};

static bool is_hedged(const struct forward *f)
{
	const struct exchange *x = f->exchange;
	enum http_method method = x->request.head.method;

	return f->upstream->config->hedging.after && f->roster->count > 1 &&
	       (method == HTTP_GET || method == HTTP_HEAD) && x->request.head.framing == HTTP_NO_BODY &&
	       !x->is_websocket && !x->worker->observer;
}

/* ---- the runners ---- */

static void runner_fiber(struct fiber *self, void *argument)
{
	struct runner *runner = argument;

	runner->fiber = self;
	if (!runner->race->is_decided)
		runner->reason = attempt_run(&runner->attempt);
	runner->fiber = NULL;
	runner->is_over = true;
	condition_signal(&runner->race->changed);
}

/* Without a fiber there is no such try. */
static bool start(struct race *race, struct runner *runner)
{
	struct forward *f = race->forward;
	result_value started;

	*runner = (struct runner) {
		.race = race,
		.attempt = { .forward = f, .is_raced = true, .failure = FAILURE_FINAL },
		.reason = REASON_CLIENT_ABORTED, /* when it is over before it has begun */
	};
	if (runner != race->runners)
		runner->attempt.rival = &race->runners[0].attempt;
	started = fiber_start(f->exchange->worker->fibers, runner_fiber, runner);
	runner->is_started = !failed(started);
	return runner->is_started;
}

static bool is_under_way(const struct runner *runner)
{
	return runner->is_started && !runner->is_over;
}

static bool has_head(const struct runner *runner)
{
	return runner->is_over && runner->reason == REASON_NONE;
}

static bool is_settled(const struct race *race)
{
	bool is_any_under_way = false;

	for (const struct runner *at = race->runners; at < race->runners + RUNNERS; at++) {
		if (has_head(at))
			return true;
		is_any_under_way |= is_under_way(at);
	}
	return !is_any_under_way;
}

static result wait_until_settled(struct race *race, deadline until)
{
	while (!is_settled(race))
		TRY(condition_wait(&race->changed, race->forward->exchange->session->fiber, until));
	return OK;
}

/* ---- the second one ---- */

/* Where connections are used up it would only wait, in front of others. */
static bool has_room(const struct upstream *upstream)
{
	struct upstream_load load = upstream_load(upstream, UPSTREAM_BOUND_CONNECTIONS);

	return !load.max || load.now < load.max;
}

/* It is one more request for the circuit breaker. What spends something comes last. */
static void hedge(struct race *race)
{
	struct forward *f = race->forward;
	struct exchange *x = f->exchange;

	if (!has_room(f->upstream) || !upstream_begin_request(f->upstream))
		return;
	if (!upstream_spend(f->upstream, BUDGET_HEDGES))
		counting_upstream(x->worker, x->generation, f->upstream, UPSTREAM_REFUSED_HEDGES);
	else if (start(race, &race->runners[1])) {
		counting_upstream(x->worker, x->generation, f->upstream, UPSTREAM_HEDGES);
		return;
	}
	upstream_end_request(f->upstream);
}

/* ---- the end ---- */

/* Whoever is cancelled unwinds. When this fiber is cancelled meanwhile, its next wait tells it. */
static void stop_others(struct race *race)
{
	struct fiber *self = race->forward->exchange->session->fiber;
	bool is_cancelled = false;

	race->is_decided = true;
	for (struct runner *at = race->runners; at < race->runners + RUNNERS; at++)
		if (is_under_way(at) && at->fiber)
			fiber_cancel(at->fiber);
	while (is_under_way(&race->runners[0]) || is_under_way(&race->runners[1])) {
		result_value waited = condition_wait(&race->changed, self, DEADLINE_NEVER);

		is_cancelled |= failed(waited);
	}
	if (is_cancelled)
		fiber_cancel(self);
}

/* The first of them, where there are two heads; the last that failed, where there is none. */
static struct runner *winner_of(struct race *race)
{
	struct runner *second = &race->runners[1];

	if (has_head(second) && !has_head(&race->runners[0]))
		return second;
	return &race->runners[0];
}

static enum reason finish(struct race *race)
{
	struct forward *f = race->forward;
	struct exchange *x = f->exchange;
	struct runner *winner, *loser;

	stop_others(race);
	winner = winner_of(race);
	loser = winner == race->runners ? winner + 1 : race->runners;
	if (loser->is_started)
		attempt_abandon(&loser->attempt);
	if (race->runners[1].is_started)
		upstream_end_request(f->upstream);
	if (winner == &race->runners[1])
		counting_upstream(x->worker, x->generation, f->upstream, UPSTREAM_HEDGES_WON);
	f->attempt = winner->attempt;
	f->attempt.rival = NULL; /* it is of this race, which is over */
	f->attempt.is_raced = false;
	if (f->attempt.endpoint)
		x->view.endpoint = f->attempt.endpoint->text;
	return winner->reason;
}

enum reason race_run(struct forward *f)
{
	struct race race = { .forward = f };
	deadline after = deadline_after(exchange_now(f->exchange), f->upstream->config->hedging.after);
	enum reason reason;
	result_value waited;

	if (!is_hedged(f) || !start(&race, &race.runners[0]))
		return attempt_run(&f->attempt);
	waited = wait_until_settled(&race, after);
	if (waited.kind == ERROR_TIMEOUT) {
		hedge(&race);
		waited = wait_until_settled(&race, DEADLINE_NEVER);
	}
	reason = finish(&race);
	if (!failed(waited))
		return reason;
	f->attempt.failure = FAILURE_FINAL; /* this fiber was cancelled: its tries could not know */
	return exchange_cancelled(f->exchange);
}

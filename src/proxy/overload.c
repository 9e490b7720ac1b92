/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overload: one who is late once has had a long turn; one who is late all the time has too much to do.
 *
 * Of what comes then, those are refused who have waited for long: they may have given up, and they stand in
 * front of those who have not. So what is served is served in time, at the rate at which it can be, and the
 * queue stays short. A refusal costs a fraction of a request. Its connection is kept, because another one,
 * and another handshake with it, would cost more than the request.
 */
#include "proxy/overload.h"

#include "base/container.h"
#include "proxy/exchange.h"
#include "tls/scratch.h"

enum { CLOSER_LOOK = 16 }; /* from this part of the bound on */

#define ACCEPT_PAUSE (50 * MILLISECOND)
#define CALM (5 * SECOND) /* without a refusal: it is over */

static void tell_the_end(struct worker *worker)
{
	struct overload *overload = &worker->overload;

	if (!overload->refused || loop_now(worker->loop) - overload->refused_last < CALM)
		return;
	journal_info(worker->journal, "no longer overloaded: %llu were refused",
		     (unsigned long long)overload->refused);
	overload->refused = 0;
}

/* What was needed for a peak goes back to the system. */
static void on_rest(struct timer *timer)
{
	struct worker *worker = CONTAINER_OF(timer, struct worker, overload.rest);

	block_pool_rest(&worker->blocks);
	block_pool_rest(&worker->tls->overflow);
	if (allowance_is_short(&worker->allowance))
		fibers_save(worker->fibers);
	tell_the_end(worker);
	timer_set(worker->loop, timer, deadline_after(loop_now(worker->loop), SECOND));
}

void overload_begin(struct worker *worker)
{
	worker->overload.rest.on_due = on_rest;
	timer_set(worker->loop, &worker->overload.rest, deadline_after(loop_now(worker->loop), SECOND));
}

void overload_end(struct worker *worker)
{
	timer_clear(&worker->overload.rest);
}

/* The kernel knows more of who had to wait to be let in, and where turns are long; but not which of several
 * requests on a connection of HTTP/2 waits, nor how long one did for the one before it. Who is far from late
 * does not ask it: that is a call for each request. */
static duration waited_for(const struct session *session, duration bound)
{
	const struct connection *connection = session->connection;
	duration waited = loop_lag(session->worker->loop);
	bool is_new = connection->requests <= 1;

	if (!connection->h2 && !session->goes_on &&
	    (is_new || waited >= bound / CLOSER_LOOK || session->worker->overload.late_since))
		(void)socket_waited(&connection->socket, &waited);
	return waited;
}

/* From twice the bound's time until nobody has waited for half of the bound for as long. Within a turn who
 * has waited longest comes first. */
static bool is_late(struct worker *worker, duration waited, duration bound)
{
	struct overload *overload = &worker->overload;
	deadline now = loop_now(worker->loop);

	if (waited >= bound / 2)
		overload->half_late = now;
	if (now - overload->half_late >= 2 * bound)
		overload->late_since = 0;
	if (waited >= bound && !overload->late_since)
		overload->late_since = now;
	return overload->late_since && now - overload->late_since >= 2 * bound;
}

static bool is_too_late(const struct session *session)
{
	duration bound = session->connection->door->generation->snapshot->config.limits.lag;
	duration waited;

	if (!bound)
		return false;
	waited = waited_for(session, bound);
	return is_late(session->worker, waited, bound) && waited >= bound / 2;
}

/* Who has priority is refused only where there is nothing left at all, and finds that out by itself. */
static bool has_priority(const struct door *door)
{
	return door->snapshot->config->priority == PRIORITY_HIGH;
}

static bool refuses(const struct session *session, enum metric_shed *ret_why)
{
	if (has_priority(session->connection->door))
		return false;
	*ret_why = SHED_MEMORY;
	if (allowance_is_short(&session->worker->allowance))
		return true;
	*ret_why = SHED_LAG;
	return is_too_late(session);
}

/* Counts each, and tells of them once a second, and when there are no more. */
static void tell(struct worker *worker, enum metric_shed why)
{
	static const char *const words[METRIC_SHEDS] = {
		[SHED_LAG] = "who has waited for half of limits.lag is refused, as some wait for longer "
			     "than it all the time",
		[SHED_MEMORY] = "who comes is refused, as less than an eighth of limits.memory is left",
	};
	uint64_t unsaid;

	metrics_count_shed(worker->metrics, why);
	worker->overload.refused++;
	worker->overload.refused_last = loop_now(worker->loop);
	if (line_limit_pass(&worker->overload.told[why], loop_now(worker->loop), &unsaid))
		journal_warn(worker->journal, "overloaded: %s; %llu more since the last such line",
			     words[why], (unsigned long long)unsaid);
}

bool overload_refuses(struct exchange *x)
{
	enum metric_shed why;

	if (!refuses(x->session, &why))
		return false;
	tell(x->worker, why);
	return true;
}

bool overload_turns_away(const struct session *session)
{
	if (has_priority(session->connection->door) || !is_too_late(session))
		return false;
	tell(session->worker, SHED_LAG);
	return true;
}

void overload_accepted(struct door *door)
{
	struct worker *worker = door->worker;

	if (has_priority(door) || !allowance_is_short(&worker->allowance))
		return;
	metrics_count_shed(worker->metrics, SHED_ACCEPTS);
	listener_pause(&door->listener, deadline_after(loop_now(worker->loop), ACCEPT_PAUSE));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overload: one who is late once has had a long turn; one who is late all the time has too much to do.
 *
 * It ends by itself: a refusal costs a fraction of a request. Its connection is kept, because another one,
 * and another handshake with it, would cost more than the request.
 */
#include "proxy/overload.h"

#include "base/container.h"
#include "proxy/exchange.h"
#include "tls/scratch.h"

#define ACCEPT_PAUSE (50 * MILLISECOND)

/* What was needed for a peak goes back to the system. */
static void on_rest(struct timer *timer)
{
	struct worker *worker = CONTAINER_OF(timer, struct worker, overload.rest);

	block_pool_rest(&worker->blocks);
	block_pool_rest(&worker->tls->overflow);
	if (allowance_is_short(&worker->allowance))
		fibers_save(worker->fibers);
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

/* From twice the bound's time until half of the bound. */
static bool is_late(struct worker *worker, duration bound)
{
	struct overload *overload = &worker->overload;
	deadline now = loop_now(worker->loop);
	duration lag = loop_lag(worker->loop);

	if (!bound || lag < bound / 2)
		overload->late_since = 0;
	else if (lag >= bound && !overload->late_since)
		overload->late_since = now;
	return overload->late_since && now - overload->late_since >= 2 * bound;
}

/* Who has priority is refused only where there is nothing left at all, and finds that out by itself. */
static bool refuses(const struct door *door, enum metric_shed *ret_why)
{
	struct worker *worker = door->worker;

	if (door->snapshot->config->priority == PRIORITY_HIGH)
		return false;
	*ret_why = SHED_MEMORY;
	if (allowance_is_short(&worker->allowance))
		return true;
	*ret_why = SHED_LAG;
	return is_late(worker, door->generation->snapshot->config.limits.lag);
}

bool overload_refuses(struct exchange *x)
{
	enum metric_shed why;

	if (!refuses(x->session->connection->door, &why))
		return false;
	metrics_count_shed(x->worker->metrics, why);
	return true;
}

void overload_accepted(struct door *door)
{
	struct worker *worker = door->worker;
	enum metric_shed why;

	if (!refuses(door, &why))
		return;
	metrics_count_shed(worker->metrics, SHED_ACCEPTS);
	listener_pause(&door->listener, deadline_after(loop_now(worker->loop), ACCEPT_PAUSE));
}

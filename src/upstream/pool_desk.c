/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool_desk: what a pool does where an upstream's connections have a bound (upstream/breaker.h): looks for a
 * place, and lets go of what it does not use when a request needs it more, here or on another worker.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "upstream/pool_private.h"
#include "upstream/shared.h"

enum { FIRST_DESKS = 16 };

/* ---- letting go ---- */

static struct pool_connection *find_idle(const struct pool *pool, const struct pool_desk *desk)
{
	for (size_t i = 0; i < pool->endpoints; i++)
		for (struct pool_connection *at = pool->idle[i].first; at; at = at->next)
			if (at->desk == desk)
				return at;
	return NULL;
}

static bool part_session(struct pool_desk *desk, bool may_be_busy)
{
	struct pool *pool = desk->pool;

	for (size_t i = 0; i < pool->endpoints; i++)
		if (shared_part(&pool->idle[i], desk, may_be_busy))
			return true;
	return false;
}

/* With a connection that is idle; to whatever endpoint it leads. */
static bool part_idle(struct pool_desk *desk)
{
	struct pool_connection *connection;

	if (!atomic_load(&desk->desk.idle))
		return false;
	connection = find_idle(desk->pool, desk);
	if (!connection)
		return part_session(desk, false);
	pool_close_idle(connection);
	return true;
}

/* Who asks has none at all, if none is idle here. Connections for HTTP/1 go when their requests are over
 * (pool_offer()); a session might never be idle. */
static void on_asked(struct breaker_desk *desk)
{
	struct pool_desk *own = (struct pool_desk *)desk;

	if (breaker_desk_is_wanted(desk) && !part_idle(own))
		part_session(own, true);
}

void pool_offer(struct pool_desk *desk, bool is_idle)
{
	if (breaker_desk_is_wanted(&desk->desk) && !breaker_desk_call(&desk->desk) && is_idle)
		part_idle(desk);
}

/* ---- desks ---- */

static struct pool_desk **slot_of(struct pool *pool, const struct upstream_state *state)
{
	size_t wanted = pool->desk_room ? pool->desk_room : FIRST_DESKS;

	if (state->registered.number < pool->desk_room)
		return &pool->desks[state->registered.number];
	while (wanted <= state->registered.number)
		wanted *= 2;
	pool->desks = realloc(pool->desks, wanted * sizeof *pool->desks);
	ASSERT(pool->desks);
	memset(pool->desks + pool->desk_room, 0, (wanted - pool->desk_room) * sizeof *pool->desks);
	pool->desk_room = wanted;
	return &pool->desks[state->registered.number];
}

/* It has its state, whose number is nobody else's as long as it is here. */
static struct pool_desk *desk_new(struct pool *pool, struct upstream_state *state)
{
	struct pool_desk *desk = calloc(1, sizeof *desk);

	ASSERT(desk);
	desk->pool = pool;
	desk->state = upstream_state_ref(state);
	breaker_desk_open(&desk->desk, &state->breaker, pool->fibers, on_asked);
	pool_sweep_later(pool);
	return desk;
}

struct pool_desk *pool_desk(struct pool *pool, const struct upstream *upstream)
{
	struct pool_desk **slot;

	if (!upstream->config->circuit_breaker.connections)
		return NULL;
	slot = slot_of(pool, upstream->state);
	if (!*slot)
		*slot = desk_new(pool, upstream->state);
	return *slot;
}

/* False: it is still of use. */
static bool let_go(struct pool_desk **slot)
{
	struct pool_desk *desk = *slot;

	if (!desk || desk->users || !breaker_desk_close(&desk->desk))
		return !desk;
	upstream_state_unref(&desk->state);
	free(desk);
	*slot = NULL;
	return true;
}

size_t pool_desks_sweep(struct pool *pool)
{
	size_t kept = 0;

	for (size_t i = 0; i < pool->desk_room; i++)
		kept += !let_go(&pool->desks[i]);
	return kept;
}

/* Another thread may just have called, and the loop does not turn any more: what it has posted is not run. */
void pool_desks_free(struct pool *pool)
{
	for (size_t i = 0; i < pool->desk_room; i++) {
		if (pool->desks[i])
			breaker_desk_deafen(&pool->desks[i]->desk);
		ASSERT(let_go(&pool->desks[i]));
	}
	free(pool->desks);
}

/* ---- looking for a place ---- */

result pool_seek_place(const struct pool_wish *wish, bool *is_next, bool *ret_has_place)
{
	const struct breaker_bounds *bounds = &wish->upstream->config->circuit_breaker;
	struct breaker_desk *desk = &wish->desk->desk;

	if (*is_next || !breaker_desk_has_queue(desk)) {
		*ret_has_place = breaker_desk_enter(desk, bounds);
		if (*ret_has_place || part_idle(wish->desk))
			return OK;
	}
	TRY(breaker_desk_wait(desk, bounds, *is_next, wish->until, ret_has_place));
	*is_next = true;
	return OK;
}

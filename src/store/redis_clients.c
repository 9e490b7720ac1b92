/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_clients: a client for each place that requests of this worker asked for; and the census of gateways,
 * which of all workers only one takes at a time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/container.h"
#include "store/redis_private.h"

static const duration sweep_every = SECOND;
static const duration census_every = 2 * SECOND, census_life = 7 * SECOND, census_timeout = SECOND;

/* Who has come by within ARGV[2] milliseconds, by the server's own clock. */
static const str census_source = STR_INIT("local time = redis.call('TIME')\n"
					  "local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"
					  "redis.call('ZADD', KEYS[1], now, ARGV[1])\n"
					  "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])\n"
					  "redis.call('PEXPIRE', KEYS[1], ARGV[2])\n"
					  "return { redis.call('ZCARD', KEYS[1]) }\n");

struct redis_clients {
	struct redis_means means;
	struct redis *first;
	struct timer sweep;
	bool is_stopped;
};

/* ---- the census ---- */

static deadline now_of(const struct redis *redis)
{
	return loop_now(fibers_loop(redis->means->fibers));
}

/* Of all workers, one at a time. */
static bool is_due(struct redis *redis)
{
	int64_t due = atomic_load_explicit(&redis->place->census_due, memory_order_relaxed);

	return now_of(redis) >= due &&
	       atomic_compare_exchange_strong_explicit(&redis->place->census_due, &due,
						       deadline_after(now_of(redis), census_every),
						       memory_order_relaxed, memory_order_relaxed);
}

static bool read_census(void *self, const struct redis_answer *answer)
{
	struct redis *redis = self;

	if (answer->count != 1 || answer->at[0] <= 0 || answer->at[0] > UINT16_MAX)
		return false;
	atomic_store_explicit(&redis->place->gateways, (uint32_t)answer->at[0], memory_order_relaxed);
	return true;
}

/* What was seen last holds while nothing can be seen. */
static void take_census(struct redis *redis)
{
	char key[128], life[32];
	str keys[] = { { key, (size_t)snprintf(key, sizeof key, "%.*s:{gateways}",
					       STR_ARG(redis->place->options.prefix)) } };
	str arguments[] = { { redis->place->id, REDIS_ID_LEN },
			    { life, (size_t)snprintf(life, sizeof life, "%lld",
						     (long long)(census_life / MILLISECOND)) } };
	struct redis_call call = { &redis->census, keys, 1, arguments, 2, read_census, redis };
	result_value ran = redis_run(redis, &call, deadline_after(now_of(redis), census_timeout));

	(void)ran; /* counted and told there */
}

static void run_census(struct fiber *self, void *argument)
{
	struct redis *redis = argument;

	redis->counter = self;
	while (!redis->is_stopped) {
		result_value slept;

		if (is_due(redis))
			take_census(redis);
		redis_cluster_tend(redis);
		slept = fiber_sleep(self, deadline_after(now_of(redis), census_every / 2));
		(void)slept; /* cancelled: it is stopped */
	}
	redis->counter = NULL;
	redis_leave(redis);
}

/* ---- one client ---- */

void redis_leave(struct redis *redis)
{
	if (--redis->users)
		return;
	redis_place_unref(&redis->place);
	free(redis->slots);
	free(redis);
}

static struct redis *begin(struct redis_clients *clients, struct redis_place *place)
{
	struct redis *redis = calloc(1, sizeof *redis);

	ASSERT(redis);
	redis->means = &clients->means;
	redis->place = redis_place_ref(place);
	redis->users = 2; /* the list, the census */
	redis_script_init(&redis->census, census_source);
	redis->home = redis_connection_new(redis->means, place, place->options.addresses,
					   place->options.address_count);
	if (failed(fiber_start(redis->means->fibers, run_census, redis)))
		redis->users--;
	return redis;
}

static void end(struct redis *redis)
{
	redis->is_stopped = true;
	redis_cluster_stop(redis);
	if (redis->counter)
		fiber_cancel(redis->counter);
	redis_leave(redis);
}

/* ---- all of a worker ---- */

static void on_sweep(struct timer *timer)
{
	struct redis_clients *clients = CONTAINER_OF(timer, struct redis_clients, sweep);
	struct loop *loop = fibers_loop(clients->means.fibers);

	for (struct redis **at = &clients->first; *at;) {
		struct redis *redis = *at;

		if (redis_place_is_listed(redis->place)) {
			at = &redis->next;
			continue;
		}
		*at = redis->next;
		end(redis);
	}
	tls_clients_sweep(clients->means.tls_clients);
	if (clients->first)
		timer_set(loop, &clients->sweep, deadline_after(loop_now(loop), sweep_every));
}

struct redis_clients *redis_clients_new(const struct redis_means *means)
{
	struct redis_clients *clients = calloc(1, sizeof *clients);

	ASSERT(clients);
	clients->means = *means;
	clients->means.tls_clients = tls_clients_new();
	clients->means.values = malloc(REDIS_VALUES_MAX * sizeof *clients->means.values);
	clients->sweep.on_due = on_sweep;
	ASSERT(clients->means.values);
	return clients;
}

struct redis *redis_clients_get(struct redis_clients *clients, struct redis_place *place)
{
	struct loop *loop = fibers_loop(clients->means.fibers);
	struct redis *redis = clients->first;

	while (redis && redis->place != place)
		redis = redis->next;
	if (redis || clients->is_stopped)
		return redis;
	redis = begin(clients, place);
	redis->next = clients->first;
	clients->first = redis;
	timer_set(loop, &clients->sweep, deadline_after(loop_now(loop), sweep_every));
	return redis;
}

void redis_clients_stop(struct redis_clients *clients)
{
	clients->is_stopped = true;
	while (clients->first) {
		struct redis *redis = clients->first;

		clients->first = redis->next;
		end(redis);
	}
}

void redis_clients_free(struct redis_clients **address)
{
	struct redis_clients *clients = *address;

	*address = NULL;
	if (!clients)
		return;
	ASSERT(!clients->first);
	timer_clear(&clients->sweep);
	tls_clients_free(&clients->means.tls_clients);
	free(clients->means.values);
	free(clients);
}

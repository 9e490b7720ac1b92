/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker: built from the bottom up, torn down from the top down.
 *
 * Each part may use those below it until it is gone itself. A worker that could not be built is taken apart
 * by the same function, so every part may be missing. Draining, stopping and changes only leave word with the
 * loop; what they mean is done on the worker's own thread.
 */
#include "proxy/worker.h"

#include <stdlib.h>
#include <unistd.h>

#include "auth/verified_passwords.h"
#include "auth/verified_tokens.h"
#include "base/assert.h"
#include "base/hash.h"
#include "proxy/connection.h"
#include "proxy/door.h"
#include "proxy/exchange.h"
#include "proxy/fetch.h"
#include "proxy/fetch_memory.h"
#include "proxy/filter.h"
#include "proxy/issuer_question.h"
#include "proxy/mirror.h"
#include "proxy/overload.h"
#include "proxy/shared_limit.h"
#include "proxy/slots.h"
#include "store/redis_connection.h"
#include "store/redis_lease.h"
#include "store/redis_quota.h"
#include "tls/scratch.h"

enum { BLOCKS_KEPT = 4096 };

static wall_time live_wall(void *self)
{
	return loop_wall(((struct worker *)self)->loop);
}

static uint64_t live_random(void *self)
{
	return random_next(&((struct worker *)self)->random);
}

/* The view is the exchange's first member. */
static void live_decided(void *self, const struct view *view, const struct policy_instance *instance,
			 enum decision decision)
{
	const struct target *target = ((const struct exchange *)view)->target;
	struct worker *worker = self;

	if (worker->metrics && target && target->decisions && instance >= target->chain.at &&
	    instance < target->chain.at + target->chain.count)
		metrics_count_decision(worker->metrics, target->decisions[instance - target->chain.at],
				       decision);
}

/* What is wrong with an issuer shows in every request that needs it: one line a second tells it. Another
 * trouble has another place, so that one does not hide all others. */
static void live_tell(void *self, const struct view *view, enum telling what, const char *text)
{
	struct worker *worker = self;
	str api = view->names ? view->names->api : STR("-");
	struct line_limit *limit = &worker->troubles[hash_bytes(str_of(text), 0) % WORKER_TROUBLES];
	uint64_t unsaid;

	if (what != TELL_TROUBLE || !line_limit_pass(limit, loop_now(worker->loop), &unsaid))
		return;
	if (unsaid)
		journal_warn(worker->journal, "%llu more troubles like this one were not told",
			     (unsigned long long)unsaid);
	journal_warn(worker->journal, "api %.*s: request %.*s: %s", STR_ARG(api), STR_ARG(view->request_id),
		     text);
}

static result worker_build(struct worker *worker, const struct worker_options *options)
{
	struct fibers_options fibers = { .max = WORKER_FIBERS_MAX,
					 .allowance = &worker->allowance,
					 .guard = options->guard };

	TRY(tls_scratch_init(worker->tls, &worker->blocks));
	TRY(loop_new(&worker->loop));
	worker->slots.loop = worker->loop;
	TRY(fibers_new(worker->loop, &worker->scratch, &fibers, &worker->fibers));
	TRY(dns_new(worker->fibers, &worker->dns));
	worker->pool = pool_new(worker->fibers, worker->dns, worker->tls);
	overload_begin(worker);
	worker->stores = redis_clients_new(&(struct redis_means) { .fibers = worker->fibers,
								   .dns = worker->dns,
								   .tls = worker->tls,
								   .journal = worker->journal,
								   .random = &worker->random });
	return doors_open(worker, options);
}

result worker_new(const struct worker_options *options, struct worker **ret_worker)
{
	struct worker *worker = calloc(1, sizeof *worker);
	result_value built;

	ASSERT(worker);
	allowance_init(&worker->allowance, options->edition->snapshot->memory);
	block_pool_init(&worker->blocks, BLOCKS_KEPT, worker_blocks_max);
	block_pool_charge(&worker->blocks, &worker->allowance);
	scratch_init(&worker->scratch, &worker->blocks);
	arena_init(&worker->arena, NULL, SIZE_MAX / 2);
	random_init(&worker->random);
	worker->effects = (struct effects) { .wall = live_wall,
					     .random = live_random,
					     .sleep = exchange_sleep,
					     .encode = filter_encode,
					     .fetch = fetch_for_policy,
					     .fetch_url = issuer_fetch_url,
					     .refresh_keys = issuer_refresh_keys,
					     .mirror = mirror_order,
					     .work = chore_run,
					     .rates = options->edition->snapshot->rates,
					     .quotas = options->edition->snapshot->quotas,
					     .slots = options->edition->snapshot->slots,
					     .take_slot = slots_take,
					     .take = shared_limit_take,
					     .take_quota = shared_limit_take_quota,
					     .decided = live_decided,
					     .tell = live_tell,
					     .self = worker };
	worker->leases = redis_leases_new();
	redis_script_init(&worker->gcra, redis_gcra_source);
	redis_script_init(&worker->quota, redis_quota_source);
	worker->journal = options->journal;
	worker->access = options->access;
	worker->metrics = options->metrics;
	worker->tls = ARENA_NEW(&worker->arena, struct tls_scratch);
	worker->encoders = encoders_new(WORKER_ENCODERS_MAX, &worker->allowance);
	worker->fetched = fetch_memory_new(&worker->allowance);
	worker->auth.tokens = verified_tokens_new(WORKER_TOKENS_MAX, &worker->allowance);
	worker->auth.passwords = verified_passwords_new();
	worker->auth.replays = options->edition->snapshot->replays;
	worker->auth.refreshes = options->edition->snapshot->refreshes;
	worker->mirrors = mirrors_new();
	worker->route_scratch = route_scratch_new();
	worker->workers = options->workers;
	worker->response_fields = ARENA_ARRAY(&worker->arena, struct http_field, RESPONSE_FIELDS_MAX);
	worker->generation = generation_new(options->edition);
	built = worker_build(worker, options);
	if (failed(built))
		worker_free(&worker);
	*ret_worker = worker;
	return built;
}

void worker_run(struct worker *worker)
{
	shared_limit_follow(worker);
	loop_run(worker->loop);
	redis_clients_stop(worker->stores);
	connections_cut(worker);
}

/* A change on its way to the worker: the arrays follow it. */
struct worker_order {
	struct worker_order *next;
	struct worker_change change;
	size_t listeners;
	int *fds;
	struct address *bound;
	size_t *from;
};

static struct worker_order *order_new(const struct worker_change *change)
{
	size_t count = change->edition->snapshot->listener_count;
	struct worker_order *order = calloc(1, sizeof *order);

	ASSERT(order);
	order->change = *change;
	order->listeners = count;
	order->fds = calloc(count + 1, sizeof *order->fds);
	order->bound = calloc(count + 1, sizeof *order->bound);
	order->from = calloc(count + 1, sizeof *order->from);
	ASSERT(order->fds && order->bound && order->from);
	for (size_t i = 0; i < count; i++) {
		order->fds[i] = change->fds[i];
		if (change->fds[i] >= 0)
			order->bound[i] = change->bound[i];
		else
			order->from[i] = change->from[i];
	}
	order->change.fds = order->fds;
	order->change.bound = order->bound;
	order->change.from = order->from;
	edition_ref(change->edition);
	return order;
}

static void order_free(struct worker_order *order)
{
	edition_unref(&order->change.edition);
	free(order->fds);
	free(order->bound);
	free(order->from);
	free(order);
}

/* For a worker that takes no more changes. */
static void order_refuse(struct worker_order *order)
{
	for (size_t i = 0; i < order->listeners; i++)
		if (order->fds[i] >= 0)
			close(order->fds[i]);
}

static void order_apply(struct worker *worker, struct worker_order *order)
{
	struct generation *old = worker->generation;

	if (worker->is_draining) {
		order_refuse(order);
	} else {
		worker->generation = generation_new(order->change.edition);
		doors_change(worker, &order->change);
		generation_leave(old);
		shared_limit_follow(worker);
	}
	if (order->change.on_applied)
		order->change.on_applied(order->change.owner);
}

/* What is waiting, in the order in which it came. */
static struct worker_order *orders_take(struct worker *worker)
{
	struct worker_order *newest = atomic_exchange_explicit(&worker->orders, NULL, memory_order_acquire);
	struct worker_order *first = NULL;

	while (newest) {
		struct worker_order *next = newest->next;

		newest->next = first;
		first = newest;
		newest = next;
	}
	return first;
}

static void orders_apply(void *argument)
{
	struct worker *worker = argument;
	struct worker_order *order, *next;

	for (order = orders_take(worker); order; order = next) {
		next = order->next;
		order_apply(worker, order);
		order_free(order);
	}
}

static void orders_drop(struct worker *worker)
{
	struct worker_order *order, *next;

	for (order = orders_take(worker); order; order = next) {
		next = order->next;
		order_refuse(order);
		order_free(order);
	}
}

void worker_apply(struct worker *worker, const struct worker_change *change)
{
	struct worker_order *order = order_new(change);

	order->next = atomic_load_explicit(&worker->orders, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&worker->orders, &order->next, order,
						      memory_order_release, memory_order_relaxed))
		continue;
	ASSERT(!failed(loop_post(worker->loop, orders_apply, worker)));
}

void worker_free(struct worker **address)
{
	struct worker *worker = *address;

	if (!worker)
		return;
	orders_drop(worker);
	doors_close(worker);
	pool_free(&worker->pool);
	redis_clients_free(&worker->stores);
	dns_free(&worker->dns);
	fibers_free(&worker->fibers);
	overload_end(worker);
	if (worker->loop)
		loop_free(&worker->loop);
	if (worker->generation)
		generation_leave(worker->generation);
	route_scratch_free(&worker->route_scratch);
	encoders_free(&worker->encoders);
	fetch_memory_free(&worker->fetched);
	verified_tokens_free(&worker->auth.tokens);
	verified_passwords_free(&worker->auth.passwords);
	redis_leases_free(&worker->leases);
	mirrors_free(&worker->mirrors);
	tls_scratch_fini(worker->tls);
	arena_fini(&worker->arena);
	scratch_fini(&worker->scratch);
	block_pool_fini(&worker->blocks);
	allowance_fini(&worker->allowance);
	free(worker);
	*address = NULL;
}

static void begin_to_end(struct worker *worker, bool is_patient)
{
	worker->is_draining = true;
	doors_shut(worker, is_patient);
	if (worker->connection_count == 0)
		loop_stop(worker->loop);
}

static void drain_now(void *argument)
{
	begin_to_end(argument, false);
}

void worker_drain(struct worker *worker)
{
	ASSERT(!failed(loop_post(worker->loop, drain_now, worker)));
}

static void retire_now(void *argument)
{
	begin_to_end(argument, true);
}

void worker_retire(struct worker *worker)
{
	ASSERT(!failed(loop_post(worker->loop, retire_now, worker)));
}

void worker_stop(struct worker *worker)
{
	loop_stop(worker->loop);
}

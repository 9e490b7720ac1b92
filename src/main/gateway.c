/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway: starting threads, telling them something, and waiting for their end.
 *
 * Sockets are bound before any thread begins, so a port that is taken is an error of the start and not of one
 * worker. Each worker is made on the thread that will run it, as its memory should be; the gate (ready,
 * may_go) holds all of them until the last one stands. `seat.worker` is NULL once its thread has left, and
 * the lock makes sure that nobody tells something to a worker that is gone.
 *
 * What is in force is an edition. A worker lets go of one when its last request under it has ended, and
 * whoever is the last leaves it in a list for the control thread, because freeing a large configuration takes
 * a while.
 */
#include "main/gateway.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "proxy/worker.h"

/* One worker, its thread and what it was given. */
struct seat {
	struct gateway *gateway; /* NULL: its thread was never started */
	pthread_t thread;
	struct worker *worker; /* under the gateway's lock once it may be told something; NULL: gone */
	struct worker_options options;
	result_value started;
	int *fds; /* by listener */
};

/* A change on its way to all workers, on the stack of the fiber that waits for it. */
struct application {
	struct gateway *gateway;
	struct fiber *fiber;
	bool is_done;
	atomic_size_t left; /* workers that do not have it yet, and whoever tells them */
};

struct gateway {
	struct edition *edition; /* in force */
	struct sockets *sockets; /* of its listeners */
	struct address *bound;   /* the same, as workers want them */
	struct journal *journal;
	const struct gateway_options *options;
	struct access_log *access;
	struct seat *seats;
	size_t seat_count;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t ready; /* seats that have started, or failed to */
	bool may_go;  /* every seat is ready: serve */
	bool is_draining, is_done;
	atomic_size_t running;
	_Atomic(struct edition *) unused;
	struct application *application; /* a change that not all workers have yet; NULL: none */
};

/* Also by a seat that failed: it is told from the others only when all have spoken. */
static void announce_ready(struct gateway *gateway)
{
	pthread_mutex_lock(&gateway->lock);
	gateway->ready++;
	pthread_cond_broadcast(&gateway->changed);
	while (!gateway->may_go)
		pthread_cond_wait(&gateway->changed, &gateway->lock);
	pthread_mutex_unlock(&gateway->lock);
}

static void wait_until_ready(struct gateway *gateway, size_t wanted)
{
	pthread_mutex_lock(&gateway->lock);
	while (gateway->ready < wanted)
		pthread_cond_wait(&gateway->changed, &gateway->lock);
	pthread_mutex_unlock(&gateway->lock);
}

static void let_go(struct gateway *gateway)
{
	pthread_mutex_lock(&gateway->lock);
	gateway->may_go = true;
	pthread_cond_broadcast(&gateway->changed);
	pthread_mutex_unlock(&gateway->lock);
}

static void announce_done(void *argument)
{
	struct gateway *gateway = argument;

	gateway->is_done = true;
	if (gateway->application)
		fiber_wake(gateway->application->fiber);
	gateway->options->on_done(gateway->options->owner);
}

/* The last seat tells the control thread, which has the gateway until it has joined this one. */
static void leave(struct gateway *gateway)
{
	if (atomic_fetch_sub(&gateway->running, 1) == 1)
		ASSERT(!failed(loop_post(gateway->options->control->loop, announce_done, gateway)));
}

static void *seat_run(void *argument)
{
	struct seat *seat = argument;
	struct worker *worker;

	seat->started = worker_new(&seat->options, &worker);
	seat->worker = worker;
	announce_ready(seat->gateway);
	if (worker)
		worker_run(worker);
	/* Before it is freed, and under the lock: whoever tells workers something holds it meanwhile. */
	pthread_mutex_lock(&seat->gateway->lock);
	seat->worker = NULL; /* nobody can drain or stop it any more */
	pthread_mutex_unlock(&seat->gateway->lock);
	worker_free(&worker);
	leave(seat->gateway);
	return NULL;
}

static void seat_prepare(struct gateway *gateway, size_t index)
{
	struct seat *seat = &gateway->seats[index];
	size_t count = gateway->sockets->count;

	seat->fds = calloc(count + 1, sizeof *seat->fds);
	ASSERT(seat->fds);
	for (size_t i = 0; i < count; i++)
		seat->fds[i] = gateway->sockets->at[i].fds[index];
	seat->gateway = gateway;
	seat->options = (struct worker_options) {
		.edition = gateway->edition,
		.fds = seat->fds,
		.bound = gateway->bound,
		.journal = gateway->journal,
		.access = access_log_ring(gateway->access, index),
		.metrics = metrics_shard(gateway->edition->snapshot->counting.metrics, index),
		.workers = gateway->seat_count,
		.guard = &gateway->options->control->guard,
	};
}

/* False: there is no thread for it, and none needs to be told to leave. */
static bool start_thread(struct gateway *gateway, struct seat *seat)
{
	int error;

	atomic_fetch_add(&gateway->running, 1);
	error = pthread_create(&seat->thread, NULL, seat_run, seat);
	if (!error)
		return true;
	atomic_fetch_sub(&gateway->running, 1);
	seat->gateway = NULL;
	seat->started = error_system("no thread for it", error);
	return false;
}

/* Up to the first that cannot be started: the others would be told to stop. */
static void start_threads(struct gateway *gateway)
{
	size_t count = 0;

	while (count < gateway->seat_count) {
		seat_prepare(gateway, count);
		if (!start_thread(gateway, &gateway->seats[count]))
			break;
		count++;
	}
	wait_until_ready(gateway, count);
}

/* Every seat has spoken: what `started` says will not change. */
static result first_failure(const struct gateway *gateway)
{
	for (size_t i = 0; i < gateway->seat_count; i++) {
		result_value started = gateway->seats[i].started;

		if (!failed(started))
			continue;
		journal_error(gateway->journal, "a worker cannot start: %s: %s", started.why,
			      started.sys ? strerror(started.sys) : error_name(started.kind));
		return started;
	}
	return OK;
}

/* What is small of an old configuration goes back to the system; its large blocks are for the next one. */
static void free_unused(void *argument)
{
	struct gateway *gateway = argument;
	struct edition *edition = atomic_exchange(&gateway->unused, NULL), *next;

	for (; edition; edition = next) {
		next = edition->next;
		edition_free(&edition);
	}
	malloc_trim(0);
}

/* From any thread. The first in the list calls for somebody to look at it; once there, it may be gone. */
static void on_unused(struct edition *edition, void *owner)
{
	struct gateway *gateway = owner;
	struct edition *first = atomic_load(&gateway->unused);

	do
		edition->next = first;
	while (!atomic_compare_exchange_weak(&gateway->unused, &first, edition));
	if (!first)
		ASSERT(!failed(loop_post(gateway->options->control->loop, free_unused, gateway)));
}

static struct gateway *gateway_new(struct snapshot *snapshot, const struct gateway_options *options)
{
	struct gateway *gateway = calloc(1, sizeof *gateway);

	ASSERT(gateway);
	memory_plan_apply(snapshot);
	gateway->edition = edition_new(snapshot, on_unused, gateway);
	gateway->options = options;
	gateway->journal = options->control->journal;
	gateway->seat_count = counting_workers(&snapshot->config);
	gateway->seats = calloc(gateway->seat_count, sizeof *gateway->seats);
	ASSERT(gateway->seats);
	pthread_mutex_init(&gateway->lock, NULL);
	pthread_cond_init(&gateway->changed, NULL);
	return gateway;
}

static result bind_sockets(const struct gateway *gateway, const struct snapshot *snapshot,
			   struct inheritance *inherited, struct sockets **ret_sockets)
{
	return sockets_bind(&(struct sockets_options) { .snapshot = snapshot,
							.workers = gateway->seat_count,
							.before = gateway->sockets,
							.inherited = inherited,
							.journal = gateway->journal },
			    ret_sockets);
}

/* Takes these sockets instead of those before. */
static void take_sockets(struct gateway *gateway, struct sockets *sockets)
{
	free(gateway->bound);
	gateway->bound = calloc(sockets->count + 1, sizeof *gateway->bound);
	ASSERT(gateway->bound);
	for (size_t i = 0; i < sockets->count; i++)
		gateway->bound[i] = sockets->at[i].bound;
	sockets_free(&gateway->sockets);
	gateway->sockets = sockets;
}

/* A failure after the threads have begun is told to them like a stop: they are at the gate, run into it as
 * soon as they pass, and are joined by gateway_free(). */
static result gateway_open(struct gateway *gateway)
{
	const struct snapshot *snapshot = gateway->edition->snapshot;
	struct sockets *sockets;
	result_value started;

	TRY(access_log_open(&snapshot->config.log.access, gateway->journal, gateway->seat_count,
			    &gateway->access));
	TRY(bind_sockets(gateway, snapshot, gateway->options->inherited, &sockets));
	take_sockets(gateway, sockets);
	start_threads(gateway);
	started = first_failure(gateway);
	if (failed(started))
		gateway_stop(gateway);
	let_go(gateway);
	return started;
}

result gateway_start(struct snapshot *snapshot, const struct gateway_options *options,
		     struct gateway **ret_gateway)
{
	struct gateway *gateway = gateway_new(snapshot, options);
	result_value opened = gateway_open(gateway);

	if (failed(opened))
		gateway_free(&gateway);
	else
		sockets_say_where(gateway->sockets, gateway->journal);
	*ret_gateway = gateway;
	return opened;
}

/* ---- changes ---- */

static void finish_application(void *argument)
{
	struct application *application = argument;

	application->is_done = true;
	fiber_wake(application->fiber);
}

/* By each worker, and once by whoever told them. */
static void on_applied(void *owner)
{
	struct application *application = owner;

	if (atomic_fetch_sub(&application->left, 1) == 1)
		ASSERT(!failed(loop_post(application->gateway->options->control->loop, finish_application,
					 application)));
}

/* Also when cancelled: the workers know where it is. Those that have ended do not touch it any more. */
static void wait_until_applied(struct gateway *gateway, struct application *application)
{
	gateway->application = application;
	on_applied(application);
	while (!application->is_done && !gateway->is_done) {
		result_value woken = fiber_park(application->fiber, DEADLINE_NEVER);

		(void)woken;
	}
	gateway->application = NULL;
}

/* What a worker is told of the listeners. */
struct listeners_change {
	int *fds;
	size_t *from;
};

static struct listeners_change change_new(const struct sockets *sockets, bool goes_on)
{
	struct listeners_change change = {
		.fds = calloc(sockets->count + 1, sizeof *change.fds),
		.from = calloc(sockets->count + 1, sizeof *change.from),
	};

	ASSERT(change.fds && change.from);
	for (size_t i = 0; i < sockets->count; i++)
		change.from[i] = goes_on ? i : sockets->at[i].from;
	return change;
}

static void change_free(struct listeners_change *change)
{
	free(change->fds);
	free(change->from);
}

/* Under the lock. Sockets for a worker that is gone are nobody's. */
static void tell_change(struct gateway *gateway, size_t seat, const struct listeners_change *listeners,
			struct application *application)
{
	struct worker *worker = gateway->seats[seat].worker;

	for (size_t i = 0; i < gateway->sockets->count; i++) {
		int fd = gateway->sockets->at[i].fds[seat];
		bool is_new = listeners->from[i] == SIZE_MAX;

		listeners->fds[i] = is_new ? fd : -1;
		if (is_new && !worker)
			close(fd);
	}
	if (!worker)
		return;
	if (application)
		atomic_fetch_add(&application->left, 1);
	worker_apply(worker, &(struct worker_change) { .edition = gateway->edition,
						       .fds = listeners->fds,
						       .bound = gateway->bound,
						       .from = listeners->from,
						       .on_applied = application ? on_applied : NULL,
						       .owner = application });
}

static void tell_all(struct gateway *gateway, bool goes_on, struct application *application)
{
	struct listeners_change listeners = change_new(gateway->sockets, goes_on);

	pthread_mutex_lock(&gateway->lock);
	for (size_t i = 0; i < gateway->seat_count; i++)
		tell_change(gateway, i, &listeners, application);
	pthread_mutex_unlock(&gateway->lock);
	change_free(&listeners);
}

/* Those that do not go on, while their names are still there. */
static void remove_listeners(const struct gateway *gateway, const struct sockets *next)
{
	for (size_t i = 0; i < gateway->sockets->count; i++)
		if (!sockets_have(next, i))
			sockets_remove(&gateway->sockets->at[i], gateway->journal);
}

static void put_in_force(struct gateway *gateway, struct snapshot *snapshot)
{
	struct edition *before = gateway->edition;

	snapshot->generation = before->snapshot->generation + 1;
	memory_plan_apply(snapshot);
	gateway->edition = edition_new(snapshot, on_unused, gateway);
	gateway->options->on_edition(gateway->options->owner);
	edition_unref(&before);
}

static void say_what_stays(const struct gateway *gateway, const struct snapshot *snapshot)
{
	if (counting_workers(&snapshot->config) != gateway->seat_count)
		journal_warn(gateway->journal,
			     "workers: %zu go on; another number takes a restart or a replacement",
			     gateway->seat_count);
}

result gateway_apply(struct gateway *gateway, struct fiber *self, struct snapshot *snapshot)
{
	struct application application = { .gateway = gateway, .fiber = self, .left = 1 };
	struct sockets *sockets;
	result_value opened;

	if (gateway->is_draining)
		return error_make(ERROR_CLOSED, "the gateway is draining");
	TRY(bind_sockets(gateway, snapshot, NULL, &sockets));
	opened = access_log_configure(gateway->access, &snapshot->config.log.access);
	if (failed(opened)) {
		sockets_close_new(sockets);
		sockets_free(&sockets);
		return opened;
	}
	journal_set_level(gateway->journal, (enum journal_level)snapshot->config.log.level);
	say_what_stays(gateway, snapshot);
	remove_listeners(gateway, sockets);
	take_sockets(gateway, sockets);
	put_in_force(gateway, snapshot);
	tell_all(gateway, false, &application);
	wait_until_applied(gateway, &application);
	sockets_say_where(gateway->sockets, gateway->journal);
	return OK;
}

void gateway_refresh(struct gateway *gateway)
{
	struct edition *before = gateway->edition;

	if (gateway->is_draining)
		return;
	gateway->edition = edition_new(before->snapshot, on_unused, gateway);
	gateway->options->on_edition(gateway->options->owner);
	tell_all(gateway, true, NULL);
	edition_unref(&before);
}

struct edition *gateway_edition(const struct gateway *gateway)
{
	return gateway->edition;
}

const struct sockets *gateway_sockets(const struct gateway *gateway)
{
	return gateway->sockets;
}

bool gateway_is_draining(const struct gateway *gateway)
{
	return gateway->is_draining;
}

/* ---- the end ---- */

static void tell_workers(struct gateway *gateway, void (*tell)(struct worker *worker))
{
	pthread_mutex_lock(&gateway->lock);
	for (size_t i = 0; i < gateway->seat_count; i++)
		if (gateway->seats[i].worker)
			tell(gateway->seats[i].worker);
	pthread_mutex_unlock(&gateway->lock);
}

void gateway_drain(struct gateway *gateway)
{
	gateway->is_draining = true;
	tell_workers(gateway, worker_drain);
}

void gateway_retire(struct gateway *gateway)
{
	gateway->is_draining = true;
	tell_workers(gateway, worker_retire);
}

void gateway_stop(struct gateway *gateway)
{
	gateway->is_draining = true;
	tell_workers(gateway, worker_stop);
}

void gateway_reopen_logs(struct gateway *gateway)
{
	access_log_reopen(gateway->access);
}

static void close_sockets(struct gateway *gateway)
{
	bool was_started = gateway->seats[0].gateway;

	if (gateway->sockets && !was_started)
		sockets_close_new(gateway->sockets);
	sockets_free(&gateway->sockets);
	free(gateway->bound);
}

uint64_t gateway_log_dropped(const struct gateway *gateway)
{
	return access_log_dropped(gateway->access);
}

void gateway_free(struct gateway **address)
{
	struct gateway *gateway = *address;

	if (!gateway)
		return;
	for (size_t i = 0; i < gateway->seat_count; i++)
		if (gateway->seats[i].gateway)
			pthread_join(gateway->seats[i].thread, NULL);
	close_sockets(gateway);
	for (size_t i = 0; i < gateway->seat_count; i++)
		free(gateway->seats[i].fds);
	access_log_close(&gateway->access);
	edition_unref(&gateway->edition);
	free_unused(gateway);
	pthread_cond_destroy(&gateway->changed);
	pthread_mutex_destroy(&gateway->lock);
	free(gateway->seats);
	free(gateway);
	*address = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway: starting threads, telling them something, and waiting for their end.
 *
 * Sockets are bound here, one for each worker and listener, before any thread begins: so a port that is
 * taken is an error of the start and not of one worker. Each worker is made on the thread that will run it,
 * as its memory should be; the gate (ready, may_go) holds all of them until the last one stands.
 * `seat.worker` is NULL once its thread has left, and the lock makes sure that nobody tells something to a
 * worker that is gone.
 */
#include "main/gateway.h"

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
	int *fds;
};

struct gateway {
	struct snapshot *snapshot;
	struct edition *edition; /* what is in force */
	struct journal *journal;
	const struct gateway_options *options;
	struct access_log *access;
	struct address *bound; /* one for each listener */
	struct seat *seats;
	size_t seat_count;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t ready; /* seats that have started, or failed to */
	bool may_go;  /* every seat is ready: serve */
	atomic_size_t running;
};

/* The cores that are online, and not those that this process may use: `workers` is there to say it better. */
static size_t worker_count(const struct snapshot *snapshot)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (snapshot->config.workers)
		return (size_t)snapshot->config.workers;
	return cores > 0 ? (size_t)cores : 1;
}

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

/* The first seat's bind settles the port, where the configuration leaves it open; the others share it
 * (SO_REUSEPORT). That would let a second gateway share it too, so the first one probes whether somebody
 * listens already. */
static result bind_one(struct gateway *gateway, size_t index, struct seat *seat)
{
	const struct listener_snapshot *listener = &gateway->snapshot->listeners[index];
	bool is_first = seat == gateway->seats;
	const struct address *at = is_first ? &listener->address : &gateway->bound[index];
	result_value bound;

	if (!is_first && at->any.sa_family == AF_UNIX) {
		/* A path has one socket: the workers share it. */
		seat->fds[index] = dup(gateway->seats[0].fds[index]);
		return seat->fds[index] < 0 ? error_make(ERROR_LIMIT, "no descriptor for a listener") : OK;
	}
	bound = is_first ? listener_probe(at) : OK;
	if (!failed(bound))
		bound = listener_bind(at, &seat->fds[index], &gateway->bound[index]);
	if (failed(bound))
		journal_error(gateway->journal, "listener %.*s: cannot listen on %.*s: %s: %s",
			      STR_ARG(listener->name), STR_ARG(listener->config->address), bound.why,
			      strerror(bound.sys));
	return bound;
}

/* No descriptor is 0 by accident: those that were not bound are told from others when it fails half-way. */
static result bind_all(struct gateway *gateway)
{
	size_t listeners = gateway->snapshot->listener_count;

	for (size_t i = 0; i < gateway->seat_count; i++) {
		struct seat *seat = &gateway->seats[i];

		seat->fds = calloc(listeners + 1, sizeof *seat->fds);
		ASSERT(seat->fds);
		for (size_t j = 0; j < listeners; j++)
			seat->fds[j] = -1;
	}
	for (size_t i = 0; i < gateway->seat_count; i++)
		for (size_t j = 0; j < listeners; j++)
			TRY(bind_one(gateway, j, &gateway->seats[i]));
	return OK;
}

static void say_where(const struct gateway *gateway)
{
	for (size_t i = 0; i < gateway->snapshot->listener_count; i++) {
		char text[ADDRESS_TEXT_MAX];
		struct buf address = buf_over(text, sizeof text);

		address_print(&gateway->bound[i], &address);
		journal_info(gateway->journal, "listener %.*s listening on %.*s",
			     STR_ARG(gateway->snapshot->listeners[i].name), STR_ARG(buf_str(&address)));
	}
}

static void seat_prepare(struct gateway *gateway, size_t index)
{
	struct seat *seat = &gateway->seats[index];

	seat->gateway = gateway;
	seat->options = (struct worker_options) {
		.edition = gateway->edition,
		.fds = seat->fds,
		.bound = gateway->bound,
		.journal = gateway->journal,
		.access = access_log_ring(gateway->access, index),
		.workers = gateway->seat_count,
		.guard = &gateway->options->control->guard,
	};
}

static void start_threads(struct gateway *gateway)
{
	for (size_t i = 0; i < gateway->seat_count; i++) {
		seat_prepare(gateway, i);
		atomic_fetch_add(&gateway->running, 1);
		ASSERT(pthread_create(&gateway->seats[i].thread, NULL, seat_run, &gateway->seats[i]) == 0);
	}
	wait_until_ready(gateway, gateway->seat_count);
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

static struct gateway *gateway_new(struct snapshot *snapshot, const struct gateway_options *options)
{
	struct gateway *gateway = calloc(1, sizeof *gateway);

	ASSERT(gateway);
	gateway->snapshot = snapshot;
	gateway->edition = edition_new(snapshot, NULL, NULL);
	gateway->options = options;
	gateway->journal = options->control->journal;
	gateway->seat_count = worker_count(snapshot);
	gateway->seats = calloc(gateway->seat_count, sizeof *gateway->seats);
	gateway->bound = calloc(snapshot->listener_count + 1, sizeof *gateway->bound);
	ASSERT(gateway->seats && gateway->bound);
	pthread_mutex_init(&gateway->lock, NULL);
	pthread_cond_init(&gateway->changed, NULL);
	return gateway;
}

/* A failure after the threads have begun is told to them like a stop: they are at the gate, run into it as
 * soon as they pass, and are joined by gateway_free(). */
static result gateway_open(struct gateway *gateway)
{
	result_value started;

	TRY(access_log_open(&gateway->snapshot->config.log.access, gateway->journal, gateway->seat_count,
			    &gateway->access));
	TRY(bind_all(gateway));
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
		say_where(gateway);
	*ret_gateway = gateway;
	return opened;
}

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
	tell_workers(gateway, worker_drain);
}

void gateway_stop(struct gateway *gateway)
{
	tell_workers(gateway, worker_stop);
}

void gateway_reopen_logs(struct gateway *gateway)
{
	access_log_reopen(gateway->access);
}

/* Sockets that no worker took over. */
static void close_unused(const struct gateway *gateway, const struct seat *seat)
{
	for (size_t i = 0; seat->fds && i < gateway->snapshot->listener_count; i++)
		if (seat->fds[i] >= 0)
			close(seat->fds[i]);
}

void gateway_free(struct gateway **address)
{
	struct gateway *gateway = *address;

	if (!gateway)
		return;
	for (size_t i = 0; i < gateway->seat_count; i++) {
		if (gateway->seats[i].gateway)
			pthread_join(gateway->seats[i].thread, NULL);
		else
			close_unused(gateway, &gateway->seats[i]);
		free(gateway->seats[i].fds);
	}
	access_log_close(&gateway->access);
	pthread_cond_destroy(&gateway->changed);
	pthread_mutex_destroy(&gateway->lock);
	free(gateway->seats);
	free(gateway->bound);
	edition_release(&gateway->edition);
	free(gateway);
	*address = NULL;
}

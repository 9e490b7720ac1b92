/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker: built from the bottom up, torn down from the top down.
 *
 * Each part may use those below it until it is gone itself. A worker that could not be built is taken apart
 * by the same function, so every part may be missing. Draining and stopping only leave word with the loop;
 * what they mean is done on the worker's own thread.
 */
#include "proxy/worker.h"

#include <stdlib.h>

#include "base/assert.h"
#include "proxy/connection.h"

enum {
	BLOCKS_KEPT = 4096,
	FIBERS_MAX = 65536,
};

static const size_t blocks_max = (size_t)2 << 30;

static wall_time live_wall(void *self)
{
	return loop_wall(((struct worker *)self)->loop);
}

static uint64_t live_random(void *self)
{
	return random_next(&((struct worker *)self)->random);
}

static void on_trouble(struct listener *listener, result_value why)
{
	struct door *door = listener->owner;

	journal_warn(door->worker->journal, "listener %.*s: accepts paused: %s: %s",
		     STR_ARG(door->snapshot->name), why.why,
		     why.sys ? strerror(why.sys) : error_name(why.kind));
}

static void on_accept(struct listener *listener, int fd, const struct address *peer)
{
	connection_open(listener->owner, fd, peer);
}

static size_t most_fields(const struct snapshot *snapshot)
{
	size_t most = 0;

	for (size_t i = 0; i < snapshot->listener_count; i++)
		if (snapshot->listeners[i].h1.fields > most)
			most = snapshot->listeners[i].h1.fields;
	return most;
}

static void prepare_snapshot(struct worker *worker, const struct snapshot *snapshot)
{
	worker->snapshot = snapshot;
	worker->turns = ARENA_ARRAY(&worker->arena, struct upstream_turns, snapshot->upstream_count);
	for (size_t i = 0; i < snapshot->upstream_count; i++)
		upstream_turns_init(&worker->turns[i], snapshot->upstreams[i], &worker->arena);
	worker->request_fields = ARENA_ARRAY(&worker->arena, struct http_field, most_fields(snapshot));
	worker->response_fields = ARENA_ARRAY(&worker->arena, struct http_field, RESPONSE_FIELDS_MAX);
}

static result open_door(struct worker *worker, struct door *door, const struct worker_options *options,
			size_t index)
{
	struct buf port = buf_over(door->port, sizeof door->port);

	door->worker = worker;
	door->snapshot = &options->snapshot->listeners[index];
	door->bound = options->bound[index];
	buf_put_u64(&port, address_port(&door->bound));
	door->port_len = port.len;
	door->max_connections = ((size_t)door->snapshot->config->limits.connections + options->workers - 1) /
				options->workers;
	return listener_open(&door->listener, worker->loop, options->fds[index], on_accept, on_trouble, door);
}

static result open_doors(struct worker *worker, const struct worker_options *options)
{
	size_t count = options->fds ? options->snapshot->listener_count : 0;

	worker->doors = ARENA_ARRAY(&worker->arena, struct door, count);
	for (; worker->door_count < count; worker->door_count++)
		TRY(open_door(worker, &worker->doors[worker->door_count], options, worker->door_count));
	return OK;
}

static result worker_build(struct worker *worker, const struct worker_options *options)
{
	struct fibers_options fibers = { .max = FIBERS_MAX, .guard = options->guard };

	TRY(loop_new(&worker->loop));
	TRY(fibers_new(worker->loop, &worker->scratch, &fibers, &worker->fibers));
	TRY(dns_new(worker->fibers, &worker->dns));
	worker->pool = pool_new(worker->fibers, worker->dns);
	return open_doors(worker, options);
}

result worker_new(const struct worker_options *options, struct worker **ret_worker)
{
	struct worker *worker = calloc(1, sizeof *worker);
	result_value built;

	ASSERT(worker);
	block_pool_init(&worker->blocks, BLOCKS_KEPT, blocks_max);
	scratch_init(&worker->scratch, &worker->blocks);
	arena_init(&worker->arena, NULL, SIZE_MAX / 2);
	random_init(&worker->random);
	worker->effects = (struct effects) { .wall = live_wall, .random = live_random, .self = worker };
	worker->journal = options->journal;
	worker->access = options->access;
	worker->route_scratch = route_scratch_new();
	prepare_snapshot(worker, options->snapshot);
	built = worker_build(worker, options);
	if (failed(built))
		worker_free(&worker);
	*ret_worker = worker;
	return built;
}

void worker_run(struct worker *worker)
{
	loop_run(worker->loop);
	connections_cut(worker);
}

static void close_doors(struct worker *worker)
{
	for (size_t i = 0; i < worker->door_count; i++)
		listener_close(&worker->doors[i].listener);
	worker->door_count = 0;
}

/* Who is in the queue already is let in. */
static void finish_doors(struct worker *worker)
{
	for (size_t i = 0; i < worker->door_count; i++)
		listener_finish(&worker->doors[i].listener);
	worker->door_count = 0;
}

void worker_free(struct worker **address)
{
	struct worker *worker = *address;

	if (!worker)
		return;
	close_doors(worker);
	pool_free(&worker->pool);
	dns_free(&worker->dns);
	fibers_free(&worker->fibers);
	if (worker->loop)
		loop_free(&worker->loop);
	route_scratch_free(&worker->route_scratch);
	arena_fini(&worker->arena);
	scratch_fini(&worker->scratch);
	block_pool_fini(&worker->blocks);
	free(worker);
	*address = NULL;
}

static void drain_now(void *argument)
{
	struct worker *worker = argument;

	worker->is_draining = true;
	finish_doors(worker);
	connections_drain(worker);
}

void worker_drain(struct worker *worker)
{
	ASSERT(!failed(loop_post(worker->loop, drain_now, worker)));
}

void worker_stop(struct worker *worker)
{
	loop_stop(worker->loop);
}

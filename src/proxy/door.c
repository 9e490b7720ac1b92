/* SPDX-License-Identifier: Apache-2.0 */
/*
 * door: a closing door first lets in who waits, because closing the socket would reset them; then it sends
 * away who is idle, and waits for the rest.
 */
#include "proxy/door.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "proxy/connection.h"
#include "proxy/secure.h"

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

/* The bound is shared out among the workers; what is above it already stays. */
static void door_set(struct door *door, struct generation *generation, size_t index)
{
	size_t workers = door->worker->workers, connections;

	door->generation = generation;
	door->snapshot = &generation->snapshot->listeners[index];
	connections = (size_t)door->snapshot->config->limits.connections;
	door->max_connections = (connections + workers - 1) / workers;
}

static void door_count(struct door *door, const struct counting *counting)
{
	if (!counting->is_on)
		return;
	door->series = metrics_series(counting->metrics, METRIC_LISTENER, door->snapshot->name, (str) { 0 });
	door->handshakes =
		metrics_series(counting->metrics, METRIC_HANDSHAKES, door->snapshot->name, (str) { 0 });
}

static struct door *door_new(struct worker *worker, size_t index, const struct address *bound)
{
	struct door *door = calloc(1, sizeof *door);
	struct buf port = buf_over(door->port, sizeof door->port);

	ASSERT(door);
	door->worker = worker;
	door->bound = *bound;
	buf_put_u64(&port, address_port(bound));
	door->port_len = port.len;
	door->listener.source.fd = -1;
	door_set(door, worker->generation, index);
	door_count(door, &worker->generation->snapshot->counting);
	return door;
}

static result door_open(struct door *door, int fd)
{
	return listener_open(&door->listener, door->worker->loop, fd, on_accept, on_trouble, door);
}

static struct door **places_new(const struct worker *worker)
{
	struct door **doors = calloc(worker->generation->snapshot->listener_count + 1, sizeof(struct door *));

	ASSERT(doors);
	return doors;
}

result doors_open(struct worker *worker, const struct worker_options *options)
{
	worker->doors = places_new(worker);
	for (size_t i = 0; i < worker->generation->snapshot->listener_count; i++) {
		const struct address *configured = &worker->generation->snapshot->listeners[i].address;

		worker->doors[i] = door_new(worker, i, options->fds ? &options->bound[i] : configured);
		worker->door_count++;
		if (options->fds)
			TRY(door_open(worker->doors[i], options->fds[i]));
	}
	return OK;
}

/* Its listener is closed and nobody is left. The loop may have an event for it in this turn still. */
static void door_free(struct door *door)
{
	struct door **link = &door->worker->closing;

	while (*link && *link != door)
		link = &(*link)->next;
	if (*link)
		*link = door->next;
	generation_leave(door->generation);
	metric_series_unref(&door->series);
	secure_door_fini(door);
	loop_retire(door->worker->loop, door, free);
}

void door_leave(struct door *door)
{
	if (--door->connection_count == 0 && door->is_closing)
		door_free(door);
}

/* The door may be gone afterwards; the generation that it keeps is the one that it has at this moment. Also
 * with patience the queue is let in, as far as there is room: whoever took over may have fewer sockets. A
 * client that was told that its connection is kept finds somebody there then when it uses it. */
static void door_shut(struct door *door, bool is_patient)
{
	generation_enter(door->generation);
	door->next = door->worker->closing;
	door->worker->closing = door;
	if (is_patient && door->connection_count >= door->max_connections)
		listener_close(&door->listener);
	else
		listener_finish(&door->listener);
	door->is_closing = true;
	door->is_patient = is_patient;
	if (door->connection_count == 0)
		door_free(door);
	else if (!is_patient)
		connections_send_away(door);
}

void doors_shut(struct worker *worker, bool is_patient)
{
	size_t count = worker->door_count;

	worker->door_count = 0;
	for (size_t i = 0; i < count; i++)
		door_shut(worker->doors[i], is_patient);
}

/* Applying cannot fail: a socket that the loop does not take is told, and this worker does without it. */
static struct door *door_add(struct worker *worker, const struct worker_change *change, size_t index)
{
	struct door *door = door_new(worker, index, &change->bound[index]);
	result_value opened = door_open(door, change->fds[index]);

	if (!failed(opened))
		return door;
	journal_error(worker->journal, "listener %.*s: a worker cannot listen: %s: %s",
		      STR_ARG(door->snapshot->name), opened.why, strerror(opened.sys));
	close(change->fds[index]);
	return door;
}

/* A door that goes on leaves its place among the old ones. */
static struct door *door_take_over(struct worker *worker, size_t from, size_t index)
{
	struct door *door = worker->doors[from];

	ASSERT(from < worker->door_count && door);
	worker->doors[from] = NULL;
	door_set(door, worker->generation, index);
	return door;
}

/* Those that close are told last: they let in connections, which have the old generation as their door has.
 */
void doors_change(struct worker *worker, const struct worker_change *change)
{
	size_t count = worker->generation->snapshot->listener_count, old_count = worker->door_count;
	struct door **doors = places_new(worker), **old = worker->doors;

	for (size_t i = 0; i < count; i++) {
		if (change->fds[i] < 0)
			doors[i] = door_take_over(worker, change->from[i], i);
		else
			doors[i] = door_add(worker, change, i);
	}
	worker->doors = doors;
	worker->door_count = count;
	for (size_t i = 0; i < old_count; i++)
		if (old[i])
			door_shut(old[i], false);
	free(old);
}

void doors_close(struct worker *worker)
{
	for (size_t i = 0; i < worker->door_count; i++) {
		listener_close(&worker->doors[i]->listener);
		ASSERT(worker->doors[i]->connection_count == 0);
		metric_series_unref(&worker->doors[i]->series);
		secure_door_fini(worker->doors[i]);
		free(worker->doors[i]);
	}
	free(worker->doors);
	worker->doors = NULL;
	worker->door_count = 0;
}

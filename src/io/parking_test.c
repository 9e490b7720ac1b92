/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cancellation at every parking point: a small world of fibers that connect, send, read, sleep, wait
 * on a condition and use a channel is run again and again, and in the Nth run the Nth park is cancelled.
 * Whatever N, everybody unwinds, nothing is left open, allocated or waiting, and nobody waits for ever.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "fiber/channel.h"
#include "fiber/testing.h"
#include "io/listener.h"
#include "io/socket.h"

enum { ANSWER = 2 * 1024 * 1024, ITEMS = 4, NTH_MAX = 2000 };

struct scene {
	struct world world;
	struct listener listener;
	struct address bound;
	struct socket client, server;
	struct channel channel;
	struct condition answered;
	bool is_answered, client_is_over;
	unsigned cancelled, wrong; /* how fibers ended that did not end well */
	size_t received, items;
	deadline until;
};

/* The one that is cancelled hears of it; the others find a peer gone. Nobody may run into the deadline. */
static void scene_note(struct scene *scene, result_value ended)
{
	if (ended.kind == ERROR_CANCELLED)
		scene->cancelled++;
	else if (failed(ended) && ended.kind != ERROR_CLOSED && ended.kind != ERROR_RESET)
		scene->wrong++;
}

/* Takes what is sent, one line, and answers with much. */
static result serve(struct scene *scene, struct intake *in)
{
	char *answer;
	result_value sent;

	while (in->len < 5)
		TRY(stream_fill(&scene->server.stream, in, scene->until));
	intake_consume(in, in->len);
	TRY(fiber_sleep(fiber_current(scene->world.fibers), loop_now(scene->world.loop) + MILLISECOND));
	answer = calloc(1, ANSWER);
	sent = stream_send_all(&scene->server.stream, (str) { answer, ANSWER }, scene->until);
	free(answer);
	return sent;
}

static void server_run(struct fiber *self, void *argument)
{
	struct scene *scene = argument;
	struct intake in;

	(void)self;
	intake_init(&in, &scene->world.scratch);
	scene_note(scene, serve(scene, &in));
	intake_fini(&in);
	stream_close(&scene->server.stream);
}

static void scene_on_accept(struct listener *listener, int fd, const struct address *peer)
{
	struct scene *scene = listener->owner;
	result_value opened = socket_open(&scene->server, scene->world.fibers, fd);

	(void)peer;
	ASSERT(!failed(opened));
	world_start(&scene->world, server_run, scene);
}

static result ask(struct scene *scene, struct intake *in)
{
	result_value filled;

	TRY(stream_send_all(&scene->client.stream, STR("hello"), scene->until));
	for (;;) {
		filled = stream_fill(&scene->client.stream, in, scene->until);
		if (failed(filled))
			return filled.kind == ERROR_CLOSED ? OK : filled;
		scene->received += in->len;
		intake_consume(in, in->len);
	}
}

static void client_run(struct fiber *self, void *argument)
{
	struct scene *scene = argument;
	struct intake in;
	result_value connected =
		socket_connect(&scene->client, scene->world.fibers, &scene->bound, scene->until);

	(void)self;
	if (failed(connected)) {
		scene_note(scene, connected);
	} else {
		intake_init(&in, &scene->world.scratch);
		scene_note(scene, ask(scene, &in));
		intake_fini(&in);
		stream_close(&scene->client.stream);
	}
	scene->is_answered = scene->received == ANSWER;
	scene->client_is_over = true;
	condition_broadcast(&scene->answered);
}

/* Sends the items when there was an answer; closes the channel in any case. */
static void producer_run(struct fiber *self, void *argument)
{
	struct scene *scene = argument;
	result_value ended = OK;

	while (!scene->client_is_over && !failed(ended))
		ended = condition_wait(&scene->answered, self, scene->until);
	for (unsigned i = 0; i < ITEMS && !failed(ended); i++)
		ended = channel_send(&scene->channel, self, scene, scene->until);
	scene_note(scene, ended);
	channel_close(&scene->channel);
}

static void consumer_run(struct fiber *self, void *argument)
{
	struct scene *scene = argument;
	result_value ended;
	void *item;

	do {
		ended = channel_receive(&scene->channel, self, scene->until, &item);
		scene->items += !failed(ended);
		if (!failed(ended))
			ended = fiber_sleep(self, 0);
	} while (!failed(ended));
	scene_note(scene, ended);
	channel_close(&scene->channel);
}

static void scene_open(struct scene *scene)
{
	struct address at;
	result_value opened;
	int fd;

	*scene = (struct scene) { .received = 0 };
	world_open(&scene->world);
	channel_init(&scene->channel, 1);
	ASSERT(address_of_ip(STR("127.0.0.1"), 0, &at));
	opened = listener_bind(&at, &fd, &scene->bound);
	ASSERT(!failed(opened));
	opened = listener_open(&scene->listener, scene->world.loop, fd, scene_on_accept, NULL, scene);
	ASSERT(!failed(opened));
	scene->until = world_in(&scene->world, 20 * SECOND);
}

static void scene_close(struct scene *scene)
{
	listener_close(&scene->listener);
	channel_fini(&scene->channel);
	assert_null(scene->answered.first);
	assert_int_equal(scene->world.pool.in_use, 0);
	assert_null(scene->world.scratch.holder);
	world_close(&scene->world);
}

/* Whether the nth park was reached. */
static bool scene_run(uint64_t nth)
{
	struct scene scene;
	bool is_reached;

	scene_open(&scene);
	fibers_fail_park(scene.world.fibers, nth);
	world_start(&scene.world, consumer_run, &scene);
	world_start(&scene.world, producer_run, &scene);
	world_start(&scene.world, client_run, &scene);
	world_run(&scene.world);
	/* A client that was cancelled in the air leaves a connection that nobody has accepted yet. */
	for (unsigned turn = 0; turn < 3; turn++)
		world_turn(&scene.world);
	world_run(&scene.world);
	is_reached = scene.cancelled > 0;
	if (scene.wrong || scene.cancelled > 1)
		fail_msg("park %u: %u cancelled, %u wrong", (unsigned)nth, scene.cancelled, scene.wrong);
	if (!is_reached) {
		assert_true(scene.is_answered);
		assert_int_equal(scene.items, ITEMS);
	}
	scene_close(&scene);
	return is_reached;
}

static void everybody_unwinds_wherever_one_is_cancelled(void **state)
{
	uint64_t nth = 1;

	(void)state;
	assert_false(scene_run(0));
	while (scene_run(nth) && nth < NTH_MAX)
		nth++;
	assert_in_range(nth, 15, NTH_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_unwinds_wherever_one_is_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

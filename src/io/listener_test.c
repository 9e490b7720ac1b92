/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both sides of a connection coming about: listeners that accept, sockets that connect.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "fiber/testing.h"
#include "io/listener.h"
#include "io/socket.h"

enum { ACCEPTED_MAX = 256 };

/* A listener that keeps what it accepts. */
struct door {
	struct listener listener;
	struct address bound;
	int fd[ACCEPTED_MAX];
	struct address peer[ACCEPTED_MAX];
	unsigned accepted, troubles;
	int trouble;
	bool close_at_once, pause_at_once;
};

static void door_on_accept(struct listener *listener, int fd, const struct address *peer)
{
	struct door *door = listener->owner;

	ASSERT(door->accepted < ACCEPTED_MAX);
	door->peer[door->accepted] = *peer;
	door->fd[door->accepted++] = fd;
	if (door->close_at_once)
		listener_close(listener);
	if (door->pause_at_once)
		listener_pause(listener, DEADLINE_NEVER);
}

static void door_on_trouble(struct listener *listener, result_value why)
{
	struct door *door = listener->owner;

	door->troubles++;
	door->trouble = why.sys;
}

static struct address address_make(const char *text)
{
	struct address_text parts;
	struct address address;

	assert_false(failed(address_text_parse(str_of(text), &parts)));
	assert_true(address_of_text(&parts, &address));
	return address;
}

static void door_open(struct door *door, struct world *world, const char *at)
{
	struct address address = address_make(at);
	result_value opened;
	int fd;

	*door = (struct door) { .accepted = 0 };
	opened = listener_bind(&address, &fd, &door->bound);
	assert_false(failed(opened));
	opened = listener_open(&door->listener, world->loop, fd, door_on_accept, door_on_trouble, door);
	assert_false(failed(opened));
}

static void door_close(struct door *door)
{
	listener_close(&door->listener);
	for (unsigned i = 0; i < door->accepted; i++)
		close(door->fd[i]);
}

static int dial(const struct address *to)
{
	int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ASSERT(fd >= 0);
	ASSERT(connect(fd, &to->any, to->len) == 0);
	return fd;
}

static void turns(struct world *world, unsigned count)
{
	while (count-- > 0)
		world_turn(world);
}

/* A fresh path each time: a test that failed leaves its socket behind. */
static void path_make(char text[64])
{
	ASSERT(snprintf(text, 64, "unix:/tmp/gatehouse-%d-%lld.sock", (int)getpid(),
			(long long)time_monotonic()) < 64);
}

static void accepted_sockets_are_as_promised(void **state)
{
	struct world world;
	struct door door;
	int client, nodelay = 0;
	socklen_t len = sizeof nodelay;
	char ip[ADDRESS_TEXT_MAX];
	struct buf out = buf_over(ip, sizeof ip);

	(void)state;
	world_open(&world);
	door_open(&door, &world, "127.0.0.1:0");
	assert_int_not_equal(address_port(&door.bound), 0);
	client = dial(&door.bound);
	turns(&world, 2);
	assert_int_equal(door.accepted, 1);
	assert_true(fcntl(door.fd[0], F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(door.fd[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(getsockopt(door.fd[0], IPPROTO_TCP, TCP_NODELAY, &nodelay, &len), 0);
	assert_int_not_equal(nodelay, 0);
	address_print_ip(&door.peer[0], &out);
	assert_true(str_eq(buf_str(&out), STR("127.0.0.1")));
	close(client);
	door_close(&door);
	world_close(&world);
}

static void a_crowd_is_accepted_over_several_turns(void **state)
{
	enum { CROWD = 150 };
	int clients[CROWD];
	struct world world;
	struct door door;

	(void)state;
	world_open(&world);
	door_open(&door, &world, "127.0.0.1:0");
	for (unsigned i = 0; i < CROWD; i++)
		clients[i] = dial(&door.bound);
	world_turn(&world);
	assert_int_equal(door.accepted, 64);
	turns(&world, 3);
	assert_int_equal(door.accepted, CROWD);
	for (unsigned i = 0; i < CROWD; i++)
		close(clients[i]);
	door_close(&door);
	world_close(&world);
}

static void two_workers_listen_on_one_port(void **state)
{
	struct world world;
	struct door first, second;
	char text[ADDRESS_TEXT_MAX];
	struct buf out = buf_over(text, sizeof text - 1);

	(void)state;
	world_open(&world);
	door_open(&first, &world, "127.0.0.1:0");
	address_print(&first.bound, &out);
	text[out.len] = 0;
	door_open(&second, &world, text);
	assert_true(address_eq(&first.bound, &second.bound));
	door_close(&first);
	door_close(&second);
	world_close(&world);
}

static const char *const bind_cases[] = {
	"192.0.2.1:1", /* not ours: RFC 5737 */
	"unix:/nowhere/at/all.sock",
};

static void what_cannot_be_bound_says_so(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bind_cases / sizeof *bind_cases; i++) {
		struct address at = address_make(bind_cases[i]), bound;
		int fd = -1;

		assert_int_equal(listener_bind(&at, &fd, &bound).kind, ERROR_SYSTEM);
		assert_int_equal(fd, -1);
	}
}

static void the_callee_may_stop_it(void **state)
{
	(void)state;
	for (unsigned closes = 0; closes < 2; closes++) {
		struct world world;
		struct door door;
		int clients[3];

		world_open(&world);
		door_open(&door, &world, "127.0.0.1:0");
		door.close_at_once = closes;
		door.pause_at_once = !closes;
		for (unsigned i = 0; i < 3; i++)
			clients[i] = dial(&door.bound);
		turns(&world, 3);
		assert_int_equal(door.accepted, 1);
		for (unsigned i = 0; i < 3; i++)
			close(clients[i]);
		door_close(&door);
		world_close(&world);
	}
}

static void a_pause_ends(void **state)
{
	struct world world;
	struct door door;
	deadline until;
	int client;

	(void)state;
	world_open(&world);
	door_open(&door, &world, "127.0.0.1:0");
	client = dial(&door.bound);
	listener_pause(&door.listener, DEADLINE_NEVER);
	until = world_in(&world, 10 * MILLISECOND);
	listener_pause(&door.listener, until); /* the last word counts */
	while (!door.accepted)
		loop_turn(world.loop, DEADLINE_NEVER);
	assert_true(loop_now(world.loop) >= until);
	close(client);
	door_close(&door);
	world_close(&world);
}

/* Descriptors run out: it says so, does not spin, crashes nothing, and goes on when there are some again. */
static void without_descriptors_it_waits(void **state)
{
	struct rlimit before, few;
	struct world world;
	struct door door;
	deadline began;
	int client, spare;

	(void)state;
	world_open(&world);
	door_open(&door, &world, "127.0.0.1:0");
	client = dial(&door.bound);
	spare = dup(client);
	close(spare);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit) { (rlim_t)spare, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	began = loop_now(world.loop);
	while (!door.troubles)
		world_turn(&world);
	assert_true(door.listener.is_paused);
	world_turn(&world); /* no event, although the client still waits */
	assert_int_equal(door.troubles, 1);
	assert_int_equal(door.trouble, EMFILE);
	assert_int_equal(door.accepted, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	while (!door.accepted)
		loop_turn(world.loop, DEADLINE_NEVER);
	assert_true(loop_now(world.loop) - began >= 100 * MILLISECOND);
	close(client);
	door_close(&door);
	world_close(&world);
}

/* ---- Unix sockets ---- */

static void a_stale_unix_socket_is_replaced_and_a_live_one_is_not(void **state)
{
	struct world world;
	struct door door;
	struct address at, bound;
	char text[64];
	int fd, client;

	(void)state;
	path_make(text);
	at = address_make(text);
	world_open(&world);
	door_open(&door, &world, text);
	assert_int_equal(listener_bind(&at, &fd, &bound).sys, EADDRINUSE);
	door_close(&door);
	turns(&world, 1);
	door_open(&door, &world, text); /* nobody listens any more */
	client = dial(&at);
	turns(&world, 1);
	assert_true(door.accepted >= 1);
	assert_true(address_is_local(&door.peer[0]));
	close(client);
	door_close(&door);
	world_close(&world);
	unlink(at.local.sun_path);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
	struct address at, bound;
	struct stat file;
	char text[64];
	int fd;

	(void)state;
	path_make(text);
	at = address_make(text);
	fd = open(at.local.sun_path, O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(listener_bind(&at, &fd, &bound).kind, ERROR_SYSTEM);
	assert_int_equal(stat(at.local.sun_path, &file), 0);
	unlink(at.local.sun_path);
}

/* ---- connecting ---- */

struct dialer {
	struct world *world;
	struct address to;
	struct socket socket;
	struct fiber *fiber;
	deadline until;
	result_value got;
	bool is_done;
};

static void dials(struct fiber *self, void *argument)
{
	struct dialer *dialer = argument;

	dialer->fiber = self;
	dialer->got = socket_connect(&dialer->socket, dialer->world->fibers, &dialer->to, dialer->until);
	dialer->is_done = true;
}

static void connects(struct fiber *self, void *argument)
{
	struct dialer *dialer = argument;
	result_value sent;

	dials(self, argument);
	if (failed(dialer->got))
		return;
	sent = stream_send_all(&dialer->socket.stream, STR("hello"), DEADLINE_NEVER);
	assert_false(failed(sent));
	stream_close(&dialer->socket.stream);
}

static void connecting_reaches_a_listener(void **state)
{
	char path[64];
	const char *const places[] = { "127.0.0.1:0", "[::1]:0", path };

	(void)state;
	path_make(path);
	for (size_t i = 0; i < 3; i++) {
		struct dialer dialer = { .until = DEADLINE_NEVER };
		struct world world;
		struct door door;
		char got[8];

		world_open(&world);
		door_open(&door, &world, places[i]);
		dialer.world = &world;
		dialer.to = door.bound;
		world_start(&world, connects, &dialer);
		while (!door.accepted)
			loop_turn(world.loop, DEADLINE_NEVER);
		world_run(&world);
		assert_false(failed(dialer.got));
		assert_int_equal(read(door.fd[0], got, sizeof got), 5);
		door_close(&door);
		world_close(&world);
	}
	unlink(address_make(path).local.sun_path);
}

/* A port where nobody listens: one that was just given back. */
static struct address closed_port(void)
{
	struct address at = address_make("127.0.0.1:0"), bound;
	int fd;

	assert_false(failed(listener_bind(&at, &fd, &bound)));
	close(fd);
	return bound;
}

static const struct {
	const char *name, *to; /* NULL: a closed port */
	enum error_kind want;
	int want_sys;
} refused_cases[] = {
	{ "a closed port", NULL, ERROR_REFUSED, ECONNREFUSED },
	{ "no such Unix socket", "unix:/nowhere.sock", ERROR_REFUSED, ENOENT },
	{ "a broadcast address", "255.255.255.255:1", ERROR_REFUSED, 0 },
};

static void what_does_not_connect_is_refused_with_the_cause(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refused_cases / sizeof *refused_cases; i++) {
		struct dialer dialer = { .until = DEADLINE_NEVER };
		struct world world;

		world_open(&world);
		dialer.world = &world;
		dialer.to = refused_cases[i].to ? address_make(refused_cases[i].to) : closed_port();
		world_start(&world, dials, &dialer);
		world_run(&world);
		if (dialer.got.kind != refused_cases[i].want ||
		    (refused_cases[i].want_sys && dialer.got.sys != refused_cases[i].want_sys))
			fail_msg("%s: %s, %d", refused_cases[i].name, error_name(dialer.got.kind),
				 dialer.got.sys);
		assert_int_equal(dialer.socket.source.fd, -1);
		world_close(&world);
	}
}

/* A Unix listener whose backlog is full answers nobody, and a connection waits. */
struct full {
	struct address at;
	int listener, fillers[8];
	unsigned count;
};

static void full_open(struct full *full)
{
	char text[64];

	path_make(text);
	full->at = address_make(text);
	full->count = 0;
	full->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT(bind(full->listener, &full->at.any, full->at.len) == 0 && listen(full->listener, 0) == 0);
	for (;;) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		ASSERT(full->count < 8);
		full->fillers[full->count++] = fd;
		if (connect(fd, &full->at.any, full->at.len) != 0)
			return;
	}
}

static void full_close(struct full *full)
{
	for (unsigned i = 0; i < full->count; i++)
		close(full->fillers[i]);
	close(full->listener);
	unlink(full->at.local.sun_path);
}

enum { FULL_TIMEOUT, FULL_CANCEL, FULL_ROOM };

static const struct {
	const char *name;
	int what;
	enum error_kind want;
} full_cases[] = {
	{ "too late", FULL_TIMEOUT, ERROR_TIMEOUT },
	{ "cancelled", FULL_CANCEL, ERROR_CANCELLED },
	{ "room at last", FULL_ROOM, ERROR_NONE },
};

static void a_full_backlog_is_waited_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof full_cases / sizeof *full_cases; i++) {
		struct dialer dialer = { .until = DEADLINE_NEVER };
		struct world world;
		struct full full;
		int room = -1;

		full_open(&full);
		world_open(&world);
		dialer.world = &world;
		dialer.to = full.at;
		if (full_cases[i].what == FULL_TIMEOUT)
			dialer.until = world_in(&world, 12 * MILLISECOND);
		world_start(&world, dials, &dialer);
		assert_false(dialer.is_done);
		if (full_cases[i].what == FULL_CANCEL)
			fiber_cancel(dialer.fiber);
		if (full_cases[i].what == FULL_ROOM)
			room = accept4(full.listener, NULL, NULL, SOCK_CLOEXEC);
		world_run(&world);
		if (dialer.got.kind != full_cases[i].want)
			fail_msg("%s: %s", full_cases[i].name, error_name(dialer.got.kind));
		if (dialer.got.kind == ERROR_NONE)
			stream_close(&dialer.socket.stream);
		if (room >= 0)
			close(room);
		world_close(&world);
		full_close(&full);
	}
}

/* A TCP listener with a full backlog drops what comes: the connection stays in the air. */
static void a_connection_in_the_air_ends(void **state)
{
	(void)state;
	for (unsigned cancels = 0; cancels < 2; cancels++) {
		struct dialer dialer = { .until = DEADLINE_NEVER };
		struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		struct world world;
		int fillers[4];
		int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		ASSERT(bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 0) == 0);
		dialer.to.len = sizeof(struct sockaddr_un);
		ASSERT(getsockname(listener, &dialer.to.any, &dialer.to.len) == 0);
		for (unsigned i = 0; i < 4; i++) {
			fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
			ASSERT(connect(fillers[i], &dialer.to.any, dialer.to.len) != 0);
		}
		world_open(&world);
		dialer.world = &world;
		if (!cancels)
			dialer.until = world_in(&world, 5 * MILLISECOND);
		world_start(&world, dials, &dialer);
		turns(&world, 3);
		assert_false(dialer.is_done && cancels);
		if (cancels)
			fiber_cancel(dialer.fiber);
		world_run(&world);
		assert_int_equal(dialer.got.kind, cancels ? ERROR_CANCELLED : ERROR_TIMEOUT);
		assert_int_equal(dialer.socket.source.fd, -1);
		world_close(&world);
		for (unsigned i = 0; i < 4; i++)
			close(fillers[i]);
		close(listener);
	}
}

static void without_descriptors_a_connection_is_a_limit(void **state)
{
	struct dialer dialer = { .until = DEADLINE_NEVER };
	struct rlimit before, few;
	struct world world;
	int spare;

	(void)state;
	world_open(&world);
	dialer.world = &world;
	dialer.to = closed_port();
	spare = dup(0);
	close(spare);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit) { (rlim_t)spare, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	world_start(&world, dials, &dialer);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(dialer.got.kind, ERROR_LIMIT);
	assert_int_equal(dialer.got.sys, EMFILE);
	world_close(&world);
}

static void resets(struct fiber *self, void *argument)
{
	struct dialer *dialer = argument;

	dials(self, argument);
	assert_false(failed(dialer->got));
	socket_reset_on_close(&dialer->socket);
	stream_close(&dialer->socket.stream);
}

static void a_reset_is_no_end(void **state)
{
	struct dialer dialer = { .until = DEADLINE_NEVER };
	struct world world;
	struct door door;
	char got[8];

	(void)state;
	world_open(&world);
	door_open(&door, &world, "127.0.0.1:0");
	dialer.world = &world;
	dialer.to = door.bound;
	world_start(&world, resets, &dialer);
	world_run(&world);
	while (!door.accepted)
		loop_turn(world.loop, DEADLINE_NEVER);
	assert_int_equal(read(door.fd[0], got, sizeof got), -1);
	assert_int_equal(errno, ECONNRESET);
	door_close(&door);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted_sockets_are_as_promised),
		cmocka_unit_test(a_crowd_is_accepted_over_several_turns),
		cmocka_unit_test(two_workers_listen_on_one_port),
		cmocka_unit_test(what_cannot_be_bound_says_so),
		cmocka_unit_test(the_callee_may_stop_it),
		cmocka_unit_test(a_pause_ends),
		cmocka_unit_test(without_descriptors_it_waits),
		cmocka_unit_test(a_stale_unix_socket_is_replaced_and_a_live_one_is_not),
		cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
		cmocka_unit_test(connecting_reaches_a_listener),
		cmocka_unit_test(what_does_not_connect_is_refused_with_the_cause),
		cmocka_unit_test(a_full_backlog_is_waited_for),
		cmocka_unit_test(a_connection_in_the_air_ends),
		cmocka_unit_test(without_descriptors_a_connection_is_a_limit),
		cmocka_unit_test(a_reset_is_no_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to upstreams, kept while idle: who gets which, and that a dead one is never handed out to a
 * request that cannot be sent again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/testing.h"
#include "fiber/testing.h"
#include "upstream/pool.h"

enum { ROSTER_MAX = 128 };

static const struct upstream_config plain = { .protocol = UPSTREAM_H1 };
static const struct upstream_connections keep_two = { .idle = 2, .idle_timeout = MINUTE };

struct scene {
	struct world world;
	struct dns *dns;
	struct tls_scratch tls;
	struct pool *pool;
	struct endpoints *endpoints;
	struct upstream upstream;
	struct endpoint *endpoint;
	struct roster *roster;
	int listener;
	/* What the fiber does, and what came of it. */
	bool is_repeatable, is_new;
	deadline until;
	struct pool_connection *taken;
	result_value got;
};

static int listen_at(const struct sockaddr *at, socklen_t len, int backlog)
{
	int fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, at, len) || listen(fd, backlog)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A roster has it and those before, until the scene is over. */
static void list(struct scene *scene, struct endpoint *endpoint)
{
	struct roster_member members[ROSTER_MAX];
	size_t count = scene->roster ? scene->roster->count : 0;

	for (size_t i = 0; i < count; i++) {
		members[i] = scene->roster->members[i];
		endpoint_ref(members[i].endpoint);
	}
	assert_true(count < ROSTER_MAX);
	members[count] = (struct roster_member) { .endpoint = endpoint, .weight = 1 };
	roster_unref(&scene->roster);
	scene->roster = roster_new(members, count + 1);
}

static struct endpoint *endpoint_at(struct scene *scene, const char *host, unsigned port)
{
	struct endpoint *endpoint;
	char text[64];
	int len = snprintf(text, sizeof text, "%s:%u", host, port);

	assert_int_equal(endpoints_get(scene->endpoints, (str) { text, (size_t)len }, &endpoint).kind,
			 ERROR_NONE);
	list(scene, endpoint);
	return endpoint;
}

static unsigned port_of(int fd)
{
	struct sockaddr_in6 at = { 0 };
	socklen_t len = sizeof at;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin6_port);
}

static void scene_open(struct scene *scene)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static const struct resolver_options nobody = { "127.0.0.1:1", 50 * MILLISECOND, 1 };

	*scene = (struct scene) { .is_repeatable = true, .upstream.config = &plain };
	world_open(&scene->world);
	assert_int_equal(dns_new_with(scene->world.fibers, &nobody, &scene->dns).kind, ERROR_NONE);
	scene->pool = pool_new(scene->world.fibers, scene->dns, &scene->tls);
	scene->endpoints = endpoints_new();
	scene->listener = listen_at((struct sockaddr *)&at, sizeof at, 16);
	assert_true(scene->listener >= 0);
	scene->endpoint = endpoint_at(scene, "127.0.0.1", port_of(scene->listener));
	scene->until = world_in(&scene->world, 20 * SECOND);
}

static void scene_close(struct scene *scene)
{
	pool_free(&scene->pool);
	dns_free(&scene->dns);
	world_turn(&scene->world); /* the graveyard */
	assert_null(scene->world.scratch.holder);
	assert_int_equal(scene->world.pool.in_use, 0);
	close(scene->listener);
	world_close(&scene->world);
	roster_unref(&scene->roster);
	assert_int_equal(endpoints_count(scene->endpoints), 0);
	endpoints_free(&scene->endpoints);
}

static void take_run(struct fiber *self, void *argument)
{
	struct scene *scene = argument;

	(void)self;
	scene->got = scene->is_new ? pool_connect(scene->pool, &scene->upstream, scene->endpoint,
						  scene->until, &scene->taken)
				   : pool_take(scene->pool, &scene->upstream, scene->endpoint,
					       scene->is_repeatable, scene->until, &scene->taken);
}

static struct pool_connection *take(struct scene *scene)
{
	scene->taken = NULL;
	world_start(&scene->world, take_run, scene);
	world_run(&scene->world);
	if (failed(scene->got))
		fail_msg("no connection: %s", scene->got.why);
	return scene->taken;
}

static int accept_one(const struct scene *scene)
{
	int fd = accept(scene->listener, NULL, NULL);

	assert_true(fd >= 0);
	return fd;
}

static void give(struct pool_connection *connection, duration timeout)
{
	pool_give(&connection, &keep_two, timeout);
	assert_null(connection);
}

static size_t idle(const struct scene *scene)
{
	return pool_idle_count(scene->pool, scene->endpoint);
}

/* Until so many are idle. A test that waits for ever is ended by whoever runs it. */
static void wait_for_idle(struct scene *scene, size_t count)
{
	while (idle(scene) != count)
		loop_turn(scene->world.loop, world_in(&scene->world, 10 * MILLISECOND));
}

static bool is_closed(int peer)
{
	char byte;

	return recv(peer, &byte, 1, MSG_DONTWAIT) == 0;
}

/* ---- kept and taken again ---- */

static void the_last_one_given_is_taken_first(void **state)
{
	struct pool_connection *first, *second;
	struct scene scene;
	int peers[2];

	(void)state;
	scene_open(&scene);
	first = take(&scene);
	peers[0] = accept_one(&scene);
	second = take(&scene);
	peers[1] = accept_one(&scene);
	assert_false(first->is_reused || second->is_reused);
	give(first, MINUTE);
	give(second, MINUTE);
	assert_int_equal(idle(&scene), 2);
	assert_ptr_equal(take(&scene), second);
	assert_true(second->is_reused);
	assert_ptr_equal(take(&scene), first);
	assert_int_equal(idle(&scene), 0);
	give(second, MINUTE);
	give(first, MINUTE);
	assert_ptr_equal(take(&scene), first);
	pool_drop(&first);
	assert_null(first);
	pool_drop(&first);
	assert_true(is_closed(peers[0]));
	assert_false(is_closed(peers[1]));
	scene_close(&scene);
	assert_true(is_closed(peers[1])); /* what was idle went with the pool */
	close(peers[0]);
	close(peers[1]);
}

/* Keeping more than one may keep closes the one that is given. */
static void no_more_are_kept_than_allowed(void **state)
{
	(void)state;
	for (int64_t most = 0; most < 4; most++) {
		struct upstream_connections options = { .idle = most };
		struct pool_connection *taken[3];
		struct scene scene;
		int peers[3];

		scene_open(&scene);
		for (unsigned i = 0; i < 3; i++) {
			taken[i] = take(&scene);
			peers[i] = accept_one(&scene);
		}
		for (unsigned i = 0; i < 3; i++) {
			pool_give(&taken[i], &options, MINUTE);
			assert_int_equal(is_closed(peers[i]), i >= most);
		}
		assert_int_equal(idle(&scene), most < 3 ? most : 3);
		scene_close(&scene);
		for (unsigned i = 0; i < 3; i++)
			close(peers[i]);
	}
}

static void nobody_is_kept_for_too_long(void **state)
{
	struct pool_connection *lasting;
	struct scene scene;
	int peers[2];

	(void)state;
	scene_open(&scene);
	lasting = take(&scene);
	peers[0] = accept_one(&scene);
	give(take(&scene), 3 * MILLISECOND);
	peers[1] = accept_one(&scene);
	give(lasting, MINUTE);
	assert_int_equal(idle(&scene), 2);
	wait_for_idle(&scene, 1);
	assert_true(is_closed(peers[1]));
	assert_false(is_closed(peers[0]));
	assert_ptr_equal(take(&scene), lasting);
	give(lasting, 0); /* its peer has said that it will not wait */
	wait_for_idle(&scene, 0);
	assert_true(is_closed(peers[0]));
	scene_close(&scene);
	close(peers[0]);
	close(peers[1]);
}

/* A taken one has no time to be idle any more. */
static void a_taken_one_is_not_closed_by_its_timer(void **state)
{
	struct pool_connection *connection;
	struct scene scene;
	deadline until;
	int peer;

	(void)state;
	scene_open(&scene);
	connection = take(&scene);
	peer = accept_one(&scene);
	give(connection, 5 * MILLISECOND);
	assert_ptr_equal(take(&scene), connection);
	until = world_in(&scene.world, 15 * MILLISECOND);
	while (loop_now(scene.world.loop) < until)
		loop_turn(scene.world.loop, until);
	assert_false(is_closed(peer));
	pool_drop(&connection);
	scene_close(&scene);
	close(peer);
}

/* A peer that was seen to close what is idle may be doing so when half of that time is over again: a request
 * that cannot be repeated does not take the chance. */
static void what_may_be_closing_is_for_who_can_repeat(void **state)
{
	struct pool_connection *connection;
	struct scene scene;
	deadline given, until;
	int peers[3];

	(void)state;
	scene_open(&scene);
	give(take(&scene), MINUTE);
	peers[0] = accept_one(&scene);
	given = loop_now(scene.world.loop);
	until = world_in(&scene.world, 30 * MILLISECOND);
	while (loop_now(scene.world.loop) < until)
		loop_turn(scene.world.loop, until);
	close(peers[0]);
	wait_for_idle(&scene, 0);
	until = loop_now(scene.world.loop) - given; /* no longer than this is one kept */
	connection = take(&scene);
	peers[1] = accept_one(&scene);
	give(connection, MINUTE);
	scene.is_repeatable = false;
	assert_ptr_equal(take(&scene), connection); /* it is young */
	give(connection, MINUTE);
	until += loop_now(scene.world.loop);
	while (loop_now(scene.world.loop) < until)
		loop_turn(scene.world.loop, until);
	assert_ptr_not_equal(take(&scene), connection);
	peers[2] = accept_one(&scene);
	assert_false(scene.taken->is_reused);
	pool_drop(&scene.taken);
	scene.is_repeatable = true;
	assert_ptr_equal(take(&scene), connection);
	give(connection, MINUTE);
	scene_close(&scene);
	for (unsigned i = 1; i < 3; i++)
		close(peers[i]);
}

/* ---- dead ones ---- */

enum death { CLOSES, RESETS, TALKS };

static void die(int peer, enum death death)
{
	static const struct linger at_once = { .l_onoff = 1 };

	if (death == TALKS) {
		assert_int_equal(send(peer, "HTTP/1.1 408 \r\n\r\n", 17, 0), 17);
		return;
	}
	if (death == RESETS)
		setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(peer);
}

static const struct {
	const char *name;
	enum death death;
	bool is_seen; /* by the loop, before it is taken */
	bool is_repeatable;
	bool want_same;
} dead_rows[] = {
	{ "closed, and the loop knows", CLOSES, true, true, false },
	{ "reset, and the loop knows", RESETS, true, true, false },
	{ "unasked bytes, and the loop knows", TALKS, true, true, false },
	{ "closed, and the loop knows; not repeatable", CLOSES, true, false, false },
	{ "closed just now, not repeatable: the kernel is asked", CLOSES, false, false, false },
	{ "reset just now, not repeatable: the kernel is asked", RESETS, false, false, false },
	{ "unasked bytes just now, not repeatable: the kernel is asked", TALKS, false, false, false },
	{ "closed just now, repeatable: it may be tried", CLOSES, false, true, true },
};

static void a_dead_one_is_not_handed_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(dead_rows); i++) {
		struct pool_connection *connection;
		struct scene scene;
		int peers[2] = { -1, -1 };

		scene_open(&scene);
		connection = take(&scene);
		peers[0] = accept_one(&scene);
		give(connection, MINUTE);
		world_turn(&scene.world); /* that it can be written to is no news later */
		assert_int_equal(idle(&scene), 1);
		die(peers[0], dead_rows[i].death);
		if (dead_rows[i].is_seen)
			wait_for_idle(&scene, 0);
		scene.is_repeatable = dead_rows[i].is_repeatable;
		connection = take(&scene);
		assert_row(connection->is_reused == dead_rows[i].want_same, i, dead_rows[i].name);
		assert_int_equal(idle(&scene), 0);
		if (!dead_rows[i].want_same)
			peers[1] = accept_one(&scene);
		pool_drop(&connection);
		scene_close(&scene);
		if (dead_rows[i].death == TALKS)
			close(peers[0]);
		close(peers[1]);
	}
}

/* A dead one hides no living one behind it. */
static void the_next_one_is_taken_instead(void **state)
{
	struct pool_connection *living, *dead;
	struct scene scene;
	int peers[2];

	(void)state;
	scene_open(&scene);
	living = take(&scene);
	peers[0] = accept_one(&scene);
	dead = take(&scene);
	peers[1] = accept_one(&scene);
	give(living, MINUTE);
	give(dead, MINUTE);
	world_turn(&scene.world);
	close(peers[1]);
	scene.is_repeatable = false;
	assert_ptr_equal(take(&scene), living);
	pool_drop(&living);
	scene_close(&scene);
	close(peers[0]);
}

/* Bytes behind an answer belong to nobody: the next request would take them for its own. */
static void unread_bytes_are_never_handed_on(void **state)
{
	struct pool_connection *connection;
	struct scene scene;
	size_t room;
	char *at;
	int peer;

	(void)state;
	scene_open(&scene);
	connection = take(&scene);
	peer = accept_one(&scene);
	assert_int_equal(intake_room(&connection->in, &at, &room).kind, ERROR_NONE);
	*at = 'x';
	intake_add(&connection->in, 1);
	give(connection, MINUTE);
	assert_int_equal(idle(&scene), 0);
	assert_true(is_closed(peer));
	close(peer);
	connection = take(&scene);
	peer = accept_one(&scene);
	assert_int_equal(send(peer, "x", 1, 0), 1);
	while (!socket_is_readable(&connection->socket))
		loop_turn(scene.world.loop, DEADLINE_NEVER);
	give(connection, MINUTE);
	assert_int_equal(idle(&scene), 0);
	scene_close(&scene);
	close(peer);
}

static void a_new_one_can_be_asked_for(void **state)
{
	struct pool_connection *kept, *fresh;
	struct scene scene;
	int peers[2];

	(void)state;
	scene_open(&scene);
	kept = take(&scene);
	peers[0] = accept_one(&scene);
	give(kept, MINUTE);
	scene.is_new = true;
	fresh = take(&scene);
	peers[1] = accept_one(&scene);
	assert_ptr_not_equal(fresh, kept);
	assert_false(fresh->is_reused);
	assert_int_equal(idle(&scene), 1);
	pool_drop(&fresh);
	scene_close(&scene);
	close(peers[0]);
	close(peers[1]);
}

/* The lists move in memory when there are more endpoints than before. */
static void many_endpoints_have_each_its_own(void **state)
{
	struct endpoint *first, *far = NULL;
	struct pool_connection *connection;
	struct scene scene;
	int peer;

	(void)state;
	scene_open(&scene);
	first = scene.endpoint;
	connection = take(&scene);
	peer = accept_one(&scene);
	give(connection, MINUTE);
	for (unsigned i = 0; i < 100; i++)
		far = endpoint_at(&scene, "127.0.0.2", 1000 + i);
	assert_int_equal(pool_idle_count(scene.pool, far), 0);
	scene.endpoint = far;
	world_start(&scene.world, take_run, &scene);
	world_run(&scene.world);
	assert_int_equal(scene.got.kind, ERROR_REFUSED);
	scene.endpoint = first;
	assert_int_equal(idle(&scene), 1);
	close(peer);
	wait_for_idle(&scene, 0); /* and its place in the list is still known */
	scene_close(&scene);
}

/* ---- no connection ---- */

static void a_refusal_is_told(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	close(scene.listener);
	world_start(&scene.world, take_run, &scene);
	world_run(&scene.world);
	assert_int_equal(scene.got.kind, ERROR_REFUSED);
	assert_int_equal(scene.got.sys, ECONNREFUSED);
	assert_null(scene.taken);
	scene.listener = -1;
	scene_close(&scene);
}

static void a_name_that_nobody_knows_is_told(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene.endpoint = endpoint_at(&scene, "no-such-name.invalid", 80);
	world_start(&scene.world, take_run, &scene);
	world_run(&scene.world);
	assert_true(scene.got.kind == ERROR_MISSING || scene.got.kind == ERROR_REFUSED);
	assert_null(scene.taken);
	scene_close(&scene);
}

/* A Unix socket whose backlog is full keeps everybody waiting. */
static void fill_backlog(struct scene *scene, const char *path, int *waiting)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct endpoint *endpoint;
	char text[128];
	int len = snprintf(text, sizeof text, "unix:%s", path);

	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	unlink(path);
	close(scene->listener);
	scene->listener = listen_at((struct sockaddr *)&at, sizeof at, 0);
	assert_true(scene->listener >= 0);
	*waiting = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(*waiting, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(endpoints_get(scene->endpoints, (str) { text, (size_t)len }, &endpoint).kind,
			 ERROR_NONE);
	list(scene, endpoint);
	scene->endpoint = endpoint;
}

static void waiting_ends_in_time_or_when_cancelled(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof path, "/tmp/pool_test.%d", (int)getpid());
	for (unsigned cancelled = 0; cancelled < 2; cancelled++) {
		struct scene scene;
		int waiting;

		scene_open(&scene);
		fill_backlog(&scene, path, &waiting);
		scene.until = world_in(&scene.world, cancelled ? MINUTE : 8 * MILLISECOND);
		fibers_fail_park(scene.world.fibers, cancelled);
		world_start(&scene.world, take_run, &scene);
		world_run(&scene.world);
		assert_int_equal(scene.got.kind, cancelled ? ERROR_CANCELLED : ERROR_TIMEOUT);
		assert_null(scene.taken);
		scene_close(&scene);
		close(waiting);
	}
	unlink(path);
}

/* A name with two addresses, of which the second one serves. */
static void every_address_of_a_name_is_tried(void **state)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct scene scene;
	int peer;

	(void)state;
	scene_open(&scene);
	close(scene.listener);
	scene.listener = listen_at((struct sockaddr *)&at, sizeof at, 16);
	if (scene.listener < 0) {
		scene_close(&scene);
		skip(); /* a machine without IPv6 */
	}
	scene.endpoint = endpoint_at(&scene, "localhost", port_of(scene.listener));
	world_start(&scene.world, take_run, &scene);
	world_run(&scene.world);
	if (failed(scene.got)) {
		scene_close(&scene);
		skip(); /* here localhost has one address only */
	}
	peer = accept_one(&scene);
	pool_drop(&scene.taken);
	scene_close(&scene);
	close(peer);
}

/* ---- endpoints that vanish ---- */

static bool turn_until_idle(struct scene *scene, size_t want)
{
	deadline late = deadline_after(time_monotonic(), 20 * SECOND);

	while (pool_idle_count(scene->pool, scene->endpoint) != want) {
		if (time_monotonic() > late)
			return false;
		loop_turn(scene->world.loop, deadline_after(time_monotonic(), 50 * MILLISECOND));
	}
	return true;
}

/* Its connections hold it, and are closed soon after: then it is gone, and so is its number. */
static void connections_of_who_vanished_are_closed(void **state)
{
	struct scene scene;
	int peer;

	(void)state;
	scene_open(&scene);
	give(take(&scene), MINUTE);
	peer = accept_one(&scene);
	assert_int_equal(pool_idle_count(scene.pool, scene.endpoint), 1);
	endpoint_ref(scene.endpoint);
	roster_unref(&scene.roster);
	assert_int_equal(endpoints_count(scene.endpoints), 1);
	assert_true(turn_until_idle(&scene, 0));
	assert_int_equal(read(peer, &(char) { 0 }, 1), 0);
	endpoint_unref(&scene.endpoint);
	assert_int_equal(endpoints_count(scene.endpoints), 0);
	close(peer);
	scene_close(&scene);
}

/* One that is at work is not cut; it is closed after it was given back. */
static void a_connection_at_work_is_not_cut(void **state)
{
	struct pool_connection *connection;
	struct scene scene;
	int peer;

	(void)state;
	scene_open(&scene);
	connection = take(&scene);
	peer = accept_one(&scene);
	roster_unref(&scene.roster);
	assert_int_equal(send(peer, "x", 1, 0), 1);
	assert_int_equal(endpoints_count(scene.endpoints), 1);
	world_turn(&scene.world);
	assert_true(socket_is_readable(&connection->socket));
	pool_drop(&connection);
	assert_int_equal(endpoints_count(scene.endpoints), 0);
	close(peer);
	scene_close(&scene);
}

static void connections_of_a_drained_one_are_closed(void **state)
{
	struct scene scene;
	int peer;

	(void)state;
	scene_open(&scene);
	give(take(&scene), MINUTE);
	peer = accept_one(&scene);
	atomic_store(&scene.endpoint->is_drained, true);
	assert_true(turn_until_idle(&scene, 0));
	close(peer);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_one_given_is_taken_first),
		cmocka_unit_test(no_more_are_kept_than_allowed),
		cmocka_unit_test(nobody_is_kept_for_too_long),
		cmocka_unit_test(a_taken_one_is_not_closed_by_its_timer),
		cmocka_unit_test(what_may_be_closing_is_for_who_can_repeat),
		cmocka_unit_test(a_dead_one_is_not_handed_out),
		cmocka_unit_test(the_next_one_is_taken_instead),
		cmocka_unit_test(unread_bytes_are_never_handed_on),
		cmocka_unit_test(a_new_one_can_be_asked_for),
		cmocka_unit_test(many_endpoints_have_each_its_own),
		cmocka_unit_test(a_refusal_is_told),
		cmocka_unit_test(a_name_that_nobody_knows_is_told),
		cmocka_unit_test(waiting_ends_in_time_or_when_cancelled),
		cmocka_unit_test(every_address_of_a_name_is_tried),
		cmocka_unit_test(connections_of_who_vanished_are_closed),
		cmocka_unit_test(a_connection_at_work_is_not_cut),
		cmocka_unit_test(connections_of_a_drained_one_are_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

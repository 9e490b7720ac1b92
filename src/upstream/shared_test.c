/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions that requests share: how many there are, who connects and who waits, and when a session goes. The
 * service at the other end is a few lines over the library, in the same thread.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <unistd.h>

#include "base/testing.h"
#include "fiber/testing.h"
#include "upstream/shared.h"

enum { PEERS_MAX = 16, TAKERS_MAX = 300, ARENA_MAX = 1024 * 1024, BUFFER = 64 * 1024 };

/* ---- the service ---- */

struct peer {
	struct service *service;
	int fd; /* -1: closed */
	nghttp2_session *session;
	unsigned requests, open, most; /* streams at a time */
	int32_t last;
	bool has_goaway;
};

struct service {
	int listener;
	unsigned port;
	struct peer peers[PEERS_MAX];
	unsigned count; /* connections that it ever had */
	uint32_t max;   /* streams of one; 0: it does not say */
	bool has_max, holds, refuses, is_silent;
	const char *greeting; /* instead of HTTP/2 */
};

static int on_request(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct peer *peer = user;
	nghttp2_nv status = { (uint8_t *)(uintptr_t) ":status", (uint8_t *)(uintptr_t) "200", 7, 3, 0 };

	if (frame->hd.type == NGHTTP2_GOAWAY)
		peer->has_goaway = true;
	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	peer->requests++;
	peer->last = frame->hd.stream_id;
	if (++peer->open > peer->most)
		peer->most = peer->open;
	if (peer->service->refuses)
		return nghttp2_submit_rst_stream(session, 0, peer->last, NGHTTP2_REFUSED_STREAM);
	if (peer->service->holds)
		return 0;
	return nghttp2_submit_response(session, peer->last, &status, 1, NULL);
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct peer *peer = user;

	(void)session, (void)id, (void)code;
	peer->open--;
	return 0;
}

static void peer_open(struct service *service, int fd)
{
	struct peer *peer = &service->peers[service->count++];
	nghttp2_session_callbacks *callbacks;
	nghttp2_settings_entry max = { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, service->max };

	assert_true(service->count <= PEERS_MAX);
	*peer = (struct peer) { .service = service, .fd = fd };
	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_request);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	assert_int_equal(nghttp2_session_server_new(&peer->session, callbacks, peer), 0);
	nghttp2_session_callbacks_del(callbacks);
	if (service->greeting)
		assert_true(write(fd, service->greeting, strlen(service->greeting)) > 0);
	else if (!service->is_silent)
		nghttp2_submit_settings(peer->session, 0, &max, service->has_max);
}

static void peer_close(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	nghttp2_session_del(peer->session);
	peer->fd = -1;
	peer->session = NULL;
}

static void peer_serve(struct peer *peer)
{
	uint8_t bytes[BUFFER];
	const uint8_t *out;
	ssize_t got, len;

	while (peer->fd >= 0 && (got = recv(peer->fd, bytes, sizeof bytes, MSG_DONTWAIT)) >= 0) {
		if (got == 0)
			peer_close(peer);
		else if (nghttp2_session_mem_recv(peer->session, bytes, (size_t)got) < 0)
			return;
	}
	while (peer->fd >= 0 && !peer->service->is_silent && !peer->service->greeting &&
	       (len = nghttp2_session_mem_send(peer->session, &out)) > 0)
		if (send(peer->fd, out, (size_t)len, MSG_NOSIGNAL) != len)
			return;
}

static void service_serve(struct service *service)
{
	int fd;

	while (service->listener >= 0 && (fd = accept4(service->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		peer_open(service, fd);
	for (unsigned i = 0; i < service->count; i++)
		peer_serve(&service->peers[i]);
}

static unsigned connections(const struct service *service)
{
	unsigned open = 0;

	for (unsigned i = 0; i < service->count; i++)
		open += service->peers[i].fd >= 0;
	return open;
}

static unsigned requests(const struct service *service)
{
	unsigned count = 0;

	for (unsigned i = 0; i < service->count; i++)
		count += service->peers[i].requests;
	return count;
}

static void service_open(struct service *service)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;

	service->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(service->listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(service->listener, 64), 0);
	assert_int_equal(getsockname(service->listener, (struct sockaddr *)&at, &len), 0);
	service->port = ntohs(at.sin_port);
}

static void service_close(struct service *service)
{
	for (unsigned i = 0; i < service->count; i++)
		peer_close(&service->peers[i]);
	if (service->listener >= 0)
		close(service->listener);
}

/* ---- the gateway's side ---- */

struct scene {
	struct world world;
	struct dns *dns;
	struct tls_scratch tls;
	struct pool *pool;
	struct endpoints *endpoints;
	struct upstream_config config;
	struct upstream upstream;
	struct endpoint *endpoint;
	struct roster *roster;
	struct service service;
};

/* A request in a fiber: it takes, asks, reads the head, and keeps the stream until it is told to end. */
struct taker {
	struct scene *scene;
	struct arena arena;
	struct fiber *fiber;
	bool is_repeatable, takes_only;
	deadline until;
	struct pool_connection *taken;
	result_value got, answer;
	int status;
};

/* Until the claim holds; a test that waits in vain is ended by whoever runs it. */
#define turn_until(scene, claim)                                                        \
	while (!(claim)) {                                                              \
		loop_turn((scene)->world.loop, world_in(&(scene)->world, MILLISECOND)); \
		service_serve(&(scene)->service);                                       \
	}

static void scene_open(struct scene *scene)
{
	static const struct resolver_options nobody = { "127.0.0.1:1", 50 * MILLISECOND, 1 };
	struct roster_member member = { .weight = 1 };
	char text[32];

	world_open(&scene->world);
	assert_int_equal(dns_new_with(scene->world.fibers, &nobody, &scene->dns).kind, ERROR_NONE);
	scene->pool = pool_new(scene->world.fibers, scene->dns, &scene->tls);
	scene->endpoints = endpoints_new();
	service_open(&scene->service);
	snprintf(text, sizeof text, "127.0.0.1:%u", scene->service.port);
	assert_int_equal(endpoints_get(scene->endpoints, str_of(text), &scene->endpoint).kind, ERROR_NONE);
	member.endpoint = scene->endpoint;
	scene->roster = roster_new(&member, 1);
	scene->config = (struct upstream_config) { .protocol = UPSTREAM_H2,
						   .connections = { .idle = 8, .idle_timeout = MINUTE } };
	scene->upstream.config = &scene->config;
}

static void scene_close(struct scene *scene)
{
	pool_free(&scene->pool);
	dns_free(&scene->dns);
	world_turn(&scene->world);
	assert_null(scene->world.scratch.holder);
	assert_int_equal(scene->world.pool.in_use, 0);
	world_close(&scene->world);
	roster_unref(&scene->roster);
	assert_int_equal(endpoints_count(scene->endpoints), 0);
	endpoints_free(&scene->endpoints);
	service_close(&scene->service);
}

static result ask(struct taker *taker)
{
	static const str head = STR_INIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	struct client *client = taker->taken->client;
	struct body_sink *sink = client_request(client, &taker->arena, head, HTTP_NO_BODY, 0);
	struct http_response response;
	size_t used;

	TRY(sink_send(sink, (struct piece) { .is_last = true }, taker->until, &used));
	TRY(client_read(client, &taker->arena, HTTP_GET, taker->until, &response));
	taker->status = response.status;
	return OK;
}

static void take_run(struct fiber *self, void *argument)
{
	struct taker *taker = argument;
	struct scene *scene = taker->scene;

	taker->fiber = self;
	taker->got = pool_take(scene->pool, &scene->upstream, scene->endpoint, taker->is_repeatable,
			       taker->until, &taker->taken);
	taker->answer = taker->got;
	if (!failed(taker->got) && !taker->takes_only)
		taker->answer = ask(taker);
	taker->fiber = NULL;
}

static void take_begin(struct scene *scene, struct taker *taker)
{
	taker->scene = scene;
	if (!taker->until)
		taker->until = world_in(&scene->world, MINUTE);
	arena_init(&taker->arena, NULL, ARENA_MAX);
	world_start(&scene->world, take_run, taker);
}

static void take(struct scene *scene, struct taker *taker)
{
	unsigned before = requests(&scene->service);

	*taker = (struct taker) { .is_repeatable = true };
	take_begin(scene, taker);
	turn_until(scene, scene->service.holds ? requests(&scene->service) > before : !taker->fiber);
}

static void end(struct taker *taker)
{
	if (taker->fiber)
		fiber_cancel(taker->fiber);
	turn_until(taker->scene, !taker->fiber);
	pool_drop(&taker->taken);
	arena_fini(&taker->arena);
}

static void give(struct taker *taker)
{
	pool_give(&taker->taken, &taker->scene->config.connections, MINUTE);
	arena_fini(&taker->arena);
}

/* ---- how many there are ---- */

static void requests_share_a_session(void **state)
{
	struct scene scene = { 0 };
	struct taker takers[20];

	(void)state;
	scene_open(&scene);
	for (unsigned i = 0; i < 20; i++) {
		take(&scene, &takers[i]);
		assert_int_equal(takers[i].status, 200);
		assert_int_equal(takers[i].taken->is_reused, i > 0);
	}
	assert_int_equal(scene.service.count, 1);
	for (unsigned i = 0; i < 20; i++)
		give(&takers[i]);
	assert_int_equal(shared_sessions(scene.pool, scene.endpoint), 1);
	scene_close(&scene);
}

/* All at a time, by a number of streams that the service says: nobody is refused, and no session is opened
 * that is not needed. */
static void one_connects_for_all(void **state)
{
	static const struct {
		unsigned takers, max, want;
	} rows[] = { { 100, 100, 1 }, { 101, 1000, 2 }, { 12, 3, 4 }, { 5, 1, 5 }, { 250, 100, 3 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		static struct taker takers[TAKERS_MAX];
		struct scene scene = { .service = { .max = rows[i].max, .has_max = true, .holds = true } };

		scene_open(&scene);
		for (unsigned at = 0; at < rows[i].takers; at++) {
			takers[at] = (struct taker) { .is_repeatable = true, .takes_only = true };
			take_begin(&scene, &takers[at]);
		}
		for (unsigned at = 0; at < rows[i].takers; at++) {
			turn_until(&scene, takers[at].taken || failed(takers[at].got));
			assert_int_equal(takers[at].got.kind, ERROR_NONE);
		}
		assert_int_equal(scene.service.count, rows[i].want);
		for (unsigned at = 0; at < rows[i].takers; at++)
			end(&takers[at]);
		scene_close(&scene);
	}
}

static void the_oldest_with_room_is_used(void **state)
{
	struct scene scene = { .service = { .max = 1, .has_max = true, .holds = true } };
	struct taker first, second, third;

	(void)state;
	scene_open(&scene);
	take(&scene, &first);
	take(&scene, &second);
	assert_int_equal(scene.service.count, 2);
	end(&first);
	take(&scene, &third);
	assert_int_equal(scene.service.count, 2);
	assert_int_equal(scene.service.peers[0].requests, 2);
	assert_int_equal(scene.service.peers[0].most, 1);
	end(&second);
	end(&third);
	scene_close(&scene);
}

/* ---- what goes wrong at the beginning ---- */

static const struct {
	const char *name, *greeting;
	bool is_silent, has_max, is_gone;
	enum error_kind want;
} troubles[] = {
	{ "nobody is there", NULL, false, false, true, ERROR_REFUSED },
	{ "it speaks HTTP/1", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", false, false, false,
	  ERROR_INVALID },
	{ "it takes no streams", NULL, false, true, false, ERROR_REFUSED },
	{ "it says nothing", NULL, true, false, false, ERROR_TIMEOUT },
};

/* Those who wait are told the same, but for the time that they have themselves. */
static void trouble_is_everybodys(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(troubles); i++) {
		struct scene scene = { .service = { .greeting = troubles[i].greeting,
						    .has_max = troubles[i].has_max,
						    .is_silent = troubles[i].is_silent } };
		struct taker takers[5];

		scene_open(&scene);
		if (troubles[i].is_gone) {
			close(scene.service.listener);
			scene.service.listener = -1;
		}
		for (unsigned at = 0; at < 5; at++) {
			takers[at] = (struct taker) { .is_repeatable = true };
			if (troubles[i].is_silent)
				takers[at].until = world_in(&scene.world, 5 * MILLISECOND);
			take_begin(&scene, &takers[at]);
		}
		for (unsigned at = 0; at < 5; at++) {
			turn_until(&scene, !takers[at].fiber && failed(takers[at].got));
			assert_row(takers[at].got.kind == troubles[i].want, i, troubles[i].name);
			arena_fini(&takers[at].arena);
		}
		scene_close(&scene);
	}
}

static void who_is_cancelled_leaves_the_others(void **state)
{
	struct scene scene = { .service = { .is_silent = true } };
	struct taker first = { .is_repeatable = true }, second = first, third = first;

	(void)state;
	scene_open(&scene);
	take_begin(&scene, &first);
	take_begin(&scene, &second);
	take_begin(&scene, &third);
	turn_until(&scene, scene.service.count == 1);
	scene.service.is_silent = false;
	fiber_cancel(first.fiber);
	turn_until(&scene, second.taken && third.taken);
	assert_int_equal(first.got.kind, ERROR_CANCELLED);
	assert_null(first.taken);
	assert_int_equal(scene.service.count, 2);
	assert_int_equal(connections(&scene.service), 1);
	arena_fini(&first.arena);
	end(&second);
	end(&third);
	scene_close(&scene);
}

/* ---- the end ---- */

static void goaway(struct peer *peer)
{
	nghttp2_submit_goaway(peer->session, 0, peer->last, NGHTTP2_NO_ERROR, NULL, 0);
}

static void who_says_goaway_gets_no_more(void **state)
{
	struct scene scene = { .service = { .holds = true } };
	struct taker old, young;

	(void)state;
	scene_open(&scene);
	take(&scene, &old);
	goaway(&scene.service.peers[0]);
	turn_until(&scene, shared_sessions(scene.pool, scene.endpoint) == 0);
	take(&scene, &young);
	assert_int_equal(scene.service.count, 2);
	assert_int_equal(scene.service.peers[0].requests, 1);
	assert_int_equal(connections(&scene.service), 2); /* it still owes an answer */
	end(&old);
	turn_until(&scene, connections(&scene.service) == 1);
	end(&young);
	scene_close(&scene);
}

static void what_was_refused_is_told(void **state)
{
	struct scene scene = { .service = { .refuses = true } };
	struct taker refused, late;

	(void)state;
	scene_open(&scene);
	take(&scene, &refused);
	assert_int_equal(refused.answer.kind, ERROR_REFUSED);
	assert_false(refused.taken->client->is_over);
	end(&refused);
	scene.service.refuses = false;
	scene.service.holds = true;
	take(&scene, &late);
	nghttp2_submit_goaway(scene.service.peers[0].session, 0, 1, NGHTTP2_NO_ERROR, NULL, 0);
	turn_until(&scene, !late.fiber);
	assert_int_equal(late.answer.kind, ERROR_REFUSED);
	assert_true(late.taken->client->is_over);
	end(&late);
	scene_close(&scene);
}

static void a_broken_session_leaves_what_has_come(void **state)
{
	struct scene scene = { 0 };
	struct taker done, held, other;

	(void)state;
	scene_open(&scene);
	take(&scene, &done);
	scene.service.holds = true;
	take(&scene, &held);
	peer_close(&scene.service.peers[0]);
	turn_until(&scene, !held.fiber);
	assert_true(held.answer.kind == ERROR_CLOSED || held.answer.kind == ERROR_RESET);
	assert_true(client_answer_is_whole(done.taken->client));
	scene.service.holds = false;
	take(&scene, &other);
	assert_int_equal(other.status, 200);
	assert_int_equal(scene.service.count, 2);
	give(&done);
	end(&held);
	give(&other);
	scene_close(&scene);
}

/* The loop has not heard of it yet: only the kernel knows. */
static void what_must_not_be_sent_twice_meets_no_dead_session(void **state)
{
	struct scene scene = { 0 };
	struct taker taker;

	(void)state;
	scene_open(&scene);
	take(&scene, &taker);
	give(&taker);
	peer_close(&scene.service.peers[0]);
	taker = (struct taker) { .is_repeatable = false };
	take_begin(&scene, &taker);
	turn_until(&scene, !taker.fiber);
	assert_int_equal(taker.status, 200);
	assert_int_equal(scene.service.count, 2);
	give(&taker);
	scene_close(&scene);
}

static void nobody_is_kept_idle_for_too_long(void **state)
{
	static const struct {
		int64_t idle;
		duration timeout;
		bool is_kept;
	} rows[] = { { 8, MINUTE, true }, { 8, 2 * MILLISECOND, false }, { 0, MINUTE, false } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct scene scene = { 0 };
		struct taker taker;

		scene_open(&scene);
		scene.config.connections.idle = rows[i].idle;
		scene.config.connections.idle_timeout = rows[i].timeout;
		take(&scene, &taker);
		give(&taker);
		turn_until(&scene, rows[i].is_kept || connections(&scene.service) == 0);
		assert_int_equal(connections(&scene.service), rows[i].is_kept);
		assert_int_equal(scene.service.peers[0].has_goaway, !rows[i].is_kept);
		scene_close(&scene);
	}
}

static void nobody_is_kept_whom_nobody_names(void **state)
{
	struct scene scene = { .service = { .holds = true } };
	struct taker taker;

	(void)state;
	scene_open(&scene);
	take(&scene, &taker);
	roster_unref(&scene.roster);
	turn_until(&scene, scene.service.peers[0].has_goaway);
	assert_int_equal(connections(&scene.service), 1);
	end(&taker);
	turn_until(&scene, connections(&scene.service) == 0);
	turn_until(&scene, endpoints_count(scene.endpoints) == 0);
	scene_close(&scene);
}

static void who_is_drained_gets_no_more(void **state)
{
	struct scene scene = { 0 };
	struct taker taker;

	(void)state;
	scene_open(&scene);
	take(&scene, &taker);
	give(&taker);
	atomic_store(&scene.endpoint->is_drained, true);
	turn_until(&scene, connections(&scene.service) == 0);
	scene_close(&scene);
}

/* The sweep of each second leaves it to who waits for the peer's word. */
static void who_is_drained_while_he_is_met_is_let_go_by_who_meets_him(void **state)
{
	struct scene scene = { .service = { .is_silent = true } };
	struct taker taker = { .is_repeatable = true };
	deadline swept;

	(void)state;
	scene_open(&scene);
	swept = world_in(&scene.world, 2200 * MILLISECOND);
	take_begin(&scene, &taker);
	turn_until(&scene, scene.service.count == 1);
	atomic_store(&scene.endpoint->is_drained, true);
	turn_until(&scene, time_monotonic() >= swept);
	assert_int_equal(connections(&scene.service), 1);
	fiber_cancel(taker.fiber);
	turn_until(&scene, !taker.fiber && connections(&scene.service) == 0);
	assert_int_equal(taker.got.kind, ERROR_CANCELLED);
	arena_fini(&taker.arena);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_share_a_session),
		cmocka_unit_test(one_connects_for_all),
		cmocka_unit_test(the_oldest_with_room_is_used),
		cmocka_unit_test(trouble_is_everybodys),
		cmocka_unit_test(who_is_cancelled_leaves_the_others),
		cmocka_unit_test(who_says_goaway_gets_no_more),
		cmocka_unit_test(what_was_refused_is_told),
		cmocka_unit_test(a_broken_session_leaves_what_has_come),
		cmocka_unit_test(what_must_not_be_sent_twice_meets_no_dead_session),
		cmocka_unit_test(nobody_is_kept_idle_for_too_long),
		cmocka_unit_test(nobody_is_kept_whom_nobody_names),
		cmocka_unit_test(who_is_drained_gets_no_more),
		cmocka_unit_test(who_is_drained_while_he_is_met_is_let_go_by_who_meets_him),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

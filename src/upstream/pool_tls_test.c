/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kept connections with TLS: who may be given one, and what may come on one while nobody has it.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#include "base/testing.h"
#include "tls/tls_testing.h"
#include "upstream/pool.h"

static const struct upstream_config over_h1 = { .protocol = UPSTREAM_H1 };
static const struct upstream_connections keep = { .idle = 8, .idle_timeout = MINUTE };

/* What the service does with a connection once it is accepted. */
enum manner { SHAKES, IS_MUTE, CLOSES, SPEAKS_PLAINLY };

enum { PEERS_MAX = 8 };

struct scene {
	struct tls_world tls;
	struct dns *dns;
	struct pool *pool;
	struct endpoints *endpoints;
	struct endpoint *endpoint;
	struct roster *roster;
	struct tls_client_identities *identities;
	struct ticket_keys *tickets;
	struct tls_server_context *server;
	int listener;
	/* The service's ends, in the order in which they came. */
	struct tls_end peers[PEERS_MAX];
	size_t peer_count;
	enum manner manner;
	/* Who takes. */
	struct upstream upstream;
	bool is_repeatable;
	deadline until;
	struct pool_connection *taken;
	result_value got;
};

static struct world *world_of(struct scene *scene)
{
	return &scene->tls.world;
}

static int listen_anywhere(uint16_t *ret_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	struct timeval patience = { .tv_sec = 10 }; /* for a connection that should come, and does not */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 16) == 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
	*ret_port = ntohs(at.sin_port);
	return fd;
}

static struct tls_server_context *service(struct scene *scene)
{
	struct tls_pair pair = tls_issue(&scene->tls.arena, &scene->tls.authority,
					 (struct tls_issue) { "service", "IP:127.0.0.1,DNS:a.test" });
	struct tls_entry entry = { .certificate = pair.certificate, .key = pair.key };

	return tls_world_server(&scene->tls, &(struct tls_server_options) { .listener = STR("s"),
									    .entries = &entry,
									    .count = 1,
									    .tickets = scene->tickets });
}

static void scene_open(struct scene *scene)
{
	static const struct resolver_options nobody = { "127.0.0.1:1", 50 * MILLISECOND, 1 };
	struct roster_member member = { .weight = 1 };
	char text[32];
	uint16_t port;

	*scene = (struct scene) { .is_repeatable = true, .upstream = { .config = &over_h1 } };
	tls_world_open(&scene->tls);
	assert_false(failed(dns_new_with(world_of(scene)->fibers, &nobody, &scene->dns)));
	scene->pool = pool_new(world_of(scene)->fibers, scene->dns, &scene->tls.scratch);
	scene->listener = listen_anywhere(&port);
	scene->endpoints = endpoints_new();
	snprintf(text, sizeof text, "127.0.0.1:%u", port);
	assert_false(failed(endpoints_get(scene->endpoints, str_of(text), &scene->endpoint)));
	member.endpoint = scene->endpoint;
	scene->roster = roster_new(&member, 1);
	scene->identities = tls_client_identities_new();
	scene->tickets = ticket_keys_new();
	scene->server = service(scene);
	scene->until = world_in(world_of(scene), 20 * SECOND);
}

static void close_peers(struct scene *scene)
{
	for (size_t i = 0; i < scene->peer_count; i++) {
		struct tls_end *peer = &scene->peers[i];

		intake_fini(&peer->in);
		tls_stream_fini(&peer->tls);
		if (peer->socket.stream.ops)
			stream_close(&peer->socket.stream);
	}
}

/* An upstream's own is gone when its configuration is. */
static void unlist(struct tls_client_identity *identity)
{
	atomic_fetch_sub(&identity->listings, 1);
	tls_client_identity_unref(&identity);
}

static void scene_close(struct scene *scene)
{
	close_peers(scene);
	pool_free(&scene->pool);
	dns_free(&scene->dns);
	world_turn(world_of(scene)); /* the graveyard */
	roster_unref(&scene->roster);
	assert_int_equal(endpoints_count(scene->endpoints), 0);
	endpoints_free(&scene->endpoints);
	tls_server_context_free(&scene->server);
	ticket_keys_free(&scene->tickets);
	close(scene->listener);
	assert_int_equal(tls_client_identities_count(scene->identities), 0);
	tls_client_identities_free(&scene->identities);
	tls_world_close(&scene->tls);
}

/* Listed, as if an upstream had it. */
static struct tls_client_identity *identity_of(struct scene *scene, struct tls_client_options options)
{
	struct tls_client_identity *identity;
	enum tls_client_part wrong;

	assert_false(failed(tls_client_identities_get(scene->identities, &options, &wrong, &identity)));
	atomic_fetch_add(&identity->listings, 1);
	return identity;
}

static struct tls_client_identity *usual(struct scene *scene)
{
	return identity_of(scene, (struct tls_client_options) { .ca = scene->tls.authority.certificate,
								.is_verified = true });
}

/* ---- both ends ---- */

static void shake(struct scene *scene, struct tls_end *peer)
{
	result_value made = tls_server_context_accept(scene->server, &peer->tls, &peer->socket.stream,
						      &scene->tls.scratch);

	assert_false(failed(made));
	made = tls_stream_handshake(&peer->tls, scene->until);
	(void)made; /* the taker says what came of it */
}

static void serve_run(struct fiber *self, void *argument)
{
	struct scene *scene = argument;
	struct tls_end *peer = &scene->peers[scene->peer_count++];
	int fd = accept4(scene->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	result_value sent = OK;

	(void)self;
	assert_true(fd >= 0 && scene->peer_count <= PEERS_MAX);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 }, sizeof(int)), 0);
	assert_false(failed(socket_open(&peer->socket, world_of(scene)->fibers, fd)));
	intake_init(&peer->in, &world_of(scene)->scratch);
	if (scene->manner == SHAKES)
		shake(scene, peer);
	else if (scene->manner == SPEAKS_PLAINLY)
		sent = stream_send_all(&peer->socket.stream, STR("HTTP/1.1 200 OK\r\n\r\n"), scene->until);
	else if (scene->manner == CLOSES)
		shutdown(fd, SHUT_RDWR);
	(void)sent;
}

static void take_run(struct fiber *self, void *argument)
{
	struct scene *scene = argument;

	(void)self;
	scene->got = pool_take(scene->pool, &scene->upstream, scene->endpoint, scene->is_repeatable,
			       scene->until, &scene->taken);
}

/* NULL: none came about, see scene->got. */
static struct pool_connection *take_as(struct scene *scene, struct tls_client_identity *identity, bool is_new)
{
	scene->upstream.tls = identity;
	scene->taken = NULL;
	world_start(world_of(scene), take_run, scene);
	if (is_new)
		world_start(world_of(scene), serve_run, scene);
	world_run(world_of(scene));
	return scene->taken;
}

static struct pool_connection *take_new(struct scene *scene, struct tls_client_identity *identity)
{
	struct pool_connection *connection = take_as(scene, identity, true);

	if (!connection)
		fail_msg("no connection: %s", scene->got.why);
	assert_false(connection->is_reused);
	return connection;
}

static void give(struct pool_connection *connection)
{
	pool_give(&connection, &keep, MINUTE);
}

static size_t idle(const struct scene *scene)
{
	return pool_idle_count(scene->pool, scene->endpoint);
}

/* Turns until the gateway's end has heard of what was sent. Nothing may come of it, so this is a wait. */
static void let_it_arrive(struct scene *scene)
{
	for (int i = 0; i < 5; i++)
		loop_turn(world_of(scene)->loop, world_in(world_of(scene), 2 * MILLISECOND));
}

/* What a peer does in a fiber of its own. */
struct deed {
	struct scene *scene;
	struct tls_end *peer;
	enum {
		SENDS_TICKET,
		SENDS_CONTENT,
		ENDS_TLS,
		ENDS_TCP,
		BREAKS_IT,
		SENDS_NONSENSE,
		SENDS_TICKET_AND_CONTENT
	} what;
};

/* OpenSSL sends it, and would then like to read something. */
static void send_ticket(const struct deed *deed)
{
	assert_int_equal(SSL_new_session_ticket(deed->peer->tls.ssl), 1);
	assert_int_equal(tls_stream_handshake(&deed->peer->tls, STREAM_AT_ONCE).kind, ERROR_TIMEOUT);
}

static result do_deed(const struct deed *deed)
{
	struct stream *tls = &deed->peer->tls.stream;

	switch (deed->what) {
	case SENDS_TICKET:
		send_ticket(deed);
		return OK;
	case SENDS_TICKET_AND_CONTENT:
		send_ticket(deed);
		return stream_send_all(tls, STR("x"), deed->scene->until);
	case SENDS_CONTENT:
		return stream_send_all(tls, STR("HTTP/1.1 408 Request Timeout\r\n\r\n"), deed->scene->until);
	case ENDS_TLS:
		return stream_shut(tls);
	case ENDS_TCP:
		return stream_shut(&deed->peer->socket.stream);
	case BREAKS_IT:
		socket_reset_on_close(&deed->peer->socket);
		intake_fini(&deed->peer->in);
		tls_stream_fini(&deed->peer->tls);
		stream_close(&deed->peer->socket.stream);
		deed->peer->socket.stream.ops = NULL;
		return OK;
	case SENDS_NONSENSE:
		return stream_send_all(&deed->peer->socket.stream, STR("nonsense, and not a little"),
				       deed->scene->until);
	}
	return OK;
}

static void deed_run(struct fiber *self, void *argument)
{
	result_value done = do_deed(argument);

	(void)self;
	assert_int_equal(done.kind, ERROR_NONE);
}

static const struct {
	const char *label;
	int what;
	bool is_harmless;
} deeds[] = {
	{ "a ticket", SENDS_TICKET, true },
	{ "content", SENDS_CONTENT, false },
	{ "a ticket, and content", SENDS_TICKET_AND_CONTENT, false },
	{ "close_notify", ENDS_TLS, false },
	{ "the end of TCP alone", ENDS_TCP, false },
	{ "a reset", BREAKS_IT, false },
	{ "nonsense", SENDS_NONSENSE, false },
};

/* ---- whose it is ---- */

static void one_is_taken_again_by_the_same_identity_alone(void **state)
{
	struct scene scene;
	struct tls_client_identity *first, *second;
	struct pool_connection *encrypted, *other, *plain;

	(void)state;
	scene_open(&scene);
	first = usual(&scene);
	second = identity_of(&scene, (struct tls_client_options) { .is_verified = false });
	encrypted = take_new(&scene, first);
	assert_ptr_not_equal(encrypted->stream, &encrypted->socket.stream);
	give(encrypted);
	other = take_new(&scene, second);
	scene.manner = IS_MUTE;
	plain = take_new(&scene, NULL);
	assert_ptr_equal(plain->stream, &plain->socket.stream);
	give(other);
	give(plain);
	assert_int_equal(idle(&scene), 3);

	/* Whatever lies on top. */
	assert_ptr_equal(take_as(&scene, first, false), encrypted);
	assert_true(encrypted->is_reused);
	give(encrypted);
	assert_ptr_equal(take_as(&scene, NULL, false), plain);
	assert_ptr_equal(take_as(&scene, second, false), other);
	give(plain);
	assert_ptr_equal(take_as(&scene, first, false), encrypted);
	pool_drop(&encrypted);
	pool_drop(&other);
	assert_int_equal(idle(&scene), 1);
	unlist(first);
	unlist(second);
	scene_close(&scene);
}

/* A reload took the certificate, the authority or the name away. */
static void an_identity_of_nobody_is_let_go(void **state)
{
	struct scene scene;
	struct tls_client_identity *identity;
	deadline late;

	(void)state;
	scene_open(&scene);
	identity = usual(&scene);
	give(take_new(&scene, identity));
	unlist(identity);
	assert_int_equal(tls_client_identities_count(scene.identities), 1); /* the connection has it */
	late = deadline_after(time_monotonic(), 20 * SECOND);
	while (idle(&scene) && time_monotonic() < late)
		loop_turn(world_of(&scene)->loop, deadline_after(time_monotonic(), 50 * MILLISECOND));
	assert_int_equal(idle(&scene), 0);
	assert_int_equal(tls_client_identities_count(scene.identities), 0);
	scene_close(&scene);
}

/* ---- what comes while it is idle ---- */

static void play_deed(struct scene *scene, int what)
{
	struct deed deed = { .scene = scene, .peer = &scene->peers[scene->peer_count - 1], .what = what };

	world_start(world_of(scene), deed_run, &deed);
	world_run(world_of(scene));
}

static void what_comes_on_an_idle_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(deeds); i++) {
		struct scene scene;
		struct tls_client_identity *identity;
		struct pool_connection *connection;

		scene_open(&scene);
		identity = usual(&scene);
		connection = take_new(&scene, identity);
		give(connection);
		play_deed(&scene, deeds[i].what);
		let_it_arrive(&scene);
		assert_row(idle(&scene) == deeds[i].is_harmless, i, deeds[i].label);
		if (deeds[i].is_harmless) {
			assert_ptr_equal(take_as(&scene, identity, false), connection);
			pool_drop(&connection);
		}
		unlist(identity);
		scene_close(&scene);
	}
}

/* It has come, and the loop has not heard of it yet. */
static void what_has_just_come_is_seen_where_it_matters(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(deeds); i++) {
		struct scene scene;
		struct tls_client_identity *identity;
		struct pool_connection *connection;
		struct deed deed = { .what = deeds[i].what };

		scene_open(&scene);
		identity = usual(&scene);
		connection = take_new(&scene, identity);
		give(connection);
		scene.is_repeatable = false;
		scene.upstream.tls = identity;
		scene.taken = NULL;
		deed.scene = &scene;
		deed.peer = &scene.peers[0];
		/* In this order in one turn. Where it is not taken, a new one is made. */
		world_start(world_of(&scene), deed_run, &deed);
		world_start(world_of(&scene), take_run, &scene);
		if (!deeds[i].is_harmless)
			world_start(world_of(&scene), serve_run, &scene);
		world_run(world_of(&scene));
		assert_row(!failed(scene.got), i, deeds[i].label);
		assert_row(scene.taken->is_reused == deeds[i].is_harmless, i, deeds[i].label);
		pool_drop(&scene.taken);
		unlist(identity);
		scene_close(&scene);
	}
}

static void a_late_ticket_serves_the_next_handshake(void **state)
{
	struct scene scene;
	struct tls_client_identity *identity;
	struct pool_connection *connection;

	(void)state;
	scene_open(&scene);
	identity = usual(&scene);
	give(take_new(&scene, identity));
	let_it_arrive(&scene); /* the ticket of the handshake, which nobody has read yet */
	assert_int_equal(idle(&scene), 1);
	connection = take_as(&scene, identity, false);
	pool_drop(&connection);
	connection = take_new(&scene, identity);
	assert_true(tls_stream_is_resumed(&connection->tls));
	pool_drop(&connection);
	unlist(identity);
	scene_close(&scene);
}

/* The peer learns that no more will come, as RFC 8446 section 6.1 wants it. */
static void the_end_is_said(void **state)
{
	struct scene scene;
	struct tls_client_identity *identity;
	struct pool_connection *connection;
	struct tls_end *peer;

	(void)state;
	scene_open(&scene);
	identity = usual(&scene);
	connection = take_new(&scene, identity);
	pool_drop(&connection);
	let_it_arrive(&scene);
	peer = &scene.peers[0];
	assert_int_equal(stream_fill(&peer->tls.stream, &peer->in, STREAM_AT_ONCE).kind, ERROR_CLOSED);
	unlist(identity);
	scene_close(&scene);
}

/* ---- when no connection comes about ---- */

static void a_failure_is_told_and_leaves_nothing(void **state)
{
	static const struct {
		const char *label, *server_name;
		enum manner manner;
		duration within;
		enum error_kind kind;
	} rows[] = {
		{ "another name", "b.test", SHAKES, 20 * SECOND, ERROR_UNTRUSTED },
		{ "silence", "a.test", IS_MUTE, 20 * MILLISECOND, ERROR_TIMEOUT },
		{ "closed", "a.test", CLOSES, 20 * SECOND, ERROR_MALFORMED },
		{ "no TLS", "a.test", SPEAKS_PLAINLY, 20 * SECOND, ERROR_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct scene scene;
		struct tls_client_identity *identity;

		scene_open(&scene);
		identity = identity_of(
			&scene, (struct tls_client_options) { .ca = scene.tls.authority.certificate,
							      .server_name = str_of(rows[i].server_name),
							      .is_verified = true });
		scene.manner = rows[i].manner;
		scene.until = world_in(world_of(&scene), rows[i].within);
		assert_null(take_as(&scene, identity, true));
		assert_row(scene.got.kind == rows[i].kind, i, scene.got.why);
		assert_int_equal(idle(&scene), 0);
		unlist(identity);
		scene_close(&scene);
	}
}

static result connect_pair(void *self, const struct endpoint *endpoint, int *ret_fd)
{
	int pair[2];

	(void)self, (void)endpoint;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	*ret_fd = pair[0];
	*(int *)self = pair[1];
	return OK;
}

/* A rehearsal's stand-ins are asked as they are. */
static void a_connector_is_not_encrypted(void **state)
{
	struct scene scene;
	struct tls_client_identity *identity;
	struct pool_connection *connection;
	int far = -1;

	(void)state;
	scene_open(&scene);
	pool_set_connector(scene.pool, &(struct pool_connector) { connect_pair, &far });
	identity = usual(&scene);
	connection = take_as(&scene, identity, false);
	assert_non_null(connection);
	assert_ptr_equal(connection->stream, &connection->socket.stream);
	pool_drop(&connection);
	close(far);
	unlist(identity);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_taken_again_by_the_same_identity_alone),
		cmocka_unit_test(an_identity_of_nobody_is_let_go),
		cmocka_unit_test(what_comes_on_an_idle_one),
		cmocka_unit_test(what_has_just_come_is_seen_where_it_matters),
		cmocka_unit_test(a_late_ticket_serves_the_next_handshake),
		cmocka_unit_test(the_end_is_said),
		cmocka_unit_test(a_failure_is_told_and_leaves_nothing),
		cmocka_unit_test(a_connector_is_not_encrypted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names are asked of a small DNS server that lives in the same loop. The names it knows say what it does.
 * The cache is included as source, so that a test can let an answer expire without waiting for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "fiber/testing.h"
#include "io/dns.c"
#include "io/listener.h"
#include "io/socket.h"

enum { TYPE_A = 1, TYPE_AAAA = 28, NXDOMAIN = 3, SERVFAIL = 2, REFUSED = 5, TRUNCATED = 0x02, PACKET = 512 };

/* What the server says of a name. */
struct zone {
	const char *name;
	unsigned a, aaaa; /* how many addresses */
	unsigned ttl;
	unsigned code;
	bool is_silent, is_truncated; /* over UDP */
};

static const struct zone zones[] = {
	{ .name = "one.test", .a = 1, .ttl = 30 },
	{ .name = "both.test", .a = 2, .aaaa = 2, .ttl = 30 },
	{ .name = "six.test", .aaaa = 1, .ttl = 30 },
	{ .name = "many.test", .a = 20, .ttl = 30 },
	{ .name = "short.test", .a = 1, .ttl = 0 },
	{ .name = "long.test", .a = 1, .ttl = 86400 },
	{ .name = "empty.test" },
	{ .name = "gone.test", .code = NXDOMAIN },
	{ .name = "broken.test", .code = SERVFAIL },
	{ .name = "closed.test", .code = REFUSED },
	{ .name = "silent.test", .a = 1, .ttl = 30, .is_silent = true },
	{ .name = "big.test", .a = 12, .ttl = 30, .is_truncated = true },
};

struct server {
	struct source udp;
	struct listener tcp;
	struct world *world;
	bool is_down, is_silent; /* whatever the name */
	unsigned questions;      /* for A records: one a resolution */
	bool uses_other_addresses;
};

struct packet {
	struct buf out;
	char bytes[4096];
};

static void put_u16(struct buf *out, unsigned value)
{
	buf_put_char(out, (char)(value >> 8));
	buf_put_char(out, (char)value);
}

static void put_records(struct buf *out, const struct server *server, const struct zone *zone, unsigned type)
{
	unsigned count = type == TYPE_A ? zone->a : zone->aaaa;

	for (unsigned i = 1; i <= count; i++) {
		put_u16(out, 0xc00c); /* the name in the question */
		put_u16(out, type);
		put_u16(out, 1);
		put_u16(out, zone->ttl >> 16);
		put_u16(out, zone->ttl);
		put_u16(out, type == TYPE_A ? 4 : 16);
		if (type == TYPE_AAAA)
			buf_put(out, STR("\xfd\0\0\0\0\0\0\0\0\0\0\0"));
		put_u16(out, server->uses_other_addresses ? 0x0a01 : 0x0a00);
		put_u16(out, i);
	}
}

/* The name of the question, in dots; the end of the question is after its type and class. */
static size_t question_name(str packet, char name[256], unsigned *ret_type)
{
	size_t at = 12, len = 0;

	while (at < packet.len && packet.ptr[at]) {
		size_t label = (unsigned char)packet.ptr[at];

		if (len)
			name[len++] = '.';
		memcpy(name + len, packet.ptr + at + 1, label);
		len += label;
		at += label + 1;
	}
	name[len] = 0;
	*ret_type = (unsigned char)packet.ptr[at + 2];
	return at + 5;
}

static const struct zone *zone_find(const char *name)
{
	static const struct zone unknown = { .code = NXDOMAIN };

	for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
		if (strcmp(zones[i].name, name) == 0)
			return &zones[i];
	return &unknown;
}

/* False: no answer. */
static bool server_answer(struct server *server, str question, bool is_udp, struct packet *packet)
{
	char name[256];
	unsigned type;
	size_t end = question_name(question, name, &type);
	const struct zone *zone = zone_find(name);
	bool is_truncated = is_udp && zone->is_truncated;
	unsigned code = server->is_down ? SERVFAIL : zone->code;

	server->questions += is_udp && type == TYPE_A;
	if (is_udp && (zone->is_silent || server->is_silent))
		return false;
	packet->out = buf_over(packet->bytes, sizeof packet->bytes);
	buf_put(&packet->out, str_slice(question, 0, 2));
	buf_put_char(&packet->out, (char)(0x85 | (is_truncated ? TRUNCATED : 0)));
	buf_put_char(&packet->out, (char)(0x80 | code));
	put_u16(&packet->out, 1);
	put_u16(&packet->out, code || is_truncated ? 0 : type == TYPE_A ? zone->a : zone->aaaa);
	put_u16(&packet->out, 0);
	put_u16(&packet->out, 0);
	buf_put(&packet->out, str_slice(question, 12, end));
	if (!code && !is_truncated)
		put_records(&packet->out, server, zone, type);
	return true;
}

static void server_on_ready(struct source *source)
{
	struct server *server = (struct server *)(void *)source;
	struct sockaddr_in from;
	socklen_t len = sizeof from;
	char question[PACKET];
	ssize_t count;

	while ((count = recvfrom(source->fd, question, sizeof question, 0, (struct sockaddr *)&from, &len)) >
	       0) {
		struct packet packet;

		if (server_answer(server, (str) { question, (size_t)count }, true, &packet))
			assert_true(sendto(source->fd, packet.out.bytes, packet.out.len, 0,
					   (struct sockaddr *)&from, len) > 0);
	}
}

struct tcp_question {
	struct server *server;
	struct socket socket;
};

static void tcp_release(struct socket *socket)
{
	free((char *)socket - offsetof(struct tcp_question, socket));
}

/* Answers in two pieces, so that the resolver has to put them together. */
static result tcp_serve(struct tcp_question *question, struct intake *in)
{
	struct stream *stream = &question->socket.stream;
	struct packet packet;
	char size[2];

	for (;;) {
		while (in->len < 2 || in->len < 2 + (size_t)(unsigned char)intake_data(in).ptr[1])
			TRY(stream_fill(stream, in, DEADLINE_NEVER));
		server_answer(question->server, str_skip(intake_data(in), 2), false, &packet);
		intake_consume(in, 2 + (size_t)(unsigned char)intake_data(in).ptr[1]);
		size[0] = (char)(packet.out.len >> 8);
		size[1] = (char)packet.out.len;
		TRY(stream_send_all(stream, (str) { size, 2 }, DEADLINE_NEVER));
		TRY(fiber_sleep(fiber_current(stream->fibers), 0));
		TRY(stream_send_all(stream, buf_str(&packet.out), DEADLINE_NEVER));
	}
}

static void tcp_run(struct fiber *self, void *argument)
{
	struct tcp_question *question = argument;
	struct intake in;
	result_value served;

	(void)self;
	intake_init(&in, &question->server->world->scratch);
	served = tcp_serve(question, &in);
	assert_true(failed(served));
	intake_fini(&in);
	stream_close(&question->socket.stream);
}

static void server_on_accept(struct listener *listener, int fd, const struct address *peer)
{
	struct server *server = listener->owner;
	struct tcp_question *question = calloc(1, sizeof *question);

	(void)peer;
	question->server = server;
	assert_false(failed(socket_open(&question->socket, server->world->fibers, fd)));
	question->socket.release = tcp_release;
	world_start(server->world, tcp_run, question);
}

/* UDP on the port that TCP was given, which somebody else may have. */
static int udp_open(const struct address *at)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (bind(fd, &at->any, at->len) == 0)
		return fd;
	close(fd);
	return -1;
}

static uint16_t server_open(struct server *server, struct world *world)
{
	struct address any, at;
	int tcp, udp;

	*server = (struct server) { .world = world };
	assert_true(address_of_ip(STR("127.0.0.1"), 0, &any));
	for (;;) {
		assert_false(failed(listener_bind(&any, &tcp, &at)));
		udp = udp_open(&at);
		if (udp >= 0)
			break;
		close(tcp);
	}
	assert_false(failed(source_open(world->loop, &server->udp, udp, server_on_ready)));
	assert_false(failed(listener_open(&server->tcp, world->loop, tcp, server_on_accept, NULL, server)));
	return address_port(&at);
}

struct scene {
	struct world world;
	struct server server;
	struct dns *dns;
};

/* Patience is for servers that answer, however busy the machine is. */
static void scene_open_with(struct scene *scene, duration patience)
{
	struct resolver_options options = { .patience = patience, .tries = 1 };
	char servers[32];
	uint16_t port;

	world_open(&scene->world);
	port = server_open(&scene->server, &scene->world);
	assert_true(snprintf(servers, sizeof servers, "127.0.0.1:%u", port) > 0);
	options.servers = servers;
	assert_false(failed(dns_new_with(scene->world.fibers, &options, &scene->dns)));
}

static void scene_open(struct scene *scene)
{
	scene_open_with(scene, 30 * SECOND);
}

static void scene_close(struct scene *scene)
{
	dns_free(&scene->dns);
	source_close(&scene->server.udp);
	listener_close(&scene->server.tcp);
	world_run(&scene->world);
	world_close(&scene->world);
}

struct asker {
	struct scene *scene;
	const char *name;
	struct fiber *fiber;
	deadline until;
	result_value got;
	struct dns_answer answer;
	bool is_done;
};

static void asks(struct fiber *self, void *argument)
{
	struct asker *asker = argument;

	asker->fiber = self;
	asker->is_done = false;
	asker->got = dns_resolve(asker->scene->dns, str_of(asker->name), 8080, asker->until, &asker->answer);
	asker->is_done = true;
}

static void ask_and_wait(struct asker *asker, struct scene *scene, const char *name)
{
	*asker = (struct asker) { .scene = scene, .name = name, .until = DEADLINE_NEVER };
	world_start(&scene->world, asks, asker);
	while (!asker->is_done)
		loop_turn(scene->world.loop, DEADLINE_NEVER);
}

static struct dns_entry *entry_of(struct scene *scene, const char *name)
{
	return dns_find(scene->dns, name, strlen(name), hash_bytes(str_of(name), scene->dns->seed));
}

static void expire(struct scene *scene, const char *name)
{
	entry_of(scene, name)->expires = 0;
}

static const struct {
	const char *name;
	enum error_kind want;
	size_t count;
	const char *first, *last;
	duration ttl; /* at most this, and at least a second less */
	bool is_silent;
} cases[] = {
	{ "one.test", ERROR_NONE, 1, "10.0.0.1:8080", "10.0.0.1:8080", 30 * SECOND },
	{ "ONE.Test", ERROR_NONE, 1, "10.0.0.1:8080", "10.0.0.1:8080", 30 * SECOND },
	{ "both.test", ERROR_NONE, 4, "10.0.0.1:8080", "[fd00::a00:2]:8080", 30 * SECOND },
	{ "six.test", ERROR_NONE, 1, "[fd00::a00:1]:8080", "[fd00::a00:1]:8080", 30 * SECOND },
	{ "many.test", ERROR_NONE, 16, "10.0.0.1:8080", "10.0.0.16:8080", 30 * SECOND },
	{ "big.test", ERROR_NONE, 12, "10.0.0.1:8080", "10.0.0.12:8080", 30 * SECOND },
	{ "short.test", ERROR_NONE, 1, "10.0.0.1:8080", "10.0.0.1:8080", 1 * SECOND },
	{ "long.test", ERROR_NONE, 1, "10.0.0.1:8080", "10.0.0.1:8080", 60 * SECOND },
	{ "10.1.2.3", ERROR_NONE, 1, "10.1.2.3:8080", "10.1.2.3:8080", 0 },
	{ "::1", ERROR_NONE, 1, "[::1]:8080", "[::1]:8080", 0 },
	{ "empty.test", ERROR_MISSING, 0, NULL, NULL, 1 * SECOND },
	{ "gone.test", ERROR_MISSING, 0, NULL, NULL, 1 * SECOND },
	{ "unheard-of.test", ERROR_MISSING, 0, NULL, NULL, 1 * SECOND },
	{ "broken.test", ERROR_REFUSED, 0, NULL, NULL, 1 * SECOND },
	{ "closed.test", ERROR_REFUSED, 0, NULL, NULL, 1 * SECOND },
	{ "silent.test", ERROR_REFUSED, 0, NULL, NULL, 1 * SECOND, true },
	{ "a..test", ERROR_MISSING, 0, NULL, NULL, 1 * SECOND },
	{ "", ERROR_MISSING, 0, NULL, NULL, 0 },
};

static void address_check(const char *name, const struct address *address, const char *want)
{
	char text[ADDRESS_TEXT_MAX];
	struct buf out = buf_over(text, sizeof text);

	address_print(address, &out);
	if (!str_eq(buf_str(&out), str_of(want)))
		fail_msg("%s: %.*s", name, STR_ARG(buf_str(&out)));
}

static void names_become_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct scene scene;
		struct asker asker;
		duration ttl;

		scene_open_with(&scene, cases[i].is_silent ? 30 * MILLISECOND : 30 * SECOND);
		ask_and_wait(&asker, &scene, cases[i].name);
		if (asker.got.kind != cases[i].want || asker.answer.count != cases[i].count)
			fail_msg("%s: %s, %zu", cases[i].name, error_name(asker.got.kind),
				 asker.answer.count);
		if (cases[i].count) {
			address_check(cases[i].name, &asker.answer.at[0], cases[i].first);
			address_check(cases[i].name, &asker.answer.at[cases[i].count - 1], cases[i].last);
		}
		if (cases[i].ttl) {
			ttl = scene.dns->newest->expires - loop_now(scene.world.loop);
			assert_in_range(ttl, cases[i].ttl - SECOND, cases[i].ttl);
		} else {
			assert_int_equal(scene.dns->count, 0);
		}
		scene_close(&scene);
	}
}

static void a_name_with_a_zero_byte_or_too_long_is_none(void **state)
{
	static const char zero[] = "one.test\0.evil";
	char longest[300];
	struct scene scene;
	struct dns_answer answer;

	(void)state;
	memset(longest, 'a', sizeof longest);
	scene_open(&scene);
	assert_int_equal(dns_resolve(scene.dns, (str) { zero, sizeof zero - 1 }, 1, 0, &answer).kind,
			 ERROR_MISSING);
	assert_int_equal(dns_resolve(scene.dns, (str) { longest, sizeof longest }, 1, 0, &answer).kind,
			 ERROR_MISSING);
	assert_int_equal(scene.dns->count, 0);
	scene_close(&scene);
}

static void the_hosts_file_is_honoured(void **state)
{
	struct scene scene;
	struct asker asker;

	(void)state;
	if (access("/etc/hosts", R_OK))
		skip(); /* an image of a system before its first start has none */
	scene_open(&scene);
	ask_and_wait(&asker, &scene, "localhost");
	assert_false(failed(asker.got));
	assert_true(asker.answer.count >= 1);
	assert_int_equal(scene.server.questions, 0);
	scene_close(&scene);
}

static void answers_and_failures_are_kept(void **state)
{
	static const struct {
		const char *name;
		enum error_kind want;
	} kept[] = { { "one.test", ERROR_NONE },
		     { "gone.test", ERROR_MISSING },
		     { "broken.test", ERROR_REFUSED } };

	(void)state;
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		struct scene scene;
		struct asker asker;
		unsigned asked;

		scene_open(&scene);
		ask_and_wait(&asker, &scene, kept[i].name);
		asked = scene.server.questions;
		assert_true(asked >= 1);
		world_start(&scene.world, asks, &asker);
		assert_true(asker.is_done); /* without a wait */
		assert_int_equal(asker.got.kind, kept[i].want);
		assert_int_equal(scene.server.questions, asked);
		expire(&scene, kept[i].name);
		world_start(&scene.world, asks, &asker);
		while (!asker.is_done)
			loop_turn(scene.world.loop, DEADLINE_NEVER);
		assert_true(scene.server.questions > asked);
		assert_int_equal(asker.got.kind, kept[i].want);
		scene_close(&scene);
	}
}

static void many_askers_are_one_question(void **state)
{
	enum { ASKERS = 20 };
	struct asker askers[ASKERS];
	struct scene scene;

	(void)state;
	scene_open(&scene);
	for (unsigned i = 0; i < ASKERS; i++) {
		askers[i] = (struct asker) { .scene = &scene, .name = "one.test", .until = DEADLINE_NEVER };
		world_start(&scene.world, asks, &askers[i]);
	}
	while (!askers[ASKERS - 1].is_done)
		loop_turn(scene.world.loop, DEADLINE_NEVER);
	assert_int_equal(scene.server.questions, 1);
	for (unsigned i = 0; i < ASKERS; i++) {
		assert_true(askers[i].is_done);
		assert_int_equal(askers[i].answer.count, 1);
	}
	scene_close(&scene);
}

static void those_who_leave_do_not_take_the_answer_along(void **state)
{
	struct asker cancelled, late, patient;
	struct scene scene;

	(void)state;
	scene_open_with(&scene, 30 * MILLISECOND);
	scene.server.is_silent = true;
	cancelled = (struct asker) { .scene = &scene, .name = "one.test", .until = DEADLINE_NEVER };
	late = patient = cancelled;
	late.until = 0; /* before any timer of the resolver */
	world_start(&scene.world, asks, &cancelled);
	world_start(&scene.world, asks, &late);
	world_start(&scene.world, asks, &patient);
	fiber_cancel(cancelled.fiber);
	assert_int_equal(cancelled.got.kind, ERROR_CANCELLED);
	while (!late.is_done)
		loop_turn(scene.world.loop, DEADLINE_NEVER);
	assert_int_equal(late.got.kind, ERROR_TIMEOUT);
	while (!patient.is_done)
		loop_turn(scene.world.loop, DEADLINE_NEVER);
	assert_int_equal(patient.got.kind, ERROR_REFUSED);
	scene_close(&scene);
}

/* DNS goes down: the old answer serves; comes back: the new one does. */
static void the_last_good_answer_serves_while_dns_is_down(void **state)
{
	struct scene scene;
	struct asker asker;

	(void)state;
	scene_open(&scene);
	ask_and_wait(&asker, &scene, "one.test");
	scene.server.is_down = true;
	expire(&scene, "one.test");
	ask_and_wait(&asker, &scene, "one.test");
	assert_false(failed(asker.got));
	address_check("down", &asker.answer.at[0], "10.0.0.1:8080");
	expire(&scene, "one.test");
	world_start(&scene.world, asks, &asker);
	assert_true(asker.is_done); /* known to be down: at once, and asked behind that */
	assert_true(entry_of(&scene, "one.test")->is_asking);
	while (entry_of(&scene, "one.test")->is_asking)
		loop_turn(scene.world.loop, DEADLINE_NEVER);
	scene.server.is_down = false;
	scene.server.uses_other_addresses = true;
	expire(&scene, "one.test");
	ask_and_wait(&asker, &scene, "one.test");
	address_check("stale", &asker.answer.at[0], "10.0.0.1:8080");
	while (entry_of(&scene, "one.test")->is_asking)
		loop_turn(scene.world.loop, DEADLINE_NEVER);
	ask_and_wait(&asker, &scene, "one.test");
	address_check("back", &asker.answer.at[0], "10.1.0.1:8080");
	scene_close(&scene);
}

/* With a server that says nothing for long, an old answer is not waited for longer than a second. */
static void an_old_answer_beats_a_long_wait(void **state)
{
	struct scene scene;
	struct asker asker;
	struct dns_entry *entry;

	(void)state;
	scene_open(&scene);
	ask_and_wait(&asker, &scene, "one.test");
	entry = entry_of(&scene, "one.test");
	entry->expires = 0;
	entry->is_asking = true; /* as if its question were in the air */
	ask_and_wait(&asker, &scene, "one.test");
	assert_false(failed(asker.got));
	world_start(&scene.world, asks, &asker); /* the next one does not wait */
	assert_true(asker.is_done);
	assert_false(failed(asker.got));
	entry->is_asking = false;
	scene_close(&scene);
}

static void a_name_that_is_no_more_is_forgotten(void **state)
{
	struct scene scene;
	struct resolver_answer gone = { .status = error_make(ERROR_MISSING, "no such name") };
	struct asker asker;

	(void)state;
	scene_open(&scene);
	ask_and_wait(&asker, &scene, "one.test");
	entry_on_answer(entry_of(&scene, "one.test"), &gone);
	ask_and_wait(&asker, &scene, "one.test");
	assert_int_equal(asker.got.kind, ERROR_MISSING);
	assert_int_equal(asker.answer.count, 0);
	scene_close(&scene);
}

/* The table is full: the longest unasked name goes, but none that somebody waits for. */
static void names_are_bounded(void **state)
{
	struct scene scene;
	struct asker asker;
	struct dns_entry *entry = NULL;

	(void)state;
	scene_open(&scene);
	ask_and_wait(&asker, &scene, "one.test");
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		char name[32];
		int len = snprintf(name, sizeof name, "name-%u.test", i);

		assert_false(failed(dns_entry(scene.dns, (str) { name, (size_t)len }, &entry)));
		entry->is_asking = true;
	}
	assert_int_equal(scene.dns->count, NAMES_MAX);
	assert_null(entry_of(&scene, "one.test"));
	ask_and_wait(&asker, &scene, "one.test");
	assert_int_equal(asker.got.kind, ERROR_LIMIT);
	scene_close(&scene);
}

static void a_bad_list_of_servers_is_refused(void **state)
{
	const struct resolver_options options = { .servers = "not an address" };
	struct world world;
	struct dns *dns;

	(void)state;
	world_open(&world);
	assert_int_equal(dns_new_with(world.fibers, &options, &dns).kind, ERROR_INVALID);
	assert_null(dns);
	assert_false(failed(dns_new(world.fibers, &dns)));
	dns_free(&dns);
	dns_free(&dns);
	world_close(&world);
}

/* Freed with a question in the air: nobody waits for it, and nothing is left behind. */
static void questions_in_the_air_end_with_it(void **state)
{
	struct scene scene;
	struct asker asker;

	(void)state;
	scene_open(&scene);
	asker = (struct asker) { .scene = &scene, .name = "silent.test", .until = DEADLINE_NEVER };
	world_start(&scene.world, asks, &asker);
	fiber_cancel(asker.fiber);
	assert_true(entry_of(&scene, "silent.test")->is_asking);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_addresses),
		cmocka_unit_test(a_name_with_a_zero_byte_or_too_long_is_none),
		cmocka_unit_test(the_hosts_file_is_honoured),
		cmocka_unit_test(answers_and_failures_are_kept),
		cmocka_unit_test(many_askers_are_one_question),
		cmocka_unit_test(those_who_leave_do_not_take_the_answer_along),
		cmocka_unit_test(the_last_good_answer_serves_while_dns_is_down),
		cmocka_unit_test(an_old_answer_beats_a_long_wait),
		cmocka_unit_test(a_name_that_is_no_more_is_forgotten),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(a_bad_list_of_servers_is_refused),
		cmocka_unit_test(questions_in_the_air_end_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lookups of the server in the loop: all that it says, with the time to live.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/testing.h"
#include "io/dns.h"
#include "io/dns_testing.h"

enum { SERVFAIL = 2 };

struct scene {
	struct world world;
	struct server server;
	struct dns *dns;
	struct arena arena;
};

/* With another server in front where there is one, on that port. */
static void scene_open_behind(struct scene *scene, uint16_t first, const struct resolver_options *patience)
{
	struct resolver_options options = *patience;
	char servers[64];
	uint16_t port = server_open(&scene->server, &scene->world);

	arena_init(&scene->arena, NULL, SIZE_MAX / 2);
	assert_true(snprintf(servers, sizeof servers, "127.0.0.1:%u,127.0.0.1:%u", first ? first : port,
			     port) > 0);
	options.servers = servers;
	assert_false(failed(dns_new_with(scene->world.fibers, &options, &scene->dns)));
}

static void scene_open(struct scene *scene, duration patience)
{
	world_open(&scene->world);
	scene_open_behind(scene, 0, &(struct resolver_options) { .patience = patience, .tries = 1 });
}

static void scene_close(struct scene *scene)
{
	dns_free(&scene->dns);
	server_close(&scene->server);
	world_run(&scene->world);
	world_close(&scene->world);
	arena_fini(&scene->arena);
}

struct asker {
	struct scene *scene;
	str name;
	enum dns_kind kind;
	deadline until;
	struct fiber *fiber;
	result_value got;
	const struct dns_records *last;
	struct dns_records records;
	bool is_done;
};

static void asks(struct fiber *self, void *argument)
{
	struct asker *asker = argument;
	struct scene *scene = asker->scene;

	asker->fiber = self;
	asker->got = dns_lookup(scene->dns, asker->name, asker->kind, 8080, asker->until, asker->last,
				&scene->arena, &asker->records);
	asker->is_done = true;
}

static void ask_and_wait(struct asker *asker, struct scene *scene, const char *name, enum dns_kind kind,
			 const struct dns_records *last)
{
	*asker = (struct asker) {
		.scene = scene, .name = str_of(name), .kind = kind, .until = DEADLINE_NEVER, .last = last
	};
	world_start(&scene->world, asks, asker);
	while (!asker->is_done)
		loop_turn(scene->world.loop, DEADLINE_NEVER);
}

static void print_records(const struct dns_records *records, struct buf *out)
{
	for (size_t i = 0; i < records->count; i++) {
		address_print(&records->at[i].address, out);
		buf_put_char(out, '/');
		buf_put_u64(out, records->at[i].priority);
		buf_put_char(out, '/');
		buf_put_u64(out, records->at[i].weight);
		buf_put_char(out, ' ');
	}
}

static const struct {
	const char *name;
	enum dns_kind kind;
	enum error_kind want;
	unsigned ttl;
	const char *records;
	size_t missed;
} cases[] = {
	{ "one.test", DNS_ADDRESSES, ERROR_NONE, 30, "10.0.0.1:8080/0/1 " },
	{ "both.test", DNS_ADDRESSES, ERROR_NONE, 30,
	  "10.0.0.1:8080/0/1 10.0.0.2:8080/0/1 [fd00::a00:1]:8080/0/1 [fd00::a00:2]:8080/0/1 " },
	{ "short.test", DNS_ADDRESSES, ERROR_NONE, 0, "10.0.0.1:8080/0/1 " },
	{ "long.test", DNS_ADDRESSES, ERROR_NONE, 86400, "10.0.0.1:8080/0/1 " },
	{ "empty.test", DNS_ADDRESSES, ERROR_MISSING, 0, "" },
	{ "gone.test", DNS_ADDRESSES, ERROR_MISSING, 0, "" },
	{ "broken.test", DNS_ADDRESSES, ERROR_REFUSED, 0, "" },
	{ "_web.test", DNS_ADDRESSES, ERROR_MISSING, 0, "" },
	{ "", DNS_ADDRESSES, ERROR_MISSING, 0, "" },
	{ "_web.test", DNS_SERVICES, ERROR_NONE, 20,
	  "10.0.0.1:8001/1/5 10.0.0.1:8002/2/7 10.0.0.2:8002/2/7 [fd00::a00:1]:8002/2/7 "
	  "[fd00::a00:2]:8002/2/7 " },
	{ "_fast.test", DNS_SERVICES, ERROR_NONE, 2, "10.0.0.1:8001/0/0 " },
	{ "_slow.test", DNS_SERVICES, ERROR_NONE, 0, "10.0.0.1:8001/0/0 " },
	{ "_half.test", DNS_SERVICES, ERROR_NONE, 20, "10.0.0.1:8002/0/1 " },
	{ "_not.test", DNS_SERVICES, ERROR_MISSING, 0, "" },
	{ "_lost.test", DNS_SERVICES, ERROR_MISSING, 0, "" },
	{ "_torn.test", DNS_SERVICES, ERROR_NONE, 20, "10.0.0.1:8001/0/1 ", .missed = 1 },
	{ "_down.test", DNS_SERVICES, ERROR_REFUSED, 0, "", .missed = 1 },
	{ "one.test", DNS_SERVICES, ERROR_MISSING, 0, "" },
	{ "gone.test", DNS_SERVICES, ERROR_MISSING, 0, "" },
	{ "broken.test", DNS_SERVICES, ERROR_REFUSED, 0, "" },
};

static void records_come_with_their_time(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, 30 * SECOND);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[1024];
		struct buf records = buf_over(text, sizeof text);
		struct asker asker;

		ask_and_wait(&asker, &scene, cases[i].name, cases[i].kind, NULL);
		if (asker.got.kind != cases[i].want)
			fail_msg("%s: %s", cases[i].name, error_name(asker.got.kind));
		if (!failed(asker.got))
			assert_int_equal(asker.records.ttl, cases[i].ttl * SECOND);
		print_records(&asker.records, &records);
		if (!str_eq(buf_str(&records), str_of(cases[i].records)))
			fail_msg("%s: %.*s", cases[i].name, STR_ARG(buf_str(&records)));
		assert_row(asker.records.missed == cases[i].missed, i, cases[i].name);
	}
	scene_close(&scene);
}

static void of_a_crowd_the_lowest_are_taken(void **state)
{
	struct scene scene;
	struct asker asker;
	char text[ADDRESS_TEXT_MAX];
	struct buf last = buf_over(text, sizeof text);

	(void)state;
	scene_open(&scene, 30 * SECOND);
	ask_and_wait(&asker, &scene, "crowd.test", DNS_ADDRESSES, NULL);
	assert_int_equal(asker.got.kind, ERROR_NONE);
	assert_int_equal(asker.records.count, DNS_RECORDS_MAX);
	assert_true(asker.records.is_cut);
	address_print(&asker.records.at[DNS_RECORDS_MAX - 1].address, &last);
	assert_true(str_eq(buf_str(&last), STR("10.0.1.0:8080")));
	scene_close(&scene);
}

/* Also of services, those with the lowest priority first. */
static void of_crowds_those_that_serve_are_taken(void **state)
{
	struct scene scene;
	struct asker asker;

	(void)state;
	scene_open(&scene, 30 * SECOND);
	ask_and_wait(&asker, &scene, "_crowds.test", DNS_SERVICES, NULL);
	assert_int_equal(asker.got.kind, ERROR_NONE);
	assert_int_equal(asker.records.count, DNS_RECORDS_MAX);
	assert_int_equal(asker.records.at[0].priority, 10);
	assert_int_equal(asker.records.at[1].priority, 20);
	assert_true(asker.records.is_cut);
	scene_close(&scene);
}

/* However many ports it has; and each is asked for once. */
static void a_target_that_is_silent_leaves_time_for_the_others(void **state)
{
	struct scene scene;
	struct asker asker = { .scene = &scene, .name = STR("_mute.test"), .kind = DNS_SERVICES };
	char text[128];
	struct buf records = buf_over(text, sizeof text);

	(void)state;
	scene_open(&scene, 30 * SECOND);
	asker.until = world_in(&scene.world, 2 * SECOND);
	world_start(&scene.world, asks, &asker);
	while (!asker.is_done)
		loop_turn(scene.world.loop, DEADLINE_NEVER);
	assert_int_equal(asker.got.kind, ERROR_NONE);
	assert_int_equal(asker.records.missed, 1);
	assert_int_equal(scene.server.questions, 2);
	print_records(&asker.records, &records);
	if (!str_eq(buf_str(&records), STR("10.0.0.1:8002/1/1 10.0.0.1:8003/1/1 ")))
		fail_msg("%.*s", STR_ARG(buf_str(&records)));
	scene_close(&scene);
}

/* More than are asked for at once: all of them are found, the first of them first. */
static void a_long_list_of_targets_is_asked_for_in_parts(void **state)
{
	struct scene scene;
	struct asker asker;

	(void)state;
	scene_open(&scene, 30 * SECOND);
	ask_and_wait(&asker, &scene, "_long.test", DNS_SERVICES, NULL);
	assert_int_equal(asker.got.kind, ERROR_NONE);
	assert_int_equal(asker.records.count, 40);
	assert_int_equal(asker.records.missed, 0);
	assert_int_equal(scene.server.questions, 40);
	for (size_t i = 0; i < asker.records.count; i++)
		assert_int_equal(address_port(&asker.records.at[i].address), 8100 + i);
	scene_close(&scene);
}

enum { AT_ONCE = 32 };

/* The first so many of the targets of _long.test. */
struct silent_targets {
	struct zone zones[AT_ONCE + 1];
	char names[AT_ONCE][16];
};

static void silence_targets(struct scene *scene, struct silent_targets *silent)
{
	*silent = (struct silent_targets) { 0 };
	for (size_t i = 0; i < AT_ONCE; i++) {
		assert_true(snprintf(silent->names[i], sizeof silent->names[i], "t%zu.test", 100 + i) > 0);
		silent->zones[i] = (struct zone) { .name = silent->names[i], .is_silent = true };
	}
	scene->server.zones = silent->zones;
}

static void no_more_are_asked_for_before_these_are_answered(void **state)
{
	struct scene scene;
	struct silent_targets silent;
	struct asker asker = {
		.scene = &scene, .name = STR("_long.test"), .kind = DNS_SERVICES, .until = DEADLINE_NEVER
	};

	(void)state;
	scene_open(&scene, HOUR);
	silence_targets(&scene, &silent);
	world_start(&scene.world, asks, &asker);
	while (scene.server.questions < AT_ONCE)
		loop_turn(scene.world.loop, DEADLINE_NEVER);
	for (unsigned i = 0; i < 10; i++)
		world_turn(&scene.world);
	assert_int_equal(scene.server.questions, AT_ONCE);
	fiber_cancel(asker.fiber);
	assert_int_equal(asker.got.kind, ERROR_CANCELLED);
	scene_close(&scene);
}

/* Each part has its share of the time. */
static void a_part_that_is_silent_leaves_time_for_the_next(void **state)
{
	struct scene scene;
	struct silent_targets silent;
	struct asker asker = { .scene = &scene, .name = STR("_long.test"), .kind = DNS_SERVICES };

	(void)state;
	scene_open(&scene, HOUR);
	silence_targets(&scene, &silent);
	asker.until = world_in(&scene.world, 2 * SECOND);
	world_start(&scene.world, asks, &asker);
	while (!asker.is_done)
		loop_turn(scene.world.loop, DEADLINE_NEVER);
	assert_int_equal(asker.got.kind, ERROR_NONE);
	assert_int_equal(asker.records.missed, AT_ONCE);
	assert_int_equal(asker.records.count, 40 - AT_ONCE);
	scene_close(&scene);
}

/* Nobody has it any more. */
/* Of UDP. */
static uint16_t closed_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	close(fd);
	return ntohs(at.sin_port);
}

/* Where nobody is, the next one is asked at once, whatever the patience is with one that is there. */
static void a_name_server_that_is_not_there_is_passed_over(void **state)
{
	static const struct {
		const char *name, *records;
		enum dns_kind kind;
	} rows[] = {
		{ "one.test", "10.0.0.1:8080/0/1 ", DNS_ADDRESSES },
		{ "both.test",
		  "10.0.0.1:8080/0/1 10.0.0.2:8080/0/1 [fd00::a00:1]:8080/0/1 [fd00::a00:2]:8080/0/1 ",
		  DNS_ADDRESSES },
		{ "_fast.test", "10.0.0.1:8001/0/0 ", DNS_SERVICES },
		{ "_half.test", "10.0.0.1:8002/0/1 ", DNS_SERVICES },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct scene scene;
		struct asker asker;
		char text[256];
		struct buf records = buf_over(text, sizeof text);
		deadline begin;

		world_open(&scene.world);
		begin = loop_now(scene.world.loop);
		scene_open_behind(&scene, closed_port(),
				  &(struct resolver_options) { .patience = 20 * SECOND, .tries = 1 });
		ask_and_wait(&asker, &scene, rows[i].name, rows[i].kind, NULL);
		assert_row(asker.got.kind == ERROR_NONE, i, rows[i].name);
		assert_row(loop_now(scene.world.loop) - begin < 20 * SECOND, i, rows[i].name);
		print_records(&asker.records, &records);
		assert_row(str_eq(buf_str(&records), str_of(rows[i].records)), i, rows[i].name);
		scene_close(&scene);
	}
}

/* One that is there and says nothing has its time, and then the next is asked: each question for itself. */
static void a_name_server_that_is_silent_is_given_up(void **state)
{
	static const enum dns_kind kinds[] = { DNS_ADDRESSES, DNS_SERVICES };
	static const char *const names[] = { "one.test", "_fast.test" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct scene scene;
		struct server silent;
		struct asker asker;
		uint16_t port;

		world_open(&scene.world);
		port = server_open(&silent, &scene.world);
		silent.is_silent = true;
		scene_open_behind(&scene, port,
				  &(struct resolver_options) { .patience = 100 * MILLISECOND, .tries = 6 });
		ask_and_wait(&asker, &scene, names[i], kinds[i], NULL);
		assert_row(asker.got.kind == ERROR_NONE, i, names[i]);
		assert_row(asker.records.count == 1 && asker.records.missed == 0, i, names[i]);
		assert_row(silent.questions >= 1, i, names[i]);
		server_close(&silent);
		scene_close(&scene);
	}
}

/* A target has its own last answer: by the ports and weights of this one. */
static void who_cannot_be_found_is_where_it_was(void **state)
{
	struct zone zones[] = { { .name = "_app.test",
				  .ttl = 20,
				  .services = { { 1, 1, 8001, "a.test" }, { 1, 1, 8002, "b.test" } } },
				{ "a.test", .a = 2, .ttl = 30 },
				{ "b.test", .a = 1, .ttl = 30 },
				{ 0 } };
	struct asker first, second, third;
	struct scene scene;
	char text[256];
	struct buf records = buf_over(text, sizeof text);

	(void)state;
	scene_open(&scene, 30 * SECOND);
	scene.server.zones = zones;
	ask_and_wait(&first, &scene, "_app.test", DNS_SERVICES, NULL);
	zones[1].code = SERVFAIL;
	zones[0].services[0] = (struct zone_service) { 2, 9, 8009, "a.test" };
	scene.server.uses_other_addresses = true;
	ask_and_wait(&second, &scene, "_app.test", DNS_SERVICES, &first.records);
	zones[2].code = SERVFAIL;
	ask_and_wait(&third, &scene, "_app.test", DNS_SERVICES, &second.records);
	assert_int_equal(second.records.missed, 1);
	assert_int_equal(third.records.missed, 2);
	assert_int_equal(third.got.kind, ERROR_NONE);
	print_records(&second.records, &records);
	buf_put_char(&records, '|');
	print_records(&third.records, &records);
	if (!str_eq(buf_str(&records), STR("10.1.0.1:8002/1/1 10.0.0.1:8009/2/9 10.0.0.2:8009/2/9 |"
					   "10.1.0.1:8002/1/1 10.0.0.1:8009/2/9 10.0.0.2:8009/2/9 ")))
		fail_msg("%.*s", STR_ARG(buf_str(&records)));
	scene_close(&scene);
}

static void every_lookup_is_a_question(void **state)
{
	struct scene scene;
	struct asker asker;

	(void)state;
	scene_open(&scene, 30 * SECOND);
	for (unsigned i = 1; i <= 3; i++) {
		ask_and_wait(&asker, &scene, "long.test", DNS_ADDRESSES, NULL);
		assert_int_equal(scene.server.questions, i);
	}
	scene_close(&scene);
}

/* Whoever leaves before the answer: it comes, and goes nowhere. */
static void the_asker_may_leave(void **state)
{
	static const enum dns_kind kinds[] = { DNS_ADDRESSES, DNS_SERVICES };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct scene scene;
		struct asker cancelled, late, patient;

		scene_open(&scene, 30 * MILLISECOND);
		scene.server.is_silent = true;
		cancelled = (struct asker) {
			.scene = &scene, .name = STR("_web.test"), .kind = kinds[i], .until = DEADLINE_NEVER
		};
		late = patient = cancelled;
		late.until = 0;
		world_start(&scene.world, asks, &cancelled);
		world_start(&scene.world, asks, &late);
		world_start(&scene.world, asks, &patient);
		fiber_cancel(cancelled.fiber);
		assert_int_equal(cancelled.got.kind, ERROR_CANCELLED);
		while (!patient.is_done)
			loop_turn(scene.world.loop, DEADLINE_NEVER);
		assert_int_equal(late.got.kind, ERROR_TIMEOUT);
		assert_int_equal(patient.got.kind, ERROR_REFUSED);
		scene_close(&scene);
	}
}

/* The resolver goes with a question in the air. */
static void questions_in_the_air_end_with_it(void **state)
{
	struct scene scene;
	struct asker asker;

	(void)state;
	scene_open(&scene, 30 * SECOND);
	asker = (struct asker) { .scene = &scene, .name = STR("silent.test"), .until = DEADLINE_NEVER };
	world_start(&scene.world, asks, &asker);
	fiber_cancel(asker.fiber);
	assert_true(asker.is_done);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_with_their_time),
		cmocka_unit_test(of_a_crowd_the_lowest_are_taken),
		cmocka_unit_test(of_crowds_those_that_serve_are_taken),
		cmocka_unit_test(a_target_that_is_silent_leaves_time_for_the_others),
		cmocka_unit_test(a_long_list_of_targets_is_asked_for_in_parts),
		cmocka_unit_test(no_more_are_asked_for_before_these_are_answered),
		cmocka_unit_test(a_part_that_is_silent_leaves_time_for_the_next),
		cmocka_unit_test(a_name_server_that_is_not_there_is_passed_over),
		cmocka_unit_test(a_name_server_that_is_silent_is_given_up),
		cmocka_unit_test(who_cannot_be_found_is_where_it_was),
		cmocka_unit_test(every_lookup_is_a_question),
		cmocka_unit_test(the_asker_may_leave),
		cmocka_unit_test(questions_in_the_air_end_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
